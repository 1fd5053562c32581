//! Sizes of feature maps and how windows slide over them.

use serde::{Deserialize, Serialize};

/// Size of one feature map in elements: height, width, channels (channels innermost, batch left out).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

impl Shape {
    /// A map of `height` x `width` pixels with `channels` values each.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// Pixels: height x width.
    pub const fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Elements: height x width x channels.
    pub const fn elements(&self) -> usize {
        self.pixels() * self.channels
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// Rows and columns of real zero around a map, one count per side.
///
/// TensorFlow's SAME and PyTorch's symmetric padding place them differently at stride 2 and give different
/// numbers, so the graph carries them explicitly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pads {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Pads {
    /// `n` on every side.
    pub const fn symmetric(n: usize) -> Self {
        Self { top: n, left: n, bottom: n, right: n }
    }

    /// TensorFlow's SAME for a square map: the output has ceil(side / stride) pixels, an odd pad goes to the
    /// bottom and the right.
    pub const fn same(side: usize, kernel: usize, stride: usize) -> Self {
        let output = side.div_ceil(stride);
        let total = ((output - 1) * stride + kernel).saturating_sub(side);
        let before = total / 2;
        Self { top: before, left: before, bottom: total - before, right: total - before }
    }
}

/// The rows, or columns, of a map of `side` that a window covers in one direction: it starts at `at - pad`, and pads are
/// left out.
pub fn covered(at: usize, pad: usize, kernel: usize, side: usize) -> std::ops::Range<usize> {
    at.saturating_sub(pad)..(at + kernel).saturating_sub(pad).min(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_what_is_inside_of_the_map() {
        // Three pixels of a map of five, with a pad of one on both sides.
        let all: Vec<_> = (0..5).map(|at| covered(at, 1, 3, 5)).collect();
        assert_eq!(all, [0..2, 0..3, 1..4, 2..5, 3..5]);
        assert_eq!(covered(0, 3, 11, 2), 0..2, "larger than the map");
        assert_eq!(covered(4, 0, 2, 6), 4..6);
    }

    #[test]
    fn same_pads_below_and_right_first() {
        struct Case {
            side: usize,
            kernel: usize,
            stride: usize,
            before: usize,
            after: usize,
        }
        let case = |side, kernel, stride, before, after| Case { side, kernel, stride, before, after };
        for c in [
            case(128, 3, 2, 0, 1),
            case(128, 3, 1, 1, 1),
            case(7, 3, 2, 1, 1),
            case(14, 5, 2, 1, 2),
            case(14, 1, 1, 0, 0),
            case(1, 3, 2, 1, 1),
        ] {
            let pads = Pads::same(c.side, c.kernel, c.stride);
            assert_eq!((pads.top, pads.bottom), (c.before, c.after), "side {}", c.side);
            assert_eq!((pads.left, pads.right), (c.before, c.after), "side {}", c.side);
        }
    }
}
