//! Quantizers that were learned rather than derived.

use super::{Bits, Policy, Quantizer, Slot};
use crate::net::Graph;
use serde::{Deserialize, Serialize};

/// The quantizer of every tensor of one network at one policy, as training left them. They contain the widths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grids {
    /// Of each activation, by [`TensorId`](crate::net::TensorId). The image's is that of its first channel; that of
    /// the logits has no meaning.
    pub tensors: Vec<Quantizer>,
    /// Of each output channel of each layer with weights, by [`LayerId`](crate::net::LayerId).
    pub weights: Vec<Option<Vec<Quantizer>>>,
}

impl Grids {
    /// The widths, for the graph that the grids are of.
    pub fn policy(&self, graph: &Graph) -> Policy {
        let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
        for slot in Slot::all(graph) {
            let bits = match slot {
                Slot::Weight(layer) => self.weights[layer].as_ref().and_then(|q| q.first()).map(|q| q.bits),
                Slot::Activation(tensor) => Some(self.tensors[tensor].bits),
            };
            if let Some(bits) = bits {
                policy.set(slot, bits);
            }
        }
        policy
    }
}
