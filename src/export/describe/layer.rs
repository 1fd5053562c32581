//! A layer as the templates have it: its call and its descriptors.

use crate::export::check::COLOURS;
use crate::{
    export::{blob::Place, policy},
    memory::{Plan, Routine, layout},
    net::{LayerId, Op, Shape, TensorId, Window},
    quant::{AddRequantizer, Kernel, QuantizedLayer, QuantizedNetwork, Requantizer},
};
use serde::Serialize;

/// A layer and its call.
#[derive(Debug, Serialize)]
pub(super) struct LayerText {
    name: String,
    /// Name of its descriptor.
    ident: String,
    /// Calls before the last.
    pub(super) steps: Vec<String>,
    call: String,
    /// One of them is there.
    conv: Option<ConvText>,
    pool: Option<PoolText>,
    add: Option<AddText>,
    window: Option<WindowText>,
    multiply: Option<MultiplyText>,
    lookup: Option<LookupText>,
    /// Descriptors of a concatenation, one for each input.
    joined: Vec<LookupText>,
    what: &'static str,
    output_shape: String,
    weight_bits: Option<usize>,
    output_bits: Option<usize>,
    input_at: Vec<usize>,
    output_at: usize,
    output_bytes: usize,
    scratch_at: usize,
    scratch_bytes: usize,
}

#[derive(Debug, Serialize)]
struct ConvText {
    weights: usize,
    params: usize,
    input: [usize; 3],
    output: [usize; 3],
    kernel: usize,
    stride: usize,
    pad_top: usize,
    pad_left: usize,
    in_bits: usize,
    weight_bits: usize,
    out_bits: usize,
    out_zero: u8,
    pad_code: [u8; COLOURS],
    block: usize,
}

#[derive(Debug, Serialize)]
struct PoolText {
    bias: i32,
    multiplier: i32,
    input: [usize; 3],
    in_bits: usize,
    out_bits: usize,
    shift: u8,
    out_zero: u8,
}

/// A pool with a window.
#[derive(Debug, Serialize)]
struct WindowText {
    input: [usize; 3],
    output: [usize; 3],
    kernel: usize,
    stride: usize,
    pad_top: usize,
    pad_left: usize,
    bits: usize,
}

#[derive(Debug, Serialize)]
struct AddText {
    multipliers: [i32; 2],
    offset: i32,
    output: [usize; 3],
    bits: [usize; 2],
    out_bits: usize,
    shift: u8,
}

/// A function of each code, by a table.
#[derive(Debug, Serialize)]
struct LookupText {
    table: usize,
    input: [usize; 3],
    out_channels: usize,
    out_first: usize,
    in_bits: usize,
    out_bits: usize,
}

/// A product of a map and a number for each channel.
#[derive(Debug, Serialize)]
struct MultiplyText {
    bias: i32,
    multiplier: i32,
    output: [usize; 3],
    bits: [usize; 2],
    zero: [u8; 2],
    out_bits: usize,
    shift: u8,
    out_zero: u8,
}
impl LayerText {
    pub(super) fn new(network: &QuantizedNetwork, plan: &Plan, id: LayerId, place: Option<&Place>) -> Self {
        let (graph, policy) = (network.graph(), &network.policy);
        let layer = &graph.layers[id];
        let routine = Routine::of(graph, layer);
        let is_last = layer.output == graph.logits();
        // Two names can be the same but for characters that C does not take.
        let ident = format!("layer_{id}_{}", layer.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        let input_at: Vec<usize> = layer.inputs.iter().map(|&tensor| plan.tensors[tensor]).collect();
        let output_at = plan.tensors[layer.output];
        let scratch = plan.scratch[id];

        let call = |descriptor: String, inputs: &[usize]| {
            let mut arguments = vec![format!("&{descriptor}")];
            arguments.extend(inputs.iter().map(|at| format!("a + {at}")));
            arguments.push(if is_last {
                format!("(int32_t *)(void *)(a + {output_at})")
            } else {
                format!("a + {output_at}")
            });
            if layer.has_weights() {
                arguments.push(format!("a + {}", scratch.offset));
            }
            format!("{}({})", routine.function(), arguments.join(", "))
        };
        let mut calls: Vec<String> = match layer.op {
            Op::Concat => {
                let inputs = input_at.iter().enumerate();
                inputs.map(|(number, &at)| call(format!("{ident}[{number}]"), &[at])).collect()
            }
            _ => vec![call(ident.clone(), &input_at)],
        };
        let last_call = calls.pop().unwrap_or_default();
        let (mut conv, mut pool, mut add, mut window) = (None, None, None, None);
        let (mut multiply, mut lookup, mut joined) = (None, None, Vec::new());
        match (&network.layers[id], place) {
            (QuantizedLayer::Kernel(kernel), Some(place)) => {
                conv = Some(ConvText::new(network, id, kernel, place, plan.blocks[id]));
            }
            (QuantizedLayer::Pool(requantizer), _) => pool = Some(PoolText::new(network, id, requantizer)),
            (QuantizedLayer::Add(requantizer), _) => add = Some(AddText::new(network, id, requantizer)),
            (QuantizedLayer::Multiply(requantizer), _) => {
                multiply = Some(MultiplyText::new(network, id, requantizer));
            }
            (QuantizedLayer::Lookup(_), Some(place)) => lookup = LookupText::all(network, id, place).pop(),
            (QuantizedLayer::Concat(_), Some(place)) => joined = LookupText::all(network, id, place),
            (QuantizedLayer::MaxPool | QuantizedLayer::AvgPool, _) => {
                window = layer.window().map(|window| WindowText::new(network, id, window));
            }
            // Checked: layers with weights or tables have a place.
            (QuantizedLayer::Kernel(_) | QuantizedLayer::Lookup(_) | QuantizedLayer::Concat(_), None) => {}
        }
        Self {
            name: layer.name.clone(),
            steps: calls,
            call: last_call,
            ident,
            conv,
            pool,
            add,
            window,
            multiply,
            lookup,
            joined,
            what: policy::kind(layer),
            output_shape: graph.output_shape(layer).to_string(),
            weight_bits: layer.has_weights().then(|| policy.weight(id).count()),
            output_bits: (!is_last).then(|| policy.activation(graph, layer.output).count()),
            input_at,
            output_at,
            output_bytes: layout::tensor_bytes(graph, policy, layer.output),
            scratch_at: scratch.offset,
            scratch_bytes: scratch.bytes,
        }
    }
}

impl ConvText {
    fn new(network: &QuantizedNetwork, id: LayerId, kernel: &Kernel, place: &Place, block: usize) -> Self {
        let (graph, tensors) = (network.graph(), &network.tensors);
        let layer = &graph.layers[id];
        let window = layer.window();
        let pads = window.map(|window| window.pads).unwrap_or_default();
        let pad_code = |channel: usize| kernel.pad_codes[channel % kernel.pad_codes.len()];
        Self {
            weights: place.weights,
            params: place.params,
            input: sizes(graph.input_shape(layer)),
            output: sizes(graph.output_shape(layer)),
            kernel: window.map_or(1, |window| window.kernel),
            stride: window.map_or(1, |window| window.stride),
            pad_top: pads.top,
            pad_left: pads.left,
            in_bits: bits(network, layer.inputs[0]),
            weight_bits: kernel.bits.count(),
            out_bits: bits(network, layer.output),
            out_zero: tensors[layer.output].zero_point,
            pad_code: [0, 1, 2].map(pad_code),
            block,
        }
    }
}

impl PoolText {
    fn new(network: &QuantizedNetwork, id: LayerId, requantizer: &Requantizer) -> Self {
        let layer = &network.graph().layers[id];
        let Requantizer { bias, multiplier, shift } = *requantizer;
        Self {
            bias,
            multiplier,
            input: sizes(network.graph().input_shape(layer)),
            in_bits: bits(network, layer.inputs[0]),
            out_bits: bits(network, layer.output),
            shift,
            out_zero: network.tensors[layer.output].zero_point,
        }
    }
}

impl WindowText {
    fn new(network: &QuantizedNetwork, id: LayerId, window: Window) -> Self {
        let graph = network.graph();
        let layer = &graph.layers[id];
        let Window { kernel, stride, pads } = window;
        Self {
            input: sizes(graph.input_shape(layer)),
            output: sizes(graph.output_shape(layer)),
            kernel,
            stride,
            pad_top: pads.top,
            pad_left: pads.left,
            bits: bits(network, layer.output),
        }
    }
}

impl AddText {
    fn new(network: &QuantizedNetwork, id: LayerId, requantizer: &AddRequantizer) -> Self {
        let layer = &network.graph().layers[id];
        let AddRequantizer { multipliers, offset, shift } = *requantizer;
        Self {
            multipliers,
            offset,
            output: sizes(network.graph().output_shape(layer)),
            bits: [layer.inputs[0], layer.inputs[1]].map(|input| bits(network, input)),
            out_bits: bits(network, layer.output),
            shift,
        }
    }
}

impl LookupText {
    /// One for each input of a layer, whose channels stand one behind the other in the output.
    fn all(network: &QuantizedNetwork, id: LayerId, place: &Place) -> Vec<Self> {
        let graph = network.graph();
        let layer = &graph.layers[id];
        let tables = layout::table_bytes(graph, &network.policy, layer);
        let (mut table, mut out_first) = (place.weights, 0);
        let mut text = |(&input, table_bytes): (&TensorId, usize)| {
            let shape = graph.tensors[input].shape;
            let text = Self {
                table,
                input: sizes(shape),
                out_channels: graph.output_shape(layer).channels,
                out_first,
                in_bits: bits(network, input),
                out_bits: bits(network, layer.output),
            };
            table += table_bytes;
            out_first += shape.channels;
            text
        };
        layer.inputs.iter().zip(tables).map(&mut text).collect()
    }
}

impl MultiplyText {
    fn new(network: &QuantizedNetwork, id: LayerId, requantizer: &Requantizer) -> Self {
        let layer = &network.graph().layers[id];
        let Requantizer { bias, multiplier, shift } = *requantizer;
        let inputs = [layer.inputs[0], layer.inputs[1]];
        Self {
            bias,
            multiplier,
            output: sizes(network.graph().output_shape(layer)),
            bits: inputs.map(|input| bits(network, input)),
            zero: inputs.map(|input| network.tensors[input].zero_point),
            out_bits: bits(network, layer.output),
            shift,
            out_zero: network.tensors[layer.output].zero_point,
        }
    }
}

fn sizes(shape: Shape) -> [usize; 3] {
    [shape.height, shape.width, shape.channels]
}

fn bits(network: &QuantizedNetwork, tensor: TensorId) -> usize {
    network.tensors[tensor].bits.count()
}
