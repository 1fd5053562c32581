//! Networks with functions, products and concatenations, and with a pool that gives the logits. Needs the module `cases`
//! at the root of the crate.

#![allow(dead_code, reason = "tests each take what they need")]

use crate::cases::{Random, network_with};
use bitsmith::net::{Activation, Function, Graph, Network, Op, Pads, Shape, TensorId, Window};
use bitsmith::quant::{Bits, Policy, QuantizedLayer, QuantizedNetwork, Slot};

const POINT: Window = Window { kernel: 1, stride: 1, pads: Pads::symmetric(0) };
const THREE: Window = Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) };

/// Squeeze-and-excite, maps that begin in the middle of a byte, one that is joined twice, one that is joined and read
/// again, functions of maps and of a pooled vector, tables behind windowed pools.
pub fn graph() -> Graph {
    let half = Window { stride: 2, ..THREE };
    let mut graph = Graph::new(Shape::new(20, 20, 3));
    let x = graph.conv("conv1", 0, 7, half, Activation::Linear);
    let x = graph.lookup("swish1", x, Function::HardSwish);
    let y = graph.depthwise("dw", x, THREE, Activation::Relu);
    let gate = graph.global_avg_pool("squeeze", y);
    let gate = graph.conv("reduce", gate, 5, POINT, Activation::Relu);
    let gate = graph.conv("expand", gate, 7, POINT, Activation::Linear);
    let gate = graph.lookup("gate", gate, Function::HardSigmoid);
    let y = graph.multiply("excite", y, gate);
    let y = graph.conv("project", y, 6, POINT, Activation::Linear);
    let z = graph.conv("branch", x, 5, THREE, Activation::Linear);
    let z = graph.lookup("tanh", z, Function::Tanh);
    let joined = graph.concat("join1", vec![y, x, z, y]);
    let w = graph.lookup("swish2", joined, Function::Swish);
    let w = graph.max_pool("max", w, THREE);
    let x = graph.concat("join2", vec![w, joined]);
    let x = graph.conv("conv2", x, 10, half, Activation::Linear);
    let x = graph.lookup("sigmoid", x, Function::Sigmoid);
    graph.global_avg_pool("pool", x);
    graph
}

/// The network itself.
pub fn network() -> Network {
    Network::own("joined", graph())
}

/// With random integers under a random policy, padded as real networks are.
pub fn random(seed: u64) -> QuantizedNetwork {
    with_integers(network(), &mut Random(seed))
}

/// A network of random layers, which ends in a pool or in a linear layer behind one.
pub fn drawn(seed: u64) -> QuantizedNetwork {
    let mut random = Random(seed);
    let side = random.size(4, 11);
    let mut graph = Graph::new(Shape::new(side, side, 3));
    let channels = random.size(2, 12);
    graph.conv("first", 0, channels, THREE, Activation::Linear);
    for number in 0..random.size(4, 12) {
        append(&mut graph, number, &mut random);
    }
    let classes = random.size(2, 9);
    let last = graph.logits();
    let map = graph.conv("head", last, classes, POINT, Activation::Linear);
    let pooled = graph.global_avg_pool("pool", map);
    if random.one_in(3) {
        graph.linear("fc", pooled, classes);
    }
    with_integers(Network::own("drawn", graph), &mut random)
}

/// Appends layers to any tensor but the image.
fn append(graph: &mut Graph, number: usize, random: &mut Random) {
    let from = random.size(1, graph.logits());
    let shape = graph.tensors[from].shape;
    let (name, channels) = (format!("layer{number}"), random.size(1, 14));
    let function = Function::ALL[random.size(0, Function::ALL.len() - 1)];
    let like = |graph: &Graph| -> Vec<TensorId> {
        let size = |shape: Shape| (shape.height, shape.width);
        (1..graph.tensors.len()).filter(|&t| size(graph.tensors[t].shape) == size(shape)).collect()
    };
    match random.size(0, 7) {
        0 => graph.append(name, Op::Conv(POINT), Activation::Linear, &[from], channels),
        1 => {
            let window = Window { stride: random.size(1, 2), ..THREE };
            graph.append(name, Op::Conv(window), Activation::Relu, &[from], channels)
        }
        2 => graph.append(name, Op::Depthwise(THREE), Activation::Relu6, &[from], 0),
        3 => {
            let op = if random.one_in(2) { Op::MaxPool(THREE) } else { Op::AvgPool(THREE) };
            graph.append(name, op, Activation::Linear, &[from], 0)
        }
        4 => graph.append(name, Op::Lookup(function), Activation::Linear, &[from], 0),
        5 => {
            let gate = graph.global_avg_pool(format!("{name}.mean"), from);
            let gate = graph.lookup(format!("{name}.gate"), gate, function);
            graph.append(name, Op::Multiply, Activation::Linear, &[from, gate], 0)
        }
        _ => {
            let maps = like(graph);
            let joined: Vec<_> =
                (0..random.size(2, 5)).map(|_| maps[random.size(0, maps.len() - 1)]).collect();
            let channels: usize = joined.iter().map(|&map| graph.tensors[map].shape.channels).sum();
            if channels > 60 {
                return;
            }
            graph.append(name, Op::Concat, Activation::Linear, &joined, 0)
        }
    };
}

fn with_integers(network: Network, random: &mut Random) -> QuantizedNetwork {
    let graph = network.graph().clone();
    let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    for slot in Slot::all(&graph) {
        policy.set(slot, random.bits());
    }
    let mut network = network_with(network, policy, random);
    for (layer, integers) in graph.layers.iter().zip(&mut network.layers) {
        if let QuantizedLayer::Kernel(kernel) = integers {
            kernel.pad_codes.truncate(if layer.inputs[0] == 0 { 3 } else { 1 });
        }
    }
    network
}
