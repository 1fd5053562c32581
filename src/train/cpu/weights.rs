//! Fake quantization of weights, and the gradients of weights and scales.

use super::super::plan::{KernelPlan, Plan, WeightGrid};
use super::super::state::extremes;
use crate::quant::{Bits, Quantizer};

/// The grid of one channel.
struct Channel {
    scale: f32,
    zero: f32,
    max: f32,
}

impl Channel {
    /// (code, code before it was clamped).
    fn code(&self, weight: f32) -> (f32, f32) {
        let code = (weight / self.scale).round() + self.zero;
        (code.clamp(0.0, self.max), code)
    }
}

/// Quantizes the weights of all layers: `quantized` becomes what the device multiplies with, in the places of the
/// parameters.
pub(super) fn quantize(plan: &Plan, parameters: &[f32], quantized: &mut [f32]) {
    for (_, kernel) in plan.kernels() {
        let (weights, out) = (&parameters[kernel.weight.clone()], &mut quantized[kernel.weight.clone()]);
        let Some(grid) = &kernel.grid else {
            out.copy_from_slice(weights);
            continue;
        };
        let depth = kernel.geometry.depth();
        for (c, (weights, out)) in weights.chunks_exact(depth).zip(out.chunks_exact_mut(depth)).enumerate() {
            let channel = grid.channel(c, weights, parameters);
            for (out, &weight) in out.iter_mut().zip(weights) {
                *out = (channel.code(weight).0 - channel.zero) * channel.scale;
            }
        }
    }
}

/// Takes the gradients of quantized weights to those of weights, in place, and adds those of the scales' logarithms.
pub(super) fn differentiate(kernel: &KernelPlan, parameters: &[f32], gradients: &mut [f32]) {
    let Some(grid) = &kernel.grid else { return };
    let depth = kernel.geometry.depth();
    let weights = parameters[kernel.weight.clone()].chunks_exact(depth);
    let mut scales = Vec::with_capacity(grid.zero_points.len());
    let all = gradients[kernel.weight.clone()].chunks_exact_mut(depth);
    for (c, (weights, gradients)) in weights.zip(all).enumerate() {
        let channel = grid.channel(c, weights, parameters);
        let mut total = 0.0;
        for (gradient, &weight) in gradients.iter_mut().zip(weights) {
            let (bounded, code) = channel.code(weight);
            if bounded == code {
                total += *gradient * (bounded - channel.zero - weight / channel.scale);
            } else {
                total += *gradient * (bounded - channel.zero);
                *gradient = 0.0;
            }
        }
        scales.push(total * channel.scale * scale_factor(depth, grid.max_code));
    }
    if let Some(places) = &grid.scales {
        gradients[places.clone()].copy_from_slice(&scales);
    }
}

/// LSQ's gradient scale: 1 / sqrt(elements * largest code).
pub(super) fn scale_factor(elements: usize, max_code: u8) -> f32 {
    1.0 / (elements as f32 * f32::from(max_code)).sqrt()
}

impl WeightGrid {
    fn channel(&self, c: usize, weights: &[f32], parameters: &[f32]) -> Channel {
        let max = f32::from(self.max_code);
        match &self.scales {
            Some(places) => {
                let scale = parameters[places.start + c].exp();
                Channel { scale, zero: f32::from(self.zero_points[c]), max }
            }
            None => {
                let (low, high) = extremes(weights);
                let bits = Bits::ALL.into_iter().find(|bits| bits.max_code() == self.max_code);
                let quantizer = Quantizer::from_range(low.into(), high.into(), bits.unwrap_or(Bits::B8));
                Channel { scale: quantizer.scale as f32, zero: f32::from(quantizer.zero_point), max }
            }
        }
    }

    /// Scale of a channel's weights.
    pub(super) fn scale(&self, c: usize, weights: &[f32], parameters: &[f32]) -> f32 {
        self.channel(c, weights, parameters).scale
    }
}
