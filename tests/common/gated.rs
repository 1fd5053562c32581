//! A network with functions, products, concatenations and a pool that gives the logits.

#![allow(dead_code, reason = "tests each take what they need")]

use bitsmith::net::{Activation, Function, Graph, Network, Pads, Shape, TensorId, Window};

const ONE: Window = Window { kernel: 1, stride: 1, pads: Pads { top: 0, left: 0, bottom: 0, right: 0 } };
const THREE: Window = Window { kernel: 3, stride: 1, pads: Pads { top: 1, left: 1, bottom: 1, right: 1 } };

/// Squeeze-and-excite (arXiv 1709.01507) with `squeezed` channels: the map times a gate of its own.
pub fn excited(
    graph: &mut Graph,
    name: &str,
    map: TensorId,
    squeezed: usize,
    function: Function,
) -> TensorId {
    let channels = graph.tensors[map].shape.channels;
    let gate = graph.global_avg_pool(format!("{name}.pool"), map);
    let gate = graph.conv(format!("{name}.squeeze"), gate, squeezed, ONE, Activation::Relu);
    let gate = graph.conv(format!("{name}.excite"), gate, channels, ONE, Activation::Linear);
    let gate = graph.lookup(format!("{name}.gate"), gate, function);
    graph.multiply(format!("{name}.scaled"), map, gate)
}

/// All functions; a gate of a map that others read too, and one of the map itself; concatenations of several maps, of
/// one twice and of two of different widths in channels that leave bits over; a map with four readers; a pool at the end.
pub fn graph() -> Graph {
    let mut graph = Graph::new(Shape::new(32, 32, 3));
    let x = graph.conv("conv1", 0, 8, Window { stride: 2, ..THREE }, Activation::Linear);
    let x = graph.lookup("conv1.f", x, Function::HardSwish);
    let x = excited(&mut graph, "se1", x, 5, Function::HardSigmoid);
    let a = graph.depthwise("dw", x, THREE, Activation::Relu6);
    let b = graph.conv("narrow", x, 7, ONE, Activation::Linear);
    let b = graph.lookup("narrow.f", b, Function::Tanh);
    let c = graph.lookup("x.f", x, Function::Swish);
    let joined = graph.concat("concat1", vec![a, b, x, a, c]);
    let y = graph.conv("mix", joined, 12, ONE, Activation::Linear);
    let y = excited(&mut graph, "se2", y, 4, Function::Sigmoid);
    let y = graph.max_pool("max", y, Window { kernel: 2, stride: 2, pads: Pads::default() });
    let z = graph.depthwise("dw2", y, THREE, Activation::Linear);
    let y = graph.concat("concat2", vec![z, y]);
    let y = graph.conv("classes", y, 10, ONE, Activation::Relu);
    graph.global_avg_pool("pool", y);
    graph
}

/// The network itself.
pub fn network() -> Network {
    Network::own("gated", graph())
}
