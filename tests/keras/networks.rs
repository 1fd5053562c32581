//! Networks that Keras 2 and 3 saved compute what Keras computed.

use super::evaluate::{Tensor, evaluate};
use bitsmith::import::keras::{KerasFile, read_h5, read_keras};
use bitsmith::import::raw::{RawGraph, RawOp};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keras")
}

/// The bytes of a file that make_networks.py made.
pub fn file(name: &str) -> Vec<u8> {
    let packed = std::fs::File::open(folder().join(format!("{name}.gz"))).expect(name);
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect(name);
    bytes
}

/// What make_networks.py recorded, by file.
fn expected(version: u32) -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(folder().join(format!("expected_{version}.json"))).expect("results");
    serde_json::from_str(&text).expect("results")
}

fn dims(value: &Value) -> Vec<usize> {
    value.as_array().expect("a list").iter().map(|size| size.as_u64().expect("a size") as usize).collect()
}

fn network(name: &str) -> RawGraph {
    let bytes = file(name);
    if name.ends_with(".keras") {
        return read_keras(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    match read_h5(&bytes).unwrap_or_else(|error| panic!("{name}: {error}")) {
        KerasFile::Network(graph) => graph,
        KerasFile::Weights(_) => panic!("{name} holds weights alone"),
    }
}

#[test]
fn networks_compute_what_keras_computed() {
    let mut compared = 0;
    for (version, producer) in [(2, "Keras 2."), (3, "Keras 3.")] {
        for (name, recorded) in expected(version) {
            let outputs = recorded["outputs"].as_array().expect("outputs");
            if outputs.is_empty() || name.ends_with("weights.h5") || name.ends_with("bare.h5") {
                continue;
            }
            let graph = network(&name);
            assert!(graph.producer.starts_with(producer), "{name}: {}", graph.producer);
            let size = dims(&recorded["input"]);
            let open = [None].into_iter().chain(size[1..].iter().copied().map(Some)).collect::<Vec<_>>();
            assert_eq!(graph.inputs.iter().map(|input| &input.dims).collect::<Vec<_>>(), [&open], "{name}");

            let scale = recorded["scale"].as_f64().expect("a scale");
            let count: usize = size.iter().product();
            let values =
                (0..count).map(|at| f64::from((((at * 37 % 101) as f64 / 50.0 - 1.0) * scale) as f32));
            let found = evaluate(&graph, Tensor { dims: size, values: values.collect() });
            assert_eq!(found.len(), outputs.len(), "{name}");
            for (found, output) in found.iter().zip(outputs) {
                assert_eq!(found.dims, dims(&output["dims"]), "{name}");
                let values = output["values"].as_array().expect("values").iter();
                for (found, output) in found.values.iter().zip(values) {
                    let output = output.as_f64().expect("a number");
                    let tolerance = 1e-5 * output.abs().max(1.0);
                    assert!((found - output).abs() < tolerance, "{name}: expected {output}, found {found}");
                }
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 2 * 7 * 2 + 1);
}

#[test]
fn both_formats_hold_the_same_network() {
    for version in [2, 3] {
        for name in
            ["convolutions", "residual", "operations", "nested", "transfer", "preprocessing", "shapes"]
        {
            let h5 = network(&format!("keras{version}_{name}.h5"));
            let keras = network(&format!("keras{version}_{name}.keras"));
            assert_eq!(h5, keras, "{version} {name}");
        }
    }
}

#[test]
fn names_are_those_of_the_file_and_unique() {
    let graph = network("keras3_nested.h5");
    let names: Vec<_> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    let expected = [
        "body/conv",
        "body/bn",
        "body/conv:2",
        "body/bn:2",
        "difference",
        "head/last",
        "head/last/activation",
        "head/mean",
    ];
    assert_eq!(names, expected);
    // A layer that is called twice has its weights once.
    assert_eq!(graph.constants.keys().filter(|name| name.ends_with("/kernel")).count(), 2);
}

#[test]
fn what_is_not_taken_says_why() {
    for version in [2, 3] {
        let graph = network(&format!("keras{version}_refused.h5"));
        let reasons: Vec<_> = graph
            .nodes
            .iter()
            .map(|node| match &node.op {
                RawOp::Unsupported { reason } => (node.name.as_str(), reason.as_str()),
                op => (node.name.as_str(), if matches!(op, RawOp::Identity) { "none" } else { "another" }),
            })
            .collect();
        let expected = [
            ("up", "an upsampling"),
            ("transposed", "a transposed convolution"),
            ("gelu", "the activation 'gelu' has no form here"),
            ("norm", "it normalizes by the values of each image"),
            (
                "resize",
                "it changes the size of the image to 3 x 3; give images of that size and leave it out",
            ),
            ("max", "a global max pooling"),
        ];
        assert_eq!(reasons, expected, "{version}");
    }
}

#[test]
fn of_networks_that_train_for_quantization_the_layers_inside_count() {
    let operations = |name: &str| -> Vec<String> {
        let graph = network(name);
        let refused = graph.nodes.iter().any(|node| matches!(node.op, RawOp::Unsupported { .. }));
        assert!(!refused, "{name}");
        let named = graph.nodes.iter().filter(|node| node.op != RawOp::Identity);
        named
            .map(|node| format!("{:?}", node.op).split([' ', '(']).next().unwrap_or_default().to_owned())
            .collect()
    };
    let expected = ["Conv", "BatchNorm", "Clip", "Conv", "Clip", "Reshape", "Dense"];
    assert_eq!(operations("keras2_pruned.h5"), expected);
    assert_eq!(operations("keras2_quantized.h5"), expected);
}

#[test]
fn weights_alone_have_names_that_the_import_by_names_takes() {
    for (name, depthwise) in
        [("keras2_convolutions.bare.h5", "depthwise_kernel"), ("keras3_convolutions.weights.h5", "kernel")]
    {
        let Ok(KerasFile::Weights(weights)) = read_h5(&file(name)) else {
            panic!("{name} holds weights alone")
        };
        let shape = |name: &str| weights.get(name).map(|tensor| tensor.dims.clone());
        assert_eq!(shape("conv2d/kernel"), Some(vec![3, 3, 3, 4]), "{name}");
        assert_eq!(shape("conv2d/bias"), Some(vec![4]), "{name}");
        assert_eq!(shape(&format!("depthwise_conv2d/{depthwise}")), Some(vec![3, 2, 4, 2]), "{name}");
        assert_eq!(shape("dense/kernel"), Some(vec![4, 3]), "{name}");
        // conv, depthwise, normalization without scale, separable, conv, dense.
        assert_eq!(weights.len(), 2 + 1 + 3 + 3 + 2 + 2, "{name}: {:?}", weights.keys());
    }
}
