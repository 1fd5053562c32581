//! The papers' model: FLASH is packed weights plus parameters, RAM the largest input plus output of a layer.
//!
//! The formulas are those of arXiv 1905.13082. RAM counts convolutions and linear layers only; pools, residual adds,
//! tensors kept for them, and scratch are left out, and so are functions, products and concatenations with their tables.
//! Logits count 8 bits.

use super::footprint::Step;
use crate::{
    net::{Graph, Layer, LayerId, TensorId},
    quant::{Bits, Policy},
};

/// How weights are quantized and results requantized: it decides how many parameters a layer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Per layer, batch normalization folded into the weights (PL+FB).
    PerLayerFolded,
    /// Per layer, integer channel normalization (PL+ICN).
    PerLayerIcn,
    /// Per channel, integer channel normalization (PC+ICN).
    #[default]
    PerChannelIcn,
}

impl Scheme {
    /// Bytes of parameters of a layer with `channels` outputs; `last` is the one that gives the logits.
    ///
    /// Per layer there are a bias of 4 bytes per channel and five scalars of 4 bytes: three zero points, factor and
    /// shift. Channel normalization has factor and shift per channel (4 + 1 bytes); weights per channel have a zero
    /// point each (1 byte). The last layer keeps its per-layer form but for a zero point, a factor and a shift of a
    /// byte per channel.
    const fn parameter_bytes(self, channels: usize, last: bool) -> usize {
        match (self, last) {
            (Self::PerLayerFolded, _) | (Self::PerLayerIcn, true) => 4 * channels + 20,
            (Self::PerLayerIcn, false) => 9 * channels + 12,
            (Self::PerChannelIcn, false) => 10 * channels + 8,
            (Self::PerChannelIcn, true) => 7 * channels + 4,
        }
    }
}

/// Bytes of weights of a layer, in whole bytes; 0 if it has none.
pub fn weight_bytes(graph: &Graph, layer: &Layer, bits: Bits) -> usize {
    bits.bytes(graph.weight_elements(layer))
}

/// Bytes of parameters of all layers.
pub fn parameter_bytes(graph: &Graph, scheme: Scheme) -> usize {
    let bytes = |layer: &Layer| {
        let last = layer.output == graph.logits();
        scheme.parameter_bytes(graph.output_shape(layer).channels, last)
    };
    graph.weighted_layers().map(|(_, layer)| bytes(layer)).sum()
}

/// Bytes of FLASH: weights and parameters.
pub fn flash_bytes(graph: &Graph, policy: &Policy, scheme: Scheme) -> usize {
    let weights = graph.weighted_layers().map(|(id, layer)| weight_bytes(graph, layer, policy.weight(id)));
    weights.sum::<usize>() + parameter_bytes(graph, scheme)
}

/// Bytes of RAM: the largest input plus output.
pub fn ram_bytes(graph: &Graph, policy: &Policy) -> usize {
    steps(graph, policy).map(|step| step.live()).max().unwrap_or(0)
}

/// Input and output of every layer that counts.
pub fn steps(graph: &Graph, policy: &Policy) -> impl Iterator<Item = Step> {
    graph.weighted_layers().map(|(id, layer)| step(graph, policy, id, layer))
}

fn step(graph: &Graph, policy: &Policy, id: LayerId, layer: &Layer) -> Step {
    Step {
        layer: id,
        inputs: tensor_bytes(graph, policy, layer.inputs[0]),
        output: tensor_bytes(graph, policy, layer.output),
        ..Step::default()
    }
}

/// Bytes of an activation tensor, in whole bytes.
pub fn tensor_bytes(graph: &Graph, policy: &Policy, tensor: TensorId) -> usize {
    let bits = if tensor == graph.logits() { Bits::B8 } else { policy.activation(graph, tensor) };
    bits.bytes(graph.tensors[tensor].shape.elements())
}

#[cfg(test)]
mod tests;
