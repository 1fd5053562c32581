//! Who writes and who reads each tensor.

use crate::import::raw::RawGraph;
use std::collections::{HashMap, HashSet};

/// Positions of nodes by the tensors that they write and read.
pub(super) struct Wires {
    producers: HashMap<String, usize>,
    readers: HashMap<String, Vec<usize>>,
    outputs: HashSet<String>,
}

impl Wires {
    /// Of a graph as it is now.
    pub fn new(graph: &RawGraph) -> Self {
        let mut producers = HashMap::new();
        let mut readers: HashMap<String, Vec<usize>> = HashMap::new();
        for (position, node) in graph.nodes.iter().enumerate() {
            producers.extend(node.outputs.iter().map(|output| (output.clone(), position)));
            for input in &node.inputs {
                let list = readers.entry(input.clone()).or_default();
                if list.last() != Some(&position) {
                    list.push(position);
                }
            }
        }
        Self { producers, readers, outputs: graph.outputs.iter().cloned().collect() }
    }

    /// The node that writes a tensor.
    pub fn producer(&self, tensor: &str) -> Option<usize> {
        self.producers.get(tensor).copied()
    }

    /// From now on another node writes a tensor.
    pub fn written_by(&mut self, tensor: &str, position: usize) {
        self.producers.insert(tensor.to_owned(), position);
    }

    /// From now on a tensor is read by one node instead of another.
    pub fn read_by(&mut self, tensor: &str, old: usize, new: usize) {
        for reader in self.readers.get_mut(tensor).into_iter().flatten().filter(|reader| **reader == old) {
            *reader = new;
        }
    }

    /// A tensor was made for one node.
    pub fn made_for(&mut self, tensor: &str, reader: usize) {
        self.readers.insert(tensor.to_owned(), vec![reader]);
    }

    /// Nodes that read a tensor, each once.
    pub fn readers(&self, tensor: &str) -> &[usize] {
        self.readers.get(tensor).map_or(&[], Vec::as_slice)
    }

    /// The node that alone reads a tensor, which is no result of the network.
    pub fn only_reader(&self, tensor: &str) -> Option<usize> {
        match self.readers(tensor) {
            [only] if !self.is_output(tensor) => Some(*only),
            _ => None,
        }
    }

    /// Whether a tensor is a result of the network.
    pub fn is_output(&self, tensor: &str) -> bool {
        self.outputs.contains(tensor)
    }
}
