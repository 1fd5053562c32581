//! Depthwise convolution and its gradients.
//!
//! Rows of pixels of channels are laid out as one line, so that vectors run over pixels and channels alike, however
//! few channels there are. A stride is taken out beforehand: the padded input is kept in as many lines a row as the
//! stride has phases, and what was a skip becomes a shift.

use super::super::plan::Geometry;
use crate::net::Shape;
use crate::parallel;
use pulp::{Arch, Simd};

/// One image's input, padded, each row split into the phases of the stride.
struct Phased {
    values: Vec<f32>,
    /// Values of one phase of one row.
    line: usize,
    stride: usize,
    channels: usize,
}

impl Phased {
    fn new(geometry: &Geometry) -> Self {
        let Geometry { output, window, .. } = geometry;
        // The last window reaches (output - 1) * stride + kernel pixels.
        let columns = output.width + (window.kernel - 1) / window.stride;
        let rows = (output.height - 1) * window.stride + window.kernel;
        let line = columns * output.channels;
        let values = vec![0.0; rows * window.stride * line];
        Self { values, line, stride: window.stride, channels: output.channels }
    }

    /// Place of what kernel column `kx` multiplies, for the first output of a row of the padded input.
    fn place(&self, row: usize, kx: usize) -> usize {
        (row * self.stride + kx % self.stride) * self.line + kx / self.stride * self.channels
    }

    /// Visits each pixel of the image that some window sees: its place here and there.
    fn pixels(geometry: &Geometry, line: usize, rows: usize, mut visit: impl FnMut(usize, usize)) {
        let Geometry { input: Shape { height, width, channels }, window, .. } = *geometry;
        for y in 0..height {
            let row = y + window.pads.top;
            if row >= rows {
                break;
            }
            for x in 0..width {
                let column = x + window.pads.left;
                let within = column / window.stride * channels;
                if within < line {
                    let start = (row * window.stride + column % window.stride) * line + within;
                    visit(start, (y * width + x) * channels);
                }
            }
        }
    }

    fn rows(&self) -> usize {
        self.values.len() / (self.line * self.stride)
    }

    fn load(&mut self, geometry: &Geometry, image: &[f32]) {
        let (line, rows, channels) = (self.line, self.rows(), self.channels);
        if self.stride == 1 {
            let width = geometry.input.width * channels;
            let inner = geometry.window.pads.left * channels;
            for (y, row) in image.chunks_exact(width).enumerate() {
                let room = (line - inner).min(width);
                let start = (y + geometry.window.pads.top) * line + inner;
                if let Some(line) = self.values.get_mut(start..start + room) {
                    line.copy_from_slice(&row[..room]);
                }
            }
            return;
        }
        let values = &mut self.values;
        Self::pixels(geometry, line, rows, |here, there| {
            values[here..here + channels].copy_from_slice(&image[there..there + channels]);
        });
    }

    fn store(&self, geometry: &Geometry, image: &mut [f32], accumulate: bool) {
        let channels = self.channels;
        Self::pixels(geometry, self.line, self.rows(), |here, there| {
            let (from, to) = (&self.values[here..here + channels], &mut image[there..there + channels]);
            if accumulate {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            } else {
                to.copy_from_slice(from);
            }
        });
    }
}

/// The weights `[c, k, k]` of each place of the window, repeated along a line of the output: `[k * k, width, c]`.
fn lines(geometry: &Geometry, weights: &[f32]) -> Vec<f32> {
    let (channels, taps) = (geometry.output.channels, geometry.depth());
    let line = geometry.output.width * channels;
    let mut lines = vec![0.0; taps * line];
    for (tap, line) in lines.chunks_exact_mut(line).enumerate() {
        for (i, value) in line.iter_mut().take(channels).enumerate() {
            *value = weights[i * taps + tap];
        }
        let mut filled = channels;
        while filled < line.len() {
            let more = filled.min(line.len() - filled);
            line.copy_within(..more, filled);
            filled += more;
        }
    }
    lines
}

/// `out = x * weights`, `[n, h, w, c]`.
pub(super) fn forward(geometry: &Geometry, x: &[f32], weights: &[f32], out: &mut [f32]) {
    let lines = lines(geometry, weights);
    let images = x.chunks_exact(geometry.input.elements());
    let mut images: Vec<_> = images.zip(out.chunks_exact_mut(geometry.output.elements())).collect();
    parallel::map(&mut images, |(x, out)| {
        let mut phased = Phased::new(geometry);
        phased.load(geometry, x);
        forward_image(geometry, &phased, &lines, out);
    });
}

fn forward_image(geometry: &Geometry, phased: &Phased, lines: &[f32], out: &mut [f32]) {
    let kernel = geometry.window.kernel;
    let line = geometry.output.width * geometry.output.channels;
    for (y, out) in out.chunks_exact_mut(line).enumerate() {
        for ky in 0..kernel {
            let row = y * geometry.window.stride + ky;
            let input = |kx: usize| &phased.values[phased.place(row, kx)..][..line];
            let weights = |kx: usize| &lines[(ky * kernel + kx) * line..][..line];
            let mut kx = 0;
            if ky == 0 {
                product(out, input(0), weights(0));
                kx = 1;
            }
            while kernel - kx >= 2 {
                add_products(out, input(kx), weights(kx), input(kx + 1), weights(kx + 1));
                kx += 2;
            }
            if kx < kernel {
                add_product(out, input(kx), weights(kx));
            }
        }
    }
}

/// `dx = dy * transpose(weights)`, or `dx += ..`.
pub(super) fn input_gradient(
    geometry: &Geometry,
    dy: &[f32],
    weights: &[f32],
    dx: &mut [f32],
    accumulate: bool,
) {
    let lines = lines(geometry, weights);
    let kernel = geometry.window.kernel;
    let line = geometry.output.width * geometry.output.channels;
    let images = dx.chunks_exact_mut(geometry.input.elements());
    let mut images: Vec<_> = images.zip(dy.chunks_exact(geometry.output.elements())).collect();
    parallel::map(&mut images, |(dx, dy)| {
        let mut phased = Phased::new(geometry);
        for (y, dy) in dy.chunks_exact(line).enumerate() {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let place = phased.place(y * geometry.window.stride + ky, kx);
                    let weights = &lines[(ky * kernel + kx) * line..][..line];
                    add_product(&mut phased.values[place..][..line], dy, weights);
                }
            }
        }
        if !accumulate {
            // Pixels that no window sees.
            dx.fill(0.0);
        }
        phased.store(geometry, dx, accumulate);
    });
}

/// Images whose sums are kept together.
const PART: usize = 4;

/// `dw = dy * x`, `[c, k, k]`.
pub(super) fn weight_gradient(geometry: &Geometry, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (kernel, taps, channels) = (geometry.window.kernel, geometry.depth(), geometry.output.channels);
    let line = geometry.output.width * channels;
    let images = x.chunks(PART * geometry.input.elements());
    let mut parts: Vec<_> = images.zip(dy.chunks(PART * geometry.output.elements())).collect();
    let sums = parallel::map(&mut parts, |(x, dy)| {
        let mut phased = Phased::new(geometry);
        let mut sums = vec![0.0; taps * line];
        let images = x.chunks_exact(geometry.input.elements());
        for (x, dy) in images.zip(dy.chunks_exact(geometry.output.elements())) {
            phased.load(geometry, x);
            for (y, dy) in dy.chunks_exact(line).enumerate() {
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        let place = phased.place(y * geometry.window.stride + ky, kx);
                        let sums = &mut sums[(ky * kernel + kx) * line..][..line];
                        add_product(sums, &phased.values[place..][..line], dy);
                    }
                }
            }
        }
        let mut folded = vec![0.0; taps * channels];
        for (sums, folded) in sums.chunks_exact(line).zip(folded.chunks_exact_mut(channels)) {
            for pixel in sums.chunks_exact(channels) {
                folded.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
            }
        }
        folded
    });
    dw.fill(0.0);
    for sums in sums {
        for (tap, sums) in sums.chunks_exact(channels).enumerate() {
            for (c, sum) in sums.iter().enumerate() {
                dw[c * taps + tap] += sum;
            }
        }
    }
}

/// `out = a * b`.
#[pulp::with_simd(product = Arch::new())]
#[inline(always)]
fn product_with_simd<'a, S: Simd>(_simd: S, out: &'a mut [f32], a: &'a [f32], b: &'a [f32]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = a * b;
    }
}

/// `out += a * b`.
#[pulp::with_simd(add_product = Arch::new())]
#[inline(always)]
fn add_product_with_simd<'a, S: Simd>(_simd: S, out: &'a mut [f32], a: &'a [f32], b: &'a [f32]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out += a * b;
    }
}

/// `out += a * b + c * d`.
#[pulp::with_simd(add_products = Arch::new())]
#[inline(always)]
fn add_products_with_simd<'a, S: Simd>(
    _simd: S,
    out: &'a mut [f32],
    a: &'a [f32],
    b: &'a [f32],
    c: &'a [f32],
    d: &'a [f32],
) {
    for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *out += a * b + c * d;
    }
}
