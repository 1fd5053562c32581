//! Graphs that make no sense are refused, and nothing panics.

use super::super::{LowerOptions, lower};
use crate::import::raw::{
    Constant, Layout, RawGraph, RawInput, RawNode, RawOp, RawPadding, RawQuantizer, RawWindow, Values,
};
use proptest::prelude::*;

const NAMES: [&str; 10] = ["image", "a", "b", "c", "d", "k1", "k2", "k3", "k4", ""];

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..5_usize, 1 => Just(65_536), 1 => Just(usize::MAX), 1 => Just(1 << 33)]
}

fn signed() -> impl Strategy<Value = i64> {
    prop_oneof![8 => -2..6_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)]
}

fn real() -> impl Strategy<Value = f32> {
    prop_oneof![4 => -8.0..8.0_f32, 2 => Just(0.0_f32), 1 => Just(6.0_f32), 1 => any::<f32>()]
}

fn padding() -> impl Strategy<Value = RawPadding> {
    prop_oneof![
        Just(RawPadding::VALID),
        Just(RawPadding::Same),
        Just(RawPadding::SameLower),
        [number(), number(), number(), number()].prop_map(RawPadding::Explicit),
    ]
}

fn window() -> impl Strategy<Value = RawWindow> {
    ([number(), number()], [number(), number()], padding(), any::<bool>())
        .prop_map(|(kernel, stride, padding, ceil)| RawWindow { kernel, stride, padding, ceil })
}

fn op() -> impl Strategy<Value = RawOp> {
    let pair = || [number(), number()];
    prop_oneof![
        3 => (pair(), pair(), padding(), number())
            .prop_map(|(stride, dilation, padding, groups)| RawOp::Conv { stride, dilation, padding, groups }),
        3 => padding().prop_map(|padding| RawOp::Conv { stride: [1; 2], dilation: [1; 2], padding, groups: 1 }),
        2 => Just(RawOp::Dense),
        2 => real().prop_map(|epsilon| RawOp::BatchNorm { epsilon }),
        2 => (real(), real()).prop_map(|(min, max)| RawOp::Clip { min, max }),
        2 => Just(RawOp::Clip { min: 0.0, max: f32::INFINITY }),
        1 => real().prop_map(|slope| RawOp::LeakyRelu { slope }),
        1 => (real(), real()).prop_map(|(slope, offset)| RawOp::HardSigmoid { slope, offset }),
        2 => prop::sample::select(vec![
            RawOp::Sigmoid, RawOp::HardSwish, RawOp::Swish, RawOp::Tanh, RawOp::Softmax, RawOp::Identity,
            RawOp::Unsupported { reason: "anything".into() },
        ]),
        4 => prop::sample::select(vec![RawOp::Add, RawOp::Sub, RawOp::Mul, RawOp::Div]),
        2 => window().prop_map(RawOp::MaxPool),
        2 => (window(), any::<bool>()).prop_map(|(window, counts_pads)| RawOp::AvgPool { window, counts_pads }),
        2 => (prop::collection::vec(signed(), 0..4), any::<bool>()).prop_map(|(axes, keep)| RawOp::Mean { axes, keep }),
        2 => (prop::collection::vec([signed(), signed()], 0..6), real())
            .prop_map(|(pads, value)| RawOp::Pad { pads, value }),
        2 => prop::collection::vec(signed(), 0..10).prop_map(|dims| RawOp::Reshape { dims }),
        2 => prop::collection::vec(number(), 0..6).prop_map(|order| RawOp::Transpose { order }),
        1 => Just(RawOp::Transpose { order: vec![0, 2, 3, 1] }),
        2 => prop_oneof![signed(), Just(1), Just(3)].prop_map(|axis| RawOp::Concat { axis }),
        1 => prop::collection::vec(signed(), 0..6).prop_map(|dims| RawOp::Expand { dims }),
    ]
}

fn node() -> impl Strategy<Value = RawNode> {
    (name(), op(), prop::collection::vec(name(), 0..6), prop::collection::vec(name(), 0..3))
        .prop_map(|(name, op, inputs, outputs)| RawNode { name, operator: "Op".into(), op, inputs, outputs })
}

/// Mostly as large as it says.
fn constant() -> impl Strategy<Value = Constant> {
    let dims = prop::collection::vec(prop_oneof![6 => 0..4_usize, 1 => number()], 0..5);
    (dims, any::<bool>(), prop::collection::vec(real(), 0..300), prop::bool::weighted(0.8)).prop_map(
        |(dims, integers, mut values, fits)| {
            let product = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
            if let Some(count) = product.filter(|&count| fits && count <= 400) {
                values.resize(count, 0.5);
            }
            let values = match integers {
                true => Values::Integers(values.iter().map(|&value| value as i64).collect()),
                false => Values::Floats(values),
            };
            Constant { dims, values }
        },
    )
}

fn quantizer() -> impl Strategy<Value = RawQuantizer> {
    let end = || prop_oneof![Just(-128_i64), Just(127), Just(0), Just(255), any::<i64>()];
    (real(), end(), end(), end()).prop_map(|(scale, zero_point, low, high)| RawQuantizer {
        scale,
        zero_point,
        range: (low, high),
    })
}

fn graph() -> impl Strategy<Value = RawGraph> {
    let dims = prop_oneof![
        Just(vec![Some(1), Some(4), Some(4), Some(3)]),
        prop::collection::vec(prop::option::of(number()), 0..6),
    ];
    let input = (prop_oneof![4 => Just("image".to_owned()), 1 => name()], dims)
        .prop_map(|(name, dims)| RawInput { name, dims });
    (
        any::<bool>(),
        prop::collection::vec(input, 0..3),
        prop::collection::vec(name(), 0..3),
        prop::collection::vec(node(), 0..8),
        prop::collection::btree_map(name(), constant(), 0..6),
        prop::collection::btree_map(name(), quantizer(), 0..4),
    )
        .prop_map(|(first, inputs, outputs, nodes, constants, quantizers)| RawGraph {
            layout: if first { Layout::ChannelsFirst } else { Layout::ChannelsLast },
            inputs,
            outputs,
            nodes,
            constants,
            quantizers,
            labels: Some(vec!["one".into()]),
            ..RawGraph::default()
        })
}

/// A chain that makes sense until an operation does not.
fn chain() -> impl Strategy<Value = RawGraph> {
    (any::<bool>(), prop::collection::vec((op(), prop::collection::vec(constant(), 0..5)), 1..8)).prop_map(
        |(first, steps)| {
            let mut graph = RawGraph {
                layout: if first { Layout::ChannelsFirst } else { Layout::ChannelsLast },
                inputs: vec![RawInput { name: "t0".into(), dims: vec![Some(1), Some(3), Some(3), Some(3)] }],
                ..RawGraph::default()
            };
            for (position, (op, constants)) in steps.into_iter().enumerate() {
                let mut inputs = vec![format!("t{position}")];
                for (index, constant) in constants.into_iter().enumerate() {
                    let name = format!("k{position}.{index}");
                    graph.constants.insert(name.clone(), constant);
                    inputs.push(name);
                }
                let takes = match op {
                    RawOp::Conv { .. } | RawOp::Dense => 3,
                    RawOp::BatchNorm { .. } => 5,
                    RawOp::Add | RawOp::Sub | RawOp::Mul | RawOp::Div | RawOp::Concat { .. } => 2,
                    _ => 1,
                };
                inputs.truncate(takes);
                if takes == 2 && inputs.len() == 1 {
                    inputs.push(format!("t{}", position / 2));
                }
                graph.nodes.push(RawNode {
                    name: format!("node{position}"),
                    operator: "Op".into(),
                    op,
                    inputs,
                    outputs: vec![format!("t{}", position + 1)],
                });
            }
            graph.outputs = vec![format!("t{}", graph.nodes.len())];
            graph
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_panics(graph in prop_oneof![graph(), chain()], given in prop::option::of((number(), number()))) {
        match lower(graph, &LowerOptions { input: given }) {
            Ok(lowered) => prop_assert_eq!(lowered.graph.layers.len(), lowered.weights.len()),
            Err(refusals) => {
                prop_assert!(!refusals.list.is_empty());
                prop_assert!(refusals.list.iter().all(|refusal| !refusal.reason.is_empty()));
            }
        }
    }
}
