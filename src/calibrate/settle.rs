//! What calibration has corrected, as parameters of the float network.

use crate::net::{Affine, BatchNorm, LayerWeights};

/// A layer's parameters with the slopes and offsets that its integers have, `y = slope sum + offset` in real units, and
/// the statistics of its sums, mean and deviation by channel, that stand for those of batch normalization from now on.
/// Without statistics, and without batch normalization but for the offset, everything stays as it was.
pub(super) fn settle(
    layer: Option<&LayerWeights>,
    slopes_offsets: Option<&[(f64, f64)]>,
    moments: Option<&[(f64, f64)]>,
) -> Option<LayerWeights> {
    let mut layer = layer?.clone();
    let (Some(slopes_offsets), Some(moments)) = (slopes_offsets, moments) else { return Some(layer) };
    match &mut layer.affine {
        Affine::Bias(bias) => {
            bias.iter_mut().zip(slopes_offsets).for_each(|(bias, (_, offset))| *bias = *offset as f32);
        }
        Affine::BatchNorm(bn) => {
            let BatchNorm { gamma, beta, mean, variance, epsilon } = bn;
            for (c, (&(slope, offset), &(seen_mean, seen_deviation))) in
                slopes_offsets.iter().zip(moments).enumerate()
            {
                let seen_variance = seen_deviation * seen_deviation;
                gamma[c] = (slope * (seen_variance + f64::from(*epsilon)).sqrt()) as f32;
                beta[c] = (offset + slope * seen_mean) as f32;
                (mean[c], variance[c]) = (seen_mean as f32, seen_variance as f32);
            }
        }
    }
    Some(layer)
}
