//! Functions of each element, products with gates, concatenations, and their gradients; maps are `[n, h, w, c]`.

use crate::net::{Function, Shape};
use crate::parallel;
use std::ops::Range;

/// Elements that one task works on.
const TASK: usize = 1 << 14;

/// f(x) of each element.
pub(super) fn lookup(function: Function, x: &[f32], out: &mut [f32]) {
    let mut tasks: Vec<_> = x.chunks(TASK).zip(out.chunks_mut(TASK)).collect();
    parallel::map(&mut tasks, |(x, out)| {
        for (x, out) in x.iter().zip(out.iter_mut()) {
            *out = function.value(f64::from(*x)) as f32;
        }
    });
}

/// Gradient of x.
pub(super) fn lookup_gradient(
    function: Function,
    x: &[f32],
    gradient: &[f32],
    out: &mut [f32],
    accumulate: bool,
) {
    let tasks = x.chunks(TASK).zip(gradient.chunks(TASK)).zip(out.chunks_mut(TASK));
    parallel::map(&mut tasks.collect::<Vec<_>>(), |((x, gradient), out)| {
        for ((x, gradient), out) in x.iter().zip(gradient.iter()).zip(out.iter_mut()) {
            let own = gradient * function.slope(f64::from(*x)) as f32;
            *out = own + if accumulate { *out } else { 0.0 };
        }
    });
}

/// Product of a map of `shape` and a gate `[n, 1, 1, c]`. From the gradient of the product this is that of the map.
pub(super) fn gated(shape: Shape, map: &[f32], gate: &[f32], out: &mut [f32], accumulate: bool) {
    let images = map.chunks_exact(shape.elements()).zip(gate.chunks_exact(shape.channels));
    for ((map, gate), out) in images.zip(out.chunks_exact_mut(shape.elements())) {
        let pixels = map.chunks_exact(shape.channels).zip(out.chunks_exact_mut(shape.channels));
        for (map, out) in pixels {
            for ((x, gate), out) in map.iter().zip(gate).zip(out) {
                *out = x * gate + if accumulate { *out } else { 0.0 };
            }
        }
    }
}

/// Gradient of the gate of a product: that of the product, times the map, summed over the pixels.
pub(super) fn gate_gradient(shape: Shape, map: &[f32], gradient: &[f32], out: &mut [f32], accumulate: bool) {
    let images = map.chunks_exact(shape.elements()).zip(gradient.chunks_exact(shape.elements()));
    for ((map, gradient), out) in images.zip(out.chunks_exact_mut(shape.channels)) {
        if !accumulate {
            out.fill(0.0);
        }
        for (map, gradient) in map.chunks_exact(shape.channels).zip(gradient.chunks_exact(shape.channels)) {
            for ((x, gradient), out) in map.iter().zip(gradient).zip(out.iter_mut()) {
                *out += x * gradient;
            }
        }
    }
}

/// Writes a map into its part of the channels of a concatenation, which has `all`.
pub(super) fn copy(part: Range<usize>, all: usize, map: &[f32], out: &mut [f32]) {
    for (map, out) in map.chunks_exact(part.len()).zip(out.chunks_exact_mut(all)) {
        out[part.clone()].copy_from_slice(map);
    }
}

/// Gradient of the map that became a part of the channels.
pub(super) fn copy_back(part: Range<usize>, all: usize, gradient: &[f32], out: &mut [f32], accumulate: bool) {
    for (gradient, out) in gradient.chunks_exact(all).zip(out.chunks_exact_mut(part.len())) {
        for (gradient, out) in gradient[part.clone()].iter().zip(out) {
            *out = gradient + if accumulate { *out } else { 0.0 };
        }
    }
}
