//! Batch normalization for convolutions into whose weights it was folded.
//!
//! Files of TensorFlow Lite, files with integers, and many in ONNX hold biases in its place and no statistics of sums.
//! Training wants them: with the statistics of every batch a channel keeps mean and deviation while weights move from code
//! to code, and steps of the optimizer, which are as large for all weights, want weights of a usual size. So a folded
//! convolution is given the statistics of its sums on the calibration images, and what makes up for them: the network
//! computes what it did.

use super::Calibration;
use crate::net::{Affine, BatchNorm, Layer, LayerId, LayerWeights, Model, Op};
use crate::quant::Quantizer;

/// Added to the variance where no layer of the network says what is. A channel that does not vary is divided by its root.
const EPSILON: f32 = 1.0 / 1024.0;

/// Largest change of a channel's weights, as a power of two.
const MOST: i32 = 32;

/// Whether nobody has taken statistics of a convolution's sums: it has a bias, or a batch normalization without means, which
/// stands in for one that was folded. The classifier has a bias in any case.
fn is_folded(layer: &Layer, parameters: &LayerWeights) -> bool {
    layer.op != Op::Linear
        && match &parameters.affine {
            Affine::Bias(_) => true,
            Affine::BatchNorm(bn) => bn.mean.iter().all(|&mean| mean == 0.0),
        }
}

/// Whether a network has layers for which [`Calibration::unfolded`] takes statistics.
pub fn has_folded(model: &Model) -> bool {
    model
        .graph()
        .weighted_layers()
        .any(|(id, layer)| model.layer(id).is_some_and(|parameters| is_folded(layer, parameters)))
}

/// Epsilon for the layers of a network that have none.
pub(super) fn epsilon(model: &Model) -> f32 {
    model.epsilon().unwrap_or(EPSILON)
}

/// Batch normalization that computes `y = slope sum + offset`, with these means and deviations of sums. By channel.
pub(super) fn norm(slopes_offsets: &[(f64, f64)], moments: &[(f64, f64)], epsilon: f32) -> BatchNorm {
    let mut norm = BatchNorm { epsilon, ..BatchNorm::default() };
    for (&(slope, offset), &(mean, deviation)) in slopes_offsets.iter().zip(moments) {
        let variance = deviation * deviation;
        norm.gamma.push((slope * (variance + f64::from(epsilon)).sqrt()) as f32);
        norm.beta.push((offset + slope * mean) as f32);
        norm.mean.push(mean as f32);
        norm.variance.push(variance as f32);
    }
    norm
}

impl Calibration {
    /// The float network with batch normalization in the place of what was folded, ready to be trained. It computes what it
    /// did. The model must be the one that was observed.
    pub fn unfolded(&self, model: &Model) -> Model {
        let mut unfolded = model.clone();
        let epsilon = epsilon(model);
        for (id, _) in model.graph().weighted_layers() {
            let (Some(moments), Some(layer)) = (self.folded_moments(model, id), &mut unfolded.weights[id])
            else {
                continue;
            };
            layer.affine = Affine::BatchNorm(norm(&layer.affine.slope_offset(), &moments, epsilon));
            resize(layer, &mut []);
        }
        unfolded
    }

    /// Mean and deviation of each channel's sums in the float network, if the layer is folded and images were seen.
    pub(super) fn folded_moments(&self, model: &Model, id: LayerId) -> Option<Vec<(f64, f64)>> {
        let layer = model.layer(id).filter(|layer| is_folded(&model.graph().layers[id], layer))?;
        let moments = self.sums[id].as_ref().filter(|_| self.images > 0)?;
        let channels = layer.affine.slope_offset().len();
        Some((0..channels).map(|c| (moments.mean(c), moments.deviation(c))).collect())
    }
}

/// Gives the weights of each output channel the size with which training usually begins, to a power of two, so that nothing
/// is rounded, and lets their quantizers and batch normalization make up for it.
pub(super) fn resize(layer: &mut LayerWeights, quantizers: &mut [Quantizer]) {
    let Affine::BatchNorm(bn) = &layer.affine else { return };
    let channels = bn.gamma.len();
    if channels == 0 {
        return;
    }
    let mut slopes_offsets = layer.affine.slope_offset();
    let mut moments = Vec::with_capacity(channels);
    let depth = layer.weight.len() / channels;
    for (c, weights) in layer.weight.chunks_exact_mut(depth.max(1)).enumerate() {
        let factor = factor(weights);
        weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
        if let Some(quantizer) = quantizers.get_mut(c) {
            quantizer.scale *= factor;
        }
        slopes_offsets[c].0 /= factor;
        moments.push((factor * f64::from(bn.mean[c]), factor * f64::from(bn.variance[c]).sqrt()));
    }
    layer.affine = Affine::BatchNorm(norm(&slopes_offsets, &moments, bn.epsilon));
}

/// The power of two that takes a channel's weights nearest to a variance of 2 / fan-in (He et al., arXiv 1502.01852); 1 where
/// all are zero.
fn factor(weights: &[f32]) -> f64 {
    let squares: f64 = weights.iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum();
    let ratio = 2.0 / squares;
    if !ratio.is_normal() {
        return 1.0;
    }
    // Of the ratio's logarithm the whole part is exact on all machines.
    let whole = ((ratio.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    let power = (whole + 1).div_euclid(2).clamp(-MOST, MOST);
    f64::from_bits(((1023 + power) as u64) << 52)
}
