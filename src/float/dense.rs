//! Convolution over all input channels, and linear layers: a matrix product over patches.

use crate::net::{Shape, Window};
use wide::f32x8;

/// Pixels per tile.
const PIXELS: usize = 4;
/// Output channels per vector.
const LANES: usize = 8;

/// Weights of a dense layer: for each block of eight output channels, its column of `[k * k * c_in]` vectors.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    columns: Vec<f32x8>,
    depth: usize,
    window: Option<Window>,
    input: Shape,
    output: Shape,
}

impl Dense {
    /// `weight` is `[c_out, k, k, c_in]`; without a window the input is one long vector.
    pub(super) fn new(weight: &[f32], window: Option<Window>, input: Shape, output: Shape) -> Self {
        let depth = weight.len() / output.channels;
        let blocks = output.channels.div_ceil(LANES);
        let lane = |block: usize, k: usize, lane: usize| {
            weight.get((block * LANES + lane) * depth + k).copied().unwrap_or(0.0)
        };
        let columns = (0..blocks)
            .flat_map(|block| (0..depth).map(move |k| (block, k)))
            .map(|(block, k)| f32x8::from(std::array::from_fn(|i| lane(block, k, i))))
            .collect();
        // A 1x1 window at stride 1 reads the input as it lies.
        let window = window.filter(|w| w.kernel > 1 || w.stride > 1);
        Self { columns, depth, window, input, output }
    }

    /// Sums of products, `[h, w, c_out]`.
    pub(super) fn sums(&self, input: &[f32], sums: &mut [f32]) {
        let mut patches = vec![0.0; PIXELS * self.depth];
        let tile_len = PIXELS * self.output.channels;
        for (tile, out) in sums.chunks_mut(tile_len).enumerate() {
            let first = tile * PIXELS;
            let pixels = out.len() / self.output.channels;
            let rows: [&[f32]; PIXELS] = match self.window {
                None => std::array::from_fn(|p| {
                    // A tile past the end repeats its last pixel.
                    let start = (first + p.min(pixels - 1)) * self.depth;
                    &input[start..start + self.depth]
                }),
                Some(window) => {
                    for (p, patch) in patches.chunks_exact_mut(self.depth).enumerate().take(pixels) {
                        self.gather(input, window, first + p, patch);
                    }
                    std::array::from_fn(|p| &patches[p * self.depth..(p + 1) * self.depth])
                }
            };
            self.tile(rows, pixels, out);
        }
    }

    /// One tile of pixels, all output channels.
    fn tile(&self, rows: [&[f32]; PIXELS], pixels: usize, out: &mut [f32]) {
        let channels = self.output.channels;
        let [r0, r1, r2, r3] = rows;
        for (block, column) in self.columns.chunks_exact(self.depth).enumerate() {
            let mut acc = [f32x8::ZERO; PIXELS];
            for ((((w, x0), x1), x2), x3) in column.iter().zip(r0).zip(r1).zip(r2).zip(r3) {
                acc[0] += f32x8::splat(*x0) * *w;
                acc[1] += f32x8::splat(*x1) * *w;
                acc[2] += f32x8::splat(*x2) * *w;
                acc[3] += f32x8::splat(*x3) * *w;
            }
            let lanes = LANES.min(channels - block * LANES);
            for (p, acc) in acc.iter().enumerate().take(pixels) {
                let start = p * channels + block * LANES;
                out[start..start + lanes].copy_from_slice(&acc.to_array()[..lanes]);
            }
        }
    }

    /// Copies the input under the window of one output pixel, `[k, k, c_in]`; zero outside the map.
    fn gather(&self, input: &[f32], window: Window, pixel: usize, patch: &mut [f32]) {
        let Shape { height, width, channels } = self.input;
        let (y, x) = (pixel / self.output.width, pixel % self.output.width);
        let mut taps = patch.chunks_exact_mut(channels);
        for ky in 0..window.kernel {
            let row = (y * window.stride + ky).checked_sub(window.pads.top).filter(|&r| r < height);
            for kx in 0..window.kernel {
                let column = (x * window.stride + kx).checked_sub(window.pads.left).filter(|&c| c < width);
                let Some(tap) = taps.next() else { return };
                match (row, column) {
                    (Some(row), Some(column)) => {
                        let start = (row * width + column) * channels;
                        tap.copy_from_slice(&input[start..start + channels]);
                    }
                    _ => tap.fill(0.0),
                }
            }
        }
    }
}
