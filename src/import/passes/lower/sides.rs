//! Windows of a file, which need not be square, as windows of ours.

use crate::net::{Pads, Shape, Window, supports_window};

/// Rows and columns of a window, its step, and what is around its map.
#[derive(Clone, Copy)]
pub(super) struct Sides {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pads: Pads,
}

impl Sides {
    /// The square window that the runtime slides for this one on a map: with zeros below and on the right of its kernel
    /// and as many more rows and columns around the map.
    pub fn window(self, map: Option<Shape>) -> Result<Window, String> {
        let Self { kernel: [rows, columns], stride, pads } = self;
        supports_window(self.kernel, stride, pads, map).map_err(|reason| reason.to_string())?;
        let side = rows.max(columns);
        let (bottom, right) = (pads.bottom + side - rows, pads.right + side - columns);
        Ok(Window { kernel: side, stride: stride[0], pads: Pads { bottom, right, ..pads } })
    }

    /// Kernels `[.., rows, columns, inputs]` with zeros up to `side` rows and columns.
    pub fn extended(self, kernels: &[f32], side: usize, inputs: usize) -> Vec<f32> {
        let [rows, columns] = self.kernel;
        let (row, zeros) = (columns * inputs, (side - columns) * inputs);
        let mut extended = Vec::new();
        for kernel in kernels.chunks_exact((rows * row).max(1)) {
            for row in kernel.chunks_exact(row.max(1)) {
                extended.extend_from_slice(row);
                extended.resize(extended.len() + zeros, 0.0);
            }
            extended.resize(extended.len() + (side - rows) * side * inputs, 0.0);
        }
        extended
    }

    /// Whether the window stands at one place only, and sees the whole map from there.
    pub fn see_all(self, map: Shape) -> bool {
        let Self { kernel: [rows, columns], stride, pads: Pads { top, left, bottom, right } } = self;
        let alone = |side: usize, padded: usize, step: usize| side <= padded && padded - side < step;
        rows >= map.height + top
            && columns >= map.width + left
            && alone(rows, map.height + top + bottom, stride[0])
            && alone(columns, map.width + left + right, stride[1])
    }
}
