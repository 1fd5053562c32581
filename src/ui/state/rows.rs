//! One row per layer: what the table and the charts show of a design.

use super::{Design, Kind, network::describe};
use crate::{
    memory::layout,
    net::{Graph, Layer, LayerId, Op, Shape},
    quant::{Bits, Policy, Slot},
};
use std::rc::Rc;

/// A layer with its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which layer.
    pub layer: LayerId,
    /// Its name.
    pub name: Rc<str>,
    /// What it is.
    pub kind: Kind,
    /// Kind and window.
    pub title: Rc<str>,
    /// Size of its output.
    pub shape: Shape,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Width of its weights in bits and their bytes, if it has any.
    pub weights: Option<(Bits, usize)>,
    /// Its output.
    pub output: Output,
    /// Bytes of RAM in use while it runs; `None` if the memory model does not count it.
    pub ram: Option<usize>,
    /// Bytes of those that are above the budget.
    pub excess: usize,
}

/// How wide the tensors of a layer are, as far as they are of 2, 4 or 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Its weights, if it has any.
    pub weights: Option<Bits>,
    /// Its output, unless that is the logits.
    pub output: Option<Bits>,
}

impl Widths {
    /// The widths of all layers, in order.
    pub fn all(graph: &Graph, policy: &Policy) -> Rc<[Widths]> {
        let widths = |(id, layer): (LayerId, &Layer)| Widths {
            weights: layer.has_weights().then(|| policy.weight(id)),
            output: (layer.output != graph.logits()).then(|| policy.activation(graph, layer.output)),
        };
        graph.layers.iter().enumerate().map(widths).collect()
    }
}

/// The output of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Its width is a choice.
    Choice(Slot, Bits),
    /// Always 8 bits: the global average pool.
    Eight,
    /// That of its input: a pool with a window.
    AsInput(Bits),
    /// Always 32 bits: the logits.
    Logits,
}

impl Row {
    /// The rows of a design, in layer order.
    pub fn all(design: &Design) -> Rc<[Row]> {
        let (graph, policy) = (design.network.graph(), design.policy());
        let mut ram = vec![None; graph.layers.len()];
        for step in &design.footprint.steps {
            ram[step.layer] = Some(step.live());
        }
        let row = |(id, layer): (LayerId, &Layer)| Row {
            layer: id,
            name: layer.name.as_str().into(),
            kind: Kind::of(layer.op),
            title: describe(layer).into(),
            shape: graph.output_shape(layer),
            macs: graph.layer_macs(layer),
            weights: layer
                .has_weights()
                .then(|| (policy.weight(id), layout::weight_bytes(graph, layer, policy.weight(id)))),
            output: if layer.output == graph.logits() {
                Output::Logits
            } else if layer.op == Op::GlobalAvgPool {
                Output::Eight
            } else if layer.keeps_quantizer() {
                Output::AsInput(policy.activation(graph, layer.output))
            } else {
                Output::Choice(Slot::Activation(layer.output), policy.activation(graph, layer.output))
            },
            ram: ram[id],
            excess: ram[id].unwrap_or(0).saturating_sub(design.target.budget.ram),
        };
        graph.layers.iter().enumerate().map(row).collect()
    }

    /// Its widths.
    pub fn widths(&self) -> Widths {
        let output = match self.output {
            Output::Choice(_, bits) | Output::AsInput(bits) => Some(bits),
            Output::Eight => Some(Bits::B8),
            Output::Logits => None,
        };
        Widths { weights: self.weights.map(|(bits, _)| bits), output }
    }

    /// The choice of its weights' width.
    pub fn weight_slot(&self) -> Option<Slot> {
        self.weights.map(|_| Slot::Weight(self.layer))
    }

    /// The choice of its output's width.
    pub fn output_slot(&self) -> Option<Slot> {
        match self.output {
            Output::Choice(slot, _) => Some(slot),
            Output::Eight | Output::AsInput(_) | Output::Logits => None,
        }
    }
}
