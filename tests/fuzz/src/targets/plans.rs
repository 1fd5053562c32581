//! The arena planner: any network, any bits, and the rules of runtime/bitsmith.h.

use super::kernels::{Conv, scratch_of};
use super::networks::{NETWORKS, policy};
use super::{MIB, Target, rules};
use crate::input::Input;
use bitsmith::memory::{Plan, Routine};
use bitsmith::net::{Activation, Function, Graph, Op, Padding, Pads, Shape, Spec, TensorId, Width, Window};
use bitsmith::quant::Policy;

pub const TARGET: Target = Target {
    name: "plans",
    longest: 512,
    memory: |bytes| 4 * MIB + 64 * bytes,
    prepare: rules::prove,
    run,
    seeds,
    words: "",
};

/// Layers of a network that is none of the zoo.
const LAYERS: usize = 12;

/// The first byte chooses a network of the zoo or one that the next bytes describe; the rest are bits.
fn run(data: &[u8]) {
    let mut input = Input(data);
    let graph = if input.byte() & 1 == 0 { zoo(&mut input) } else { drawn(&mut input) };
    let policy = policy(&graph, &mut input);
    let plan = Plan::new(&graph, &policy);
    if let Err(what) = rules::check(&graph, &policy, &plan) {
        panic!("{what}\n{plan:?}\n{policy:?}\n{graph:?}");
    }
    compare_scratch(&graph, &policy, &plan);
    assert!(Plan::lower_bound(&graph, &policy) <= plan.arena);
    assert!(plan.steps(&graph, &policy).iter().all(|step| step.live() <= plan.arena));
    assert!(Plan::least(&graph, &policy).iter().all(|&bytes| bytes <= plan.arena));
}

/// The runtime itself says how much scratch a kernel needs.
fn compare_scratch(graph: &Graph, policy: &Policy, plan: &Plan) {
    for (id, layer) in graph.layers.iter().enumerate() {
        let found = plan.scratch[id].bytes;
        let conv = Conv::of(graph, policy, layer, plan.blocks[id]);
        let expected = conv.map_or(0, |conv| scratch_of(Routine::of(graph, layer), &conv));
        assert_eq!(found, expected, "scratch of {}", layer.name);
    }
}

fn zoo(input: &mut Input) -> Graph {
    let (family, _) = input.pick(&NETWORKS);
    let (width, side) = (Width(input.within(10, 60) as u16), 32 * input.within(1, 3) as u16);
    let padding = input.pick(&[Padding::TensorFlow, Padding::PyTorch]);
    let spec = Spec::new(family, width, side).expect("in range").with_padding(padding);
    spec.with_classes(input.within(2, 20) as u64).expect("in range").build()
}

/// A network of any layers; the last one is linear, or a global pool.
fn drawn(input: &mut Input) -> Graph {
    let mut graph = Graph::new(Shape::new(input.within(1, 16), input.within(1, 16), input.within(1, 40)));
    for number in 0..input.within(1, LAYERS) {
        let from = input.below(graph.tensors.len());
        let name = format!("layer {number}");
        match input.below(9) {
            0 => {
                graph.conv(name, from, input.within(1, 64), one(), Activation::Relu);
            }
            1 => {
                if let Some(window) = window(&graph, from, &[1, 2, 3, 5], input) {
                    graph.conv(name, from, input.within(1, 40), window, Activation::Relu);
                }
            }
            2 => {
                if let Some(window) = window(&graph, from, &[3, 5, 7, 1, 2, 4, 6, 11], input) {
                    graph.depthwise(name, from, window, Activation::Relu);
                }
            }
            kind @ (3 | 4) => {
                if let Some(window) = window(&graph, from, &[1, 2, 3, 5, 11], input) {
                    if kind == 3 {
                        graph.max_pool(name, from, window);
                    } else {
                        graph.avg_pool(name, from, window);
                    }
                }
            }
            // None of these reads the image.
            6 if from > 0 => {
                graph.lookup(name, from, input.pick(&Function::ALL));
            }
            7 if from > 0 => {
                let mean = graph.global_avg_pool(format!("{name}, mean"), from);
                let gate = graph.lookup(format!("{name}, gate"), mean, Function::HardSigmoid);
                graph.multiply(name, from, if input.below(2) == 0 { mean } else { gate });
            }
            8 if from > 0 => {
                let side = |tensor: TensorId| {
                    let Shape { height, width, .. } = graph.tensors[tensor].shape;
                    (height, width)
                };
                let same: Vec<TensorId> =
                    (1..graph.tensors.len()).filter(|&t| side(t) == side(from)).collect();
                let mut maps = vec![from];
                let count = input.within(1, 5);
                maps.extend((0..count).map(|_| same[input.below(same.len())]));
                let channels: usize = maps.iter().map(|&map| graph.tensors[map].shape.channels).sum();
                if channels <= 256 {
                    graph.concat(name, maps);
                }
            }
            _ => {
                let shape = graph.tensors[from].shape;
                let same: Vec<TensorId> =
                    (0..graph.tensors.len()).filter(|&t| graph.tensors[t].shape == shape).collect();
                let other = same[input.below(same.len())];
                graph.add(name, from, other, Activation::Linear);
            }
        }
    }
    let last = graph.logits();
    let pool = graph.global_avg_pool("pool", last);
    if input.below(4) > 0 {
        graph.linear("fc", pool, input.within(1, 20));
    }
    graph
}

const fn one() -> Window {
    Window { kernel: 1, stride: 1, pads: Pads { top: 0, left: 0, bottom: 0, right: 0 } }
}

/// A window that fits a map.
fn window(graph: &Graph, from: TensorId, kernels: &[usize], input: &mut Input) -> Option<Window> {
    let (kernel, stride) = (input.pick(kernels), input.within(1, 3));
    let mut pad = || input.below(kernel);
    let pads = Pads { top: pad(), left: pad(), bottom: pad(), right: pad() };
    let Shape { height, width, .. } = graph.tensors[from].shape;
    let fits = height + pads.top + pads.bottom >= kernel && width + pads.left + pads.right >= kernel;
    // A window that begins behind the map sees padding alone.
    fits.then_some(Window { kernel, stride, pads })
}

impl Conv {
    /// The descriptor of a layer with weights, as far as sizes go.
    fn of(graph: &Graph, policy: &Policy, layer: &bitsmith::net::Layer, block: usize) -> Option<Self> {
        let window = match layer.op {
            Op::Conv(window) | Op::Depthwise(window) => window,
            Op::Linear => one(),
            Op::GlobalAvgPool
            | Op::Add
            | Op::MaxPool(..)
            | Op::AvgPool(..)
            | Op::Lookup(_)
            | Op::Multiply
            | Op::Concat => return None,
        };
        let (from, to) = (graph.input_shape(layer), graph.output_shape(layer));
        Some(Conv {
            in_h: from.height as u16,
            in_w: from.width as u16,
            in_c: from.channels as u16,
            out_h: to.height as u16,
            out_w: to.width as u16,
            out_c: to.channels as u16,
            kernel: window.kernel as u8,
            stride: window.stride as u8,
            pad_top: window.pads.top as u8,
            pad_left: window.pads.left as u8,
            in_bits: policy.activation(graph, layer.inputs[0]).count() as u8,
            weight_bits: 8,
            out_bits: 8,
            block: block as u16,
            ..Conv::EMPTY
        })
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let bits: Vec<u8> = (0..40_u8).map(|i| i.wrapping_mul(7)).collect();
    let mut seeds = Vec::new();
    for number in 0..6_u8 {
        seeds.push([&[0, number, 10 * number, number % 3, number, 3][..], &bits].concat());
    }
    for start in [
        // An add of a tensor to itself, one that is read again long after, one that nobody reads.
        &[1, 9, 9, 3, 5, 0, 0, 5, 1, 3, 1, 2, 1, 0, 7, 2, 2, 0, 1, 1, 1, 1, 4, 0, 9, 5, 3, 0][..],
        &[1, 8, 8, 40, 3, 0, 2, 0, 0, 1, 1, 1, 1, 1, 2, 1, 0, 1, 1, 1, 1, 2, 3, 0],
        &[1, 1, 1, 1, 1, 0, 0, 1],
        // A function, a product with what it gives, a concatenation of both and itself, a pool at the end.
        &[1, 6, 6, 3, 4, 0, 0, 7, 1, 6, 0, 2, 7, 1, 5, 8, 3, 2, 4, 5, 0, 0],
    ] {
        seeds.push([start, &bits].concat());
    }
    seeds
}
