//! What cannot be taken is named, all of it at once.

use super::super::testing::Builder;
use super::super::{LowerOptions, Refusals, lower};
use crate::import::raw::{Layout, RawGraph, RawOp, RawPadding, RawWindow};

fn refused(graph: RawGraph) -> Refusals {
    lower(graph, &LowerOptions::default()).expect_err("something that cannot be taken")
}

/// A network with one operation in its middle.
fn around(middle: impl Fn(&mut Builder, &str) -> String) -> RawGraph {
    let mut builder = Builder::new(Layout::ChannelsLast, [1, 16, 16, 3]);
    let x = builder.conv("image", 4, [3, 3], [1, 1]);
    let x = middle(&mut builder, &x);
    let x = builder.unary(&x, RawOp::Mean { axes: vec![1, 2], keep: false });
    builder.dense(&x, 4, 3);
    builder.finish()
}

/// A map and so many numbers of its means.
fn with_gate(builder: &mut Builder, x: &str, op: RawOp, channels: usize) -> String {
    let gate = builder.unary(x, RawOp::Mean { axes: vec![1, 2], keep: true });
    let gate = builder.conv(&gate, channels, [1, 1], [1, 1]);
    builder.node(op, &[x, &gate])
}

#[test]
fn each_reason_says_what_is_wrong() {
    let conv = |dims: [usize; 4], stride, padding, groups| {
        move |b: &mut Builder, x: &str| b.any_conv(x, dims, stride, padding, groups, false)
    };
    let unary = |op: RawOp| move |b: &mut Builder, x: &str| b.unary(x, op.clone());
    let valid = RawPadding::VALID;
    type Middle = Box<dyn Fn(&mut Builder, &str) -> String>;
    let cases: Vec<(Middle, &str)> = vec![
        (Box::new(conv([4, 3, 3, 2], [1, 1], valid, 2)), "groups = 2: grouped convolution"),
        (Box::new(conv([8, 3, 3, 1], [1, 1], valid, 4)), "depthwise multiplier 2: 1 is taken"),
        (Box::new(conv([4, 13, 1, 4], [1, 1], valid, 1)), "kernel 13x1: at most 11x11"),
        (Box::new(conv([4, 1, 1, 4], [12, 1], valid, 1)), "stride 12x1: at most 11x11"),
        (
            Box::new(conv([4, 3, 3, 4], [1, 1], RawPadding::Explicit([3, 0, 0, 0]), 1)),
            "3 rows or columns around the map for a kernel of 3: at most 2",
        ),
        (
            Box::new(conv([4, 3, 3, 5], [1, 1], valid, 1)),
            "weights are of 5 x 1 input channels, and it reads 4",
        ),
        (
            Box::new(|b: &mut Builder, x: &str| {
                let kernel = b.constant(&[4, 3, 3, 4]);
                let op =
                    RawOp::Conv { stride: [1; 2], dilation: [2; 2], padding: RawPadding::VALID, groups: 1 };
                b.node(op, &[x, &kernel])
            }),
            "dilation 2: 1 is taken",
        ),
        (Box::new(unary(RawOp::LeakyRelu { slope: 0.1 })), "a leaky ReLU with a slope of 0.1"),
        (Box::new(unary(RawOp::Clip { min: 0.0, max: 1.0 })), "a clip from 0 to 1"),
        (Box::new(unary(RawOp::Softmax)), "a softmax that is not at the end"),
        (Box::new(unary(RawOp::Reshape { dims: vec![1, 14, 14, 2, 2] })), "channel shuffle"),
        (Box::new(unary(RawOp::Transpose { order: vec![0, 3, 2, 1] })), "other than all rows and columns"),
        (Box::new(unary(RawOp::Mean { axes: vec![3], keep: true })), "a mean over other than"),
        (
            Box::new(unary(RawOp::Pad { pads: vec![[0; 2], [1; 2], [1; 2], [0; 2]], value: 2.0 })),
            "values of 2 around a map: zeros are taken",
        ),
        (
            Box::new(unary(RawOp::Pad { pads: vec![[0; 2], [-1; 2], [0; 2], [0; 2]], value: 0.0 })),
            "-1 and -1",
        ),
        (Box::new(unary(RawOp::Unsupported { reason: "a recurrent layer".into() })), "a recurrent layer"),
        (Box::new(|b: &mut Builder, x: &str| with_gate(b, x, RawOp::Add, 4)), "a product is taken"),
        (Box::new(|b: &mut Builder, x: &str| with_gate(b, x, RawOp::Mul, 2)), "or other axes"),
        (
            Box::new(|b: &mut Builder, x: &str| {
                let y = b.conv(x, 4, [1, 1], [1, 1]);
                b.node(RawOp::Mul, &[x, &y])
            }),
            "a product of 14x14x4 and 14x14x4: a map times one number for each channel is taken",
        ),
        (Box::new(|b: &mut Builder, x: &str| b.node(RawOp::Mul, &[x, x])), "a map times itself"),
        (
            Box::new(|b: &mut Builder, x: &str| {
                let gate = b.unary(x, RawOp::Mean { axes: vec![1, 2], keep: true });
                let gate = b.unary(&gate, RawOp::Expand { dims: vec![1, 14, 14, 4] });
                b.relu(&gate)
            }),
            "numbers that are repeated over a map",
        ),
        (
            Box::new(|b: &mut Builder, x: &str| {
                let gate = b.unary(x, RawOp::Mean { axes: vec![1, 2], keep: true });
                let gate = b.unary(&gate, RawOp::Expand { dims: vec![1, 7, 7, 4] });
                b.node(RawOp::Mul, &[x, &gate])
            }),
            "or other axes",
        ),
        (Box::new(unary(RawOp::Expand { dims: vec![1, 14, 7, 4] })), "expected axes of 1 to be repeated"),
        (
            Box::new(|b: &mut Builder, x: &str| b.node(RawOp::Concat { axis: 1 }, &[x, x])),
            "other than the channels",
        ),
        (
            Box::new(|b: &mut Builder, x: &str| {
                let small = b.conv(x, 4, [3, 3], [1, 1]);
                b.node(RawOp::Concat { axis: 3 }, &[x, &small])
            }),
            "channels of maps of one size",
        ),
        (Box::new(|b: &mut Builder, x: &str| b.binary_reversed(1.0, RawOp::Div, x)), "divides by a map"),
        (Box::new(|b: &mut Builder, x: &str| b.binary(x, RawOp::Div, 0.0)), "divides by zero"),
        (
            Box::new(|b: &mut Builder, x: &str| {
                let constant = b.constant(&[14, 14, 1]);
                b.node(RawOp::Add, &[x, &constant])
            }),
            "another number for each pixel",
        ),
        (
            Box::new(|b: &mut Builder, x: &str| {
                let constant = b.constant_of(&[1], vec![f32::NAN]);
                b.node(RawOp::Mul, &[x, &constant])
            }),
            "no finite numbers",
        ),
    ];
    for (middle, reason) in cases {
        let refusals = refused(around(middle));
        let found = refusals.list.iter().any(|refusal| refusal.reason.contains(reason));
        assert!(found, "{reason}: {refusals}");
    }
}

#[test]
fn all_nodes_are_listed_also_behind_one_that_is_not_known() {
    let mut builder = Builder::new(Layout::ChannelsLast, [1, 16, 16, 3]);
    let x = builder.conv("image", 4, [3, 3], [1, 1]);
    let x = builder.unary(&x, RawOp::Unsupported { reason: "a recurrent layer".into() });
    let x = builder.any_conv(&x, [4, 13, 13, 4], [1, 1], RawPadding::Same, 1, false);
    let x = builder.unary(&x, RawOp::LeakyRelu { slope: 0.1 });
    let x = builder.any_conv(&x, [4, 3, 3, 2], [1, 1], RawPadding::Same, 2, false);
    let x = builder.any_conv(&x, [4, 3, 3, 4], [1, 1], RawPadding::Same, 1, false);
    let window = RawWindow { kernel: [12, 2], stride: [2, 2], padding: RawPadding::VALID, ceil: false };
    let x = builder.unary(&x, RawOp::MaxPool(window));
    let x = builder.unary(&x, RawOp::Mean { axes: vec![1, 2], keep: false });
    builder.dense(&x, 4, 3);
    let names: Vec<String> = refused(builder.finish()).list.into_iter().map(|refusal| refusal.name).collect();
    assert_eq!(names, ["node1", "node2", "node3", "node4", "node6"]);
}

#[test]
fn inputs_and_outputs_are_one() {
    let mut graph = around(|_, x| x.into());
    graph.outputs.push("t0".into());
    let text = refused(graph).to_string();
    assert!(text.contains("one of 2 results"), "{text}");

    let mut graph = around(|_, x| x.into());
    graph.outputs = vec!["nobody".into()];
    let text = refused(graph).to_string();
    assert!(text.contains("nothing writes this result"), "{text}");

    let mut graph = around(|_, x| x.into());
    graph.outputs.clear();
    let text = refused(graph).to_string();
    assert!(text.contains("names no result"), "{text}");

    let graph = Builder::new(Layout::ChannelsLast, [1, 16, 16, 3]).finish();
    let text = refused(graph).to_string();
    assert!(text.contains("no layer gives it"), "{text}");
}

#[test]
fn weights_that_many_layers_share_must_not_take_more_memory_than_the_file() {
    let mut builder = Builder::new(Layout::ChannelsLast, [1, 4, 4, 512]);
    builder.graph.inputs[0].dims[3] = Some(3);
    let mut x = builder.conv_of("image", 3, 512, [1, 1], [1, 1]);
    let kernel = builder.constant(&[512, 1, 1, 512]);
    for _ in 0..64 {
        let op = RawOp::Conv { stride: [1; 2], dilation: [1; 2], padding: RawPadding::VALID, groups: 1 };
        x = builder.node(op, &[&x, &kernel]);
    }
    let text = refused(builder.finish()).to_string();
    assert!(text.contains("far more memory than the file"), "{text}");
}

#[test]
fn the_last_layer_gives_logits() {
    use RawOp::{HardSwish, Tanh};
    for (last, reason) in [
        (RawOp::Mean { axes: vec![1, 3], keep: false }, "mean over"),
        (RawOp::Clip { min: 0.0, max: 6.0 }, "expected a fully connected one"),
        (HardSwish, "expected a fully connected one"),
        (Tanh, "a global average pool, without activation"),
    ] {
        let mut builder = Builder::new(Layout::ChannelsLast, [1, 8, 8, 3]);
        let x = builder.conv("image", 4, [3, 3], [1, 1]);
        let x = builder.relu(&x);
        builder.unary(&x, last);
        let text = refused(builder.finish()).to_string();
        assert!(text.contains(reason), "{text}");
    }
}
