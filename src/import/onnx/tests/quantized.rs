//! Activations in integers.

use super::*;
use crate::import::raw::RawQuantizer;

const UNSIGNED: RawQuantizer = RawQuantizer { scale: 0.5, zero_point: 7, range: (0, 255) };

fn constants() -> Vec<TensorProto> {
    let byte = |name: &str, data_type, value: u8| tensor(name, data_type, &[], vec![value]);
    vec![
        scalar("s", 0.5),
        scalar("t", 0.25),
        byte("z", DataType::Uint8, 7),
        byte("least", DataType::Uint8, 0),
        byte("signed", DataType::Int8, 0x80),
        floats("many", &[4], &[0.5; 4]),
        tensor("qw", DataType::Int8, &[2, 4, 1, 1], vec![1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc]),
        floats("sw", &[2], &[0.5, 0.25]),
        tensor("zw", DataType::Int8, &[2], vec![0, 1]),
        tensor("qb", DataType::Int32, &[2], [8_i32, -16].map(i32::to_le_bytes).concat()),
    ]
}

fn pair(scale: &str, zero_point: &str) -> [NodeProto; 2] {
    [
        node("QuantizeLinear", &["a", scale, zero_point], "q", vec![]),
        node("DequantizeLinear", &["q", scale, zero_point], "y", vec![]),
    ]
}

fn after(first: &str, pair: [NodeProto; 2]) -> RawGraph {
    let nodes = std::iter::once(node(first, &["x"], "a", vec![])).chain(pair).collect();
    Network::new(nodes, constants()).read().expect("a readable network")
}

#[test]
fn a_pair_is_its_input_with_a_quantizer() {
    let graph = after("Tanh", pair("s", "z"));
    let ops: Vec<&RawOp> = graph.nodes.iter().map(|node| &node.op).collect();
    assert_eq!(ops, [&RawOp::Tanh, &RawOp::Identity]);
    assert_eq!((&graph.nodes[1].inputs[0], &graph.nodes[1].outputs[0]), (&"a".to_owned(), &"y".to_owned()));
    assert_eq!(graph.quantizers, [("y".to_owned(), UNSIGNED)].into());
    assert!(graph.constants.is_empty());
}

#[test]
fn integers_from_zero_hold_a_relu_that_was_dropped() {
    let relu = RawOp::Clip { min: 0.0, max: f32::INFINITY };
    let ops = |first, pair| after(first, pair).nodes.into_iter().map(|node| node.op).collect::<Vec<_>>();
    assert_eq!(ops("Tanh", pair("s", "least")), [RawOp::Tanh, relu.clone()]);
    assert_eq!(ops("Tanh", pair("s", "signed")), [RawOp::Tanh, relu.clone()]);
    // Nothing to clip.
    assert_eq!(ops("Sigmoid", pair("s", "least")), [RawOp::Sigmoid, RawOp::Identity]);
    assert_eq!(ops("Relu", pair("s", "least")), [relu, RawOp::Identity]);
    // Nor at the image.
    assert_eq!(ops("Identity", pair("s", "least")), [RawOp::Identity, RawOp::Identity]);
}

#[test]
fn scales_that_do_not_belong_together_are_refused() {
    let last = |pair: [NodeProto; 2]| match after("Tanh", pair).nodes.pop().expect("a node").op {
        RawOp::Unsupported { reason } => reason,
        other => panic!("{other:?}"),
    };
    let [there, _] = pair("s", "z");
    let [_, back] = pair("t", "z");
    assert_eq!(last([there, back]), "a scale of 0.25 and a zero point of 7 for integers with 0.5 and 7");
    let [there, back] = pair("many", "z");
    let said = last([there, back]);
    assert_eq!(said, "with a scale for each channel of an activation; only one for all is supported");
}

#[test]
fn integers_go_through_what_only_moves_them() {
    let [there, back] = pair("s", "z");
    let between = vec![
        node("Tanh", &["x"], "a", vec![]),
        there,
        node("Flatten", &["q"], "f", vec![]),
        NodeProto { input: vec!["f".into(), "s".into(), "z".into()], ..back },
    ];
    let graph = Network::new(between, constants()).read().expect("a readable network");
    let ops: Vec<&RawOp> = graph.nodes.iter().map(|node| &node.op).collect();
    assert_eq!(
        ops,
        [&RawOp::Tanh, &RawOp::Identity, &RawOp::Reshape { dims: vec![0, -1] }, &RawOp::Identity]
    );
    assert_eq!(graph.quantizers.keys().collect::<Vec<_>>(), ["f", "q", "y"]);
}

#[test]
fn operators_on_integers_are_those_on_real_numbers() {
    let [there, back] = pair("s", "z");
    let there = NodeProto { input: vec!["x".into(), "s".into(), "z".into()], ..there };
    let conv = ["q", "s", "z", "qw", "sw", "zw", "t", "z", "qb"];
    let add = NodeProto {
        domain: "com.microsoft".into(),
        ..node("QLinearAdd", &["c", "t", "z", "c", "t", "z", "s", "least"], "d", vec![])
    };
    let back = NodeProto { input: vec!["d".into(), "s".into(), "least".into()], ..back };
    let nodes = vec![there, node("QLinearConv", &conv, "c", vec![ints("strides", &[2, 2])]), add, back];
    let graph = Network::new(nodes, constants()).read().expect("a readable network");
    let names: Vec<&str> = graph.nodes.iter().map(|node| node.outputs[0].as_str()).collect();
    assert_eq!(names, ["q", "c", "d/unclipped", "d", "y"]);
    assert!(matches!(graph.nodes[1].op, RawOp::Conv { stride: [2, 2], .. }));
    assert_eq!(graph.nodes[2].op, RawOp::Add);
    assert!(matches!(graph.nodes[3].op, RawOp::Clip { min: 0.0, .. }));
    assert_eq!(kept(&graph, "qw"), (&[2, 1, 1, 4][..], &[0.5, 1.0, 1.5, 2.0, -0.5, -0.75, -1.0, -1.25][..]));
    // The scale of the input times that of the weights.
    assert_eq!(kept(&graph, "qb").1, [8.0 * 0.25, -16.0 * 0.125]);
    assert_eq!(graph.quantizers["c"], RawQuantizer { scale: 0.25, ..UNSIGNED });
    assert_eq!(graph.quantizers["d"], RawQuantizer { zero_point: 0, ..UNSIGNED });
}
