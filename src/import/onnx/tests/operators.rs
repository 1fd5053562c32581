//! Each operator with its attributes, in the forms of all versions.

use super::*;
use crate::import::raw::{RawPadding, RawWindow};

const INF: f32 = f32::INFINITY;

/// What one node becomes that reads `x` and constants.
fn becomes(op: &str, attributes: Vec<AttributeProto>, constants: Vec<TensorProto>, opset: i64) -> RawOp {
    let names: Vec<String> = constants.iter().map(|constant| constant.name.clone()).collect();
    let inputs: Vec<&str> = std::iter::once("x").chain(names.iter().map(String::as_str)).collect();
    Network::new(vec![node(op, &inputs, "y", attributes)], constants).opset(opset).single().0.op
}

#[test]
fn convolutions_keep_their_attributes_and_turn_their_kernel() {
    let nodes = vec![node(
        "Conv",
        &["x", "w", "b"],
        "y",
        vec![
            ints("strides", &[2, 1]),
            ints("pads", &[1, 2, 3, 4]),
            ints("dilations", &[1, 2]),
            ints("kernel_shape", &[2, 3]),
            int("group", 2),
        ],
    )];
    let (conv, graph) = Network::new(nodes, vec![counted("w", &[2, 2, 2, 3]), counted("b", &[2])]).single();
    let padding = RawPadding::Explicit([1, 2, 3, 4]);
    assert_eq!(conv.op, RawOp::Conv { stride: [2, 1], dilation: [1, 2], padding, groups: 2 });
    assert_eq!((conv.name.as_str(), conv.operator.as_str()), ("the Conv", "Conv"));
    assert_eq!((conv.inputs, conv.outputs), (vec!["x".into(), "w".into(), "b".into()], vec!["y".to_owned()]));
    let (dims, values) = kept(&graph, "w");
    assert_eq!(dims, [2, 2, 3, 2]);
    // Two inputs lie side by side: six elements apart in the file.
    assert_eq!(values[..6], [0.0, 6.0, 1.0, 7.0, 2.0, 8.0]);
    assert_eq!(values[12..14], [12.0, 18.0]);
    assert_eq!(kept(&graph, "b"), (&[2][..], &[0.0, 1.0][..]));
}

#[test]
fn padding_has_four_ways() {
    let conv = |attributes| match becomes("Conv", attributes, vec![counted("w", &[1, 4, 3, 3])], 17) {
        RawOp::Conv { padding, .. } => padding,
        other => panic!("{other:?}"),
    };
    assert_eq!(conv(vec![]), RawPadding::VALID);
    assert_eq!(
        conv(vec![text("auto_pad", "NOTSET"), ints("pads", &[1, 1, 1, 1])]),
        RawPadding::Explicit([1; 4])
    );
    assert_eq!(conv(vec![text("auto_pad", "VALID")]), RawPadding::VALID);
    assert_eq!(conv(vec![text("auto_pad", "SAME_UPPER")]), RawPadding::Same);
    assert_eq!(conv(vec![text("auto_pad", "SAME_LOWER")]), RawPadding::SameLower);
}

#[test]
fn pools_have_windows() {
    let window = |padding, ceil| RawWindow { kernel: [3, 2], stride: [2, 1], padding, ceil };
    let shared = || vec![ints("kernel_shape", &[3, 2]), ints("strides", &[2, 1])];
    let with = |more: Vec<AttributeProto>| [shared(), more].concat();
    let around = RawPadding::Explicit([1, 0, 1, 0]);
    let pads = ints("pads", &[1, 0, 1, 0]);
    let cases = [
        ("MaxPool", with(vec![]), RawOp::MaxPool(window(RawPadding::VALID, false))),
        ("MaxPool", with(vec![pads.clone(), int("ceil_mode", 1)]), RawOp::MaxPool(window(around, true))),
        (
            "MaxPool",
            with(vec![text("auto_pad", "SAME_UPPER")]),
            RawOp::MaxPool(window(RawPadding::Same, false)),
        ),
        (
            "AveragePool",
            with(vec![pads.clone()]),
            RawOp::AvgPool { window: window(around, false), counts_pads: false },
        ),
        (
            "AveragePool",
            with(vec![pads, int("count_include_pad", 1)]),
            RawOp::AvgPool { window: window(around, false), counts_pads: true },
        ),
        ("GlobalAveragePool", vec![], RawOp::Mean { axes: vec![2, 3], keep: true }),
        (
            "ReduceMean",
            vec![ints("axes", &[-2, -1]), int("keepdims", 0)],
            RawOp::Mean { axes: vec![-2, -1], keep: false },
        ),
        ("ReduceMean", vec![], RawOp::Mean { axes: vec![0, 1, 2, 3], keep: true }),
    ];
    for (op, attributes, expected) in cases {
        assert_eq!(becomes(op, attributes, vec![], 13), expected, "{op}");
    }
    let axes = vec![longs("axes", &[2, 3])];
    assert_eq!(becomes("ReduceMean", vec![], axes, 18), RawOp::Mean { axes: vec![2, 3], keep: true });
    assert_eq!(becomes("ReduceMean", vec![int("noop_with_empty_axes", 1)], vec![], 18), RawOp::Identity);
}

#[test]
fn pads_are_attributes_or_inputs() {
    let expected = RawOp::Pad { pads: vec![[0, 0], [0, 0], [1, 3], [2, 4]], value: 0.5 };
    let listed = [0, 0, 1, 2, 0, 0, 3, 4];
    let old = vec![ints("pads", &listed), float("value", 0.5), text("mode", "constant")];
    assert_eq!(becomes("Pad", old, vec![], 9), expected);
    let new = vec![longs("pads", &listed), scalar("value", 0.5)];
    assert_eq!(becomes("Pad", vec![], new, 13), expected);
    let axes = vec![longs("pads", &[1, 2, 3, 4]), scalar("value", 0.5), longs("axes", &[2, -1])];
    assert_eq!(becomes("Pad", vec![], axes, 18), expected);
}

#[test]
fn activations_have_their_numbers() {
    let cases = [
        ("Relu", vec![], RawOp::Clip { min: 0.0, max: INF }),
        ("LeakyRelu", vec![], RawOp::LeakyRelu { slope: 0.01 }),
        ("LeakyRelu", vec![float("alpha", 0.3)], RawOp::LeakyRelu { slope: 0.3 }),
        ("Sigmoid", vec![], RawOp::Sigmoid),
        ("HardSigmoid", vec![], RawOp::HardSigmoid { slope: 0.2, offset: 0.5 }),
        (
            "HardSigmoid",
            vec![float("alpha", 0.25), float("beta", 0.4)],
            RawOp::HardSigmoid { slope: 0.25, offset: 0.4 },
        ),
        ("HardSwish", vec![], RawOp::HardSwish),
        ("Swish", vec![], RawOp::Swish),
        ("Tanh", vec![], RawOp::Tanh),
        ("Softmax", vec![int("axis", 1)], RawOp::Softmax),
        ("LogSoftmax", vec![int("axis", -1)], RawOp::Softmax),
        ("Clip", vec![float("min", 0.0), float("max", 6.0)], RawOp::Clip { min: 0.0, max: 6.0 }),
        ("Clip", vec![float("max", 6.0)], RawOp::Clip { min: -INF, max: 6.0 }),
        ("Clip", vec![float("min", f32::MIN), float("max", f32::MAX)], RawOp::Clip { min: -INF, max: INF }),
        ("Identity", vec![], RawOp::Identity),
        ("Dropout", vec![float("ratio", 0.5)], RawOp::Identity),
        ("Cast", vec![int("to", 10)], RawOp::Identity),
        ("Cast", vec![int("to", 1)], RawOp::Identity),
    ];
    for (op, attributes, expected) in cases {
        assert_eq!(becomes(op, attributes, vec![], 10), expected, "{op}");
    }
    let clip = |inputs: &[&str]| {
        let nodes = vec![node("Clip", inputs, "y", vec![])];
        Network::new(nodes, vec![scalar("low", 0.0), floats("high", &[1], &[6.0])]).single().0.op
    };
    assert_eq!(clip(&["x", "low", "high"]), RawOp::Clip { min: 0.0, max: 6.0 });
    assert_eq!(clip(&["x", "low"]), RawOp::Clip { min: 0.0, max: INF });
    assert_eq!(clip(&["x", "", "high"]), RawOp::Clip { min: -INF, max: 6.0 });
    assert_eq!(becomes("Min", vec![], vec![scalar("six", 6.0)], 13), RawOp::Clip { min: -INF, max: 6.0 });
    assert_eq!(becomes("Max", vec![], vec![scalar("zero", 0.0)], 13), RawOp::Clip { min: 0.0, max: INF });
    let slopes = vec![floats("slope", &[4, 1, 1], &[0.1; 4])];
    assert_eq!(becomes("PRelu", vec![], slopes, 16), RawOp::LeakyRelu { slope: 0.1 });
}

#[test]
fn matrices_stand_outputs_first() {
    // Two outputs of three inputs each.
    let theirs = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let turned = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
    let dense = |op: &str, attributes, dims: &[i64], bias: Option<TensorProto>| {
        let inputs: &[&str] = if bias.is_some() { &["x", "w", "b"] } else { &["x", "w"] };
        let constants = std::iter::once(floats("w", dims, &theirs)).chain(bias).collect();
        let (node, graph) = Network::flat(vec![node(op, inputs, "y", attributes)], constants).single();
        assert_eq!(node.op, RawOp::Dense);
        let (dims, values) = kept(&graph, "w");
        assert_eq!(dims, [if values == theirs { 2 } else { 3 }, if values == theirs { 3 } else { 2 }]);
        let bias = node.inputs.get(2).map(|name| kept(&graph, name).1.to_vec());
        (values.to_vec(), bias)
    };
    assert_eq!(dense("MatMul", vec![], &[2, 3], None), (turned.to_vec(), None));
    assert_eq!(dense("Gemm", vec![], &[2, 3], None), (turned.to_vec(), None));
    let bias = Some(floats("b", &[2], &[7.0, 8.0]));
    assert_eq!(dense("Gemm", vec![int("transB", 1)], &[2, 3], bias), (theirs.to_vec(), Some(vec![7.0, 8.0])));
    // One number, or one row, for all.
    let bias = Some(floats("b", &[], &[7.0]));
    assert_eq!(dense("Gemm", vec![int("transB", 1)], &[2, 3], bias).1, Some(vec![7.0; 2]));
    let bias = Some(floats("b", &[1, 2], &[7.0, 8.0]));
    assert_eq!(
        dense("Gemm", vec![int("transB", 1), float("beta", 0.5)], &[2, 3], bias).1,
        Some(vec![3.5, 4.0])
    );
    let nodes = vec![node("Gemm", &["x", "w"], "y", vec![int("transB", 1), float("alpha", 2.0)])];
    let (node, graph) = Network::flat(nodes, vec![floats("w", &[2, 3], &theirs)]).single();
    assert_eq!(kept(&graph, &node.inputs[1]).1, theirs.map(|value| 2.0 * value));
}

#[test]
fn weights_of_two_uses_are_kept_in_both_forms() {
    let nodes = vec![
        node("Gemm", &["x", "w"], "a", vec![]),
        node("Gemm", &["a", "w"], "b", vec![int("transB", 1)]),
        node("Gemm", &["b", "w"], "y", vec![]),
    ];
    let graph = Network::flat(nodes, vec![counted("w", &[6, 6])]).read().expect("a readable network");
    let names: Vec<&str> = graph.nodes.iter().map(|node| node.inputs[1].as_str()).collect();
    assert_eq!(names, ["w", "w/plain", "w"]);
    assert_eq!(kept(&graph, "w").1[..2], [0.0, 6.0]);
    assert_eq!(kept(&graph, "w/plain").1[..2], [0.0, 1.0]);
}

#[test]
fn normalizations_and_sums_read_constants() {
    let names = ["gamma", "beta", "mean", "variance"];
    let constants: Vec<TensorProto> = names.iter().map(|name| counted(name, &[4])).collect();
    let op = becomes("BatchNormalization", vec![float("epsilon", 0.5)], constants, 15);
    assert_eq!(op, RawOp::BatchNorm { epsilon: 0.5 });
    for (name, expected) in [
        ("Add", RawOp::Add),
        ("Sub", RawOp::Sub),
        ("Mul", RawOp::Mul),
        ("Div", RawOp::Div),
        ("Sum", RawOp::Add),
    ] {
        let (node, graph) =
            Network::new(vec![node(name, &["c", "x"], "y", vec![])], vec![counted("c", &[4, 1, 1])]).single();
        assert_eq!((node.op, node.inputs), (expected, vec!["c".to_owned(), "x".into()]));
        assert_eq!(kept(&graph, "c").0, [4, 1, 1]);
    }
}

#[test]
fn what_is_not_supported_says_why() {
    let weights = || vec![counted("w", &[1, 4, 3, 3])];
    let pool = || ints("kernel_shape", &[2, 2]);
    let cases = [
        ("LSTM", vec![], vec![], "a recurrent layer"),
        ("GlobalMaxPool", vec![], vec![], "a maximum over whole maps; the mean is supported"),
        ("Frobnicate", vec![], vec![], "an operator that is not supported"),
        (
            "Conv",
            vec![],
            vec![counted("w", &[1, 4, 3])],
            "a convolution over 1 axes; only two, rows and columns, are supported",
        ),
        (
            "Conv",
            vec![],
            vec![counted("w", &[1, 4, 3, 3, 3])],
            "a convolution over 3 axes; only two, rows and columns, are supported",
        ),
        (
            "Conv",
            vec![ints("kernel_shape", &[5, 5])],
            weights(),
            "a kernel of [5, 5] with weights of [1, 4, 3, 3]",
        ),
        (
            "Conv",
            vec![ints("strides", &[0, 1])],
            weights(),
            "with strides [0, 1], where sizes of at least 1 are expected",
        ),
        (
            "Conv",
            vec![ints("pads", &[-1, 0, 0, 0])],
            weights(),
            "with pads [-1, 0, 0, 0], where four sizes of at least 0 are expected",
        ),
        ("Conv", vec![int("group", 0)], weights(), "with a number of groups below 1"),
        ("Conv", vec![], vec![], "without its input 1"),
        ("MaxPool", vec![pool(), ints("dilations", &[2, 2])], vec![], "a pool with dilation"),
        ("MaxPool", vec![], vec![], "without a kernel_shape"),
        (
            "Gemm",
            vec![int("transA", 1)],
            vec![counted("w", &[6, 6])],
            "with transA; only weights may be transposed",
        ),
        (
            "MatMul",
            vec![],
            vec![counted("w", &[2, 6, 6])],
            "a product with weights of [2, 6, 6], where a matrix is expected",
        ),
        (
            "Cast",
            vec![int("to", 6)],
            vec![],
            "a cast to integers (ONNX's type 6); only real numbers are supported",
        ),
        ("Softmax", vec![int("axis", 2)], vec![], "a softmax over axis 2"),
        (
            "Sum",
            vec![],
            vec![counted("a", &[1]), counted("b", &[1])],
            "a sum of 3 tensors; only two are supported",
        ),
        (
            "Pad",
            vec![text("mode", "reflect"), ints("pads", &[0; 8])],
            vec![],
            "padding by 'reflect'; only constant values are supported",
        ),
        ("Pad", vec![ints("pads", &[0; 6])], vec![], "with 6 pads, which do not fit the axes"),
        ("Clip", vec![float("min", 3.0), float("max", 1.0)], vec![], "a clip from 3 to 1"),
        (
            "PRelu",
            vec![],
            vec![floats("s", &[2], &[0.1, 0.2])],
            "a slope for each channel; only one for all is supported",
        ),
        ("Resize", vec![], vec![], "a map that is resized"),
    ];
    for (op, attributes, constants, expected) in cases {
        match becomes(op, attributes, constants, 10) {
            RawOp::Unsupported { reason } => assert_eq!(reason, expected, "{op}"),
            other => panic!("{op} is {other:?}"),
        }
    }
    let product = vec![node("MatMul", &["x", "x"], "y", vec![])];
    assert_eq!(reason(Network::flat(product, vec![])), "a product of two computed tensors, as in attention");
    let product = vec![node("MatMul", &["w", "x"], "y", vec![])];
    let said = reason(Network::flat(product, vec![counted("w", &[6, 6])]));
    assert_eq!(said, "a product with weights on the left; only those on the right are supported");
    let foreign = NodeProto { domain: "com.acme".into(), ..node("Conv", &["x"], "y", vec![]) };
    assert_eq!(
        reason(Network::flat(vec![foreign], vec![])),
        "an operator of the domain 'com.acme', which is not ONNX's own"
    );
    let branch = node("If", &["x"], "y", vec![attribute("then_branch", AttributeType::Graph)]);
    assert_eq!(reason(Network::flat(vec![branch], vec![])), "control flow: it runs other graphs");
}

#[test]
fn everything_that_is_in_the_way_is_told_at_once() {
    let nodes = vec![
        node("LSTM", &["x", "w"], "a", vec![]),
        node("Conv", &["a", "a"], "b", vec![]),
        node("Relu", &["b"], "y", vec![]),
    ];
    let graph = Network::new(nodes, vec![counted("w", &[4])]).read().expect("a readable network");
    let refused = graph.nodes.iter().filter(|node| matches!(node.op, RawOp::Unsupported { .. })).count();
    assert_eq!((graph.nodes.len(), refused), (3, 2));
    // Constants of what is not supported are not kept.
    assert_eq!((graph.nodes[0].inputs.as_slice(), graph.constants.len()), (&["x".to_owned()][..], 0));
}

#[test]
fn a_second_result_that_is_used_is_not_supported() {
    let pool = |outputs: &[&str]| NodeProto {
        output: outputs.iter().map(|&name| name.to_owned()).collect(),
        ..node("MaxPool", &["x"], "p", vec![ints("kernel_shape", &[2, 2])])
    };
    let read = |pool| {
        let nodes = vec![pool, node("Add", &["p", "p"], "y", vec![])];
        Network::new(nodes, vec![]).read().expect("a readable network").nodes
    };
    assert!(matches!(read(pool(&["p", "unused"]))[0].op, RawOp::MaxPool(_)));
    let nodes = vec![pool(&["p", "indices"]), node("Add", &["p", "indices"], "y", vec![])];
    let graph = Network::new(nodes, vec![]).read().expect("a readable network");
    assert!(
        matches!(&graph.nodes[0].op, RawOp::Unsupported { reason } if reason.contains("'indices' is used"))
    );
    assert_eq!(graph.nodes[0].outputs, ["p", "indices"]);
}
