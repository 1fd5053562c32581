//! What a network must fulfil to be exported.

use super::ExportError;
use crate::{
    infer::check_network,
    net::{Graph, Layer, Op, Spec},
    quant::{Bits, Kernel, Policy, QuantizedLayer, QuantizedNetwork, Quantizer, Slot},
};

/// Codes outside the map of the image: one for each colour.
pub const COLOURS: usize = 3;

/// Checks all that the format and the C runtime rely on.
pub fn check(network: &QuantizedNetwork) -> Result<(), ExportError> {
    let QuantizedNetwork { spec, graph, tensors, layers, labels, .. } = network;
    check_spec(spec)?;
    if *graph != spec.build() {
        return Err(ExportError::Network {
            spec: *spec,
            problem: "its layers are not those of this network",
        });
    }
    check_network(network)?;
    let widths = layers.iter().map(|layer| match layer {
        QuantizedLayer::Kernel(kernel) => kernel.bits,
        QuantizedLayer::Pool(_) | QuantizedLayer::Add(_) => Bits::B8,
    });
    if policy_of(graph, tensors, widths) != Some(network.policy.clone()) {
        let problem = "its policy says other widths than its tensors and weights";
        return Err(ExportError::Network { spec: *spec, problem });
    }
    if tensors.iter().any(|quantizer| !(quantizer.scale.is_normal() && quantizer.scale > 0.0)) {
        return Err(ExportError::Network {
            spec: *spec,
            problem: "a tensor's scale is not a positive number",
        });
    }
    let in_order = |labels: &Vec<String>| {
        labels.len() == graph.classes() && labels.iter().all(|label| label.len() <= usize::from(u16::MAX))
    };
    if !labels.as_ref().is_none_or(in_order) {
        let problem = "it has not one label of at most 65,535 bytes for each class";
        return Err(ExportError::Network { spec: *spec, problem });
    }
    for (layer, integers) in graph.layers.iter().zip(layers) {
        check_layer(layer, integers)
            .map_err(|problem| ExportError::Layer { layer: layer.name.clone(), problem })?;
    }
    Ok(())
}

/// A [`Spec`] whose fields were put together by hand may be out of range.
fn check_spec(spec: &Spec) -> Result<(), ExportError> {
    Spec::new(spec.family, spec.width, spec.side)
        .and_then(|checked| checked.with_classes(u64::from(spec.classes)))?;
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
    let agrees = tensors.iter().enumerate().all(|(tensor, q)| q.bits == policy.activation(tensor));
    agrees.then_some(policy)
}

fn check_layer(layer: &Layer, integers: &QuantizedLayer) -> Result<(), &'static str> {
    match integers {
        QuantizedLayer::Kernel(kernel) => check_kernel(layer, kernel),
        QuantizedLayer::Pool(requantizer) => check_shift(requantizer.shift, 62),
        QuantizedLayer::Add(requantizer) => check_shift(requantizer.shift, 30),
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
