//! What calibration has corrected, as parameters of the float network.

use super::unfold::norm;
use crate::net::{Affine, Layer, LayerWeights, Op};

/// A layer's parameters with the slopes and offsets that its integers have, `y = slope sum + offset` in real units, and
/// the statistics of its sums, mean and deviation by channel, that stand for those of batch normalization from now on. A
/// convolution without batch normalization is given one, with `epsilon`. Without statistics everything stays as it was.
pub(super) fn settle(
    layer: &Layer,
    parameters: Option<&LayerWeights>,
    slopes_offsets: Option<&[(f64, f64)]>,
    moments: Option<&[(f64, f64)]>,
    epsilon: f32,
) -> Option<LayerWeights> {
    let mut parameters = parameters?.clone();
    let (Some(slopes_offsets), Some(moments)) = (slopes_offsets, moments) else { return Some(parameters) };
    parameters.affine = match &parameters.affine {
        Affine::Bias(_) if layer.op == Op::Linear => {
            Affine::Bias(slopes_offsets.iter().map(|(_, offset)| *offset as f32).collect())
        }
        Affine::Bias(_) => Affine::BatchNorm(norm(slopes_offsets, moments, epsilon)),
        Affine::BatchNorm(bn) => Affine::BatchNorm(norm(slopes_offsets, moments, bn.epsilon)),
    };
    Some(parameters)
}
