//! Pools and their gradients; maps are `[n, h, w, c]`.

use crate::net::{Shape, Window};
use crate::parallel;

/// Mean over all pixels.
pub(super) fn average(shape: Shape, x: &[f32], out: &mut [f32]) {
    let part = 1.0 / shape.pixels() as f32;
    let images = x.chunks_exact(shape.elements()).zip(out.chunks_exact_mut(shape.channels));
    for (x, out) in images {
        out.fill(0.0);
        for pixel in x.chunks_exact(shape.channels) {
            out.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
        }
        out.iter_mut().for_each(|sum| *sum *= part);
    }
}

/// Gradient of the map whose mean was taken.
pub(super) fn average_gradient(shape: Shape, gradient: &[f32], out: &mut [f32], accumulate: bool) {
    let part = 1.0 / shape.pixels() as f32;
    let images = out.chunks_exact_mut(shape.elements()).zip(gradient.chunks_exact(shape.channels));
    for (out, gradient) in images {
        for pixel in out.chunks_exact_mut(shape.channels) {
            for (out, gradient) in pixel.iter_mut().zip(gradient) {
                *out = gradient * part + if accumulate { *out } else { 0.0 };
            }
        }
    }
}

/// A window over a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windowed {
    pub window: Window,
    pub input: Shape,
    pub output: Shape,
}

impl Windowed {
    /// Places of the codes under the window of each pixel of the output, a pixel each, row by row.
    fn pixels(&self, number: usize) -> impl Iterator<Item = usize> + Clone {
        let Self { window, input, output } = *self;
        let [rows, columns] = window.covered([number / output.width, number % output.width], input);
        let places = move |row: usize| columns.clone().map(move |column| row * input.width + column);
        rows.flat_map(places).map(move |pixel| pixel * input.channels)
    }

    /// Largest value under each window.
    pub fn largest(&self, x: &[f32], out: &mut [f32]) {
        self.forward(x, out, f32::NEG_INFINITY, |most, x| most.max(x), |_| 1.0);
    }

    /// Mean under each window.
    pub fn mean(&self, x: &[f32], out: &mut [f32]) {
        self.forward(x, out, 0.0, |sum, x| sum + x, |count| 1.0 / count as f32);
    }

    fn forward(
        &self,
        x: &[f32],
        out: &mut [f32],
        first: f32,
        join: impl Fn(f32, f32) -> f32 + Sync,
        factor: impl Fn(usize) -> f32 + Sync,
    ) {
        let channels = self.output.channels;
        let images = x.chunks_exact(self.input.elements());
        let mut images: Vec<_> = images.zip(out.chunks_exact_mut(self.output.elements())).collect();
        parallel::map(&mut images, |(x, out)| {
            for (number, out) in out.chunks_exact_mut(channels).enumerate() {
                out.fill(first);
                let mut count = 0;
                for place in self.pixels(number) {
                    count += 1;
                    out.iter_mut()
                        .zip(&x[place..place + channels])
                        .for_each(|(out, x)| *out = join(*out, *x));
                }
                let factor = factor(count);
                out.iter_mut().for_each(|out| *out *= factor);
            }
        });
    }

    /// Gradient of the map of which [`Windowed::largest`] was taken: it goes to the first of the largest.
    pub fn largest_gradient(&self, x: &[f32], gradient: &[f32], out: &mut [f32], accumulate: bool) {
        self.backward(gradient, out, accumulate, |number, gradient, image, out| {
            let x = &x[image * self.input.elements()..][..self.input.elements()];
            for (channel, gradient) in gradient.iter().enumerate() {
                let mut largest: Option<usize> = None;
                for place in self.pixels(number).map(|place| place + channel) {
                    if largest.is_none_or(|largest| x[place] > x[largest]) {
                        largest = Some(place);
                    }
                }
                if let Some(largest) = largest {
                    out[largest] += gradient;
                }
            }
        });
    }

    /// Gradient of the map of which [`Windowed::mean`] was taken.
    pub fn mean_gradient(&self, gradient: &[f32], out: &mut [f32], accumulate: bool) {
        self.backward(gradient, out, accumulate, |number, gradient, _, out| {
            let places = self.pixels(number);
            let part = 1.0 / places.clone().count() as f32;
            for place in places {
                let out = &mut out[place..place + gradient.len()];
                out.iter_mut().zip(gradient).for_each(|(out, gradient)| *out += gradient * part);
            }
        });
    }

    /// Visits each pixel of the output: its number, its gradient, the number of the image, the image's gradients.
    fn backward(
        &self,
        gradient: &[f32],
        out: &mut [f32],
        accumulate: bool,
        visit: impl Fn(usize, &[f32], usize, &mut [f32]) + Sync,
    ) {
        let images = gradient.chunks_exact(self.output.elements());
        let images = images.zip(out.chunks_exact_mut(self.input.elements())).enumerate();
        parallel::map(&mut images.collect::<Vec<_>>(), |(image, (gradient, out))| {
            if !accumulate {
                out.fill(0.0);
            }
            for (number, gradient) in gradient.chunks_exact(self.output.channels).enumerate() {
                visit(number, gradient, *image, out);
            }
        });
    }
}
