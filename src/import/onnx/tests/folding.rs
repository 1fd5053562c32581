//! What follows from constants.

use super::*;

/// What some nodes make of constants, as the network keeps it: the result is added to the input.
fn folded(mut nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> (Vec<usize>, Vec<f32>) {
    let name = nodes.last().expect("a node").output[0].clone();
    nodes.push(node("Add", &["x", &name], "sum", vec![]));
    let (node, graph) = Network::new(nodes, constants).single();
    assert_eq!(node.op, RawOp::Add);
    let (dims, values) = kept(&graph, &name);
    (dims.to_vec(), values.to_vec())
}

#[test]
fn constants_are_moved() {
    let value = |proto: TensorProto| AttributeProto {
        t: Some(Box::new(proto)),
        ..attribute("value", AttributeType::Tensor)
    };
    let numbers = || {
        vec![
            counted("c", &[2, 3]),
            longs("s", &[3, -1]),
            longs("a", &[0]),
            longs("starts", &[2]),
            longs("ends", &[i64::MIN]),
            longs("axes", &[1]),
            longs("steps", &[-2]),
            longs("to", &[2, 2, 3]),
            longs("index", &[1, -2]),
            longs("size", &[2]),
            counted("row", &[1, 3]),
        ]
    };
    let cases: Vec<(NodeProto, &[usize], &[f32])> = vec![
        (node("Identity", &["c"], "r", vec![]), &[2, 3], &[0., 1., 2., 3., 4., 5.]),
        (node("Reshape", &["c", "s"], "r", vec![]), &[3, 2], &[0., 1., 2., 3., 4., 5.]),
        (node("Flatten", &["c"], "r", vec![int("axis", 2)]), &[6, 1], &[0., 1., 2., 3., 4., 5.]),
        (node("Transpose", &["c"], "r", vec![]), &[3, 2], &[0., 3., 1., 4., 2., 5.]),
        (node("Unsqueeze", &["c", "a"], "r", vec![]), &[1, 2, 3], &[0., 1., 2., 3., 4., 5.]),
        (node("Squeeze", &["row", "a"], "r", vec![]), &[3], &[0., 1., 2.]),
        (node("Squeeze", &["row"], "r", vec![]), &[3], &[0., 1., 2.]),
        (node("Slice", &["c", "starts", "ends", "axes", "steps"], "r", vec![]), &[2, 2], &[2., 0., 5., 3.]),
        (node("Slice", &["c"], "r", vec![ints("starts", &[1]), ints("ends", &[9])]), &[1, 3], &[3., 4., 5.]),
        (node("Gather", &["c", "index"], "r", vec![int("axis", 1)]), &[2, 2], &[1., 1., 4., 4.]),
        (
            node("Concat", &["c", "row"], "r", vec![int("axis", 0)]),
            &[3, 3],
            &[0., 1., 2., 3., 4., 5., 0., 1., 2.],
        ),
        (
            node("Concat", &["c", "c"], "r", vec![int("axis", -1)]),
            &[2, 6],
            &[0., 1., 2., 0., 1., 2., 3., 4., 5., 3., 4., 5.],
        ),
        (
            node("Expand", &["row", "to"], "r", vec![]),
            &[2, 2, 3],
            &[0., 1., 2., 0., 1., 2., 0., 1., 2., 0., 1., 2.],
        ),
        (node("ConstantOfShape", &["size"], "r", vec![]), &[2], &[0., 0.]),
        (node("ConstantOfShape", &["size"], "r", vec![value(floats("", &[1], &[1.5]))]), &[2], &[1.5, 1.5]),
        (node("Shape", &["c"], "r", vec![]), &[2], &[2., 3.]),
    ];
    for (node, dims, values) in cases {
        let name = node.op_type.clone();
        assert_eq!(folded(vec![node], numbers()), (dims.to_vec(), values.to_vec()), "{name}");
    }
}

#[test]
fn constants_are_computed_with() {
    let numbers = || {
        vec![
            floats("c", &[2, 2], &[1.0, 4.0, 9.0, 16.0]),
            floats("d", &[2], &[2.0, -4.0]),
            longs("i", &[7, -7]),
            longs("j", &[2]),
        ]
    };
    let cases: Vec<(NodeProto, &[usize], &[f32])> = vec![
        (node("Add", &["c", "d"], "r", vec![]), &[2, 2], &[3., 0., 11., 12.]),
        (node("Sub", &["d", "c"], "r", vec![]), &[2, 2], &[1., -8., -7., -20.]),
        (node("Mul", &["c", "d"], "r", vec![]), &[2, 2], &[2., -16., 18., -64.]),
        (node("Div", &["c", "d"], "r", vec![]), &[2, 2], &[0.5, -1., 4.5, -4.]),
        // Integers are divided towards zero.
        (node("Div", &["i", "j"], "r", vec![]), &[2], &[3., -3.]),
        (node("Sqrt", &["c"], "r", vec![]), &[2, 2], &[1., 2., 3., 4.]),
        (node("Reciprocal", &["d"], "r", vec![]), &[2], &[0.5, -0.25]),
        (node("Neg", &["d"], "r", vec![]), &[2], &[-2., 4.]),
        (node("Cast", &["i"], "r", vec![int("to", 1)]), &[2], &[7., -7.]),
        (node("Cast", &["d"], "r", vec![int("to", 7)]), &[2], &[2., -4.]),
        (node("CastLike", &["i", "x"], "r", vec![]), &[2], &[7., -7.]),
    ];
    for (node, dims, values) in cases {
        let name = node.op_type.clone();
        assert_eq!(folded(vec![node], numbers()), (dims.to_vec(), values.to_vec()), "{name}");
    }
}

#[test]
fn integers_become_weights() {
    let int8 = |name: &str, dims: &[i64], values: &[i8]| {
        tensor(name, DataType::Int8, dims, values.iter().map(|&v| v as u8).collect())
    };
    let constants = || {
        vec![
            int8("q", &[2, 2], &[10, -10, 127, -128]),
            int8("z", &[2], &[0, 2]),
            int8("zero", &[], &[-10]),
            floats("s", &[2], &[0.5, 2.0]),
            scalar("one", 0.5),
            floats("w", &[2, 2], &[0.25, 0.75, 10.0, -1000.0]),
        ]
    };
    let dequantize = |inputs: &[&str], axis| node("DequantizeLinear", inputs, "r", vec![int("axis", axis)]);
    assert_eq!(folded(vec![dequantize(&["q", "s", "z"], 0)], constants()).1, [5., -5., 250., -260.]);
    assert_eq!(folded(vec![dequantize(&["q", "s", "z"], 1)], constants()).1, [5., -24., 63.5, -260.]);
    assert_eq!(folded(vec![dequantize(&["q", "s"], -1)], constants()).1, [5., -20., 63.5, -256.]);
    assert_eq!(folded(vec![dequantize(&["q", "one", "zero"], 0)], constants()).1, [10., 0., 68.5, -59.]);
    // There and back: halves to even, and not beyond the type.
    let there = node("QuantizeLinear", &["w", "one", "zero"], "q2", vec![]);
    let back = dequantize(&["q2", "one", "zero"], 0);
    assert_eq!(folded(vec![there, back], constants()).1, [0.0, 1.0, 10.0, -59.0]);
    let rounded = node("QuantizeLinear", &["w", "one"], "r", vec![]);
    assert_eq!(folded(vec![rounded], constants()).1, [0.0, 2.0, 20.0, 0.0]);
    let bad = dequantize(&["q", "s", "z"], 0);
    let blocks = NodeProto { attribute: vec![int("block_size", 2)], ..bad };
    assert_eq!(
        reason(Network::new(vec![blocks], constants())),
        "in blocks; export with a scale for each channel"
    );
}

#[test]
fn what_does_not_follow_is_refused_with_a_reason() {
    let cases = [
        (node("Add", &["c", "d"], "y", vec![]), "of tensors [2, 3] and [2], which do not match"),
        (node("Div", &["i", "n"], "y", vec![]), "with the integers 1 and 0, of which it has no result"),
        (node("Add", &["c", "i"], "y", vec![]), "of integers and real numbers together"),
        (node("Gather", &["c", "nine"], "y", vec![]), "of values that are not there"),
        (node("Reshape", &["c", "nine"], "y", vec![]), "of constants [2, 3] to [9]"),
        (node("Concat", &["c", "d"], "y", vec![int("axis", 0)]), "of constants whose sizes do not match"),
        (node("Concat", &["c"], "y", vec![int("axis", 5)]), "over an axis that is not there"),
        (node("Expand", &["c", "nine"], "y", vec![]), "of [2, 3] to [2, 9], which do not match"),
        (node("Cast", &["c"], "y", vec![int("to", 8)]), "a cast of constants to ONNX's type 8"),
        (node("Constant", &[], "y", vec![]), "a constant that is neither numbers nor a tensor of them"),
        (node("Slice", &["c"], "y", vec![]), "without starts"),
        (node("Squeeze", &["c", "n"], "y", vec![]), "of axes that are not of size 1"),
    ];
    for (node, expected) in cases {
        let constants = vec![
            counted("c", &[2, 3]),
            counted("d", &[2]),
            longs("i", &[1]),
            longs("n", &[0]),
            longs("nine", &[9]),
        ];
        assert_eq!(reason(Network::new(vec![node], constants)), expected);
    }
}

#[test]
fn functions_are_put_in_the_place_of_their_calls() {
    use crate::onnx_proto::FunctionProto;
    let reference = |name: &str, of: &str| AttributeProto {
        ref_attr_name: of.into(),
        ..attribute(name, AttributeType::Float)
    };
    let scaled = FunctionProto {
        name: "Scaled".into(),
        domain: "local".into(),
        input: vec!["a".into(), "factor".into()],
        output: vec!["result".into()],
        node: vec![
            node("LeakyRelu", &["a"], "inner", vec![reference("alpha", "slope")]),
            node("Mul", &["inner", "factor"], "result", vec![]),
        ],
        attribute_proto: vec![float("slope", 0.5)],
        ..FunctionProto::default()
    };
    let twice = FunctionProto {
        name: "Twice".into(),
        domain: "local".into(),
        input: vec!["a".into(), "factor".into()],
        output: vec!["b".into()],
        node: vec![
            NodeProto {
                domain: "local".into(),
                ..node("Scaled", &["a", "factor"], "once", vec![float("slope", 0.25)])
            },
            NodeProto { domain: "local".into(), ..node("Scaled", &["once", "factor"], "b", vec![]) },
        ],
        ..FunctionProto::default()
    };
    let call = NodeProto { domain: "local".into(), ..node("Twice", &["x", "two"], "y", vec![]) };
    let mut model = Network::new(vec![call], vec![scalar("two", 2.0)]).model();
    model.functions = vec![scaled.clone(), twice];
    let graph = read(&model.encode_to_vec()).expect("a readable network");
    let ops: Vec<&RawOp> = graph.nodes.iter().map(|node| &node.op).collect();
    let [first, second] = [0.25, 0.5].map(|slope| RawOp::LeakyRelu { slope });
    assert_eq!(ops, [&first, &RawOp::Mul, &second, &RawOp::Mul]);
    assert_eq!(graph.nodes[3].outputs, ["y"]);
    assert_eq!(graph.nodes[2].inputs, graph.nodes[1].outputs);
    assert_eq!(graph.nodes[1].inputs[1], "two");

    // One that calls itself.
    let mut itself = scaled;
    itself.node = vec![NodeProto { domain: "local".into(), ..node("Scaled", &["a"], "result", vec![]) }];
    let call = NodeProto { domain: "local".into(), ..node("Scaled", &["x"], "y", vec![]) };
    let mut model = Network::new(vec![call], vec![]).model();
    model.functions = vec![itself];
    let error = read(&model.encode_to_vec()).expect_err("no end").to_string();
    assert!(error.starts_with("the function 'Scaled' calls itself"), "{error}");
}
