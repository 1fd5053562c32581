//! The network that a file's operators make up, one after the other.

use super::budget::Budget;
use super::model::{Model, Operator, Tensor};
use super::ops::{self, Step, Stop, Taken};
use super::values::Order;
use super::{TfliteError, shapes};
use crate::import::raw::{Layout, RawGraph, RawInput, RawNode, RawOp, Values};
use std::collections::{BTreeMap, BTreeSet};

/// A network that grows.
pub struct Builder<'a, 'b> {
    model: Model<'a>,
    budget: &'b mut Budget,
    graph: RawGraph,
    /// Tensors that are given or that a node writes.
    computed: BTreeSet<usize>,
    /// Constants that only hold others in other numbers, by what they hold.
    same: BTreeMap<usize, usize>,
    /// Sizes that the network computes of its maps' sizes; `None` is a size that is open.
    sizes: BTreeMap<usize, Vec<Option<i64>>>,
    /// Names of constants that are in the network.
    placed: BTreeMap<(usize, Order), String>,
}

/// Builds the network of a file.
pub fn build(model: Model, budget: &mut Budget) -> Result<RawGraph, TfliteError> {
    let graph = RawGraph { layout: Layout::ChannelsLast, name: model.name.clone(), ..RawGraph::default() };
    let (computed, same) = (BTreeSet::new(), BTreeMap::new());
    let (sizes, placed) = (BTreeMap::new(), BTreeMap::new());
    let mut builder = Builder { model, budget, graph, computed, same, sizes, placed };
    builder.give_inputs()?;
    for operator in &std::mem::take(&mut builder.model.operators) {
        builder.add(operator)?;
    }
    for output in std::mem::take(&mut builder.model.outputs) {
        let name = builder.name(output)?;
        if !builder.computed.contains(&output) {
            return Err(TfliteError::NotComputed { name });
        }
        builder.graph.outputs.push(name);
    }
    Ok(builder.graph)
}

impl<'a> Builder<'a, '_> {
    fn give_inputs(&mut self) -> Result<(), TfliteError> {
        for input in std::mem::take(&mut self.model.inputs) {
            let name = self.name(input)?;
            if !self.computed.insert(input) {
                return Err(TfliteError::ComputedTwice { name });
            }
            let dims = self.dims(input).to_vec();
            self.graph.inputs.push(RawInput { name, dims });
            // Whether its type can be taken is said of the node that reads it.
            match self.keep_quantizer(input) {
                Err(Stop::Failed(error)) => return Err(error),
                Ok(()) | Err(Stop::Refused(_)) => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, operator: &Operator) -> Result<(), TfliteError> {
        self.budget.charge(operator.name.len())?;
        for output in &operator.outputs {
            let is_constant = self.tensor(*output).is_some_and(Tensor::is_constant);
            if is_constant || self.is_known(*output) || !self.computed.insert(*output) {
                return Err(TfliteError::ComputedTwice { name: self.name(*output)? });
            }
        }
        let converted = match self.fold(operator) {
            Ok(true) => {
                operator.outputs.iter().for_each(|output| {
                    self.computed.remove(output);
                });
                return Ok(());
            }
            Ok(false) => ops::convert(self, operator).and_then(|steps| self.chain(operator, steps)),
            Err(stop) => Err(stop),
        };
        match converted {
            Ok(()) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Refused(reason)) => self.refuse(operator, reason),
        }
    }

    /// Computes what is known without an image; such an operator is no node.
    fn fold(&mut self, operator: &Operator) -> Taken<bool> {
        let (&[output], false) = (&operator.outputs[..], operator.custom) else { return Ok(false) };
        if operator.name == "DEQUANTIZE" {
            let Some(input) = operator.inputs.first().copied().flatten() else { return Ok(false) };
            let input = self.source(input);
            let is_constant = self.tensor(input).is_some_and(Tensor::is_constant);
            if is_constant {
                self.same.insert(output, input);
            }
            return Ok(is_constant);
        }
        let sizes = shapes::fold(self, operator)?;
        let is_folded = sizes.is_some();
        self.sizes.extend(sizes.map(|sizes| (output, sizes)));
        Ok(is_folded)
    }

    /// Adds nodes of which each reads what the one before it writes; the last one writes the operator's output.
    fn chain(&mut self, operator: &Operator, steps: Vec<Step>) -> Taken<()> {
        let &[output] = &operator.outputs[..] else {
            return Err(Stop::refused(format!("{} outputs instead of one", operator.outputs.len())));
        };
        self.keep_quantizer(output)?;
        let name = self.name(output)?;
        let last = steps.len().saturating_sub(1);
        let mut before = None;
        for (index, Step { operator, op, mut inputs, is_main }) in steps.into_iter().enumerate() {
            if let (Some(before), Some(first)) = (before.take(), inputs.first_mut()) {
                *first = before;
            }
            let written = match (index == last, is_main) {
                (true, _) => name.clone(),
                (false, true) => self.made_up(format!("{name}:before_activation"), output),
                (false, false) => self.made_up(format!("{name}:{operator}"), output),
            };
            let node = match (index == last, is_main) {
                (_, true) => name.clone(),
                (true, false) => self.made_up(format!("{name}:{operator}"), output),
                (false, false) => written.clone(),
            };
            before = Some(written.clone());
            self.budget.charge(written.len().saturating_mul(3))?;
            self.graph.nodes.push(RawNode { name: node, operator, op, inputs, outputs: vec![written] });
        }
        Ok(())
    }

    fn refuse(&mut self, operator: &Operator, reason: String) -> Result<(), TfliteError> {
        let inputs = operator.inputs.iter().map(|input| input.map_or(Ok(String::new()), |i| self.name(i)));
        let inputs = inputs.collect::<Result<_, _>>()?;
        let outputs = operator.outputs.iter().map(|output| self.name(*output));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        let name = outputs.first().cloned();
        let name = name.unwrap_or_else(|| self.made_up(operator.name.clone(), self.graph.nodes.len()));
        let (operator, op) = (operator.name.clone(), RawOp::Unsupported { reason });
        self.graph.nodes.push(RawNode { name, operator, op, inputs, outputs });
        Ok(())
    }

    fn made_up(&mut self, name: String, mark: usize) -> String {
        self.model.names.unique(name, mark)
    }

    /// A tensor of the file.
    pub fn tensor(&self, tensor: usize) -> Option<&Tensor<'a>> {
        self.model.tensors.get(tensor)
    }

    /// Its size; empty if there is no such tensor.
    pub fn dims(&self, tensor: usize) -> &[Option<usize>] {
        self.tensor(tensor).map(|tensor| &tensor.dims[..]).unwrap_or_default()
    }

    /// Its name. A file may name one tensor again and again.
    fn name(&mut self, tensor: usize) -> Result<String, TfliteError> {
        let name = self.model.tensors.get(tensor).map(|tensor| tensor.name.as_str()).unwrap_or_default();
        self.budget.charge(name.len().saturating_add(size_of::<String>()))?;
        Ok(name.to_owned())
    }

    /// The tensor that has the values of this one.
    fn source(&self, tensor: usize) -> usize {
        self.same.get(&tensor).copied().unwrap_or(tensor)
    }

    fn is_known(&self, tensor: usize) -> bool {
        self.same.contains_key(&tensor) || self.sizes.contains_key(&tensor)
    }

    /// Whether it holds sizes that the network computes.
    pub fn is_size(&self, tensor: usize) -> bool {
        self.sizes.contains_key(&tensor)
    }

    /// The constant behind a tensor: weights.
    pub fn constant(&self, tensor: usize) -> Option<&Tensor<'a>> {
        self.tensor(self.source(tensor)).filter(|tensor| tensor.is_constant())
    }

    /// Sizes that are in the file or follow from it; `None` is a size that is open.
    pub fn sizes(&self, tensor: usize) -> Taken<Option<Vec<Option<i64>>>> {
        if let Some(sizes) = self.sizes.get(&tensor) {
            return Ok(Some(sizes.clone()));
        }
        let sizes = self.constant(tensor).map(Tensor::sizes).transpose()?;
        Ok(sizes.map(|sizes| sizes.into_iter().map(Some).collect()))
    }

    /// The name of a tensor of real numbers that a node reads: computed or constant.
    pub fn operand(&mut self, tensor: usize) -> Taken<String> {
        if self.constant(tensor).is_some() {
            return self.place(tensor, Order::Same, None);
        }
        if self.is_size(tensor) {
            return Err(Stop::refused("sizes as values"));
        }
        if !self.computed.contains(&tensor) {
            return Err(TfliteError::NotComputed { name: self.name(tensor)? }.into());
        }
        self.keep_quantizer(tensor)?;
        Ok(self.name(tensor)?)
    }

    /// Puts a constant into the network and says its name there.
    pub fn place(&mut self, tensor: usize, order: Order, scales: Option<&[f32]>) -> Taken<String> {
        let tensor = self.source(tensor);
        // Elsewhere the same integers may stand for other numbers.
        let placed = self.placed.get(&(tensor, order)).filter(|_| scales.is_none());
        if let Some(name) = placed {
            self.budget.charge(name.len())?;
            return Ok(name.clone());
        }
        let Some(found) = self.model.tensors.get(tensor) else { return Ok(String::new()) };
        let constant = found.reals(order, scales, self.budget)?;
        let name = found.name.clone();
        let name = if self.graph.constants.contains_key(&name) { self.made_up(name, tensor) } else { name };
        if scales.is_none() {
            self.placed.insert((tensor, order), name.clone());
        }
        self.graph.constants.insert(name.clone(), constant);
        Ok(name)
    }

    /// The one number of a constant.
    pub fn number(&mut self, tensor: usize) -> Taken<f32> {
        let source = self.source(tensor);
        let Some(found) = self.model.tensors.get(source).filter(|tensor| tensor.is_constant()) else {
            return Err(Stop::refused("a number that the network computes"));
        };
        match found.reals(Order::Same, None, self.budget)?.values {
            Values::Floats(floats) if floats.len() == 1 => Ok(floats.first().copied().unwrap_or(0.0)),
            Values::Floats(_) | Values::Integers(_) => Err(Stop::refused("more or less than one number")),
        }
    }

    /// What the products of a tensor and weights are multiples of: one for all outputs or one for each.
    pub fn product_scales(&mut self, tensor: usize, weights: usize) -> Taken<Option<Vec<f32>>> {
        let quantizer = self.tensor(tensor).map(Tensor::quantizer).transpose()?.flatten();
        let Some((quantizer, weights)) = quantizer.zip(self.constant(weights)) else { return Ok(None) };
        let count = weights.scales.len();
        let scales = weights.scales.iter().map(move |scale| scale * quantizer.scale);
        self.budget.charge(count.saturating_mul(size_of::<f32>()))?;
        Ok((count > 0).then(|| scales.collect()))
    }

    fn keep_quantizer(&mut self, tensor: usize) -> Taken<()> {
        let Some(found) = self.model.tensors.get(tensor) else { return Ok(()) };
        if let Some(quantizer) = found.quantizer()? {
            self.graph.quantizers.insert(found.name.clone(), quantizer);
        }
        Ok(())
    }
}
