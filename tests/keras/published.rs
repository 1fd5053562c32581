//! Published networks, of ../shared/data if that is there. Numbers were read with h5py 3.14.

use bitsmith::import::keras::{KerasFile, read_h5};
use bitsmith::import::raw::{RawGraph, RawNode, RawOp, RawPadding, Values};
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};

fn weights() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/weights");
    path.exists().then_some(path)
}

fn network(folder: &Path, name: &str) -> RawGraph {
    let bytes = std::fs::read(folder.join(format!("{name}.h5"))).expect(name);
    match read_h5(&bytes).unwrap_or_else(|error| panic!("{name}: {error}")) {
        KerasFile::Network(graph) => graph,
        KerasFile::Weights(_) => panic!("{name} holds weights alone"),
    }
}

fn floats<'a>(graph: &'a RawGraph, name: &str) -> (&'a [usize], &'a [f32]) {
    let constant = graph.constants.get(name).unwrap_or_else(|| panic!("{name} is missing"));
    let Values::Floats(values) = &constant.values else { panic!("{name} holds integers") };
    (&constant.dims, values)
}

/// The element of a tensor at an index.
fn at(graph: &RawGraph, name: &str, index: &[usize]) -> f32 {
    let (dims, values) = floats(graph, name);
    assert_eq!(dims.len(), index.len(), "{name}");
    values[dims.iter().zip(index).fold(0, |place, (size, index)| place * size + index)]
}

fn count(graph: &RawGraph, is: impl Fn(&RawOp) -> bool) -> usize {
    graph.nodes.iter().filter(|node| is(&node.op)).count()
}

struct Published {
    name: &'static str,
    producer: &'static str,
    side: usize,
    /// Nodes, convolutions, additions.
    counts: [usize; 3],
    /// Elements of all weights, and the sum of their absolute values.
    weights: (usize, f64),
    /// Elements [0, 1, 2, 3] and [2, 0, 1, 5] of the first kernel in Keras' order.
    first: (&'static str, f32, f32),
    /// Element [3, 1] of the matrix in Keras' order, and [1] of the bias.
    dense: Option<(usize, f32, f32)>,
    /// Element [2, 1, 7, 0] of the last depthwise kernel in Keras' order.
    depthwise: Option<(&'static str, f32)>,
}

#[test]
fn published_networks_have_the_right_layers_and_weights() {
    let Some(folder) = weights() else { return };
    // Layers without the input; activations inside layers are nodes too: the last softmax.
    let cases = [
        Published {
            name: "flowers_mobilenet_v1_0.5_224_tl",
            producer: "Keras 2.8.0",
            side: 224,
            counts: [88 + 1, 27, 0],
            weights: (832_101, 143_811.048_735),
            first: ("conv2d", 0.372_680_34, -0.073_984_52),
            dense: Some((512, 0.042_080_466, -0.011_234_107)),
            depthwise: Some(("conv_dw_13", 0.390_754_58)),
        },
        Published {
            name: "flowers_mobilenet_v2_0.35_128_tl",
            producer: "Keras 2.8.0",
            side: 128,
            counts: [156 + 1, 52, 10],
            weights: (416_613, 122_882.141_045),
            first: ("conv2d", -1.521_549_9e-21, 0.030_723_423),
            dense: Some((1280, 0.008_290_764, 0.010_640_804)),
            depthwise: Some(("depthwise_conv2d_16", 0.646_616_64)),
        },
        Published {
            name: "flowers_mobilenet_v2_0.35_224_tl",
            producer: "Keras 2.8.0",
            side: 224,
            counts: [156 + 1, 52, 10],
            weights: (416_613, 118_519.137_106),
            first: ("conv2d", -6.763_271e-20, 4.265_858_7e-23),
            dense: Some((1280, -0.102_714_53, 0.024_140_598)),
            depthwise: Some(("depthwise_conv2d_16", -0.262_765_44)),
        },
        Published {
            name: "mobilenet_v1_0.25_224",
            producer: "Keras 2.8.0",
            side: 224,
            counts: [90, 28, 0],
            weights: (475_544, 131_099.022_227),
            first: ("conv1", 1.859_538_2e-14, 0.072_979_99),
            dense: None,
            depthwise: Some(("conv_dw_13", -0.160_468_6)),
        },
        Published {
            name: "vww_96",
            producer: "Keras 2.4.0",
            side: 96,
            counts: [84 + 1, 27, 0],
            weights: (221_794, 7_186.136_912),
            first: ("conv2d", -0.400_591_52, 0.283_806_86),
            dense: Some((256, 0.056_176_677, -0.108_105_63)),
            depthwise: Some(("depthwise_conv2d_12", 0.009_718_853)),
        },
        Published {
            name: "resnet8_cifar10",
            producer: "Keras 2.4.0",
            side: 32,
            counts: [29 + 1, 9, 3],
            weights: (78_666, 48_789.954_657),
            first: ("conv2d", -0.148_886_07, -0.011_960_019),
            dense: Some((64, -0.967_728_26, -0.156_253_5)),
            depthwise: None,
        },
    ];
    for case in cases {
        let name = case.name;
        let graph = network(&folder, name);
        assert_eq!(graph.producer, case.producer, "{name}");
        assert_eq!(graph.inputs.len(), 1, "{name}");
        assert_eq!(graph.inputs[0].dims, [None, Some(case.side), Some(case.side), Some(3)], "{name}");
        assert_eq!(graph.outputs.len(), 1, "{name}");
        assert!(!graph.nodes.iter().any(|node| matches!(node.op, RawOp::Unsupported { .. })), "{name}");
        let last = graph.nodes.last().expect("nodes");
        assert_eq!((&last.op, &last.outputs), (&RawOp::Softmax, &graph.outputs), "{name}");
        let found = [
            graph.nodes.len(),
            count(&graph, |op| matches!(op, RawOp::Conv { .. })),
            count(&graph, |op| *op == RawOp::Add),
        ];
        assert_eq!(found, case.counts, "{name}");

        // A bias that is all zero is a weight as well.
        let values = graph.constants.keys().flat_map(|name| floats(&graph, name).1);
        let (mut elements, mut sum) = (0, 0.0);
        for value in values {
            elements += 1;
            sum += f64::from(value.abs());
        }
        assert_eq!(elements, case.weights.0, "{name}");
        assert!((sum - case.weights.1).abs() < 1e-5 * sum, "{name}: {sum}");

        let (first, early, late) = case.first;
        let kernel = format!("{first}/kernel");
        assert_eq!(
            [at(&graph, &kernel, &[3, 0, 1, 2]), at(&graph, &kernel, &[5, 2, 0, 1])],
            [early, late],
            "{name}"
        );
        if let Some((inputs, element, bias)) = case.dense {
            assert_eq!(floats(&graph, "dense/kernel").0[1], inputs, "{name}");
            let found = [at(&graph, "dense/kernel", &[1, 3]), at(&graph, "dense/bias", &[1])];
            // As h5py prints them.
            let near =
                found.iter().zip([element, bias]).all(|(found, printed)| (found - printed).abs() < 2e-8);
            assert!(near, "{name}: {found:?}");
        }
        if let Some((layer, element)) = case.depthwise {
            assert_eq!(at(&graph, &format!("{layer}/depthwise_kernel"), &[7, 2, 1, 0]), element, "{name}");
        }
    }
}

#[test]
fn a_downsampling_block_is_as_keras_has_it() {
    let Some(folder) = weights() else { return };
    let graph = network(&folder, "mobilenet_v1_0.25_224");
    let node = |name: &str| -> &RawNode { graph.nodes.iter().find(|node| node.name == name).expect(name) };
    let pads = vec![[0; 2], [0, 1], [0, 1], [0; 2]];
    assert_eq!(node("conv_pad_2").op, RawOp::Pad { pads, value: 0.0 });
    let conv = RawOp::Conv { stride: [2; 2], dilation: [1; 2], padding: RawPadding::VALID, groups: 16 };
    assert_eq!(node("conv_dw_2").op, conv);
    assert_eq!(node("conv_dw_2").inputs, ["conv_pad_2", "conv_dw_2/depthwise_kernel"]);
    assert_eq!(floats(&graph, "conv_dw_2/depthwise_kernel").0, [16, 3, 3, 1]);
    assert_eq!(node("conv_dw_2_bn").op, RawOp::BatchNorm { epsilon: 1e-3 });
    assert_eq!(node("conv_dw_2_relu").op, RawOp::Clip { min: 0.0, max: 6.0 });
    assert_eq!(node("conv_preds").inputs.len(), 3);
}

#[test]
fn weights_are_those_of_the_safetensors_twin() {
    let Some(folder) = weights() else { return };
    let graph = network(&folder, "mobilenet_v1_0.25_224");
    let bytes = std::fs::read(folder.join("mobilenet_v1_0.25_224.safetensors")).expect("the twin");
    let twin = SafeTensors::deserialize(&bytes).expect("the twin");
    let mut compared = 0;
    for (name, tensor) in twin.tensors() {
        let theirs: Vec<f32> =
            tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let ours = if graph.constants.contains_key(&name) {
            floats(&graph, &name)
        } else {
            floats(&graph, &name.replace("/kernel", "/depthwise_kernel"))
        };
        let shape = tensor.shape();
        // Kernels: ours [out, row, column, in], theirs [row, column, in, out] and [row, column, out, 1].
        let expected: Vec<f32> = match *shape {
            [rows, columns, inputs, outputs] => {
                let taps = rows * columns;
                let (outputs, inputs) =
                    if name.contains("conv_dw") { (inputs, 1) } else { (outputs, inputs) };
                (0..outputs)
                    .flat_map(|out| (0..taps * inputs).map(move |tap| tap * outputs + out))
                    .map(|place| theirs[place])
                    .collect()
            }
            _ => theirs,
        };
        assert_eq!(ours.1, expected, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 137);
    assert_eq!(graph.constants.len(), 137);
}
