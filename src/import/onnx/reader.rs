//! The walk over the nodes: what follows from constants is computed, the rest becomes nodes of ours.

use super::constants::Constants;
use super::error::Trouble;
use super::node::Node;
use super::shapes::{self, Shape};
use super::{OnnxError, fold, ops};
use crate::import::raw::{RawNode, RawOp, RawQuantizer};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A node of ours before it has a name.
pub struct Made {
    /// What it computes.
    pub op: RawOp,
    /// What it reads.
    pub inputs: Vec<String>,
    /// What the integers stand for that it writes, if they are integers.
    pub quantizer: Option<RawQuantizer>,
}

impl Made {
    /// A node that writes real numbers.
    pub fn new(op: RawOp, inputs: Vec<String>) -> Self {
        Self { op, inputs, quantizer: None }
    }
}

/// What a node of the file becomes.
pub enum Step {
    /// A node of ours.
    Node(Made),
    /// Integers that stand for a tensor, until somebody reads them.
    Quantized(RawQuantizer),
}

/// What is known while nodes are walked over.
pub struct Reader {
    /// Tensors with known values.
    pub constants: Constants,
    /// Nodes of ours so far.
    pub nodes: Vec<RawNode>,
    /// What integers stand for, by tensor.
    pub quantizers: BTreeMap<String, RawQuantizer>,
    /// Sizes of what is computed.
    shapes: HashMap<String, Shape>,
    /// Sizes that the file states.
    stated: HashMap<String, Shape>,
    /// Integers that nobody has read yet: the tensor that they stand for, and how.
    pending: HashMap<String, (String, RawQuantizer)>,
    /// Computed tensors without a value below zero, and inputs.
    above_zero: HashSet<String>,
    /// How many nodes have yet to read a tensor.
    uses: HashMap<String, usize>,
    names: Names,
}

impl Reader {
    /// A walk over a graph with inputs and sizes that the file states. `uses` counts the readers of each tensor.
    pub fn new(
        constants: Constants,
        inputs: &[(String, Shape)],
        stated: HashMap<String, Shape>,
        uses: HashMap<String, usize>,
    ) -> Self {
        Self {
            constants,
            nodes: Vec::new(),
            quantizers: BTreeMap::new(),
            shapes: inputs.iter().cloned().collect(),
            stated,
            pending: HashMap::new(),
            above_zero: inputs.iter().map(|(name, _)| name.clone()).collect(),
            uses,
            names: Names::default(),
        }
    }

    /// Takes a node of the file.
    ///
    /// # Errors
    /// If the file is damaged. What is not supported becomes a node that says so.
    pub fn take(&mut self, node: &Node) -> Result<(), OnnxError> {
        match self.step(node) {
            Ok(()) => {}
            Err(Trouble::Fatal(error)) => return Err(error),
            Err(Trouble::Reason(reason)) => self.refuse(node, reason),
        }
        for name in &node.proto.input {
            let left = self.uses.get_mut(name).map(|left| {
                *left = left.saturating_sub(1);
                *left
            });
            if left == Some(0) {
                self.constants.forget(name);
            }
        }
        Ok(())
    }

    fn step(&mut self, node: &Node) -> Result<(), Trouble> {
        if !matches!(node.proto.domain.as_str(), "" | "ai.onnx") && !ops::has_domain(&node.proto) {
            return Err(format!(
                "an operator of the domain '{}', which is not ONNX's own",
                node.proto.domain
            )
            .into());
        }
        if node.has_subgraph() {
            return Err("control flow: it runs other graphs".into());
        }
        let shapes = &self.shapes;
        let stated = &self.stated;
        let shape_of = |name: &str| shapes.get(name).or_else(|| stated.get(name)).cloned();
        if let Some(value) = fold::value(node, &mut self.constants, shape_of)? {
            self.constants.insert(node.output().to_owned(), value)?;
            return Ok(());
        }
        // Second results are masks, indices and statistics of training.
        if let Some(more) = node.proto.output.iter().skip(1).find(|name| self.uses.contains_key(*name)) {
            return Err(format!("its second result '{more}' is used").into());
        }
        match ops::converted(node, self)? {
            Step::Quantized(quantizer) => {
                let read = self.operand(node.needs(0)?)?;
                self.pending.insert(node.output().to_owned(), (read, quantizer));
            }
            Step::Node(made) => self.push(node, made),
        }
        Ok(())
    }

    /// Appends a node. Quantizers whose smallest integer is zero hold a ReLU that the exporter has dropped.
    fn push(&mut self, node: &Node, made: Made) {
        let Made { op, inputs, quantizer } = made;
        let output = node.output().to_owned();
        let clips = quantizer.is_some_and(|quantizer| quantizer.zero_point == quantizer.range.0)
            && !self.is_above_zero(&op, &inputs);
        let operator = &node.proto.op_type;
        if clips && op != RawOp::Identity {
            let whole = self.constants.free_name(format!("{output}/unclipped"));
            self.append(&format!("{}/unclipped", node.name), operator, op, inputs, whole.clone());
            self.append(&node.name, operator, ops::RELU, vec![whole], output.clone());
        } else {
            let op = if clips { ops::RELU } else { op };
            self.append(&node.name, operator, op, inputs, output.clone());
        }
        if let Some(quantizer) = quantizer {
            self.quantizers.insert(output, quantizer);
        }
    }

    fn append(&mut self, name: &str, operator: &str, op: RawOp, inputs: Vec<String>, output: String) {
        let sizes: Vec<Option<Shape>> = inputs.iter().map(|name| self.shape(name)).collect();
        let shape = shapes::written(&op, &sizes).or_else(|| self.stated.get(&output).cloned());
        if let Some(shape) = shape {
            self.shapes.insert(output.clone(), shape);
        }
        if self.is_above_zero(&op, &inputs) {
            self.above_zero.insert(output.clone());
        }
        let (name, operator) = (self.names.unique(name), operator.to_owned());
        self.nodes.push(RawNode { name, operator, op, inputs, outputs: vec![output] });
    }

    /// Whether an operation writes nothing below zero, or nothing but the network's inputs.
    fn is_above_zero(&self, op: &RawOp, inputs: &[String]) -> bool {
        match op {
            RawOp::Clip { min, .. } => *min >= 0.0,
            RawOp::Sigmoid | RawOp::HardSigmoid { .. } | RawOp::Softmax => true,
            RawOp::MaxPool(_)
            | RawOp::AvgPool { .. }
            | RawOp::Mean { .. }
            | RawOp::Reshape { .. }
            | RawOp::Transpose { .. }
            | RawOp::Concat { .. }
            | RawOp::Identity => inputs.iter().all(|name| self.above_zero.contains(name)),
            _ => false,
        }
    }

    /// A node that is not supported. It names the computed tensors that it reads, no constants.
    fn refuse(&mut self, node: &Node, reason: String) {
        let mut inputs = Vec::new();
        for name in node.proto.input.iter().filter(|name| !name.is_empty()) {
            if !self.constants.contains(name) {
                self.realize(name);
                inputs.push(name.clone());
            }
        }
        for output in node.proto.output.iter().filter(|name| !name.is_empty()) {
            if let Some(shape) = self.stated.get(output) {
                self.shapes.insert(output.clone(), shape.clone());
            }
        }
        self.nodes.push(RawNode {
            name: self.names.unique(&node.name),
            operator: node.proto.op_type.clone(),
            op: RawOp::Unsupported { reason },
            inputs,
            outputs: node.proto.output.iter().filter(|name| !name.is_empty()).cloned().collect(),
        });
    }

    /// The name of a tensor that a node computes with; constants are kept for the network.
    ///
    /// # Errors
    /// If it is a constant without real numbers.
    pub fn operand(&mut self, name: &str) -> Result<String, Trouble> {
        if self.constants.contains(name) {
            return self.constants.keep_plain(name);
        }
        self.realize(name);
        Ok(name.to_owned())
    }

    /// The name of a tensor that must be computed by the network.
    ///
    /// # Errors
    /// If it is constant.
    pub fn activation(&mut self, name: &str) -> Result<String, Trouble> {
        if self.constants.contains(name) {
            return Err(format!("of the constant '{name}' where a computed tensor is expected").into());
        }
        self.operand(name)
    }

    /// Makes a tensor of integers that somebody reads as they are.
    pub fn realize(&mut self, name: &str) {
        if let Some((real, quantizer)) = self.pending.remove(name) {
            let clips = quantizer.zero_point == quantizer.range.0 && !self.above_zero.contains(&real);
            let op = if clips { ops::RELU } else { RawOp::Identity };
            self.append(&format!("{name}/quantized"), "QuantizeLinear", op, vec![real], name.to_owned());
            self.quantizers.insert(name.to_owned(), quantizer);
        }
    }

    /// What integers stand for, and the real tensor if nobody has made them yet.
    pub fn integers(&self, name: &str) -> Option<(Option<String>, RawQuantizer)> {
        match self.pending.get(name) {
            Some((real, quantizer)) => Some((Some(real.clone()), *quantizer)),
            None => self.quantizers.get(name).map(|quantizer| (None, *quantizer)),
        }
    }

    /// Size of a tensor, if anything is known of it.
    pub fn shape(&self, name: &str) -> Option<Shape> {
        let kept = || self.constants.kept_dims(name).map(|dims| dims.iter().copied().map(Some).collect());
        let pending = || self.pending.get(name).and_then(|(real, _)| self.shapes.get(real).cloned());
        let stated = || self.stated.get(name).cloned();
        self.shapes.get(name).cloned().or_else(kept).or_else(pending).or_else(stated)
    }
}

/// Names of nodes so far.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    /// The name, with a number behind it if it is not the first of its kind.
    fn unique(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        loop {
            let count = self.0.entry(candidate.clone()).or_default();
            *count += 1;
            if *count == 1 {
                return candidate;
            }
            candidate = format!("{name}/{count}");
        }
    }
}
