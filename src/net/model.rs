//! A float network: graph, weights, and how its input is normalized.

use super::{Graph, LayerId, Network, Normalization};
use serde::{Deserialize, Serialize};

/// Batch normalization of one layer: y = gamma (x - mean) / sqrt(variance + epsilon) + beta, per output channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Learned factor, `[c_out]`.
    pub gamma: Vec<f32>,
    /// Learned offset, `[c_out]`.
    pub beta: Vec<f32>,
    /// Running mean of the convolution's output, `[c_out]`.
    pub mean: Vec<f32>,
    /// Running variance of the convolution's output, `[c_out]`.
    pub variance: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

/// What follows the sum of products, per output channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Affine {
    /// Batch normalization, not folded into the weights.
    BatchNorm(BatchNorm),
    /// A plain bias, `[c_out]`.
    Bias(Vec<f32>),
}

impl Affine {
    /// The same as a factor and an offset per channel: y = slope x + offset, `[c_out]` pairs.
    pub fn slope_offset(&self) -> Vec<(f64, f64)> {
        match self {
            Affine::Bias(bias) => bias.iter().map(|&b| (1.0, f64::from(b))).collect(),
            Affine::BatchNorm(bn) => (0..bn.gamma.len())
                .map(|c| {
                    let deviation = (f64::from(bn.variance[c]) + f64::from(bn.epsilon)).sqrt();
                    let slope = f64::from(bn.gamma[c]) / deviation;
                    (slope, f64::from(bn.beta[c]) - slope * f64::from(bn.mean[c]))
                })
                .collect(),
        }
    }
}

/// Parameters of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerWeights {
    /// Weights as [`Graph::weight_shape`] gives it: `[c_out, k, k, c_in]`, last index fastest.
    pub weight: Vec<f32>,
    /// What follows.
    pub affine: Affine,
}

/// A float network with its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Which network.
    pub network: Network,
    /// Parameters by [`LayerId`]; `None` for layers without weights.
    pub weights: Vec<Option<LayerWeights>>,
    /// How images are normalized.
    pub normalization: Normalization,
    /// Names of the classes in the order of the logits, if the weights came with them.
    pub labels: Option<Vec<String>>,
}

impl Model {
    /// Layers and tensors of the network.
    pub fn graph(&self) -> &Graph {
        self.network.graph()
    }

    /// Epsilon of the first layer with batch normalization; `None` if no layer has it.
    pub fn epsilon(&self) -> Option<f32> {
        self.weights.iter().flatten().find_map(|parameters| match &parameters.affine {
            Affine::BatchNorm(bn) => Some(bn.epsilon),
            Affine::Bias(_) => None,
        })
    }

    /// Parameters of a layer; `None` if it has none.
    pub fn layer(&self, layer: LayerId) -> Option<&LayerWeights> {
        self.weights.get(layer).and_then(Option::as_ref)
    }
}
