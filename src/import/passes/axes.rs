//! What the axes of a file's tensor mean.
//!
//! A tensor of the file is a view of a map of ours `[batch, rows, columns, channels]`: each of its axes holds some of
//! these four, the last of them fastest. `[N, C, H, W]` flattened is `[N, (C, H, W)]`. Those of size 1 are left out, as
//! they may stand anywhere. Reshapes and transpositions thus only change the view, as long as they split none of the
//! four.

use crate::import::raw::Layout;
use crate::net::Shape;

/// Axes of the largest tensor.
const MOST_AXES: usize = 8;

/// Elements of the largest map: more than any that the runtime takes, and few enough that nothing overflows.
const MOST_ELEMENTS: u64 = 1 << 28;

/// One of the four axes of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    Batch,
    Row,
    Column,
    Channel,
}

/// A map of ours as the file sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// Images at once; 1 but for files that fix another number.
    pub batch: usize,
    /// The map.
    pub shape: Shape,
    /// For each axis of the file's tensor what it holds.
    pub axes: Vec<Vec<Atom>>,
}

/// Order of the four in maps.
pub(super) const fn order(layout: Layout) -> [Atom; 4] {
    match layout {
        Layout::ChannelsLast => [Atom::Batch, Atom::Row, Atom::Column, Atom::Channel],
        Layout::ChannelsFirst => [Atom::Batch, Atom::Channel, Atom::Row, Atom::Column],
    }
}

impl View {
    /// A map whose axes stand in the order of `axes`.
    pub fn new(batch: usize, shape: Shape, axes: &[Atom]) -> Result<Self, String> {
        let mut view = Self { batch, shape, axes: Vec::new() };
        let sizes = [batch, shape.height, shape.width, shape.channels];
        let elements = sizes.iter().try_fold(1_u64, |product, &size| product.checked_mul(size as u64));
        if elements.is_none_or(|elements| elements == 0 || elements > MOST_ELEMENTS) {
            return Err(format!("a map of {shape}: it is empty or too large"));
        }
        view.axes = axes.iter().map(|&atom| view.alone(atom)).collect();
        Ok(view)
    }

    /// An axis of one of the four.
    fn alone(&self, atom: Atom) -> Vec<Atom> {
        if self.size(atom) == 1 { Vec::new() } else { vec![atom] }
    }

    /// Size of one of the four.
    pub fn size(&self, atom: Atom) -> usize {
        match atom {
            Atom::Batch => self.batch,
            Atom::Row => self.shape.height,
            Atom::Column => self.shape.width,
            Atom::Channel => self.shape.channels,
        }
    }

    /// Size of an axis.
    pub fn dim(&self, axis: &[Atom]) -> usize {
        axis.iter().map(|&atom| self.size(atom)).product()
    }

    /// Size of the file's tensor.
    pub fn dims(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| self.dim(axis)).collect()
    }

    /// Whether this is a plain map in the order of `layout`.
    pub fn is_map(&self, layout: Layout) -> bool {
        let plain = order(layout);
        self.axes.len() == 4 && plain.iter().zip(&self.axes).all(|(&atom, axis)| *axis == self.alone(atom))
    }

    /// The plain map, or why it is none.
    pub fn map(&self, layout: Layout) -> Result<Shape, String> {
        if self.is_map(layout) {
            return Ok(self.shape);
        }
        Err(format!(
            "it reads a tensor of {} axes that is no map of rows, columns and channels in the file's order",
            self.axes.len()
        ))
    }

    /// An axis by its number, which may count from the end.
    pub fn axis(&self, axis: i64) -> Result<usize, String> {
        let count = self.axes.len() as i64;
        let positive = if axis < 0 { axis.saturating_add(count) } else { axis };
        usize::try_from(positive)
            .ok()
            .filter(|&axis| axis < self.axes.len())
            .ok_or_else(|| format!("axis {axis} of a tensor with {count} axes"))
    }

    /// With another size; see [`RawOp::Reshape`](crate::import::raw::RawOp::Reshape).
    pub fn reshape(&self, wanted: &[i64]) -> Result<Self, String> {
        if wanted.len() > MOST_AXES {
            return Err(format!("a shape of {} axes: at most {MOST_AXES}", wanted.len()));
        }
        let dims = self.resolve(wanted).ok_or_else(|| {
            format!("it makes {wanted:?} of {:?}: that many elements there are not", self.dims())
        })?;
        let mut left = self.axes.iter().flatten().copied();
        let mut axes = Vec::with_capacity(dims.len());
        for &dim in &dims {
            let (mut axis, mut size) = (Vec::new(), 1);
            while size < dim {
                let Some(atom) = left.next() else { break };
                axis.push(atom);
                size *= self.size(atom);
            }
            if size != dim {
                let reason =
                    "it splits rows, columns or channels in groups, as a channel shuffle or patches do";
                return Err(format!("it makes {wanted:?} of {:?}: {reason}", self.dims()));
            }
            axes.push(axis);
        }
        Ok(Self { axes, ..self.clone() })
    }

    /// The sizes that a reshape's numbers mean; `None` if the elements do not add up.
    fn resolve(&self, wanted: &[i64]) -> Option<Vec<usize>> {
        let before = self.dims();
        let elements: usize = before.iter().product();
        let mut dims = Vec::with_capacity(wanted.len());
        let mut open = None;
        for (position, &dim) in wanted.iter().enumerate() {
            dims.push(match dim {
                0 => *before.get(position)?,
                -1 if open.is_none() => {
                    open = Some(position);
                    1
                }
                _ => usize::try_from(dim).ok()?,
            });
        }
        let product = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim))?;
        if let Some(open) = open {
            *dims.get_mut(open)? = elements.checked_div(product)?;
        }
        let product = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim))?;
        (product == elements).then_some(dims)
    }

    /// With its axes in another order.
    pub fn transpose(&self, order: &[usize]) -> Result<Self, String> {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..self.axes.len()) {
            return Err(format!("it orders {} axes as {order:?}", self.axes.len()));
        }
        let axes = order.iter().filter_map(|&axis| self.axes.get(axis).cloned()).collect();
        Ok(Self { axes, ..self.clone() })
    }

    /// With as many axes as wanted, new ones of size 1 in front.
    pub fn widened(&self, count: usize) -> Self {
        let mut view = self.clone();
        while view.axes.len() < count.min(MOST_AXES) {
            view.axes.insert(0, Vec::new());
        }
        view
    }

    /// The view of a map of another shape in the same axes.
    pub fn with_shape(&self, shape: Shape, layout: Layout) -> Result<Self, String> {
        Self::new(self.batch, shape, &order(layout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Atom::{Batch as N, Channel as C, Column as W, Row as H};

    fn view(shape: Shape, axes: &[Atom]) -> View {
        View::new(1, shape, axes).expect("small")
    }

    #[test]
    fn reshapes_join_axes_and_split_none() {
        let map = Shape::new(2, 3, 4);
        let pooled = Shape::new(1, 1, 4);
        struct Case {
            shape: Shape,
            axes: [Atom; 4],
            wanted: &'static [i64],
            expected: Result<Vec<Vec<Atom>>, &'static str>,
        }
        let case = |shape, axes, wanted, expected| Case { shape, axes, wanted, expected };
        for Case { shape, axes, wanted, expected } in [
            case(map, [N, C, H, W], &[1, -1], Ok(vec![vec![], vec![C, H, W]])),
            case(map, [N, H, W, C], &[-1, 24], Ok(vec![vec![], vec![H, W, C]])),
            case(map, [N, C, H, W], &[0, 0, -1], Ok(vec![vec![], vec![C], vec![H, W]])),
            case(map, [N, C, H, W], &[24], Ok(vec![vec![C, H, W]])),
            case(
                map,
                [N, C, H, W],
                &[1, 1, 4, 1, 6, 1],
                Ok(vec![vec![], vec![], vec![C], vec![], vec![H, W], vec![]]),
            ),
            case(pooled, [N, C, H, W], &[-1, 4], Ok(vec![vec![], vec![C]])),
            case(pooled, [N, C, H, W], &[1, 1, 1, 4], Ok(vec![vec![], vec![], vec![], vec![C]])),
            case(map, [N, C, H, W], &[1, 2, 2, 2, 3], Err("groups")),
            case(map, [N, C, H, W], &[1, 12, 2], Err("groups")),
            case(map, [N, C, H, W], &[1, 25], Err("that many")),
            case(map, [N, C, H, W], &[-1, -1], Err("that many")),
            case(map, [N, C, H, W], &[-2, 24], Err("that many")),
            case(map, [N, C, H, W], &[0, 0, 0, 0, 0], Err("that many")),
            case(map, [N, C, H, W], &[-1, 0, 0, 0, i64::MAX], Err("that many")),
            case(map, [N, C, H, W], &[1; 9], Err("at most 8")),
        ] {
            let found = view(shape, &axes).reshape(wanted);
            match expected {
                Ok(axes) => assert_eq!(found.map(|view| view.axes), Ok(axes), "{wanted:?}"),
                Err(reason) => {
                    assert!(found.clone().is_err_and(|e| e.contains(reason)), "{wanted:?}: {found:?}")
                }
            }
        }
    }

    #[test]
    fn a_map_is_one_in_the_order_of_its_layout() {
        let nchw = view(Shape::new(2, 3, 4), &[N, C, H, W]);
        assert!(nchw.is_map(Layout::ChannelsFirst) && !nchw.is_map(Layout::ChannelsLast));
        let nhwc = nchw.transpose(&[0, 2, 3, 1]).expect("a permutation");
        assert!(nhwc.is_map(Layout::ChannelsLast) && !nhwc.is_map(Layout::ChannelsFirst));
        assert_eq!(nhwc.dims(), [1, 2, 3, 4]);
        // One pixel is a map in both.
        let pooled = view(Shape::new(1, 1, 4), &[N, C, H, W]);
        assert!(pooled.reshape(&[1, 1, 1, 4]).expect("as many").is_map(Layout::ChannelsLast));
        for order in [&[0, 1, 2][..], &[0, 1, 2, 2], &[0, 1, 2, 4], &[]] {
            assert!(nchw.transpose(order).is_err(), "{order:?}");
        }
    }
}
