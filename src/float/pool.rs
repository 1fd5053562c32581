//! Pools in real numbers.

use crate::net::{Shape, Window};

/// Mean over all pixels of each channel, `[c]`.
pub fn average(input: &[f32], channels: usize) -> Vec<f32> {
    let mut sums = vec![0.0; channels];
    for pixel in input.chunks_exact(channels) {
        for (sum, x) in sums.iter_mut().zip(pixel) {
            *sum += x;
        }
    }
    let pixels = (input.len() / channels) as f32;
    sums.iter().map(|sum| sum / pixels).collect()
}

/// Largest value of each channel under a window, `[h, w, c]`.
pub fn windowed_max(input: &[f32], window: Window, shape: Shape, output: Shape) -> Vec<f32> {
    let mut out = vec![f32::NEG_INFINITY; output.elements()];
    for_each_window(input, window, shape, output, &mut out, |out, pixel, _| {
        out.iter_mut().zip(pixel).for_each(|(most, x)| *most = most.max(*x));
    });
    out
}

/// Mean of each channel under a window, `[h, w, c]`.
pub fn windowed_average(input: &[f32], window: Window, shape: Shape, output: Shape) -> Vec<f32> {
    let mut out = vec![0.0; output.elements()];
    for_each_window(input, window, shape, output, &mut out, |out, pixel, left| {
        out.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
        if let Some(count) = left {
            out.iter_mut().for_each(|sum| *sum /= count as f32);
        }
    });
    out
}

/// Visits the pixels under each window row by row, with the output's pixel; with the last one comes their number.
fn for_each_window(
    input: &[f32],
    window: Window,
    shape: Shape,
    output: Shape,
    out: &mut [f32],
    mut visit: impl FnMut(&mut [f32], &[f32], Option<usize>),
) {
    for (number, out) in out.chunks_exact_mut(output.channels).enumerate() {
        let [rows, columns] = window.covered([number / output.width, number % output.width], shape);
        let count = rows.len() * columns.len();
        let pixels = rows.flat_map(|row| columns.clone().map(move |column| row * shape.width + column));
        for (seen, pixel) in pixels.enumerate() {
            let pixel = &input[pixel * shape.channels..][..shape.channels];
            visit(out, pixel, (seen + 1 == count).then_some(count));
        }
    }
}
