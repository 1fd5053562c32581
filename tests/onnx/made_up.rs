//! Networks with random integers that reach every form of a layer.

use crate::cases::{Random, all_widths, network_with, wild_requantizer};
use crate::packaged::noise;
use crate::runtimes::Case;
use bitsmith::net::{Activation, Function, Graph, Network, Pads, Shape, Spec, Window};
use bitsmith::quant::{Bits, Policy, QuantizedLayer, Requantizer, Slot};

const POINT: Window = Window { kernel: 1, stride: 1, pads: Pads::symmetric(0) };

/// The kinds of layers under test, each at all widths of input, weights and output.
pub fn layers() -> Vec<Case> {
    let mut cases = Vec::new();
    for (seed, widths) in all_widths().enumerate() {
        for (kind, build) in KINDS {
            cases.push(layer_case(kind, *build, widths, seed as u64));
        }
    }
    cases
}

/// What a product or a concatenation reads besides the input: it has the width of weights.
const OTHER: &str = "other";

/// Appends a layer to a graph; returns its output.
type Build = fn(&mut Graph, usize, &mut Random) -> usize;

const KINDS: &[(&str, Build)] = &[
    ("conv", |graph, input, random| {
        let channels = random.size(1, 12);
        graph.conv("layer", input, channels, window(random, 3), Activation::Relu)
    }),
    ("pointwise", |graph, input, random| {
        let channels = random.size(1, 24);
        graph.conv("layer", input, channels, POINT, Activation::Linear)
    }),
    ("depthwise-3", |graph, input, random| {
        let window = window(random, 3);
        graph.depthwise("layer", input, window, Activation::Relu6)
    }),
    ("depthwise-5", |graph, input, random| {
        let window = window(random, 5);
        graph.depthwise("layer", input, window, Activation::Relu6)
    }),
    ("depthwise-7", |graph, input, random| {
        // Maps may be of 5 x 5 pixels.
        let mut pad = || random.size(1, 4);
        let pads = Pads { top: pad(), left: pad(), bottom: pad(), right: pad() };
        let window = Window { kernel: 7, stride: random.size(1, 2), pads };
        graph.depthwise("layer", input, window, Activation::Relu6)
    }),
    ("depthwise-4", |graph, input, random| {
        let window = window(random, 4);
        graph.depthwise("layer", input, window, Activation::Linear)
    }),
    ("max-pool", |graph, input, random| {
        let kernel = random.size(1, 5);
        let window = pooled(random, kernel);
        graph.max_pool("layer", input, window)
    }),
    ("average-pool", |graph, input, random| {
        let kernel = random.size(1, 5);
        let window = pooled(random, kernel);
        graph.avg_pool("layer", input, window)
    }),
    ("largest-average-pool", |graph, input, random| {
        // As large as a window can be, on a map that may be smaller.
        let pads = Pads::symmetric(random.size(5, 10));
        let window = Window { kernel: 11, stride: random.size(1, 3), pads };
        graph.avg_pool("layer", input, window)
    }),
    ("function", |graph, input, random| {
        let function = Function::ALL[random.size(0, Function::ALL.len() - 1)];
        graph.lookup("layer", input, function)
    }),
    ("product", |graph, input, _| {
        let mean = graph.global_avg_pool("mean", input);
        let gate = graph.lookup(OTHER, mean, Function::HardSigmoid);
        graph.multiply("layer", input, gate)
    }),
    ("concatenation", |graph, input, random| {
        let channels = random.size(1, 12);
        let branch = graph.conv(OTHER, input, channels, POINT, Activation::Linear);
        graph.concat("layer", vec![input, branch, input])
    }),
    ("add", |graph, input, _| {
        let channels = graph.tensors[input].shape.channels;
        let window = Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) };
        let branch = graph.conv("layer", input, channels, window, Activation::Linear);
        graph.add("sum", input, branch, Activation::Linear)
    }),
];

/// A window with any pads that a layer can have.
fn window(random: &mut Random, kernel: usize) -> Window {
    let mut pad = || random.size(0, kernel / 2);
    let pads = Pads { top: pad(), left: pad(), bottom: pad(), right: pad() };
    Window { kernel, stride: random.size(1, 2), pads }
}

/// A window with any pads that a pool can have.
fn pooled(random: &mut Random, kernel: usize) -> Window {
    let mut pad = || random.size(0, kernel - 1);
    let pads = Pads { top: pad(), left: pad(), bottom: pad(), right: pad() };
    Window { kernel, stride: random.size(1, 3), pads }
}

/// An image, a first layer that gives codes of the input's width, the layer, pool and logits.
fn layer_case(kind: &str, build: Build, [input_bits, weight_bits, bits]: [Bits; 3], seed: u64) -> Case {
    let mut random = Random(seed);
    let mut graph = Graph::new(Shape::new(random.size(11, 15), random.size(11, 15), 3));
    let channels = random.size(1, 20);
    let input = graph.conv("first", 0, channels, window(&mut random, 3), Activation::Relu);
    let output = build(&mut graph, input, &mut random);
    let pool = graph.global_avg_pool("pool", output);
    graph.linear("fc", pool, 4);

    let mut policy = Policy::uniform(&graph, weight_bits, bits);
    policy.set(Slot::Activation(input), input_bits);
    if let Some(other) = graph.tensors.iter().position(|tensor| tensor.name == OTHER) {
        policy.set(Slot::Activation(other), weight_bits);
    }
    let mut network = network_with(Network::own("made-up", graph), policy, &mut random);
    // Factors of either sign with any shift, as far as nothing leaves 32 bits.
    let last = network.layers.len() - 1;
    for integers in &mut network.layers[..last] {
        match integers {
            QuantizedLayer::Kernel(kernel) => {
                for requantizer in &mut kernel.requantizers {
                    if random.one_in(4) {
                        *requantizer = wild_requantizer(&mut random);
                    }
                }
            }
            QuantizedLayer::Multiply(factor) if random.one_in(2) => *factor = wild_requantizer(&mut random),
            _ => {}
        }
    }
    let [i, w, o] = [input_bits, weight_bits, bits];
    let images = noise(&network, 2);
    Case::new(format!("{kind}-{i}-{w}-{o}"), network, images)
}

/// Rows of weights as far from their zero point as can be, over inputs with all codes large.
pub fn large_sums() -> Vec<Case> {
    let case = |padded: bool, zero_point: u8| {
        let mut graph = Graph::new(Shape::new(3, 3, 3));
        let wide = graph.conv("first", 0, 400, POINT, Activation::Relu);
        let window = Window { kernel: 3, stride: 1, pads: Pads::symmetric(usize::from(padded)) };
        let output = graph.conv("layer", wide, 5, window, Activation::Linear);
        let pool = graph.global_avg_pool("pool", output);
        graph.linear("fc", pool, 3);
        let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        let mut network =
            network_with(Network::own("made-up", graph), policy, &mut Random(u64::from(zero_point)));
        if let QuantizedLayer::Kernel(kernel) = &mut network.layers[0] {
            // All codes of the first map are between 200 and 255.
            for requantizer in &mut kernel.requantizers {
                *requantizer = Requantizer { bias: 0, multiplier: 1 << 30, shift: 50 };
            }
        }
        network.tensors[wide].zero_point = 227;
        if let QuantizedLayer::Kernel(kernel) = &mut network.layers[1] {
            kernel.zero_points.fill(zero_point);
            kernel
                .weights
                .iter_mut()
                .for_each(|weight| *weight = if *weight < 16 { *weight } else { 255 - zero_point });
            let half = 9 * 400 * 255 * 110;
            let bias = if zero_point == 0 { -half } else { half };
            kernel.requantizers.fill(Requantizer { bias, multiplier: 1 << 30, shift: 50 });
        }
        let images = noise(&network, 2);
        Case::new(format!("padded-{padded}-zero-{zero_point}"), network, images)
    };
    vec![case(false, 0), case(true, 0), case(true, 255), case(false, 255)]
}

/// A network of the zoo under 27 policies: in each layer every combination of widths of input, weights and output occurs.
/// Only the image and the pool's output always have 8 bits.
pub fn at_all_widths(name: &str) -> Vec<Case> {
    let spec = name.parse::<Spec>().expect(name).with_classes(10).expect("in range");
    let graph = spec.build();
    // Tensors are even or odd, so that a layer's output is never what its input is.
    let mut odd = vec![false; graph.tensors.len()];
    for layer in &graph.layers {
        odd[layer.output] = !odd[layer.inputs[0]];
    }
    let case = |(seed, [even_bits, weights, odd_bits]): (usize, [Bits; 3])| {
        let mut policy = Policy::uniform(&graph, weights, Bits::B8);
        for slot in Slot::all(&graph) {
            if let Slot::Activation(tensor) = slot {
                policy.set(slot, if odd[tensor] { odd_bits } else { even_bits });
            }
        }
        let mut network = network_with(spec.into(), policy, &mut Random(seed as u64));
        for (layer, integers) in graph.layers.iter().zip(&mut network.layers) {
            if let QuantizedLayer::Kernel(kernel) = integers
                && layer.inputs[0] != 0
            {
                kernel.pad_codes.truncate(1);
            }
        }
        let images = noise(&network, 1);
        Case::new(format!("{name}-{even_bits}-{weights}-{odd_bits}"), network, images)
    };
    all_widths().enumerate().map(case).collect()
}
