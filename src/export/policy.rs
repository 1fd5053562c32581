//! The width of every tensor as JSON: by name for people and programs, and as the list that HAQ's code takes.
//!
//! # `policy.json`
//!
//! An object with the network's name and `layers`, in execution order. Each layer has a `name`, what it is (`op`),
//! `weight_bits` if it has weights, and `output_bits`: the width of the tensor it writes, `null` for the logits, which
//! are INT32. The image is not listed: it has 8 bits. [`read`] takes such a file back.
//!
//! # `haq.json`
//!
//! A list `[[w, a], ...]` as HAQ's `strategy` (arXiv 1811.08886; `finetune.py` and `LinearQuantizeEnv` of its code): one
//! pair for each convolution and linear layer, in the order of PyTorch's modules, which for the networks of the zoo is
//! execution order. **There a is the width of what the layer reads, here a policy has the width of what it writes**, so
//! the list is shifted by one layer. `-1` stands for what is not quantized: the image.
//!
//! HAQ knows neither pools nor residual adds, functions, products and concatenations. The a of a layer behind a pool is the
//! width of the map that the pool reads; what only the others read (the linear output of a bottleneck) has no entry, and
//! [`read`] gives it the width of their output.

use crate::{
    net::{Graph, Layer, LayerId, Network, Op, TensorId},
    quant::{Bits, Policy, Slot},
};
use serde::{Deserialize, Serialize};

/// What HAQ writes for a tensor that is not quantized.
const NOT_QUANTIZED: i64 = -1;

/// Why a text is no policy of a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is not JSON, or other JSON.
    #[error(
        "no policy: {0}; expected an object with \"layers\" as in policy.json, or a list [[w, a], ...] as HAQ's"
    )]
    Format(String),
    /// It names another network.
    #[error("a policy of {found}: expected one of {expected}; choose its network or another policy")]
    Network {
        /// The network that is there.
        expected: String,
        /// The network it names.
        found: String,
    },
    /// It has more or fewer layers than the network.
    #[error("{found} {what}: expected {expected}; the policy is of another network")]
    Count {
        /// What was counted.
        what: &'static str,
        /// Of the network.
        expected: usize,
        /// Of the text.
        found: usize,
    },
    /// A layer is not where it should be.
    #[error("layer {found} at place {place}: expected {expected}; the policy is of another network")]
    Name {
        /// Which entry, from 1.
        place: usize,
        /// Name in the network.
        expected: String,
        /// Name in the text.
        found: String,
    },
    /// A width that there is not.
    #[error("layer {layer}: {what} of {found} bits: expected 2, 4 or 8")]
    Width {
        /// Name of the layer.
        layer: String,
        /// Weights, output or input.
        what: &'static str,
        /// What stands there.
        found: String,
    },
}

/// One layer of `policy.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerBits {
    /// The layer's name.
    pub name: String,
    /// What it computes.
    #[serde(default)]
    pub op: String,
    /// Width of its weights, if it has any.
    pub weight_bits: Option<i64>,
    /// Width of its output; `None` for logits.
    pub output_bits: Option<i64>,
}

#[derive(Serialize)]
struct Written {
    format: &'static str,
    version: u32,
    network: String,
    classes: usize,
    mean_weight_bits: f64,
    layers: Vec<LayerBits>,
}

#[derive(Deserialize)]
struct Read {
    network: Option<String>,
    layers: Vec<LayerBits>,
}

/// All layers with their widths.
pub fn layers(graph: &Graph, policy: &Policy) -> Vec<LayerBits> {
    let layer = |(id, layer): (LayerId, &Layer)| LayerBits {
        name: layer.name.clone(),
        op: kind(layer).into(),
        weight_bits: layer.has_weights().then(|| policy.weight(id).count() as i64),
        output_bits: (layer.output != graph.logits())
            .then(|| policy.activation(graph, layer.output).count() as i64),
    };
    graph.layers.iter().enumerate().map(layer).collect()
}

/// What a layer computes, in one or two words.
pub fn kind(layer: &Layer) -> &'static str {
    match layer.op {
        Op::Conv(window) if window.kernel == 1 => "pointwise convolution",
        Op::Conv(..) => "convolution",
        Op::Depthwise(..) => "depthwise convolution",
        Op::Linear => "linear",
        Op::GlobalAvgPool => "global average pool",
        Op::Add => "residual add",
        Op::MaxPool(..) => "max pool",
        Op::AvgPool(..) => "average pool",
        Op::Lookup(function) => function.name(),
        Op::Multiply => "product by channel",
        Op::Concat => "concatenation",
    }
}

/// The text of `policy.json`.
pub fn write(network: &Network, policy: &Policy) -> String {
    let graph = network.graph();
    let written = Written {
        format: "bitsmith-policy",
        version: 1,
        network: network.to_string(),
        classes: graph.classes(),
        mean_weight_bits: policy.mean_weight_bits(graph),
        layers: layers(graph, policy),
    };
    lines(&written)
}

/// The pairs of HAQ's list.
pub fn haq(graph: &Graph, policy: &Policy) -> Vec<[i64; 2]> {
    let pair = |(id, layer): (LayerId, &Layer)| {
        let read = haq_input(graph, layer);
        let a = if read == 0 { NOT_QUANTIZED } else { policy.activation(graph, read).count() as i64 };
        [policy.weight(id).count() as i64, a]
    };
    graph.weighted_layers().map(pair).collect()
}

/// The text of `haq.json`: one line, to be pasted.
pub fn write_haq(graph: &Graph, policy: &Policy) -> String {
    let pairs: Vec<_> = haq(graph, policy).iter().map(|[w, a]| format!("[{w}, {a}]")).collect();
    format!("[{}]\n", pairs.join(", "))
}

/// Reads either form.
///
/// # Errors
/// If the text is neither, or of another network.
pub fn read(text: &str, network: &Network) -> Result<Policy, PolicyError> {
    let graph = network.graph();
    let format = |error: serde_json::Error| PolicyError::Format(error.to_string());
    let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
    if text.trim_start().starts_with('[') {
        let pairs: Vec<[i64; 2]> = serde_json::from_str(text).map_err(format)?;
        read_haq(&pairs, graph, &mut policy)?;
    } else {
        let read: Read = serde_json::from_str(text).map_err(format)?;
        let expected = network.to_string();
        if let Some(found) = read.network.filter(|name| *name != expected) {
            return Err(PolicyError::Network { expected, found });
        }
        read_layers(&read.layers, graph, &mut policy)?;
    }
    Ok(policy)
}

fn read_layers(layers: &[LayerBits], graph: &Graph, policy: &mut Policy) -> Result<(), PolicyError> {
    let (expected, found) = (graph.layers.len(), layers.len());
    if expected != found {
        return Err(PolicyError::Count { what: "layers", expected, found });
    }
    let slots = Slot::all(graph);
    for (id, (layer, read)) in graph.layers.iter().zip(layers).enumerate() {
        if layer.name != read.name {
            let (expected, found) = (layer.name.clone(), read.name.clone());
            return Err(PolicyError::Name { place: id + 1, expected, found });
        }
        let choices = [
            (Slot::Weight(id), "weights", read.weight_bits),
            (Slot::Activation(layer.output), "an output", read.output_bits),
        ];
        for (slot, what, bits) in choices {
            if slots.contains(&slot) {
                policy.set(slot, width(layer, what, bits)?);
            }
        }
    }
    Ok(())
}

fn read_haq(pairs: &[[i64; 2]], graph: &Graph, policy: &mut Policy) -> Result<(), PolicyError> {
    let (expected, found) = (graph.weighted_layers().count(), pairs.len());
    if expected != found {
        return Err(PolicyError::Count { what: "pairs of widths", expected, found });
    }
    let mut known = vec![false; graph.tensors.len()];
    for ((id, layer), &[w, a]) in graph.weighted_layers().zip(pairs) {
        policy.set(Slot::Weight(id), width(layer, "weights", Some(w))?);
        let read = haq_input(graph, layer);
        if read == 0 && [NOT_QUANTIZED, 8].contains(&a) {
            continue;
        }
        let bits = width(layer, "an input", Some(a))?;
        if read != 0 {
            policy.set(Slot::Activation(read), bits);
            known[read] = true;
        }
    }
    // What no layer with weights reads, from the last layer on: such an output may itself be read by these alone.
    let slots = Slot::all(graph);
    let passes = |op| matches!(op, Op::Add | Op::Lookup(_) | Op::Multiply | Op::Concat);
    for layer in graph.layers.iter().rev().filter(|layer| passes(layer.op)) {
        let inputs = layer.inputs.iter().map(|&input| graph.quantized_as(input));
        for input in inputs.filter(|&input| !known[input] && slots.contains(&Slot::Activation(input))) {
            policy.set(Slot::Activation(input), policy.activation(graph, layer.output));
        }
    }
    Ok(())
}

/// The tensor whose width is a layer's a: what it reads, seen through pools.
fn haq_input(graph: &Graph, layer: &Layer) -> TensorId {
    let input = graph.quantized_as(layer.inputs[0]);
    let pool = graph.layers.iter().find(|other| other.output == input && other.op == Op::GlobalAvgPool);
    pool.map_or(input, |pool| graph.quantized_as(pool.inputs[0]))
}

fn width(layer: &Layer, what: &'static str, bits: Option<i64>) -> Result<Bits, PolicyError> {
    let found = bits.map_or_else(|| "null".to_owned(), |bits| bits.to_string());
    let known = bits.and_then(|bits| u32::try_from(bits).ok()).and_then(|bits| Bits::try_from(bits).ok());
    known.ok_or_else(|| PolicyError::Width { layer: layer.name.clone(), what, found })
}

/// A value as JSON with its layers a line each.
fn lines(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(name: &str) -> Network {
        name.parse::<crate::net::Spec>().expect(name).into()
    }

    const NETWORKS: [&str; 3] = ["mobilenet-v1-0.25-128", "mobilenet-v2-0.35-128", "mnasnet-0.5-128"];

    proptest! {
        #[test]
        fn policies_survive(seed: [u8; 32], name in prop::sample::select(&NETWORKS[..])) {
            let network = network(name);
            let graph = network.graph();
            let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
            for (slot, byte) in Slot::all(graph).into_iter().zip(seed.into_iter().cycle()) {
                policy.set(slot, Bits::ALL[usize::from(byte) % 3]);
            }
            prop_assert_eq!(read(&write(&network, &policy), &network), Ok(policy.clone()));

            // HAQ's list keeps all but what only adds read.
            let again = read(&write_haq(graph, &policy), &network).expect("a list of this network");
            prop_assert_eq!(again.weight_bits(graph), policy.weight_bits(graph));
            for (id, tensor) in graph.tensors.iter().enumerate().skip(1) {
                let mut readers = graph.layers.iter().filter(|layer| layer.inputs.contains(&id));
                if readers.any(|layer| layer.op != Op::Add) {
                    prop_assert_eq!(again.activation(graph, id), policy.activation(graph, id), "{}", tensor.name);
                }
            }
            prop_assert_eq!(haq(graph, &again), haq(graph, &policy));
        }

        #[test]
        fn other_texts_are_refused(text: String) {
            let network = network(NETWORKS[0]);
            prop_assert!(read(&text, &network).is_err());
        }
    }

    #[test]
    fn haq_has_the_width_of_what_a_layer_reads() {
        let network = network(NETWORKS[0]);
        let graph = network.graph();
        let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
        let id = |name: &str| graph.layer_named(name).expect(name);
        policy.set(Slot::Weight(id("dw1")), Bits::B2);
        policy.set(Slot::Activation(graph.layers[id("dw1")].output), Bits::B4);
        policy.set(Slot::Activation(graph.layers[id("pw13")].output), Bits::B2);
        let pairs = haq(graph, &policy);
        assert_eq!(pairs.len(), 28);
        assert_eq!(pairs[..4], [[8, -1], [2, 8], [8, 4], [8, 8]], "conv1, dw1, pw1, dw2");
        assert_eq!(pairs[27], [8, 2], "the linear layer, behind the pool");
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let network = network(NETWORKS[0]);
        let graph = network.graph();
        let problem = |text: &str| read(text, &network).expect_err(text).to_string();
        assert!(problem("{}").starts_with("no policy: missing field `layers`"), "{}", problem("{}"));
        assert_eq!(problem("[[8, -1]]"), "1 pairs of widths: expected 28; the policy is of another network");
        let text = write(&network, &Policy::uniform(graph, Bits::B8, Bits::B4));
        let other = text.replace("mobilenet-v1-0.25-128", "mnasnet-1.0-224");
        assert!(problem(&other).starts_with("a policy of mnasnet-1.0-224: expected one of mobilenet-v1"));
        let other = text.replacen("\"dw1\"", "\"pw1\"", 1);
        assert!(problem(&other).starts_with("layer pw1 at place 2: expected dw1"));
        let other = text.replacen("\"weight_bits\": 8", "\"weight_bits\": 6", 1);
        assert_eq!(problem(&other), "layer conv1: weights of 6 bits: expected 2, 4 or 8");
        let list = write_haq(graph, &Policy::uniform(graph, Bits::B8, Bits::B8));
        let other = list.replacen("[8, 8]", "[8, 5]", 1);
        assert_eq!(problem(&other), "layer dw1: an input of 5 bits: expected 2, 4 or 8");
    }
}
