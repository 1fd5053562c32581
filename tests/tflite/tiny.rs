//! Tiny networks that TensorFlow's converter wrote, against what LiteRT's interpreter says of them.
//! `tests/tflite/make_tiny.py` makes them.

use super::{constant, floats, node, operators, read};
use bitsmith::import::raw::{Layout, RawGraph, RawOp, RawPadding};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    operators: Vec<String>,
    constants: BTreeMap<String, Weights>,
}

#[derive(Deserialize)]
struct Weights {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Bytes of a committed file.
pub fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/tflite/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the file is in the repository")
}

fn tiny(name: &str) -> (RawGraph, Golden) {
    let mut golden: BTreeMap<String, Golden> =
        serde_json::from_slice(&bytes("tiny.json")).expect("the form that its script writes");
    let graph = read(&bytes(&format!("{name}.tflite"))).expect("a network");
    (graph, golden.remove(name).expect("a network that its script knows"))
}

/// Weights of LiteRT in our order: those of depthwise convolutions have their channels last there.
fn ordered(weights: &Weights, depthwise: bool) -> Vec<f32> {
    let channels = *weights.shape.last().expect("axes");
    if !depthwise {
        return weights.values.clone();
    }
    let of = |channel| weights.values.iter().skip(channel).step_by(channels);
    (0..channels).flat_map(of).copied().collect()
}

#[test]
fn operators_and_weights_are_those_of_the_interpreter() {
    for name in ["tiny_float32", "tiny_float16", "tiny_int8", "tiny_dynamic"] {
        let (graph, golden) = tiny(name);
        // Activations are nodes of their own here, and what is known without an image is none.
        let ours: Vec<&str> =
            operators(&graph).into_iter().filter(|o| !["RELU", "RELU6"].contains(o)).collect();
        let known = ["DEQUANTIZE", "SHAPE", "STRIDED_SLICE", "PACK"];
        let theirs: Vec<_> = golden.operators.iter().filter(|o| !known.contains(&o.as_str())).collect();
        assert_eq!(ours, theirs, "{name}");
        assert!(graph.nodes.iter().all(|node| !matches!(node.op, RawOp::Unsupported { .. })));

        let depthwise = graph.nodes.iter().find(|node| node.operator == "DEPTHWISE_CONV_2D");
        let depthwise = depthwise.map(|node| node.inputs[1].as_str());
        for (of, weights) in &graph.constants {
            let theirs = &golden.constants[of];
            let expected = ordered(theirs, depthwise == Some(of));
            assert_eq!(floats(weights).len(), expected.len(), "{name}: {of}");
            for (ours, theirs) in floats(weights).iter().zip(expected) {
                assert!(
                    (ours - theirs).abs() <= theirs.abs() * f32::EPSILON,
                    "{name}: {of}: {ours} {theirs}"
                );
            }
        }
        assert_eq!(graph.layout, Layout::ChannelsLast);
        assert!(graph.producer.starts_with("MLIR Converted, TensorFlow 2."), "{}", graph.producer);
        assert_eq!(graph.inputs[0].dims[0], None, "the batch is open");
    }
}

#[test]
fn kernels_have_our_order() {
    for name in ["tiny_float32", "tiny_float16", "tiny_int8"] {
        let (graph, _) = tiny(name);
        assert_eq!(
            operators(&graph),
            [
                "CONV_2D",
                "RELU6",
                "DEPTHWISE_CONV_2D",
                "RELU",
                "CONV_2D",
                "ADD",
                "MEAN",
                "FULLY_CONNECTED",
                "SOFTMAX"
            ]
        );
        let shapes: Vec<_> = ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
            .map(|operator| constant(&graph, &node(&graph, operator).inputs[1]).dims.clone())
            .to_vec();
        assert_eq!(shapes, [vec![4, 3, 3, 3], vec![4, 3, 3, 1], vec![4, 4]]);
        let conv =
            |stride, groups| RawOp::Conv { stride, dilation: [1; 2], padding: RawPadding::Same, groups };
        assert_eq!(node(&graph, "CONV_2D").op, conv([2; 2], 1));
        assert_eq!(node(&graph, "DEPTHWISE_CONV_2D").op, conv([1; 2], 4));
        assert_eq!(node(&graph, "MEAN").op, RawOp::Mean { axes: vec![1, 2], keep: false });
        // Seven results and the input are integers, each with a scale; a sum before its activation is none of them.
        assert_eq!(graph.quantizers.len(), if name == "tiny_int8" { 8 } else { 0 });
        // The converter reads the first activation twice.
        let add = node(&graph, "ADD");
        assert_eq!(add.inputs[0], graph.nodes[1].outputs[0]);
        assert_eq!(add.inputs[1], graph.nodes[4].outputs[0]);
    }
}

#[test]
fn weights_in_other_numbers_are_near_those_in_float32() {
    let float = tiny("tiny_float32").0;
    for (name, part) in [("tiny_float16", 1e-3), ("tiny_int8", 1e-2)] {
        let graph = tiny(name).0;
        for (ours, other) in float.nodes.iter().zip(&graph.nodes) {
            for (ours, other) in ours.inputs.iter().zip(&other.inputs) {
                let (Some(ours), Some(other)) = (float.constants.get(ours), graph.constants.get(other))
                else {
                    continue;
                };
                let most = floats(ours).iter().fold(0_f32, |most, value| most.max(value.abs()));
                for (ours, other) in floats(ours).iter().zip(floats(other)) {
                    assert!((ours - other).abs() <= most * part, "{name}: {ours} {other}");
                }
            }
        }
    }
}

#[test]
fn a_flattening_leaves_the_batch_open() {
    let (graph, golden) = tiny("tiny_dynamic");
    assert!(golden.operators.iter().any(|operator| operator == "SHAPE"));
    assert_eq!(operators(&graph), ["MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "TANH"]);
    assert_eq!(node(&graph, "RESHAPE").op, RawOp::Reshape { dims: vec![-1, 128] });
}
