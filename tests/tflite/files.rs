//! Published networks in the shared data folder, against what LiteRT's interpreter says of them. That folder is no part
//! of the project; where it is not found (`BITSMITH_SHARED`, else `../shared`) these tests say so and pass.

use super::{constant, floats, read, tiny};
use bitsmith::import::raw::{RawGraph, RawNode, RawOp, RawQuantizer};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A file's network, or `None` with a line that says what is skipped.
pub fn shared(name: &str) -> Option<RawGraph> {
    let root = std::env::var_os("BITSMITH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("data/weights").join(format!("{name}.tflite"));
    let Ok(bytes) = std::fs::read(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    Some(read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// Nodes with weights.
fn layers(graph: &RawGraph) -> Vec<&RawNode> {
    let has_weights = |node: &&RawNode| matches!(node.op, RawOp::Conv { .. } | RawOp::Dense);
    graph.nodes.iter().filter(has_weights).collect()
}

fn count(graph: &RawGraph, operator: &str) -> usize {
    graph.nodes.iter().filter(|node| node.operator == operator).count()
}

fn near(ours: f32, theirs: f32, what: &str) {
    assert!((ours - theirs).abs() <= theirs.abs() * 1e-6, "{what}: expected {theirs}, found {ours}");
}

/// A layer as the interpreter has it: shape of its kernel, elements number 0, 1, n/2 and n-1 in our order, first and last
/// of its bias.
struct Layer(&'static [usize], [f32; 4], [f32; 2]);

struct File {
    name: &'static str,
    side: usize,
    /// Convolutions, depthwise ones, dense layers, sums, activations of their own.
    counts: [usize; 5],
    /// Scale and zero point of the input.
    input: Option<(f32, i64, (i64, i64))>,
    /// The first, the second and the last with weights.
    layers: [Layer; 3],
}

const UINT8: (i64, i64) = (0, 255);
const INT8: (i64, i64) = (-128, 127);

#[rustfmt::skip]
const FILES: [File; 7] = [
    File { name: "mobilenet_v1_0.25_128_quant", side: 128, counts: [15, 13, 0, 0, 27], input: Some((0.0078125, 128, UINT8)), layers: [
        Layer(&[8, 3, 3, 3], [0.026647229, 0.01776482, 0.4618853, 0.0], [-0.71538097, 3.460115]),
        Layer(&[8, 3, 3, 1], [-6.7050257, -10.728042, -0.08940034, -0.17880069], [-0.46065637, 3.7693892]),
        Layer(&[1001, 1, 1, 256], [-0.01662088, -0.011080586, -0.027701465, 0.038782053], [-0.8788511, 0.8007687]),
    ] },
    File { name: "mobilenet_v1_0.5_160_quant", side: 160, counts: [15, 13, 0, 0, 27], input: Some((0.0078125, 128, UINT8)), layers: [
        Layer(&[16, 3, 3, 3], [0.0, 0.0, 0.4355573, 0.04355573], [0.22469766, 2.3855836]),
        Layer(&[16, 3, 3, 1], [-1.9756601, 0.0, 0.32927668, 0.0], [-1.5804652, 1.1776016]),
        Layer(&[1001, 1, 1, 512], [-0.010297729, -0.0051488644, 0.03604205, 0.03604205], [-0.70021784, 0.028832495]),
    ] },
    File { name: "tf2_mobilenet_v2_1.0_224_ptq", side: 224, counts: [36, 17, 0, 10, 35], input: Some((0.007843138, 127, UINT8)), layers: [
        Layer(&[32, 3, 3, 3], [-0.306026, -0.56423545, 0.0012994681, 0.02544156], [2.3200972, 4.7479067]),
        Layer(&[32, 3, 3, 1], [-0.098235495, -0.7736045, -3.7535903, 0.14516866], [1.4336604, -5.050894]),
        Layer(&[1001, 1, 1, 1280], [0.0011905985, 0.011395728, -0.05651702, -0.061702523], [-0.28280273, -0.17166775]),
    ] },
    File { name: "resnet8_cifar10", side: 32, counts: [9, 0, 1, 3, 7], input: None, layers: [
        Layer(&[16, 3, 3, 3], [0.0022538668, 0.002964549, 0.0021657234, 0.009874301], [0.6085741, 1.4452525]),
        Layer(&[16, 3, 3, 16], [0.077240944, 0.038598638, 0.18499991, -0.061042417], [3.7215426, 1.1474755]),
        Layer(&[10, 64], [0.94602925, -0.8062087, -1.4273213, -0.84217113], [-0.0889325, 0.17929795]),
    ] },
    File { name: "resnet8_cifar10_int8", side: 32, counts: [9, 0, 1, 3, 7], input: Some((1.0, -128, INT8)), layers: [
        Layer(&[16, 3, 3, 3], [0.002225659, 0.0029378699, 0.0021885806, 0.009847858], [0.6085842, 1.4452984]),
        Layer(&[16, 3, 3, 16], [0.077111356, 0.041126058, 0.18537726, -0.06080005], [3.7215757, 1.147427]),
        Layer(&[10, 64], [0.9471861, -0.79441416, -1.4360564, -0.855523], [-0.089297965, 0.17859593]),
    ] },
    File { name: "vww_96", side: 96, counts: [14, 13, 1, 0, 27], input: None, layers: [
        Layer(&[8, 3, 3, 3], [0.6209057, -1.5228945, -0.23558752, -0.26174003], [0.7962068, 1.3207343]),
        Layer(&[8, 3, 3, 1], [-0.77279264, -0.05526135, -0.58455163, 1.0806652], [-0.16650242, 1.6988808]),
        Layer(&[2, 256], [0.07171417, -0.008493722, 0.07169129, -0.051345345], [0.1081055, -0.10810563]),
    ] },
    File { name: "vww_96_int8", side: 96, counts: [14, 13, 1, 0, 27], input: Some((0.003921569, -128, INT8)), layers: [
        Layer(&[8, 3, 3, 3], [0.6222808, -1.5229503, -0.23635544, -0.26096496], [0.79618555, 1.3207394]),
        Layer(&[8, 3, 3, 1], [-0.7722503, -0.052179076, -0.59071904, 1.0770668], [-0.16653478, 1.6988977]),
        Layer(&[2, 256], [0.07080434, -0.009440578, 0.07080434, -0.05192318], [0.10812324, -0.10812324]),
    ] },
];

#[test]
fn published_networks_hold_what_the_interpreter_finds() {
    for File { name, side, counts, input, layers: expected } in FILES {
        let Some(graph) = shared(name) else { return };
        assert_eq!(graph.inputs[0].dims[1..], [Some(side), Some(side), Some(3)], "{name}");
        let found = [
            count(&graph, "CONV_2D"),
            count(&graph, "DEPTHWISE_CONV_2D"),
            count(&graph, "FULLY_CONNECTED"),
            count(&graph, "ADD"),
            graph.nodes.iter().filter(|node| matches!(node.op, RawOp::Clip { .. })).count(),
        ];
        assert_eq!(found, counts, "{name}");
        assert!(graph.nodes.iter().all(|node| !matches!(node.op, RawOp::Unsupported { .. })), "{name}");
        assert_eq!((count(&graph, "RESHAPE"), count(&graph, "SOFTMAX")), (1, 1), "{name}");
        let quantizer = input.map(|(scale, zero_point, range)| RawQuantizer { scale, zero_point, range });
        assert_eq!(graph.quantizers.get(&graph.inputs[0].name), quantizer.as_ref(), "{name}");
        // What an activation inside a layer is applied to has no integers.
        let computed = graph.nodes.len() + 1 - graph.nodes.windows(2).filter(|pair| is_fused(pair)).count();
        assert_eq!(graph.quantizers.len(), input.map_or(0, |_| computed), "{name}");

        let layers = layers(&graph);
        let chosen = [layers[0], layers[1], layers[layers.len() - 1]];
        for (node, Layer(shape, elements, ends)) in chosen.into_iter().zip(expected) {
            let (kernel, bias) = (constant(&graph, &node.inputs[1]), constant(&graph, &node.inputs[2]));
            assert_eq!(kernel.dims, shape, "{name}");
            assert_eq!(bias.dims, [shape[0]], "{name}");
            let (kernel, bias) = (floats(kernel), floats(bias));
            let n = kernel.len();
            for (place, element) in [0, 1, n / 2, n - 1].into_iter().zip(elements) {
                near(kernel[place], element, name);
            }
            near(bias[0], ends[0], name);
            near(bias[bias.len() - 1], ends[1], name);
        }
    }
}

/// Whether the second of two nodes is the activation inside the first.
fn is_fused(pair: &[RawNode]) -> bool {
    pair[0].outputs[0].ends_with(":before_activation") && pair[0].outputs == pair[1].inputs
}

#[test]
fn published_networks_name_their_classes() {
    for (name, classes) in [
        ("mobilenet_v1_0.25_128_quant", Some(1001)),
        ("mobilenet_v1_0.5_160_quant", Some(1001)),
        ("tf2_mobilenet_v2_1.0_224_ptq", Some(1001)),
        ("resnet8_cifar10", None),
    ] {
        let Some(graph) = shared(name) else { return };
        assert_eq!(graph.labels.as_ref().map(Vec::len), classes, "{name}");
        if let Some(labels) = &graph.labels {
            assert_eq!(labels[..2], ["background", "tench, Tinca tinca"]);
            assert_eq!(labels[1000], "toilet tissue, toilet paper, bathroom tissue");
            let entry = |key: &str| graph.metadata.get(key).map(String::as_str);
            assert_eq!(
                (entry("mean"), entry("std"), entry("pixel_range")),
                (Some("127.5"), Some("127.5"), Some("255"))
            );
        }
        assert_eq!(graph.producer.split(',').next(), Some("MLIR Converted"));
    }
}

/// A layer with batch normalization folded into it, computed from the Keras file by `tests/tflite/make_folded.py`.
#[derive(Deserialize)]
struct Folded {
    shape: Vec<usize>,
    magnitude: f64,
    elements: [f32; 4],
    bias: Vec<f32>,
}

#[test]
fn weights_are_those_of_the_keras_file_with_batch_normalization_folded() {
    let Some(graph) = shared("vww_96") else { return };
    let folded: Vec<Folded> =
        serde_json::from_slice(&tiny::bytes("vww_folded.json")).expect("the form that its script writes");
    let layers = layers(&graph);
    assert_eq!(layers.len(), folded.len());
    for (node, expected) in layers.into_iter().zip(folded) {
        let (kernel, bias) = (constant(&graph, &node.inputs[1]), constant(&graph, &node.inputs[2]));
        assert_eq!(kernel.dims, expected.shape, "{}", node.name);
        let (kernel, bias) = (floats(kernel), floats(bias));
        let magnitude: f64 = kernel.iter().map(|value| f64::from(value.abs())).sum();
        assert!((magnitude / expected.magnitude - 1.0).abs() < 1e-6, "{}", node.name);
        let n = kernel.len();
        let most = kernel.iter().chain(bias).fold(0_f32, |most, value| most.max(value.abs()));
        let is_near = |ours: f32, theirs: f32| (ours - theirs).abs() <= most * 1e-6;
        for (place, element) in [0, 1, n / 2, n - 1].into_iter().zip(expected.elements) {
            assert!(is_near(kernel[place], element), "{}", node.name);
        }
        assert_eq!(bias.len(), expected.bias.len());
        for (ours, theirs) in bias.iter().zip(expected.bias) {
            assert!(is_near(*ours, theirs), "{}: {ours} {theirs}", node.name);
        }
    }
}
