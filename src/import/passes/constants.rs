//! Constants of sums and products, as one number per channel.

use super::axes::{Atom, View};

/// What a constant is for each channel of a map that it is matched with from the last axis on, and the view of what
/// comes out.
pub(super) fn per_channel(view: &View, dims: &[usize], values: &[f32]) -> Result<(Values, View), String> {
    let widened = view.widened(dims.len());
    let count = widened.axes.len();
    let Some(first) = count.checked_sub(dims.len()) else {
        return Err(format!("its constant has {} axes", dims.len()));
    };
    let matched = widened.axes.iter().skip(first).zip(dims).filter(|(_, dim)| **dim != 1);
    let mut covered: Vec<&[Atom]> = Vec::new();
    for (axis, &dim) in matched {
        if widened.dim(axis) != dim {
            let reason =
                format!("its constant of the size {dims:?} does not fit a tensor of {:?}", view.dims());
            return Err(reason);
        }
        covered.push(axis);
    }
    let Some(&value) = values.first() else { return Err("its constant is empty".into()) };
    let found = if values.len() == 1 || values.iter().all(|other| *other == value) {
        Values::Same(value)
    } else if matches!(covered.as_slice(), [[Atom::Channel]]) {
        Values::Channels(values.to_vec())
    } else {
        return Err(
            "its constant has another number for each pixel: one for all or one per channel is taken".into(),
        );
    };
    Ok((found, widened))
}

/// Numbers per channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    /// One for all.
    Same(f32),
    /// One for each.
    Channels(Vec<f32>),
}

impl Values {
    /// One for each of so many channels.
    pub fn spread(self, channels: usize) -> Vec<f32> {
        match self {
            Values::Same(value) => vec![value; channels],
            Values::Channels(values) => values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::axes::order;
    use super::*;
    use crate::import::raw::Layout;
    use crate::net::Shape;

    #[test]
    fn constants_are_matched_from_the_last_axis() {
        let channels = || Ok(Values::Channels(vec![1.0, 2.0, 3.0, 4.0]));
        for (layout, dims, expected) in [
            (Layout::ChannelsFirst, &[4, 1, 1][..], channels()),
            (Layout::ChannelsFirst, &[1, 4, 1, 1], channels()),
            (Layout::ChannelsFirst, &[4], Err("does not fit")),
            (Layout::ChannelsFirst, &[2, 2], Err("does not fit")),
            (Layout::ChannelsLast, &[4], channels()),
            (Layout::ChannelsLast, &[1, 1, 1, 4], channels()),
            (Layout::ChannelsLast, &[1, 1, 1, 1, 1, 1, 1, 1, 4], Err("axes")),
            (Layout::ChannelsLast, &[4, 1], Err("does not fit")),
            (Layout::ChannelsLast, &[2, 2, 1], Err("each pixel")),
        ] {
            let view = View::new(1, Shape::new(2, if dims == [2, 2, 1] { 2 } else { 3 }, 4), &order(layout))
                .expect("small");
            let found = per_channel(&view, dims, &[1.0, 2.0, 3.0, 4.0]).map(|(values, _)| values);
            match expected {
                Ok(values) => assert_eq!(found, Ok(values), "{layout:?} {dims:?}"),
                Err(reason) => {
                    assert!(found.clone().is_err_and(|e| e.contains(reason)), "{dims:?}: {found:?}")
                }
            }
        }
        let view = View::new(1, Shape::new(2, 3, 4), &order(Layout::ChannelsFirst)).expect("small");
        for dims in [&[][..], &[1], &[1, 1, 1, 1]] {
            assert_eq!(per_channel(&view, dims, &[5.0]).map(|(values, _)| values), Ok(Values::Same(5.0)));
        }
    }
}
