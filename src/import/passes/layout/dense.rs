//! Matrix products on maps and on flattened maps.

use super::super::axes::{Atom, View, order};
use super::Settler;
use crate::import::raw::{RawNode, RawOp, RawPadding};
use crate::net::Shape;

impl Settler<'_> {
    /// On a map of one pixel it stays, on others it becomes a convolution: of 1x1, or as large as the map.
    pub(super) fn dense(&mut self, node: &mut RawNode, view: &View) -> Result<View, String> {
        let name = node.inputs.get(1).cloned().unwrap_or_default();
        let (dims, values) = self.draft.floats(&name).ok_or("its matrix is no constant of the file")?;
        let [channels, columns]: [usize; 2] =
            dims.try_into().map_err(|_| format!("its matrix has {} axes: expected 2", dims.len()))?;
        let elements = values.len();
        self.bias(node, channels)?;
        let Some((last, before)) = view.axes.split_last() else {
            return Err("it reads a single number".into());
        };
        if view.dim(last) != columns {
            return Err(format!("its matrix has {columns} columns, and it reads rows of {}", view.dim(last)));
        }
        let Shape { height, width, .. } = view.shape;
        let reads_all =
            before.iter().flatten().all(|atom| *atom == Atom::Batch) && !last.contains(&Atom::Batch);
        let shape = if reads_all {
            Shape::new(1, 1, channels)
        } else if last.iter().all(|atom| *atom == Atom::Channel) {
            Shape::new(height, width, channels)
        } else {
            return Err("a matrix product over rows or columns alone".into());
        };
        let mut output = View { shape, ..view.clone() };
        if let Some(axis) = output.axes.last_mut() {
            *axis = if channels == 1 { Vec::new() } else { vec![Atom::Channel] };
        }
        // Sizes of the new map are small enough.
        View::new(view.batch, shape, &order(self.layout))?;
        let is_vector = (height, width) == (1, 1);
        if is_vector {
            return Ok(output);
        }
        self.draft.spend(elements)?;
        let (kernel, values) = match self.draft.floats(&name) {
            Some((_, values)) if reads_all => ([height, width], in_our_order(view, last, values)),
            Some((_, values)) => ([1, 1], values.to_vec()),
            None => return Err("its matrix is no constant of the file".into()),
        };
        let inputs = columns / (kernel[0] * kernel[1]);
        let made = self.draft.keep(&name, vec![channels, kernel[0], kernel[1], inputs], values);
        if let Some(matrix) = node.inputs.get_mut(1) {
            *matrix = made;
        }
        node.op = RawOp::Conv { stride: [1; 2], dilation: [1; 2], padding: RawPadding::VALID, groups: 1 };
        Ok(output)
    }
}

/// The columns of a matrix that reads a flattened map, in the order rows, columns, channels.
fn in_our_order(view: &View, flattened: &[Atom], values: &[f32]) -> Vec<f32> {
    let Shape { height, width, channels } = view.shape;
    let elements = height * width * channels;
    let step = |atom: Atom| -> usize {
        let behind = flattened.iter().rev().take_while(|other| **other != atom);
        let size = behind.map(|&other| view.size(other)).product();
        if flattened.contains(&atom) { size } else { 0 }
    };
    let [row, column, channel] = [Atom::Row, Atom::Column, Atom::Channel].map(step);
    let mut ours = Vec::with_capacity(values.len());
    for output in values.chunks_exact(elements) {
        for y in 0..height {
            for x in 0..width {
                let start = y * row + x * column;
                ours.extend((0..channels).filter_map(|c| output.get(start + c * channel)));
            }
        }
    }
    ours
}
