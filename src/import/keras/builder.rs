//! The network as it grows.

use super::{KerasError, budget::Budget, store::Store};
use crate::import::raw::{Constant, RawGraph, RawInput, RawNode, RawOp, Values};
use std::collections::HashMap;

/// What a node takes in memory besides its names.
const NODE_BYTES: u64 = 1024;

/// Size of a tensor, the batch first, as far as it is known.
pub type Shape = Option<Vec<Option<usize>>>;

/// Size and elements of weights in our order.
pub type Arranged = (Vec<usize>, Vec<f32>);

/// Collects nodes and constants, all under names of their own.
pub struct Builder<'a> {
    /// The weights.
    pub store: &'a Store,
    /// Memory that is left.
    pub budget: &'a Budget,
    /// First number of the version of Keras.
    pub major: u32,
    graph: RawGraph,
    shapes: HashMap<String, Shape>,
    /// Place of each node in the graph.
    index: HashMap<String, usize>,
    /// Names that are taken, and the last number that was put behind each.
    names: HashMap<String, usize>,
    /// Names of weights by that of the layer and what they are: a layer that is called twice has them once.
    weights: HashMap<String, String>,
}

impl<'a> Builder<'a> {
    /// With nothing in it yet.
    pub fn new(graph: RawGraph, major: u32, store: &'a Store, budget: &'a Budget) -> Self {
        let (shapes, index, names, weights) = Default::default();
        Self { store, budget, major, graph, shapes, index, names, weights }
    }

    /// The network, with these results.
    pub fn finish(mut self, outputs: Vec<String>) -> RawGraph {
        self.graph.outputs = outputs;
        self.graph
    }

    /// A name that nothing else has: the wish, or with a number behind it.
    fn unique(&mut self, wish: &str) -> Result<String, KerasError> {
        self.budget.take(NODE_BYTES + 8 * wish.len() as u64, "the list of nodes")?;
        let mut name = wish.to_owned();
        while self.names.contains_key(&name) {
            let count = self.names.entry(wish.to_owned()).or_default();
            *count += 1;
            name = format!("{wish}:{count}");
        }
        self.names.insert(name.clone(), 1);
        Ok(name)
    }

    /// A tensor that somebody has to give.
    pub fn input(&mut self, wish: &str, dims: Vec<Option<usize>>) -> Result<String, KerasError> {
        let name = self.unique(wish)?;
        self.graph.inputs.push(RawInput { name: name.clone(), dims: dims.clone() });
        self.shapes.insert(name.clone(), Some(dims));
        Ok(name)
    }

    /// A node with one result, whose name it returns: that of the node.
    pub fn node(
        &mut self,
        wish: &str,
        operator: &str,
        op: RawOp,
        inputs: Vec<String>,
        shape: Shape,
    ) -> Result<String, KerasError> {
        let name = self.unique(wish)?;
        let names: usize = inputs.iter().map(String::len).sum();
        self.budget.take((names + operator.len()) as u64, "the list of nodes")?;
        self.shapes.insert(name.clone(), shape);
        self.index.insert(name.clone(), self.graph.nodes.len());
        let outputs = vec![name.clone()];
        self.graph.nodes.push(RawNode { name: name.clone(), operator: operator.into(), op, inputs, outputs });
        Ok(name)
    }

    /// Another result of a node that is not supported anyway. `None` if the node is none of these.
    pub fn further_output(&mut self, node: &str, output: usize) -> Option<String> {
        const MOST: usize = 64;
        let found = self.graph.nodes.get_mut(*self.index.get(node)?)?;
        if !matches!(found.op, RawOp::Unsupported { .. }) || output >= MOST {
            return None;
        }
        while found.outputs.len() <= output {
            found.outputs.push(format!("{node}#{}", found.outputs.len()));
        }
        found.outputs.get(output).cloned()
    }

    /// Size of a tensor.
    pub fn shape(&self, tensor: &str) -> Shape {
        self.shapes.get(tensor).cloned().flatten()
    }

    /// A constant.
    pub fn constant(&mut self, wish: &str, dims: Vec<usize>, values: Vec<f32>) -> Result<String, KerasError> {
        self.budget.take(4 * values.len() as u64, wish)?;
        self.insert(wish, dims, values)
    }

    fn insert(&mut self, wish: &str, dims: Vec<usize>, values: Vec<f32>) -> Result<String, KerasError> {
        let name = self.unique(wish)?;
        self.shapes.insert(name.clone(), Some(dims.iter().copied().map(Some).collect()));
        self.graph.constants.insert(name.clone(), Constant { dims, values: Values::Floats(values) });
        Ok(name)
    }

    /// The weights `wish`, read by `read` unless they are there.
    pub fn weights(
        &mut self,
        wish: &str,
        read: impl FnOnce(&mut Self) -> Result<Arranged, KerasError>,
    ) -> Result<String, KerasError> {
        if let Some(name) = self.weights.get(wish) {
            return Ok(name.clone());
        }
        // Their memory was asked for where they were read.
        let (dims, values) = read(self)?;
        let name = self.insert(wish, dims, values)?;
        self.weights.insert(wish.to_owned(), name.clone());
        Ok(name)
    }

    /// Size of a constant.
    pub fn constant_dims(&self, name: &str) -> Option<&[usize]> {
        self.graph.constants.get(name).map(|constant| constant.dims.as_slice())
    }
}
