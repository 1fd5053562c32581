//! What a network of ours is told of its file.

use super::super::testing::Builder;
use super::super::{LowerOptions, Lowered, lower};
use crate::import::raw::{Layout, RawGraph, RawOp, RawPadding, RawQuantizer};
use crate::net::{Activation, Affine, Normalization, Op, Shape};

fn lowered(graph: RawGraph) -> Lowered {
    lower(graph, &LowerOptions::default()).expect("a network that can be taken")
}

fn layers(network: &Lowered) -> Vec<String> {
    let word = |op: Op| format!("{op:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
    network.graph.layers.iter().map(|layer| format!("{} {:?}", word(layer.op), layer.activation)).collect()
}

/// A block of MobileNetV2 as torchvision's exporter writes it, with normalization and softmax.
#[test]
fn a_whole_network_is_taken() {
    let mut b = Builder::new(Layout::ChannelsFirst, [1, 3, 32, 32]);
    let relu6 = || RawOp::Clip { min: 0.0, max: 6.0 };
    let one = RawPadding::Explicit([1; 4]);
    let mean = b.constant_of(&[3, 1, 1], vec![0.485, 0.456, 0.406]);
    let deviation = b.constant_of(&[3, 1, 1], vec![0.229, 0.224, 0.225]);
    let x = b.node(RawOp::Sub, &["image", &mean]);
    let x = b.node(RawOp::Div, &[&x, &deviation]);
    let x = b.any_conv(&x, [8, 3, 3, 3], [2, 2], one, 1, false);
    let x = b.norm(&x, 8, 1.0);
    let x = b.unary(&x, relu6());
    let y = b.any_conv(&x, [8, 3, 3, 1], [1, 1], one, 8, true);
    let y = b.unary(&y, relu6());
    let y = b.any_conv(&y, [8, 1, 1, 8], [1, 1], RawPadding::VALID, 1, true);
    let x = b.node(RawOp::Add, &[&x, &y]);
    let x = b.relu(&x);
    let x = b.unary(&x, RawOp::Mean { axes: vec![2, 3], keep: true });
    let x = b.unary(&x, RawOp::Reshape { dims: vec![0, -1] });
    let x = b.dense(&x, 8, 5);
    b.unary(&x, RawOp::Softmax);
    let mut graph = b.finish();
    graph.labels = Some(["a", "b", "c", "d", "e"].map(str::to_owned).to_vec());
    let network = lowered(graph);
    let expected =
        ["Conv Relu6", "Depthwise Relu6", "Conv Linear", "Add Relu", "GlobalAvgPool Linear", "Linear Linear"];
    assert_eq!(layers(&network), expected);
    assert_eq!(network.normalization, Some(Normalization::IMAGENET));
    assert_eq!(network.graph.image().shape, Shape::new(32, 32, 3));
    assert_eq!(network.labels.as_ref().map(Vec::len), Some(5));
    let affine = |layer: usize| &network.weights[layer].as_ref().expect("weights").affine;
    assert!(matches!(affine(0), Affine::BatchNorm(norm) if norm.epsilon == 1e-3));
    assert!(matches!(affine(1), Affine::Bias(_)));
    let remarks: Vec<String> = network.remarks.iter().map(ToString::to_string).collect();
    assert!(remarks.iter().any(|text| text.contains("a softmax at the end")), "{remarks:?}");
    assert!(
        remarks.iter().any(|text| text.starts_with("assumed: the file's image has colours from 0 to 1")),
        "{remarks:?}"
    );
}

#[test]
fn what_joins_nothing_is_carried_by_a_depthwise_convolution() {
    let mut b = Builder::new(Layout::ChannelsLast, [1, 8, 8, 3]);
    let x = b.conv("image", 4, [3, 3], [1, 1]);
    // Before an activation and a sum, as in networks with activations first.
    let y = b.norm(&x, 4, -1.0);
    let y = b.relu(&y);
    let y = b.any_conv(&y, [4, 3, 3, 4], [1, 1], RawPadding::Same, 1, false);
    let x = b.node(RawOp::Add, &[&x, &y]);
    let y = b.relu(&x);
    let x = b.node(RawOp::Add, &[&x, &y]);
    let x = b.unary(&x, RawOp::Mean { axes: vec![1, 2], keep: false });
    b.dense(&x, 4, 3);
    let expected = [
        "Conv Linear",
        "Depthwise Relu",
        "Conv Linear",
        "Add Linear",
        "Depthwise Relu",
        "Add Linear",
        "GlobalAvgPool Linear",
        "Linear Linear",
    ];
    assert_eq!(layers(&lowered(b.finish())), expected);
}

#[test]
fn one_output_is_two_classes() {
    for sigmoid in [false, true] {
        let mut b = Builder::new(Layout::ChannelsLast, [1, 4, 4, 3]);
        let x = b.unary("image", RawOp::Reshape { dims: vec![1, 48] });
        let x = b.dense(&x, 48, 1);
        if sigmoid {
            b.unary(&x, RawOp::Sigmoid);
        }
        let network = lowered(b.finish());
        assert_eq!(network.graph.classes(), 2);
        // The image comes in through a convolution, with a fourth channel of zeros.
        let weights = network.weights[1].as_ref().expect("weights");
        assert_eq!(weights.weight.len(), 128);
        assert!(weights.weight[..64].iter().all(|&weight| weight == 0.0));
        assert!(weights.weight[64..].iter().any(|&weight| weight != 0.0));
        assert!(matches!(&weights.affine, Affine::Bias(bias) if bias.len() == 2 && bias[0] == 0.0));
    }
}

#[test]
fn a_last_convolution_of_the_pooled_map_is_dense_and_others_stay() {
    let mut b = Builder::new(Layout::ChannelsFirst, [1, 3, 8, 8]);
    let x = b.conv("image", 4, [3, 3], [1, 1]);
    let x = b.unary(&x, RawOp::Mean { axes: vec![2, 3], keep: true });
    let x = b.conv(&x, 6, [1, 1], [1, 1]);
    let x = b.relu(&x);
    let x = b.conv(&x, 3, [1, 1], [1, 1]);
    b.unary(&x, RawOp::Reshape { dims: vec![-1, 3] });
    let network = lowered(b.finish());
    assert_eq!(layers(&network), ["Conv Linear", "GlobalAvgPool Linear", "Conv Relu", "Linear Linear"]);
}

#[test]
fn ranges_of_integers_are_handed_through() {
    let mut b = Builder::new(Layout::ChannelsLast, [1, 8, 8, 3]);
    let conv = b.conv("image", 4, [3, 3], [1, 1]);
    let relu = b.relu(&conv);
    let mean = b.unary(&relu, RawOp::Mean { axes: vec![1, 2], keep: false });
    let logits = b.dense(&mean, 4, 3);
    let mut graph = b.finish();
    let quantizer = |scale, zero_point| RawQuantizer { scale, zero_point, range: (-128, 127) };
    graph.quantizers.insert("image".into(), quantizer(1.0 / 127.5, -1));
    // Of what nobody has any more: the sum before its activation.
    graph.quantizers.insert(conv, quantizer(1.0, 0));
    graph.quantizers.insert(relu, quantizer(0.5, -128));
    graph.quantizers.insert(mean, quantizer(0.25, -128));
    graph.quantizers.insert(logits, quantizer(0.125, 0));
    let network = lowered(graph);
    assert_eq!(network.normalization, Some(Normalization::SIGNED));
    let ranges: Vec<_> = network.ranges.into_iter().skip(1).collect();
    assert_eq!(ranges, [Some((0.0, 127.5)), Some((0.0, 63.75)), Some((-16.0, 15.875))]);
}

#[test]
fn a_size_that_is_open_is_assumed_or_given() {
    let graph = || {
        let mut b = Builder::new(Layout::ChannelsFirst, [1, 3, 8, 8]);
        b.graph.inputs[0].dims = vec![None, Some(3), None, None];
        let x = b.conv("image", 4, [3, 3], [2, 2]);
        let x = b.unary(&x, RawOp::Mean { axes: vec![2, 3], keep: false });
        b.dense(&x, 4, 3);
        b.finish()
    };
    let network = lowered(graph());
    assert_eq!(network.graph.image().shape, Shape::new(224, 224, 3));
    assert!(network.is_open);
    let network = lower(graph(), &LowerOptions { input: Some((48, 64)) }).expect("it fits");
    assert_eq!(network.graph.image().shape, Shape::new(48, 64, 3));
    assert_eq!(network.graph.tensors[1].shape, Shape::new(23, 31, 4));
    assert_eq!(network.graph.layers[0].activation, Activation::Linear);
}
