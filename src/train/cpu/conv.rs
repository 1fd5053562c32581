//! Convolution over all channels, and its gradients: matrix products over pixels.

use super::super::plan::Geometry;
use super::gemm::{Panels, multiply, multiply_transposed};
use crate::net::Shape;
use crate::parallel;

/// Pixels that one task computes.
const PIXELS: usize = 1024;

/// Output channels whose weight gradient one task computes.
const CHANNELS: usize = 8;

/// `out = x * weights`, `[n, h, w, c_out]`; weights are `[c_out, k, k, c_in]`.
pub(super) fn forward(geometry: &Geometry, x: &[f32], weights: &[f32], out: &mut [f32]) {
    let (depth, columns) = (geometry.depth(), geometry.output.channels);
    let mut panels = Panels::default();
    panels.pack(depth, columns, |row, column| weights[column * depth + row]);
    if geometry.is_pointwise() {
        let tasks = x.chunks(PIXELS * depth).zip(out.chunks_mut(PIXELS * columns));
        parallel::map(&mut tasks.collect::<Vec<_>>(), |(x, out)| multiply(x, &panels, out, false));
        return;
    }
    let images = x.chunks_exact(geometry.input.elements());
    let mut images: Vec<_> = images.zip(out.chunks_exact_mut(geometry.output.elements())).collect();
    parallel::map(&mut images, |(x, out)| {
        let mut patches = Patches::new(geometry);
        for (y, out) in out.chunks_exact_mut(geometry.output.width * columns).enumerate() {
            multiply(patches.load(x, y), &panels, out, false);
        }
    });
}

/// `dx = dy * transpose(weights)`, or `dx += ..`.
pub(super) fn input_gradient(
    geometry: &Geometry,
    dy: &[f32],
    weights: &[f32],
    dx: &mut [f32],
    accumulate: bool,
) {
    let (depth, channels) = (geometry.depth(), geometry.output.channels);
    let mut panels = Panels::default();
    panels.pack(channels, depth, |row, column| weights[row * depth + column]);
    if geometry.is_pointwise() {
        let tasks = dy.chunks(PIXELS * channels).zip(dx.chunks_mut(PIXELS * depth));
        parallel::map(&mut tasks.collect::<Vec<_>>(), |(dy, dx)| multiply(dy, &panels, dx, accumulate));
        return;
    }
    let images = dx.chunks_exact_mut(geometry.input.elements());
    let mut images: Vec<_> = images.zip(dy.chunks_exact(geometry.output.elements())).collect();
    parallel::map(&mut images, |(dx, dy)| {
        let mut patches = Patches::new(geometry);
        if !accumulate {
            dx.fill(0.0);
        }
        for (y, dy) in dy.chunks_exact(geometry.output.width * channels).enumerate() {
            multiply(dy, &panels, &mut patches.values, false);
            patches.store(dx, y);
        }
    });
}

/// `dw = transpose(dy) * x`, `[c_out, k, k, c_in]`.
pub(super) fn weight_gradient(geometry: &Geometry, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (depth, channels) = (geometry.depth(), geometry.output.channels);
    dw.fill(0.0);
    if geometry.is_pointwise() {
        let mut tasks: Vec<_> = dw.chunks_mut(CHANNELS * depth).enumerate().collect();
        parallel::map(&mut tasks, |(task, dw)| {
            multiply_transposed(dy, channels, *task * CHANNELS, x, depth, dw);
        });
        return;
    }
    let images = x.chunks_exact(geometry.input.elements());
    let mut images: Vec<_> = images.zip(dy.chunks_exact(geometry.output.elements())).collect();
    let sums = parallel::map(&mut images, |(x, dy)| {
        let mut patches = Patches::new(geometry);
        let mut sums = vec![0.0; channels * depth];
        for (y, dy) in dy.chunks_exact(geometry.output.width * channels).enumerate() {
            multiply_transposed(dy, channels, 0, patches.load(x, y), depth, &mut sums);
        }
        sums
    });
    for sums in sums {
        dw.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    }
}

/// What the windows of one row of outputs see, `[width, k, k, c_in]`.
struct Patches<'a> {
    geometry: &'a Geometry,
    values: Vec<f32>,
}

impl<'a> Patches<'a> {
    fn new(geometry: &'a Geometry) -> Self {
        Self { geometry, values: vec![0.0; geometry.output.width * geometry.depth()] }
    }

    /// The patches of row `y` of the outputs of an image.
    fn load(&mut self, image: &[f32], y: usize) -> &[f32] {
        self.values.fill(0.0);
        let values = &mut self.values;
        pieces(self.geometry, y, |patch, place, count| {
            values[patch..patch + count].copy_from_slice(&image[place..place + count]);
        });
        values
    }

    /// Adds the patches of row `y` to an image.
    fn store(&self, image: &mut [f32], y: usize) {
        pieces(self.geometry, y, |patch, place, count| {
            let (from, to) = (&self.values[patch..patch + count], &mut image[place..place + count]);
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        });
    }
}

/// The pieces of an image, each contiguous, that the windows of row `y` see: place in the patches, place in the image,
/// number of values.
fn pieces(geometry: &Geometry, y: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let Geometry { input: Shape { height, width, channels }, output, window, .. } = *geometry;
    let (kernel, depth) = (window.kernel, geometry.depth());
    for x in 0..output.width {
        // Columns of the window that lie within the image.
        let left = x * window.stride;
        let first = window.pads.left.saturating_sub(left);
        let end = (width + window.pads.left).saturating_sub(left).min(kernel);
        if first >= end {
            continue;
        }
        for ky in 0..kernel {
            let row = y * window.stride + ky;
            if row < window.pads.top || row >= height + window.pads.top {
                continue;
            }
            let place = ((row - window.pads.top) * width + left + first - window.pads.left) * channels;
            visit(x * depth + (ky * kernel + first) * channels, place, (end - first) * channels);
        }
    }
}
