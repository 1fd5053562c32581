//! What a network must fulfil to be exported.

use super::ExportError;
use crate::{
    infer::check_network,
    net::{Graph, Layer, Op, supports},
    quant::{Bits, Kernel, Policy, QuantizedLayer, QuantizedNetwork, Quantizer, Slot},
};

/// Codes outside the map of the image: one for each colour.
pub const COLOURS: usize = 3;

/// Checks all that the format and the C runtime rely on.
pub fn check(network: &QuantizedNetwork) -> Result<(), ExportError> {
    let (graph, QuantizedNetwork { tensors, layers, labels, .. }) = (network.graph(), network);
    let failed = |problem| Err(ExportError::Network { network: network.network.to_string(), problem });
    check_network(network)?;
    let widths = layers.iter().map(|layer| match layer {
        QuantizedLayer::Kernel(kernel) => kernel.bits,
        _ => Bits::B8,
    });
    if policy_of(graph, tensors, widths) != Some(network.policy.clone()) {
        let problem = "its policy says other widths than its tensors and weights";
        return failed(problem);
    }
    if tensors.iter().any(|quantizer| !(quantizer.scale.is_normal() && quantizer.scale > 0.0)) {
        return failed("a tensor's scale is not a positive number");
    }
    let in_order = |labels: &Vec<String>| {
        labels.len() == graph.classes() && labels.iter().all(|label| label.len() <= usize::from(u16::MAX))
    };
    if !labels.as_ref().is_none_or(in_order) {
        let problem = "it has not one label of at most 65,535 bytes for each class";
        return failed(problem);
    }
    for layer in &graph.layers {
        supports(graph, layer)
            .map_err(|reason| ExportError::Unsupported { layer: layer.name.clone(), reason })?;
    }
    for (layer, integers) in graph.layers.iter().zip(layers) {
        check_layer(layer, integers)
            .map_err(|problem| ExportError::Layer { layer: layer.name.clone(), problem })?;
    }
    Ok(())
}

/// The policy that widths of tensors and weights make; `None` if one is no choice and not 8 bits.
pub fn policy_of(
    graph: &Graph,
    tensors: &[Quantizer],
    weights: impl Iterator<Item = Bits>,
) -> Option<Policy> {
    let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
    let weights: Vec<Bits> = weights.collect();
    for slot in Slot::all(graph) {
        match slot {
            Slot::Weight(layer) => policy.set(slot, weights[layer]),
            Slot::Activation(tensor) => policy.set(slot, tensors[tensor].bits),
        }
    }
    let agrees = tensors.iter().enumerate().all(|(tensor, q)| q.bits == policy.activation(graph, tensor));
    agrees.then_some(policy)
}

fn check_layer(layer: &Layer, integers: &QuantizedLayer) -> Result<(), &'static str> {
    match integers {
        QuantizedLayer::Kernel(kernel) => check_kernel(layer, kernel),
        QuantizedLayer::Pool(requantizer) => check_shift(requantizer.shift, 62),
        QuantizedLayer::Add(requantizer) => check_shift(requantizer.shift, 30),
        QuantizedLayer::Multiply(requantizer) => check_shift(requantizer.shift, 62),
        QuantizedLayer::MaxPool
        | QuantizedLayer::AvgPool
        | QuantizedLayer::Lookup(_)
        | QuantizedLayer::Concat(_) => Ok(()),
    }
}

fn check_kernel(layer: &Layer, kernel: &Kernel) -> Result<(), &'static str> {
    let colours =
        matches!(layer.op, Op::Conv(..)) && layer.inputs[0] == 0 && kernel.pad_codes.len() == COLOURS;
    if kernel.pad_codes.len() != 1 && !colours {
        return Err("has a pad code for each channel, which only the first layer may have");
    }
    kernel.requantizers.iter().try_for_each(|requantizer| check_shift(requantizer.shift, 62))
}

/// The runtime shifts by 1 digit at least and `most` at most.
fn check_shift(shift: u8, most: u8) -> Result<(), &'static str> {
    if (1..=most).contains(&shift) { Ok(()) } else { Err("has a factor that the C runtime cannot apply") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Family, Padding, Spec, Width};

    /// Networks that have a [`Spec`] need no look at their layers: the runtime runs the smallest and the largest, and
    /// their names have room in the records of version 1.
    #[test]
    fn all_networks_of_the_zoo_fit_the_runtime() {
        for family in Family::ALL {
            for (width, side, padding) in [(10, 32, Padding::PyTorch), (200, 320, Padding::TensorFlow)] {
                let spec = Spec::new(family, Width(width), side).expect("in range").with_padding(padding);
                let graph = spec.with_classes(10_000).expect("in range").build();
                for layer in &graph.layers {
                    assert_eq!(supports(&graph, layer), Ok(()), "{family:?} {}", layer.name);
                    assert!(layer.name.len() <= 16, "the format's name field");
                }
                assert!(spec.to_string().len() <= 32, "the format's name field");
            }
        }
    }
}
