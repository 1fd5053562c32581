//! Depthwise convolution: every channel by itself, lanes over channels.

use crate::net::{Shape, Window};

/// Weights of a depthwise layer, `[k * k, c]`.
#[derive(Clone, Debug)]
pub(super) struct Depthwise {
    taps: Vec<f32>,
    window: Window,
    input: Shape,
}

impl Depthwise {
    /// `weight` is `[c, k, k, 1]`.
    pub(super) fn new(weight: &[f32], window: Window, input: Shape) -> Self {
        let per_channel = window.kernel * window.kernel;
        let taps = (0..per_channel)
            .flat_map(|tap| (0..input.channels).map(move |c| c * per_channel + tap))
            .map(|i| weight[i])
            .collect();
        Self { taps, window, input }
    }

    /// Sums of products, `[h, w, c]`.
    pub(super) fn sums(&self, input: &[f32], sums: &mut [f32]) {
        let Shape { height, width, channels } = self.input;
        let Window { kernel, stride, pads } = self.window;
        let out_width = (width + pads.left + pads.right - kernel) / stride + 1;
        for (pixel, out) in sums.chunks_exact_mut(channels).enumerate() {
            let (y, x) = (pixel / out_width, pixel % out_width);
            out.fill(0.0);
            for (tap, weights) in self.taps.chunks_exact(channels).enumerate() {
                let row = (y * stride + tap / kernel).checked_sub(pads.top).filter(|&r| r < height);
                let column = (x * stride + tap % kernel).checked_sub(pads.left).filter(|&c| c < width);
                let (Some(row), Some(column)) = (row, column) else { continue };
                let start = (row * width + column) * channels;
                for ((sum, x), w) in out.iter_mut().zip(&input[start..start + channels]).zip(weights) {
                    *sum += x * w;
                }
            }
        }
    }
}
