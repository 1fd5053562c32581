//! What is left of a file's graph, layer by layer as a graph of ours.

mod emit;
mod join;
mod sides;

use super::draft::Draft;
use super::names;
use super::wires::Wires;
use super::{Lowered, Refusal, Refusals, Remark, norm};
use crate::import::raw::{RawNode, RawOp, RawQuantizer};
use crate::net::{
    Activation, Affine, BatchNorm, Function, Graph, LayerWeights, Op, Pads, Shape, TensorId, Window, supports,
};
use std::collections::{BTreeSet, HashMap};

/// Outputs of networks for ImageNet whose first class is the background.
const WITH_BACKGROUND: usize = 1001;

/// The network, or all that is in its way.
pub(super) fn lower(draft: Draft) -> Result<Lowered, Refusals> {
    let mut lowering = Lowering::new(draft);
    lowering.take_image();
    for position in 0..lowering.draft.graph.nodes.len() {
        if !lowering.consumed.contains(&position)
            && let Err(reason) = lowering.node(position)
        {
            lowering.refuse(position, reason);
        }
    }
    lowering.finish()
}

struct Lowering {
    draft: Draft,
    wires: Wires,
    /// Names of layers by the position of their node.
    names: Vec<String>,
    graph: Graph,
    weights: Vec<Option<LayerWeights>>,
    /// Position of the node that each layer is of.
    origins: Vec<usize>,
    /// Our tensors by their names in the file. What cannot be taken has none, and nothing behind it.
    tensors: HashMap<String, TensorId>,
    /// Nodes that are part of a layer already.
    consumed: BTreeSet<usize>,
    refusals: Vec<(usize, Refusal)>,
}

/// What stands behind the operation of a layer and is part of it.
struct Behind {
    norm: Option<BatchNorm>,
    activation: Activation,
    /// The tensor at the end.
    end: String,
    nodes: Vec<usize>,
}

impl Lowering {
    fn new(draft: Draft) -> Self {
        let mut tensors = HashMap::new();
        let mut image = Shape::new(1, 1, 1);
        if let [input] = draft.graph.inputs.as_slice()
            && let [_, Some(height), Some(width), Some(channels)] = *input.dims.as_slice()
            && draft.refusals.is_empty()
        {
            image = Shape::new(height, width, channels);
            tensors.insert(input.name.clone(), 0);
        }
        let wires = draft.wires();
        let node_names: Vec<&str> = draft.graph.nodes.iter().map(|node| node.name.as_str()).collect();
        Self {
            wires,
            names: names::short(&node_names),
            graph: Graph::new(image),
            weights: Vec::new(),
            origins: Vec::new(),
            tensors,
            consumed: BTreeSet::new(),
            refusals: Vec::new(),
            draft,
        }
    }

    /// Puts a convolution that computes nothing before a network whose image is not read by one convolution alone: the
    /// runtime, which takes colours as they are, normalizes them in the weights of the first convolution.
    fn take_image(&mut self) {
        let [input] = self.draft.graph.inputs.as_slice() else { return };
        let name = input.name.clone();
        let reader = match self.wires.readers(&name) {
            [] => return,
            [reader] => self.draft.graph.nodes.get(*reader).map(|node| &node.op),
            _ => None,
        };
        if matches!(reader, Some(RawOp::Conv { groups: 1, .. })) || !self.tensors.contains_key(&name) {
            return;
        }
        let tensor = self.copied(0, "image_as_it_is".into(), self.graph.image().shape.channels, usize::MAX);
        self.tensors.insert(name, tensor);
    }

    /// A tensor once more, with more channels of zeros behind its own: by a convolution that computes nothing else.
    fn copied(&mut self, tensor: TensorId, name: String, channels: usize, origin: usize) -> TensorId {
        let name = self.made_up(name);
        let (inputs, signed) = (self.graph.tensors[tensor].shape.channels, self.graph.tensors[tensor].signed);
        let window = Window { kernel: 1, stride: 1, pads: Pads::default() };
        let activation = if signed { Activation::Linear } else { Activation::Relu };
        let copy = self.graph.conv(name, tensor, channels, window, activation);
        let one = |i: usize| f32::from(u8::from(i / inputs == i % inputs));
        let weight = (0..channels * inputs).map(one).collect();
        self.weights.push(Some(LayerWeights { weight, affine: Affine::Bias(vec![0.0; channels]) }));
        self.origins.push(origin);
        copy
    }

    /// A name for a layer that no node is: this one, unless another has it.
    fn made_up(&mut self, mut name: String) -> String {
        loop {
            // All characters are of one byte.
            let start = name.len().saturating_sub(names::MOST_CHARACTERS);
            name = name.get(start..).unwrap_or_default().to_owned();
            if !self.names.contains(&name) {
                break;
            }
            name.push('_');
        }
        self.names.push(name.clone());
        name
    }

    fn refuse(&mut self, position: usize, reason: String) {
        if let Some(RawNode { name, operator, .. }) = self.draft.graph.nodes.get(position) {
            let refusal = Refusal { name: name.clone(), operator: operator.clone(), reason };
            self.refusals.push((position, refusal));
        }
    }

    /// Makes a layer of a node and of what it takes along.
    fn node(&mut self, position: usize) -> Result<(), String> {
        let Some(node) = self.draft.graph.nodes.get(position).cloned() else { return Ok(()) };
        let words = |text: &str| Err(text.to_owned());
        match node.op {
            RawOp::Unsupported { reason } => Err(reason),
            RawOp::Conv { .. } => self.conv(position, &node),
            RawOp::Dense => self.dense(position, &node),
            RawOp::BatchNorm { .. } => self.batch_norm(position, &node),
            RawOp::MaxPool(ref window) => self.pool(position, &node, window, None),
            RawOp::AvgPool { ref window, counts_pads } => {
                self.pool(position, &node, window, Some(counts_pads))
            }
            RawOp::Mean { .. } => self.global_pool(position, &node),
            RawOp::Add => self.add(position, &node),
            RawOp::Identity => {
                if let ([input, ..], Some(output)) = (node.inputs.as_slice(), node.outputs.first())
                    && let Some(&tensor) = self.tensors.get(input)
                {
                    self.tensors.insert(output.clone(), tensor);
                }
                Ok(())
            }
            RawOp::Sub => words("a difference of two maps"),
            RawOp::Div => words("a quotient of two maps"),
            RawOp::Mul => self.multiply(position, &node),
            RawOp::Concat { .. } => self.concat(position, &node),
            RawOp::Softmax => words("a softmax that is not at the end"),
            RawOp::Pad { ref pads, value } => self.pad(position, &node, pads, value),
            // Left only behind something that cannot be taken.
            RawOp::Reshape { .. } | RawOp::Expand { .. } | RawOp::Transpose { .. } => Ok(()),
            ref op => match function(op) {
                Some(function) => self.lookup(position, &node, function),
                None => self.activation(position, &node),
            },
        }
    }

    /// Batch normalization and activation behind a node, if nobody else reads what is between.
    fn behind(&self, node: &RawNode, with_norm: bool) -> Result<Behind, String> {
        let end = node.outputs.first().cloned().unwrap_or_default();
        let mut behind = Behind { norm: None, activation: Activation::Linear, end, nodes: Vec::new() };
        let next = |behind: &Behind| {
            let position = self.wires.only_reader(&behind.end)?;
            let node = self.draft.graph.nodes.get(position)?;
            Some((position, node, node.outputs.first()?.clone()))
        };
        if with_norm
            && let Some((position, node, output)) = next(&behind)
            && let Some(norm) = norm::read(&self.draft, node)
        {
            checked(&norm)?;
            behind.norm = Some(norm);
            behind.nodes.push(position);
            behind.end = output;
        }
        if let Some((position, node, output)) = next(&behind)
            && let Some(Ok(activation)) = activation(&node.op)
        {
            behind.activation = activation;
            behind.nodes.push(position);
            behind.end = output;
        }
        Ok(behind)
    }

    /// Whether a tensor is the network's result.
    fn is_result(&self, tensor: &str) -> bool {
        self.wires.is_output(tensor)
    }

    /// The finished network.
    fn finish(mut self) -> Result<Lowered, Refusals> {
        self.give_logits();
        self.check_result();
        if self.refusals.is_empty() && self.draft.refusals.is_empty() {
            for (layer, &position) in self.graph.layers.iter().zip(&self.origins) {
                if let Err(reason) = supports(&self.graph, layer)
                    && let Some(RawNode { name, operator, .. }) = self.draft.graph.nodes.get(position)
                {
                    let refusal = Refusal {
                        name: name.clone(),
                        operator: operator.clone(),
                        reason: reason.to_string(),
                    };
                    self.refusals.push((position, refusal));
                }
            }
        }
        let mut list = std::mem::take(&mut self.draft.refusals);
        self.refusals.sort_by_key(|(position, _)| *position);
        list.extend(self.refusals.drain(..).map(|(_, refusal)| refusal));
        if !list.is_empty() {
            return Err(Refusals { list });
        }
        let classes = self.graph.classes();
        if classes == WITH_BACKGROUND {
            let text = "1001 classes: ImageNet's, the first one for the background";
            self.draft.remarks.push(Remark::Recognised(text.into()));
        }
        let ranges = self.ranges();
        let Self { mut draft, graph, weights, .. } = self;
        let labels = draft.graph.labels.take().filter(|labels| {
            let fits = labels.len() == classes;
            if !fits {
                let text =
                    format!("the file's {} labels are not used: there are {classes} classes", labels.len());
                draft.remarks.push(Remark::Recognised(text));
            }
            fits
        });
        let Draft { graph: raw, is_open, normalization, remarks, .. } = draft;
        Ok(Lowered { name: raw.name, graph, weights, is_open, normalization, labels, ranges, remarks })
    }

    /// Puts a mean over one pixel, which changes nothing, behind a last layer of one pixel that gives no logits: one with
    /// an activation, a function or a sum.
    fn give_logits(&mut self) {
        let ([output], Some(last)) = (self.draft.graph.outputs.as_slice(), self.graph.layers.last()) else {
            return;
        };
        let (output, tensor) = (output.clone(), last.output);
        let gives_logits = matches!(last.op, Op::Linear | Op::GlobalAvgPool);
        let is_one_pixel = self.graph.output_shape(last).pixels() == 1;
        let is_result = self.tensors.get(&output) == Some(&tensor);
        if gives_logits || !is_one_pixel || !is_result || !self.refusals.is_empty() {
            return;
        }
        let name = self.made_up("logits".into());
        let logits = self.graph.global_avg_pool(name, tensor);
        self.weights.push(None);
        self.origins.extend(self.origins.last().copied());
        self.tensors.insert(output, logits);
    }

    /// Whether the last layer gives the one result.
    fn check_result(&mut self) {
        let outputs = self.draft.graph.outputs.clone();
        let refusal =
            |name: &str, reason: String| Refusal { name: name.into(), operator: "output".into(), reason };
        match outputs.as_slice() {
            [output] => {
                let is_last = self.tensors.get(output).is_some_and(|&tensor| tensor == self.graph.logits());
                let failed = !self.refusals.is_empty() || !self.draft.refusals.is_empty();
                if !failed && (self.graph.layers.is_empty() || !is_last) {
                    let reason = "no layer gives it: expected class scores".to_owned();
                    self.draft.refusals.push(refusal(output, reason));
                }
            }
            outputs => {
                let count = outputs.len();
                let reason = format!(
                    "one of {count} results: expected one, the class scores; export the network without the others"
                );
                self.draft.refusals.extend(outputs.iter().map(|output| refusal(output, reason.clone())));
            }
        }
    }

    /// Real numbers that the file's integers reach, by tensor.
    fn ranges(&self) -> Vec<Option<(f64, f64)>> {
        let mut ranges = vec![None; self.graph.tensors.len()];
        for (name, &tensor) in &self.tensors {
            if let (Some(slot), Some(quantizer)) =
                (ranges.get_mut(tensor), self.draft.graph.quantizers.get(name))
            {
                *slot = range(quantizer);
            }
        }
        ranges
    }
}

/// Smallest and largest real number, without rounding.
fn range(quantizer: &RawQuantizer) -> Option<(f64, f64)> {
    let RawQuantizer { scale, zero_point, range: (low, high) } = *quantizer;
    let real = |integer: i64| integer.checked_sub(zero_point).map(|steps| f64::from(scale) * steps as f64);
    let (low, high) = (real(low)?, real(high)?);
    (low.is_finite() && high.is_finite() && low < high).then_some((low, high))
}

/// Whether parameters are numbers that can be divided by.
fn checked(norm: &BatchNorm) -> Result<(), String> {
    let BatchNorm { gamma, beta, mean, variance, epsilon } = norm;
    if [gamma, beta, mean, variance].into_iter().flatten().any(|value| !value.is_finite()) {
        return Err("its batch normalization has parameters that are no finite numbers".into());
    }
    if variance.iter().any(|&variance| !(variance + epsilon).is_normal() || variance < 0.0) {
        return Err("its batch normalization has a variance below zero, or none and no epsilon".into());
    }
    Ok(())
}

/// Activations in a sentence that says why another is none.
const TAKEN: &str = "ReLU, ReLU6, hard-swish, hard-sigmoid, swish, sigmoid and tanh are taken";

/// The activation that an operation is, or why it is none of ours; `None` if it is something else.
fn activation(op: &RawOp) -> Option<Result<Activation, String>> {
    let no = |text: String| Some(Err(format!("{text}: {TAKEN}")));
    match *op {
        RawOp::Clip { min: 0.0, max: f32::INFINITY } => Some(Ok(Activation::Relu)),
        RawOp::Clip { min: 0.0, max } if (max - 6.0).abs() < 1e-4 => Some(Ok(Activation::Relu6)),
        RawOp::Clip { min, max } => no(format!("a clip from {min} to {max}")),
        RawOp::LeakyRelu { slope } => no(format!("a leaky ReLU with a slope of {slope}")),
        _ => None,
    }
}

/// The function of each element that an operation is.
fn function(op: &RawOp) -> Option<Function> {
    match op {
        RawOp::Sigmoid => Some(Function::Sigmoid),
        // `slopes` has given it the usual slope and offset.
        RawOp::HardSigmoid { .. } => Some(Function::HardSigmoid),
        RawOp::HardSwish => Some(Function::HardSwish),
        RawOp::Swish => Some(Function::Swish),
        RawOp::Tanh => Some(Function::Tanh),
        _ => None,
    }
}
