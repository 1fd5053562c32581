//! The graph on its way through the passes.

use super::{LowerOptions, Refusal, Remark};
use crate::import::raw::{Constant, RawGraph, RawNode, RawOp, Values};
use crate::net::Normalization;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Elements that passes may make beyond twice those of the file: weights in another order, numbers repeated for each
/// channel, copies of weights that several layers share.
const SPARE_ELEMENTS: usize = 4 << 20;

/// A graph on its way, and what was learned.
pub(super) struct Draft {
    /// The graph.
    pub graph: RawGraph,
    /// What the caller knows.
    pub options: LowerOptions,
    /// Whether the file leaves rows and columns of the image open.
    pub is_open: bool,
    /// How the codes of an image become the input, if something says so.
    pub normalization: Option<Normalization>,
    /// What was recognised and assumed.
    pub remarks: Vec<Remark>,
    /// What is wrong with the graph as a whole; what is wrong with a node stands in the node.
    pub refusals: Vec<Refusal>,
    /// Channels of the tensors, as far as they are known: from `layout` on.
    pub channels: HashMap<String, usize>,
    /// Elements that may still be made.
    budget: usize,
    /// Names that were made up.
    made: usize,
}

impl Draft {
    /// Before the first pass.
    pub fn new(graph: RawGraph, options: LowerOptions) -> Self {
        let held: usize = graph.constants.values().map(Constant::len).sum();
        let budget = held.saturating_mul(2).saturating_add(SPARE_ELEMENTS);
        let (remarks, refusals) = (Vec::new(), Vec::new());
        let channels = HashMap::new();
        Self {
            graph,
            options,
            is_open: false,
            normalization: None,
            remarks,
            refusals,
            channels,
            budget,
            made: 0,
        }
    }

    /// Asks for elements that the file does not hold; a small file must not take much memory.
    pub fn spend(&mut self, elements: usize) -> Result<(), String> {
        match self.budget.checked_sub(elements) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => {
                Err("its weights, which other layers share, would take far more memory than the file".into())
            }
        }
    }

    /// A name for a tensor that no file has.
    pub fn fresh(&mut self, base: &str) -> String {
        self.made += 1;
        // A zero byte is in no name that a reader makes.
        format!("{base}\0{}", self.made)
    }

    /// Keeps numbers as a constant and gives its name.
    pub fn keep(&mut self, base: &str, dims: Vec<usize>, values: Vec<f32>) -> String {
        let name = self.fresh(base);
        self.graph.constants.insert(name.clone(), Constant { dims, values: Values::Floats(values) });
        name
    }

    /// Real numbers of a constant with its size.
    pub fn floats(&self, name: &str) -> Option<(&[usize], &[f32])> {
        self.graph.constants.get(name).and_then(Constant::floats)
    }

    /// Reads and writes of the graph as it is now.
    pub fn wires(&self) -> super::wires::Wires {
        super::wires::Wires::new(&self.graph)
    }

    /// Replaces tensors by others wherever they are read, and hands the quantizers on. What they are replaced by is not
    /// replaced itself.
    pub fn rename(&mut self, renames: &BTreeMap<String, String>) {
        if renames.is_empty() {
            return;
        }
        for name in self.graph.nodes.iter_mut().flat_map(|node| &mut node.inputs) {
            if let Some(other) = renames.get(name) {
                name.clone_from(other);
            }
        }
        let mut seen = HashSet::new();
        for name in &mut self.graph.outputs {
            if let Some(other) = renames.get(name) {
                name.clone_from(other);
            }
        }
        self.graph.outputs.retain(|name| seen.insert(name.clone()));
        for (old, new) in renames {
            if let Some(quantizer) = self.graph.quantizers.remove(old) {
                self.graph.quantizers.entry(new.clone()).or_insert(quantizer);
            }
        }
    }
}

/// Marks a node as one that cannot be taken.
pub(super) fn refuse(node: &mut RawNode, reason: impl Into<String>) {
    node.op = RawOp::Unsupported { reason: reason.into() };
}

impl Constant {
    /// Elements.
    pub(super) fn len(&self) -> usize {
        match &self.values {
            Values::Floats(values) => values.len(),
            Values::Integers(values) => values.len(),
        }
    }

    /// Size and values, if they are real numbers.
    pub(super) fn floats(&self) -> Option<(&[usize], &[f32])> {
        match &self.values {
            Values::Floats(values) => Some((&self.dims, values)),
            Values::Integers(_) => None,
        }
    }

    /// The number that all its elements are.
    pub(super) fn scalar(&self) -> Option<f32> {
        match &self.values {
            Values::Floats(values) => same(values),
            Values::Integers(values) => same(values).map(|value| value as f32),
        }
    }
}

fn same<T: Copy + PartialEq>(values: &[T]) -> Option<T> {
    let first = *values.first()?;
    values.iter().all(|value| *value == first).then_some(first)
}
