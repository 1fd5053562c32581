//! Reshapes and what they are made of, names, order, inputs.

use super::*;

/// What the last node becomes.
fn last(nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> RawOp {
    let graph = Network::new(nodes, constants).read().expect("a readable network");
    graph.nodes.last().expect("a node").op.clone()
}

fn reshape(dims: &[i64]) -> RawOp {
    RawOp::Reshape { dims: dims.to_vec() }
}

#[test]
fn all_that_keeps_values_is_a_reshape() {
    let pooled = || node("GlobalAveragePool", &["x"], "p", vec![]);
    let cases = [
        (vec![node("Reshape", &["x", "s"], "y", vec![])], reshape(&[0, -1])),
        (vec![node("Flatten", &["x"], "y", vec![])], reshape(&[0, -1])),
        (vec![node("Flatten", &["x"], "y", vec![int("axis", 0)])], reshape(&[1, -1])),
        (vec![node("Flatten", &["x"], "y", vec![int("axis", -1)])], reshape(&[-1, 6])),
        (vec![pooled(), node("Squeeze", &["p"], "y", vec![ints("axes", &[2, -1])])], reshape(&[0, 4])),
        (vec![pooled(), node("Squeeze", &["p", "a"], "y", vec![])], reshape(&[0, 4])),
        (vec![node("Unsqueeze", &["x", "a"], "y", vec![])], reshape(&[0, 4, 1, 1, 6, 6])),
        (vec![node("Unsqueeze", &["x"], "y", vec![ints("axes", &[-1])])], reshape(&[0, 4, 6, 6, 1])),
        (vec![pooled(), node("Expand", &["p", "w"], "y", vec![])], RawOp::Expand { dims: vec![1, 4, 6, 6] }),
        (vec![node("Transpose", &["x"], "y", vec![])], RawOp::Transpose { order: vec![3, 2, 1, 0] }),
        (
            vec![node("Transpose", &["x"], "y", vec![ints("perm", &[0, 2, 3, 1])])],
            RawOp::Transpose { order: vec![0, 2, 3, 1] },
        ),
        (vec![node("Concat", &["x", "x"], "y", vec![int("axis", -3)])], RawOp::Concat { axis: -3 }),
        (vec![node("Concat", &["x"], "y", vec![int("axis", 1)])], RawOp::Identity),
    ];
    for (nodes, expected) in cases {
        let name = nodes.last().expect("a node").op_type.clone();
        let constants = vec![longs("s", &[0, -1]), longs("a", &[2, 3]), longs("w", &[1, 4, 6, 6])];
        assert_eq!(last(nodes, constants), expected, "{name}");
    }
}

#[test]
fn impossible_shapes_are_refused() {
    let cases = [
        (node("Squeeze", &["x"], "y", vec![ints("axes", &[1])]), "of an axis that is not of size 1"),
        (node("Squeeze", &["x"], "y", vec![]), "of all axes of size 1, where some sizes are open"),
        (node("Squeeze", &["x"], "y", vec![ints("axes", &[9])]), "over an axis that is not there"),
        (node("Unsqueeze", &["x"], "y", vec![ints("axes", &[0, 0])]), "over one axis twice"),
        (node("Flatten", &["x"], "y", vec![int("axis", 9)]), "over an axis that is not there"),
        (
            node("Transpose", &["x"], "y", vec![ints("perm", &[0, 1, 1, 2])]),
            "with [0, 1, 1, 2], which is no order of 4 axes",
        ),
        (
            node("Transpose", &["x"], "y", vec![ints("perm", &[1, 0])]),
            "of 2 axes, which are not those of the tensor",
        ),
        (node("Reshape", &["x", "s"], "y", vec![]), "a shape with a size of -2"),
        (node("Reshape", &["x", "t"], "y", vec![]), "a shape with two open sizes"),
        (node("Reshape", &["x", "x"], "y", vec![]), "a shape that is known only when it runs"),
        (
            node("ReduceMean", &["x"], "y", vec![ints("axes", &[4])]),
            "a mean over axes [4] of a tensor of 4 axes",
        ),
    ];
    for (node, expected) in cases {
        assert_eq!(
            reason(Network::new(vec![node], vec![longs("s", &[-2]), longs("t", &[-1, -1])])),
            expected
        );
    }
}

#[test]
fn shapes_that_name_the_batch_are_followed() {
    // x.view(x.size(0), -1), as PyTorch's exporters write it.
    let view = vec![
        node("Conv", &["x", "w"], "c", vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[2, 2])]),
        node("Shape", &["c"], "s", vec![]),
        node("Constant", &[], "zero", vec![int("value_int", 0)]),
        node("Gather", &["s", "zero"], "n", vec![]),
        node("Unsqueeze", &["n"], "n1", vec![ints("axes", &[0])]),
        node("Concat", &["n1", "rest"], "shape", vec![int("axis", 0)]),
        node("Reshape", &["c", "shape"], "y", vec![]),
    ];
    let constants = || vec![counted("w", &[8, 4, 3, 3]), longs("rest", &[-1])];
    assert_eq!(last(view, constants()), reshape(&[0, -1]));
    // x.view(n, c, h * w), all of them from the tensor.
    let sizes = vec![
        node("Conv", &["x", "w"], "c", vec![ints("strides", &[2, 2])]),
        node("Shape", &["c"], "s", vec![int("end", 2)]),
        node("Shape", &["c"], "h", vec![int("start", -2), int("end", 3)]),
        node("Shape", &["c"], "v", vec![int("start", 3)]),
        node("Mul", &["h", "v"], "hv", vec![]),
        node("Concat", &["s", "hv"], "shape", vec![int("axis", 0)]),
        node("Reshape", &["c", "shape"], "y", vec![]),
    ];
    assert_eq!(last(sizes, constants()), reshape(&[0, 8, 4]));
}

#[test]
fn sizes_follow_from_every_operation() {
    let window = vec![ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2])];
    let with = |more: AttributeProto| [window.clone(), vec![more]].concat();
    let cases = [
        (
            node("Conv", &["x", "w"], "t", vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[4, 4])]),
            vec![8, 2, 2],
        ),
        (node("Conv", &["x", "w"], "t", vec![ints("dilations", &[2, 2])]), vec![8, 2, 2]),
        (node("MaxPool", &["x"], "t", window.clone()), vec![4, 2, 2]),
        (node("MaxPool", &["x"], "t", with(int("ceil_mode", 1))), vec![4, 3, 3]),
        (node("AveragePool", &["x"], "t", with(ints("pads", &[1, 1, 1, 1]))), vec![4, 3, 3]),
        (node("Relu", &["x"], "t", vec![]), vec![4, 6, 6]),
        (node("Add", &["x", "v"], "t", vec![]), vec![4, 6, 6]),
        (node("ReduceMean", &["x"], "t", vec![ints("axes", &[-1]), int("keepdims", 0)]), vec![4, 6]),
        (node("ReduceMean", &["x"], "t", vec![ints("axes", &[-1])]), vec![4, 6, 1]),
        (node("Pad", &["x"], "t", vec![ints("pads", &[0, 0, 1, 2, 0, 0, 3, 4])]), vec![4, 10, 12]),
        (node("Reshape", &["x", "s"], "t", vec![]), vec![24, 6]),
        (node("Transpose", &["x"], "t", vec![ints("perm", &[0, 3, 1, 2])]), vec![6, 4, 6]),
        (node("Concat", &["x", "x"], "t", vec![int("axis", 1)]), vec![8, 6, 6]),
        (node("MatMul", &["x", "m"], "t", vec![]), vec![4, 6, 2]),
    ];
    for (first, expected) in cases {
        let name = first.op_type.clone();
        let rank = expected.len() as i64 + 1;
        // The sizes behind the batch, added to what is there: kept as numbers.
        let nodes = vec![
            first,
            node("Shape", &["t"], "all", vec![]),
            node("Slice", &["all", "one", "end"], "sizes", vec![]),
            node("Cast", &["sizes"], "numbers", vec![int("to", 1)]),
            node("Add", &["t", "numbers"], "y", vec![]),
        ];
        let constants = vec![
            counted("w", &[8, 4, 3, 3]),
            counted("v", &[1, 6]),
            counted("m", &[6, 2]),
            longs("s", &[0, 24, -1]),
            longs("one", &[1]),
            longs("end", &[rank]),
        ];
        let graph = Network::new(nodes, constants).opset(12).read().expect("a readable network");
        let expected: Vec<f32> = expected.into_iter().map(|size| size as f32).collect();
        assert_eq!(kept(&graph, "numbers").1, expected, "{name}");
    }
}

#[test]
fn nodes_are_sorted_and_named() {
    let unnamed = |node: NodeProto| NodeProto { name: String::new(), ..node };
    let nodes = vec![
        unnamed(node("Add", &["a", "b"], "c", vec![])),
        node("Relu", &["x"], "a", vec![]),
        node("Relu", &["a"], "b", vec![]),
        node("Relu", &["c"], "y", vec![]),
    ];
    let graph = Network::new(nodes, vec![]).read().expect("a readable network");
    let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["the Relu", "the Relu/2", "c", "the Relu/3"]);
    assert_eq!((graph.producer.as_str(), graph.name.as_str()), ("test 1", "net"));
    assert_eq!(graph.inputs[0].dims, [None, Some(4), Some(6), Some(6)]);
    assert_eq!(graph.outputs, ["y"]);
}

#[test]
fn constants_that_are_listed_as_inputs_are_no_inputs() {
    let mut model =
        Network::new(vec![node("Add", &["x", "c"], "y", vec![])], vec![counted("c", &[4, 1, 1])]).model();
    let graph = model.graph.as_mut().expect("a graph");
    graph.input.push(value("c", &[Some(4), Some(1), Some(1)]));
    graph.input[0] = value("x", &[Some(-1), Some(4), Some(0), Some(6)]);
    let graph = read(&model.encode_to_vec()).expect("a readable network");
    assert_eq!(graph.inputs.len(), 1);
    assert_eq!(graph.inputs[0].dims, [None, Some(4), None, Some(6)]);
}

#[test]
fn metadata_are_kept() {
    let mut model = Network::new(vec![node("Relu", &["x"], "y", vec![])], vec![]).model();
    let entry = |key: &str, value: &str| crate::onnx_proto::StringStringEntryProto {
        key: key.into(),
        value: value.into(),
    };
    model.metadata_props = vec![entry("labels", "[\"cat\",\"dog\"]"), entry("mean", "0.5")];
    let graph = read(&model.encode_to_vec()).expect("a readable network");
    assert_eq!(graph.metadata["labels"], "[\"cat\",\"dog\"]");
    assert_eq!(graph.metadata["mean"], "0.5");
}
