//! Pools with a window.

use super::kernel::{Scratch, grown};
use crate::net::{Graph, Layer, Shape, Window};

/// A window over a map.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    window: Window,
    input: Shape,
    output: Shape,
}

/// Most pixels under a window: their sum fits 16 bits, and its quotient is exact ([`Mean`]).
pub const MOST_PIXELS: usize = 121;

impl Pool {
    /// The pool that a layer is; `None` if it has no window.
    pub fn of(graph: &Graph, layer: &Layer) -> Option<Self> {
        let (input, output) = (graph.input_shape(layer), graph.output_shape(layer));
        layer.window().map(|window| Self { window, input, output })
    }

    /// Whether each window covers at least one pixel and at most [`MOST_PIXELS`].
    pub fn is_sound(&self) -> bool {
        let Self { window: Window { kernel, stride, pads }, input, output } = *self;
        let reaches = |outputs: usize, pad: usize, side: usize| (outputs.max(1) - 1) * stride < pad + side;
        kernel * kernel <= MOST_PIXELS
            && [pads.top, pads.left].iter().all(|&pad| pad < kernel)
            && reaches(output.height, pads.top, input.height)
            && reaches(output.width, pads.left, input.width)
    }

    /// Largest codes.
    ///
    /// # Panics
    /// If `input` or `out` has another size than in the graph.
    pub fn largest(&self, input: &[u8], out: &mut [u8]) {
        out.fill(0);
        self.for_each_window(out, |out, rows| {
            for row in rows {
                for pixel in input[row].chunks_exact(self.input.channels) {
                    out.iter_mut().zip(pixel).for_each(|(most, &code)| *most = code.max(*most));
                }
            }
        });
    }

    /// Means, rounded to the nearest code, halves up.
    ///
    /// # Panics
    /// If `input` or `out` has another size than in the graph.
    pub fn mean(&self, input: &[u8], scratch: &mut Scratch, out: &mut [u8]) {
        let sums = grown(&mut scratch.pooled, self.output.channels);
        self.for_each_window(out, |out, rows| {
            sums.fill(0);
            let mut codes = 0;
            for row in rows {
                codes += row.len();
                for pixel in input[row].chunks_exact(self.input.channels) {
                    sums.iter_mut().zip(pixel).for_each(|(sum, &code)| *sum += u16::from(code));
                }
            }
            let mean = Mean::of(codes / self.input.channels);
            out.iter_mut().zip(&*sums).for_each(|(out, &sum)| *out = mean.round(sum));
        });
    }

    /// Visits each pixel of the output with where the codes under its window are, row by row.
    fn for_each_window(
        &self,
        out: &mut [u8],
        mut visit: impl FnMut(&mut [u8], &mut dyn Iterator<Item = std::ops::Range<usize>>),
    ) {
        let Self { window, input, output } = *self;
        for (number, out) in out.chunks_exact_mut(output.channels).enumerate() {
            let [rows, columns] = window.covered([number / output.width, number % output.width], input);
            let at = |row: usize, column: usize| (row * input.width + column) * input.channels;
            visit(out, &mut rows.map(|row| at(row, columns.start)..at(row, columns.end)));
        }
    }
}

/// Division by a number of pixels.
struct Mean {
    half: u32,
    /// 2^22 / count, rounded up: the quotient of a sum of up to 121 codes is exact, and no product leaves 32 bits.
    reciprocal: u32,
}

impl Mean {
    fn of(count: usize) -> Self {
        let count = count.clamp(1, MOST_PIXELS) as u32;
        Self { half: count / 2, reciprocal: (1 << 22) / count + 1 }
    }

    /// `floor((2 sum + count) / (2 count))`.
    #[inline(always)]
    fn round(&self, sum: u16) -> u8 {
        (((u32::from(sum) + self.half) * self.reciprocal) >> 22) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_exact() {
        for count in 1..=MOST_PIXELS {
            let mean = Mean::of(count);
            for sum in 0..=255 * count {
                let expected = (2 * sum + count) / (2 * count);
                assert_eq!(usize::from(mean.round(sum as u16)), expected, "{sum} / {count}");
            }
        }
    }
}
