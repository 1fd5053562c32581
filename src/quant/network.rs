//! A network in integers.

use super::{AddRequantizer, Bits, Policy, Quantizer, Requantizer};
use crate::net::{Graph, LayerId, Network, Normalization};
use serde::{Deserialize, Serialize};

/// Integers of a layer with weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// Codes of the weights, one a byte, `[c_out, k, k, c_in]` with the last index fastest.
    pub weights: Vec<u8>,
    /// Width of a code.
    pub bits: Bits,
    /// Code of a zero weight, per output channel; equal in all channels if quantized per layer.
    pub zero_points: Vec<u8>,
    /// Bias and factor per output channel. The bias includes the input's zero point.
    pub requantizers: Vec<Requantizer>,
    /// Code of real zero outside the map, per input channel for the first layer (whose channels are normalized
    /// differently), else one for all.
    pub pad_codes: Vec<u8>,
}

/// Integers of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuantizedLayer {
    /// Convolution, depthwise convolution, linear layer.
    Kernel(Kernel),
    /// Global average pool: sum of the codes of a channel, requantized; of the last layer, the logits.
    Pool(Requantizer),
    /// Residual add.
    Add(AddRequantizer),
    /// Max pool: the largest code under the window. Nothing is requantized.
    MaxPool,
    /// Average pool: the mean of the codes under the window, rounded to the nearest, halves up. Nothing is requantized.
    AvgPool,
    /// Function of each element: its code by the code of the input, 2^bits of them.
    Lookup(Vec<u8>),
    /// Product of a map and a number for each channel: that of the distances to the zero points, requantized.
    Multiply(Requantizer),
    /// Channels of several maps: for each map its codes in the output's, as for [`QuantizedLayer::Lookup`].
    Concat(Vec<Vec<u8>>),
}

/// A network whose inference needs no real number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantizedNetwork {
    /// Which network.
    pub network: Network,
    /// Width of every tensor.
    pub policy: Policy,
    /// What the codes of each tensor stand for, by [`TensorId`](crate::net::TensorId). The image's is that of its
    /// first channel; the logits' `scale` is real units per integer step.
    pub tensors: Vec<Quantizer>,
    /// Integers of each layer, by [`LayerId`].
    pub layers: Vec<QuantizedLayer>,
    /// What the image's codes meant to the float network.
    pub normalization: Normalization,
    /// Names of the classes, if known.
    pub labels: Option<Vec<String>>,
}

impl QuantizedNetwork {
    /// Layers and tensors of the network.
    pub fn graph(&self) -> &Graph {
        self.network.graph()
    }

    /// The integers of a layer with weights; `None` for pools and adds.
    pub fn kernel(&self, layer: LayerId) -> Option<&Kernel> {
        match self.layers.get(layer) {
            Some(QuantizedLayer::Kernel(kernel)) => Some(kernel),
            _ => None,
        }
    }
}
