//! Random weights to start from.

use super::random::Random;
use crate::net::{Affine, BatchNorm, LayerWeights, Model, Network, Normalization};
use std::f32::consts::TAU;

/// Epsilon and least deviation as TensorFlow's MobileNets have them.
const EPSILON: f32 = 1e-3;

/// Deviation of the classifier's first weights: small, so that the first losses are those of guessing.
const CLASSIFIER: f32 = 0.01;

/// A network with random weights: normal with variance 2 / fan-in (He et al., arXiv 1502.01852), batch normalization as
/// the identity. The same seed gives the same weights.
pub fn fresh(network: impl Into<Network>, normalization: Normalization, seed: u64) -> Model {
    let network = network.into();
    let graph = network.graph();
    let layers = graph.layers.iter().enumerate();
    let weights = layers
        .map(|(id, layer)| {
            let [c_out, kernel, _, c_in] = graph.weight_shape(layer)?;
            let depth = kernel * kernel * c_in;
            let deviation = if layer.window().is_some() { (2.0 / depth as f32).sqrt() } else { CLASSIFIER };
            let mut random = Random::at([seed, id as u64, u64::MAX]);
            let weight = (0..c_out * depth).map(|_| deviation * random.normal()).collect();
            let affine = if layer.window().is_some() {
                Affine::BatchNorm(BatchNorm {
                    gamma: vec![1.0; c_out],
                    beta: vec![0.0; c_out],
                    mean: vec![0.0; c_out],
                    variance: vec![1.0; c_out],
                    epsilon: EPSILON,
                })
            } else {
                Affine::Bias(vec![0.0; c_out])
            };
            Some(LayerWeights { weight, affine })
        })
        .collect();
    Model { network, weights, normalization, labels: None }
}

impl Random {
    /// A number with mean 0 and deviation 1 (Box and Muller 1958).
    fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - 0.5 * (self.symmetric() + 1.0)).max(f32::MIN_POSITIVE).ln()).sqrt();
        radius * (TAU * self.symmetric()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_deviation_that_keeps_signals() {
        let spec = "mobilenet-v1-0.5-32".parse::<crate::net::Spec>().expect("a name");
        let model = fresh(spec, Normalization::SIGNED, 3);
        assert_eq!(model, fresh(spec, Normalization::SIGNED, 3));
        let (id, _) =
            model.graph().weighted_layers().find(|(_, layer)| layer.name == "pw13").expect("a layer");
        let weight = &model.layer(id).expect("weights").weight;
        let count = weight.len() as f64;
        let mean = weight.iter().map(|w| f64::from(*w)).sum::<f64>() / count;
        let variance = weight.iter().map(|w| (f64::from(*w) - mean).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!((variance * 512.0 / 2.0 - 1.0).abs() < 0.02, "{variance}");
    }
}
