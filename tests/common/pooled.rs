//! A network with windowed pools of all kinds. Needs the module `cases` at the root of the crate.

#![allow(dead_code, reason = "tests each take what they need")]

use crate::cases::{Random, network_with};
use bitsmith::net::{Activation, Graph, Network, Pads, Shape, Window};
use bitsmith::quant::{Bits, Policy, QuantizedLayer, QuantizedNetwork, Slot};

/// Pools behind each other, before and behind padded layers, beside other readers, with windows that overlap the border
/// on every side, over codes with and without a zero point, of channels that leave bits over.
pub fn graph() -> Graph {
    let window = |kernel, stride, pads| Window { kernel, stride, pads };
    let pads = |top, left, bottom, right| Pads { top, left, bottom, right };
    let mut graph = Graph::new(Shape::new(32, 32, 3));
    let x = graph.conv("conv1", 0, 7, window(3, 1, Pads::symmetric(1)), Activation::Relu);
    let x = graph.max_pool("max1", x, window(3, 2, Pads::same(32, 3, 2)));
    let x = graph.conv("project", x, 9, window(1, 1, Pads::default()), Activation::Linear);
    let x = graph.avg_pool("mean1", x, window(2, 1, pads(0, 1, 1, 0)));
    let y = graph.depthwise("dw", x, window(3, 1, Pads::symmetric(1)), Activation::Relu);
    let z = graph.max_pool("max2", x, window(3, 1, Pads::symmetric(1)));
    let x = graph.add("add", y, z, Activation::Linear);
    let x = graph.avg_pool("mean2", x, window(5, 2, pads(4, 1, 2, 3)));
    let x = graph.max_pool("max3", x, window(2, 2, Pads::default()));
    let x = graph.conv("conv2", x, 6, window(3, 1, Pads::symmetric(1)), Activation::Relu6);
    let x = graph.global_avg_pool("pool", x);
    graph.linear("fc", x, 10);
    graph
}

/// The network itself.
pub fn network() -> Network {
    Network::own("pooled", graph())
}

/// With random integers under a random policy, padded as real networks are.
pub fn random(seed: u64) -> QuantizedNetwork {
    let mut random = Random(seed);
    let graph = graph();
    let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    for slot in Slot::all(&graph) {
        policy.set(slot, random.bits());
    }
    let mut network = network_with(network(), policy, &mut random);
    for (layer, integers) in graph.layers.iter().zip(&mut network.layers) {
        if let QuantizedLayer::Kernel(kernel) = integers {
            kernel.pad_codes.truncate(if layer.inputs[0] == 0 { 3 } else { 1 });
        }
    }
    network
}
