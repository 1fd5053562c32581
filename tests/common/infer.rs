//! Random layers and networks in integers, from a seed: the same on every machine and in the browser.

#![allow(dead_code, reason = "tests and benchmarks each take what they need")]

use bitsmith::net::{
    Activation, Graph, Layer, LayerId, Network, Normalization, Op, Pads, Shape, Spec, Window,
};
use bitsmith::quant::{
    AddRequantizer, Bits, Kernel, Policy, QuantizedLayer, QuantizedNetwork, Quantizer, Requantizer, Slot,
};
use bitsmith::random::SplitMix64;

/// The same sequence for the same seed, everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        let mut generator = SplitMix64(self.0);
        let drawn = generator.next();
        self.0 = generator.0;
        drawn
    }

    /// A number in `low..=high`.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    pub fn size(&mut self, low: usize, high: usize) -> usize {
        self.within(low as i64, high as i64) as usize
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    pub fn code(&mut self, bits: Bits) -> u8 {
        self.next() as u8 & bits.max_code()
    }

    pub fn codes(&mut self, len: usize, bits: Bits) -> Vec<u8> {
        (0..len).map(|_| self.code(bits)).collect()
    }

    pub fn bits(&mut self) -> Bits {
        Bits::ALL[self.size(0, 2)]
    }
}

/// All 27 combinations of the widths of input, weights and output.
pub fn all_widths() -> impl Iterator<Item = [Bits; 3]> {
    Bits::ALL.into_iter().flat_map(|i| Bits::ALL.into_iter().flat_map(move |w| Bits::ALL.map(|o| [i, w, o])))
}

/// One layer with weights, its input, and what its output is.
#[derive(Debug)]
pub struct LayerCase {
    pub graph: Graph,
    pub kernel: Kernel,
    pub input: Vec<u8>,
    pub zero_point: u8,
    pub bits: Bits,
}

impl LayerCase {
    /// A convolution of any kind on a map of any size, or a linear layer, at the given widths of input, weights
    /// and output.
    pub fn random(seed: u64, [input_bits, weight_bits, bits]: [Bits; 3]) -> Self {
        let mut random = Random(seed);
        let graph = random_layer(&mut random);
        let zero_point = random.code(bits);
        let output = Output { bits, zero_point };
        let mut kernel = random_kernel(&mut random, &graph, 0, input_bits, weight_bits, output);
        for requantizer in &mut kernel.requantizers {
            if random.one_in(3) {
                *requantizer = wild_requantizer(&mut random);
            }
        }
        let input = random.codes(graph.image().shape.elements(), input_bits);
        Self { graph, kernel, input, zero_point, bits }
    }
}

/// A graph of one layer.
fn random_layer(random: &mut Random) -> Graph {
    let channels = random.size(1, 40);
    let outputs = random.size(1, 40);
    if random.one_in(8) {
        let mut graph = Graph::new(Shape::new(1, 1, channels));
        graph.linear("layer", 0, outputs);
        return graph;
    }
    let is_depthwise = random.one_in(2);
    let kernels: &[usize] = if is_depthwise { &[1, 2, 3, 3, 4, 5, 6, 7, 7, 9, 11] } else { &[1, 3, 3, 5] };
    let kernel = kernels[random.size(0, kernels.len() - 1)];
    let pad = if is_depthwise { kernel - 1 } else { kernel.div_ceil(2) };
    let pads = Pads {
        top: random.size(0, pad),
        left: random.size(0, pad),
        bottom: random.size(0, pad),
        right: random.size(0, pad),
    };
    let window = Window { kernel, stride: random.size(1, if is_depthwise { 4 } else { 2 }), pads };
    let height = random.size(kernel, kernel + 6);
    let width = random.size(kernel, kernel + 20);
    let mut graph = Graph::new(Shape::new(height, width, channels));
    if is_depthwise {
        graph.depthwise("layer", 0, window, Activation::Relu6);
    } else {
        graph.conv("layer", 0, outputs, window, Activation::Relu6);
    }
    graph
}

/// Any multiplier and shift that the contract knows, of either sign.
pub fn wild_requantizer(random: &mut Random) -> Requantizer {
    let magnitude = random.within(1 << 30, (1 << 31) - 1) as i32;
    let multiplier = if random.one_in(2) { magnitude } else { -magnitude };
    Requantizer {
        bias: random.within(-(1 << 22), 1 << 22) as i32,
        multiplier,
        shift: random.within(0, 62) as u8,
    }
}

/// What an output's codes are.
#[derive(Clone, Copy)]
struct Output {
    bits: Bits,
    zero_point: u8,
}

/// A code of the output for each code of the input: any, or one that rises with it more or less.
fn random_table(random: &mut Random, from: Bits, to: Bits) -> Vec<u8> {
    let (last, most) = (usize::from(from.max_code()), i64::from(to.max_code()));
    let is_any = random.one_in(2);
    let mut table: Vec<u8> = (0..=last)
        .map(|code| {
            let risen = (code as i64 * most / last as i64 + random.within(-2, 2)).clamp(0, most) as u8;
            if is_any { random.code(to) } else { risen }
        })
        .collect();
    if table[0] == table[last] {
        // Not the same for all.
        table[last] ^= to.max_code();
    }
    table
}

/// Random codes, and requantizers that spread the sums over the output's codes.
fn random_kernel(
    random: &mut Random,
    graph: &Graph,
    layer: LayerId,
    input_bits: Bits,
    weight_bits: Bits,
    output: Output,
) -> Kernel {
    let layer = &graph.layers[layer];
    let channels = graph.output_shape(layer).channels;
    let weights = random.codes(graph.weight_elements(layer), weight_bits);
    let per_channel = weights.len() / channels;
    let zero_points = random.codes(channels, weight_bits);
    let requantizers = weights
        .chunks_exact(per_channel)
        .zip(&zero_points)
        .map(|(weights, &zero)| spread(random, weights, zero, input_bits, output))
        .collect();
    let pads = if random.one_in(2) { 1 } else { graph.input_shape(layer).channels };
    Kernel {
        weights,
        bits: weight_bits,
        zero_points,
        requantizers,
        pad_codes: random.codes(pads, input_bits),
    }
}

/// A requantizer for sums over random codes of `input_bits`: three standard deviations fill the output's codes.
fn spread(random: &mut Random, weights: &[u8], zero: u8, input_bits: Bits, output: Output) -> Requantizer {
    let largest = f64::from(input_bits.max_code());
    let centred = weights.iter().map(|&w| f64::from(w) - f64::from(zero));
    let mean = centred.clone().sum::<f64>() * largest / 2.0;
    let deviation = largest * (centred.map(|w| w * w).sum::<f64>() / 12.0).sqrt() + 1.0;
    let levels = f64::from(output.bits.max_code());
    let magnitude = levels / (3.0 * deviation);
    let factor = if random.one_in(8) { -magnitude } else { magnitude };
    let offset = levels / 2.0 - f64::from(output.zero_point) - factor * mean;
    Requantizer::new(factor, offset).expect("a moderate factor")
}

/// A network of the zoo with random integers under a random policy.
pub fn random_network(name: &str, classes: u64, seed: u64) -> QuantizedNetwork {
    let spec = name.parse::<Spec>().and_then(|spec| spec.with_classes(classes)).expect(name);
    let mut random = Random(seed);
    let graph = spec.build();
    let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    for slot in Slot::all(&graph) {
        policy.set(slot, random.bits());
    }
    network_with(spec.into(), policy, &mut random)
}

/// A network of the zoo with random integers of one width for weights and one for activations.
pub fn uniform_network(name: &str, classes: u64, weights: Bits, activations: Bits) -> QuantizedNetwork {
    let spec = name.parse::<Spec>().and_then(|spec| spec.with_classes(classes)).expect(name);
    let graph = spec.build();
    let policy = Policy::uniform(&graph, weights, activations);
    network_with(spec.into(), policy, &mut Random(1))
}

pub fn network_with(network: Network, policy: Policy, random: &mut Random) -> QuantizedNetwork {
    let graph = network.graph();
    let tensors: Vec<Quantizer> = (0..graph.tensors.len())
        .map(|tensor| {
            let bits = policy.activation(graph, tensor);
            let zero_point = if graph.tensors[tensor].signed { random.code(bits) } else { 0 };
            Quantizer { scale: 1.0 / f64::from(bits.max_code()), zero_point, bits }
        })
        .collect();
    let tensors: Vec<Quantizer> =
        (0..tensors.len()).map(|tensor| tensors[graph.quantized_as(tensor)]).collect();
    let integers = |(id, layer): (LayerId, &Layer)| {
        let quantizer = tensors[layer.output];
        let output = Output { bits: quantizer.bits, zero_point: quantizer.zero_point };
        let input = tensors[layer.inputs[0]];
        match layer.op {
            Op::Add => {
                let inputs = [input, tensors[layer.inputs[1]]];
                let add = AddRequantizer::new(&inputs[0], &inputs[1], &quantizer);
                QuantizedLayer::Add(add.expect("moderate ratios"))
            }
            Op::MaxPool(..) => QuantizedLayer::MaxPool,
            Op::AvgPool(..) => QuantizedLayer::AvgPool,
            Op::Lookup(_) => QuantizedLayer::Lookup(random_table(random, input.bits, output.bits)),
            Op::Concat => {
                let tables =
                    layer.inputs.iter().map(|&map| random_table(random, tensors[map].bits, output.bits));
                QuantizedLayer::Concat(tables.collect())
            }
            Op::Multiply => {
                let largest = |bits: Bits| f64::from(bits.max_code());
                let gate = tensors[layer.inputs[1]].bits;
                let factor = 1.5 * largest(output.bits) / (largest(input.bits) * largest(gate));
                let factor = if random.one_in(8) { -factor } else { factor };
                QuantizedLayer::Multiply(Requantizer::new(factor, 0.0).expect("a moderate factor"))
            }
            Op::GlobalAvgPool if layer.output == graph.logits() => {
                let zero = graph.input_shape(layer).pixels() as f64 * f64::from(input.zero_point);
                QuantizedLayer::Pool(Requantizer::floored(1.0, -zero).expect("a small map"))
            }
            Op::GlobalAvgPool => {
                let pixels = graph.input_shape(layer).pixels() as f64;
                let factor = f64::from(output.bits.max_code()) / f64::from(input.bits.max_code()) / pixels;
                let pool = Requantizer::new(factor, -f64::from(output.zero_point));
                QuantizedLayer::Pool(pool.expect("a moderate factor"))
            }
            Op::Linear => {
                // Logits are wide: a few thousand steps.
                let mut kernel = random_kernel(random, graph, id, input.bits, policy.weight(id), output);
                for requantizer in &mut kernel.requantizers {
                    requantizer.shift -= 8;
                }
                QuantizedLayer::Kernel(kernel)
            }
            _ => {
                let bits = policy.weight(id);
                QuantizedLayer::Kernel(random_kernel(random, graph, id, input.bits, bits, output))
            }
        }
    };
    let layers = graph.layers.iter().enumerate().map(integers).collect();
    QuantizedNetwork {
        network: network.clone(),
        policy,
        tensors,
        layers,
        normalization: Normalization::UNIT,
        labels: None,
    }
}
