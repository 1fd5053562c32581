//! Files of other tools: made by tests/onnx_files/make.py, and the networks of the shared data folder.

use super::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn words(graph: &RawGraph) -> String {
    let word = |node: &RawNode| match &node.op {
        RawOp::Clip { min, max } if *min == 0.0 && max.is_infinite() => "Relu".to_owned(),
        op => format!("{op:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned(),
    };
    graph.nodes.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn open(path: &Path) -> RawGraph {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every tensor that is read is there, and every weight has its place.
fn check(graph: &RawGraph) {
    let mut known: Vec<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
    known.extend(graph.constants.keys().map(String::as_str));
    for node in &graph.nodes {
        assert!(
            node.inputs.iter().all(|name| known.contains(&name.as_str())),
            "{node:?} reads what is not there"
        );
        known.extend(node.outputs.iter().map(String::as_str));
    }
    assert!(graph.outputs.iter().all(|name| known.contains(&name.as_str())), "no {:?}", graph.outputs);
    for (name, Constant { dims, values }) in &graph.constants {
        let count = match values {
            Values::Floats(values) => values.len(),
            Values::Integers(values) => values.len(),
        };
        assert_eq!(count, dims.iter().product::<usize>(), "{name}");
    }
}

#[test]
fn files_of_every_tool_are_read_whole() {
    let block = "Conv Clip Conv Relu Conv Add Pad Conv LeakyRelu MaxPool";
    let plain = "Sub Div Conv Sigmoid Mul AvgPool Conv Sigmoid Mul Mean Dense";
    let bounded = "Conv Clip Conv Relu Conv Add MaxPool Mean Reshape Dense";
    let qdq = "Identity Conv Relu Conv Relu Conv Identity Add Identity MaxPool Identity Mean Identity Reshape Identity \
               Dense Identity";
    let integers = "Identity Conv Relu Conv Relu Conv Add MaxPool Mean Reshape Dense Identity";
    // Keras' hard sigmoid is a ReLU6 of sums and products; normalizations are in them or in the weights.
    let tf = "Conv Clip Conv Mul Add Clip Mul Add Conv LeakyRelu AvgPool Mean Reshape Dense Softmax";
    let expected = BTreeMap::from([
        ("block_script_9", format!("{block} HardSigmoid Mul Mean Reshape Dense Softmax")),
        ("block_script_11", format!("{block} HardSigmoid Mul Mean Reshape Dense Softmax")),
        ("block_script_17", format!("{block} HardSwish Mean Reshape Dense Softmax")),
        (
            "block_script_13_unfolded",
            "Conv BatchNorm Clip Conv BatchNorm Relu Conv BatchNorm Add Pad Conv LeakyRelu MaxPool HardSigmoid Mul \
             Mean Reshape Dense Softmax"
                .to_owned(),
        ),
        (
            "block_dynamo",
            "Conv Clip Conv Relu Conv Add Conv LeakyRelu MaxPool HardSwish Mean Reshape Dense Softmax".to_owned(),
        ),
        ("plain_script_16", plain.to_owned()),
        ("plain_dynamo", plain.to_owned()),
        ("plain_dynamo_unoptimized", plain.to_owned()),
        ("bounded_script_17", bounded.to_owned()),
        ("bounded_qdq_u8s8_channel", qdq.to_owned()),
        ("bounded_qdq_s8s8", qdq.to_owned()),
        ("bounded_qoperator_u8s8_channel", integers.to_owned()),
        ("bounded_qoperator_u8u8", integers.to_owned()),
        ("keras_export", format!("Transpose {tf}")),
        ("tf2onnx_9", format!("Transpose {tf}")),
        ("tf2onnx_13", tf.to_owned()),
        ("tf2onnx_15", format!("Transpose {tf}")),
    ]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx_files");
    let mut wrong = Vec::new();
    for (name, expected) in expected {
        let graph = open(&folder.join(format!("{name}.onnx")));
        check(&graph);
        if words(&graph) != expected {
            wrong.push(format!("{name}: {}", words(&graph)));
        }
        // A network of the size that its example has.
        let example = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect("an example");
        let example: serde_json::Value = serde_json::from_str(&example).expect("JSON");
        let shape: Vec<usize> = serde_json::from_value(example["input"]["shape"].clone()).expect("a shape");
        let dims = &graph.inputs[0].dims;
        assert!(
            dims.len() == shape.len()
                && dims.iter().zip(&shape).all(|(dim, size)| dim.is_none_or(|dim| dim == *size))
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The shared folder with weights, or `None` with a line that says so.
fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("BITSMITH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("data/weights");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn the_shared_networks_have_the_layers_that_are_described_beside_them() {
    let Some(folder) = shared() else { return };
    for name in ["mnasnet_0.5", "mobilenet_v1_0.25", "mobilenet_v1_0.5", "mobilenet_v2_0.35"] {
        let stem = format!("imagenette10_{name}_128");
        let graph = open(&folder.join(format!("{stem}.onnx")));
        check(&graph);
        let described = std::fs::read_to_string(folder.join(format!("{stem}.json"))).expect("a description");
        let described: serde_json::Value = serde_json::from_str(&described).expect("JSON");
        let layers = described["layers"].as_array().expect("layers");
        let of =
            |types: &[&str]| layers.iter().filter(|layer| types.iter().any(|t| layer["type"] == *t)).count();
        let count = |is: fn(&RawOp) -> bool| graph.nodes.iter().filter(|node| is(&node.op)).count();
        assert_eq!(
            count(|op| matches!(op, RawOp::Conv { .. })),
            of(&["conv2d", "depthwise_conv2d"]),
            "{name}"
        );
        assert_eq!(count(|op| matches!(op, RawOp::BatchNorm { .. })), of(&["batch_norm"]), "{name}");
        assert_eq!(count(|op| matches!(op, RawOp::Clip { .. })), of(&["relu", "relu6"]), "{name}");
        assert_eq!(count(|op| *op == RawOp::Add), of(&["add"]), "{name}");
        assert_eq!(count(|op| *op == RawOp::Dense), of(&["dense"]), "{name}");
        assert_eq!(count(|op| matches!(op, RawOp::Mean { .. })), of(&["global_avg_pool"]), "{name}");
        // A flattening is all that is not described.
        assert_eq!(graph.nodes.len(), layers.len() + 1, "{name}");
        // Strides, pads and sizes, in order.
        let convolutions =
            layers.iter().filter(|layer| layer["type"] != "dense" && !layer["kernel"].is_null());
        let nodes = graph.nodes.iter().filter(|node| matches!(node.op, RawOp::Conv { .. }));
        for (node, layer) in nodes.zip(convolutions) {
            let RawOp::Conv { stride, groups, padding, .. } = node.op else { continue };
            let Constant { dims, .. } = &graph.constants[&node.inputs[1]];
            let crate::import::raw::RawPadding::Explicit(pads) = padding else { panic!("{padding:?}") };
            assert_eq!(serde_json::json!(stride), layer["stride"]);
            assert_eq!(serde_json::json!(pads), layer["pads_tlbr"]);
            assert_eq!(serde_json::json!([dims[1], dims[2]]), layer["kernel"]);
            assert_eq!(serde_json::json!(dims[0]), layer["out_channels"]);
            assert_eq!(serde_json::json!(dims[3] * groups), layer["in_channels"]);
        }
        assert_eq!(serde_json::json!(graph.metadata["bn_eps"]), described["info"]["bn_eps"]);
    }
}

#[test]
fn weights_are_those_of_the_same_network_in_another_format() {
    let Some(folder) = shared() else { return };
    let graph = open(&folder.join("imagenette10_mnasnet_0.5_128.onnx"));
    let bytes = std::fs::read(folder.join("imagenette10_mnasnet_0.5_128.safetensors")).expect("weights");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let described =
        std::fs::read_to_string(folder.join("imagenette10_mnasnet_0.5_128.json")).expect("a description");
    let described: serde_json::Value = serde_json::from_str(&described).expect("JSON");
    let layers = described["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .filter(|layer| !layer["weights"]["kernel"].is_null());
    let nodes = graph.nodes.iter().filter(|node| matches!(node.op, RawOp::Conv { .. } | RawOp::Dense));
    let mut compared = 0;
    for (node, layer) in nodes.zip(layers) {
        let tensor = tensors.tensor(layer["weights"]["kernel"].as_str().expect("a name")).expect("a tensor");
        let theirs: Vec<f32> =
            tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let (dims, ours) = kept(&graph, &node.inputs[1]);
        match *dims {
            [outputs, rows, columns, inputs] => {
                for (at, value) in theirs.iter().enumerate() {
                    let (column, row) = (at % columns, at / columns % rows);
                    let (input, output) = (at / (columns * rows) % inputs, at / (columns * rows * inputs));
                    assert_eq!(ours[((output * rows + row) * columns + column) * inputs + input], *value);
                }
                assert_eq!(tensor.shape(), [outputs, inputs, rows, columns]);
            }
            _ => assert_eq!((ours, dims), (theirs.as_slice(), tensor.shape())),
        }
        compared += theirs.len();
    }
    // All but the batch normalizations of 950 322 parameters.
    assert!(compared > 900_000, "{compared}");
}
