//! One row per layer: what the table and the charts show of a design.

use super::{Design, Kind, network::describe};
use crate::{
    memory::layout,
    net::{LayerId, Op, Shape},
    quant::{Bits, Slot},
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

/// The output of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Its width is a choice.
    Choice(Slot, Bits),
    /// Always 8 bits: the global average pool.
    Eight,
    /// Always 32 bits: the logits.
    Logits,
}

impl Row {
    /// The rows of a design, in layer order.
    pub fn all(design: &Design) -> Rc<[Row]> {
        let (graph, policy) = (&design.network.graph, design.policy());
        let mut ram = vec![None; graph.layers.len()];
        for step in &design.footprint.steps {
            ram[step.layer] = Some(step.live());
        }
        let row = |(id, layer): (LayerId, &crate::net::Layer)| Row {
            layer: id,
            name: layer.name.as_str().into(),
            kind: Kind::of(layer.op),
            title: describe(layer.op).into(),
            shape: graph.output_shape(layer),
            macs: graph.layer_macs(layer),
            weights: layer
                .has_weights()
                .then(|| (policy.weight(id), layout::weight_bytes(graph, layer, policy.weight(id)))),
            output: if layer.output == graph.logits() {
                Output::Logits
            } else if layer.op == Op::GlobalAvgPool {
                Output::Eight
            } else {
                Output::Choice(Slot::Activation(layer.output), policy.activation(layer.output))
            },
            ram: ram[id],
            excess: ram[id].unwrap_or(0).saturating_sub(design.target.budget.ram),
        };
        graph.layers.iter().enumerate().map(row).collect()
    }

    /// The choice of its weights' width.
    pub fn weight_slot(&self) -> Option<Slot> {
        self.weights.map(|_| Slot::Weight(self.layer))
    }

    /// The choice of its output's width.
    pub fn output_slot(&self) -> Option<Slot> {
        match self.output {
            Output::Choice(slot, _) => Some(slot),
            Output::Eight | Output::Logits => None,
        }
    }
}
