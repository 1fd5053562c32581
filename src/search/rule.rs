//! The rule of arXiv 1905.13082: halve widths, largest tensors first, until the network fits.
//!
//! Published for chains of layers and the papers' memory model. Here a layer's tensors are all that are in memory while
//! it runs, so the rule covers residual networks and the device's memory as well.

use super::{SearchError, narrowest};
use crate::{
    memory::{Budget, Lifetimes, Memory, MemoryModel},
    net::{Graph, LayerId, TensorId},
    quant::{Bits, Policy, Slot},
};

/// Starts at 8 bits; weights until the FLASH fits, then activations until the RAM fits.
pub fn allocate(graph: &Graph, budget: Budget, model: MemoryModel) -> Result<Policy, SearchError> {
    let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
    cut_weights(graph, budget, model, &mut policy)?;
    cut_activations(graph, budget, model, policy)
}

/// Halves the first of the layers whose share of all weights is within 5 percentage points of the largest share, until
/// the FLASH fits. Layers at 2 bits are left out.
fn cut_weights(
    graph: &Graph,
    budget: Budget,
    model: MemoryModel,
    policy: &mut Policy,
) -> Result<(), SearchError> {
    while model.flash(graph, policy) > budget.flash {
        let bytes = |id: LayerId| model.weight_bytes(graph, &graph.layers[id], policy.weight(id));
        let all: usize = graph.weighted_layers().map(|(id, _)| bytes(id)).sum();
        let wide = || graph.weighted_layers().map(|(id, _)| id).filter(|&id| policy.weight(id) > Bits::B2);
        let largest = wide().map(bytes).max().unwrap_or(0);
        // share > largest share - 1/20, in whole numbers.
        let first = wide().find(|&id| 20 * bytes(id) + all > 20 * largest);
        match first.and_then(|id| Some((id, policy.weight(id).narrower()?))) {
            Some((id, bits)) => policy.set(Slot::Weight(id), bits),
            None => return narrowest(graph, policy, Memory::Flash, budget, model).map(|_| ()),
        }
    }
    Ok(())
}

/// Cuts activations until every layer by itself fits the RAM, then tensors of the layers for which the arena has no
/// place.
fn cut_activations(
    graph: &Graph,
    budget: Budget,
    model: MemoryModel,
    mut policy: Policy,
) -> Result<Policy, SearchError> {
    let mut cut = Cut::new(graph, model, budget.ram, &mut policy);
    let mut fits = cut.sweep();
    while fits {
        match model.obstacle(graph, cut.policy, budget.ram) {
            Some(layer) => fits = cut.cut(layer),
            // A plan starts with a smaller arena and enlarges it step by step; it may step over the budget.
            None if model.ram(graph, cut.policy) > budget.ram => fits = cut.cut(cut.peak()),
            None => return Ok(policy),
        }
    }
    narrowest(graph, &policy, Memory::Ram, budget, model)
}

/// Which tensors a sweep may cut.
#[derive(Clone, Copy, PartialEq)]
enum Sweep {
    /// First to last layer, outputs.
    Forward,
    /// Last to first layer, what is there before the output.
    Backward,
}

/// Cuts activations so that no layer needs more than a limit.
struct Cut<'a> {
    graph: &'a Graph,
    model: MemoryModel,
    limit: usize,
    policy: &'a mut Policy,
    lifetimes: Lifetimes,
    choices: Vec<Slot>,
    /// Bytes that each layer needs.
    needs: Vec<usize>,
}

impl<'a> Cut<'a> {
    fn new(graph: &'a Graph, model: MemoryModel, limit: usize, policy: &'a mut Policy) -> Self {
        let needs = model.least_ram(graph, policy);
        let choices = Slot::all(graph);
        Self { graph, model, limit, policy, lifetimes: Lifetimes::of(graph), choices, needs }
    }

    /// Sweeps forward and backward until every layer fits; false if one cannot.
    fn sweep(&mut self) -> bool {
        let layers = self.graph.layers.len();
        // Every two sweeps cut at least one tensor, or one finds that none is left to cut.
        while self.needs.iter().any(|&bytes| bytes > self.limit) {
            let is_done = (0..layers).all(|id| self.fit(id, Sweep::Forward))
                && (0..layers).rev().all(|id| self.fit(id, Sweep::Backward));
            if !is_done {
                return false;
            }
        }
        true
    }

    /// Cuts tensors of one layer until it fits, or one must be cut that the other sweep cuts; false if none is left.
    fn fit(&mut self, layer: LayerId, sweep: Sweep) -> bool {
        while self.needs[layer] > self.limit {
            let Some((tensor, _)) = self.widest(layer) else { return false };
            let is_output = tensor == self.graph.layers[layer].output;
            if is_output != (sweep == Sweep::Forward) {
                return true;
            }
            self.cut(layer);
        }
        true
    }

    /// Halves the widest tensor of a layer; false if none is left.
    fn cut(&mut self, layer: LayerId) -> bool {
        let Some((tensor, bits)) = self.widest(layer) else { return false };
        self.policy.set(Slot::Activation(tensor), bits);
        self.needs = self.model.least_ram(self.graph, self.policy);
        true
    }

    /// The layer that needs most.
    fn peak(&self) -> LayerId {
        (0..self.needs.len()).max_by_key(|&layer| self.needs[layer]).unwrap_or(0)
    }

    /// The tensor to cut and its next width: of those in memory the one with most bits, among these that with most
    /// bytes, among these the output. `None` if all are as narrow as can be.
    fn widest(&self, layer: LayerId) -> Option<(TensorId, Bits)> {
        let output = self.graph.layers[layer].output;
        let tensors = [output].into_iter().chain(self.lifetimes.present(layer).iter().copied());
        let choices = tensors.filter(|&tensor| self.choices.contains(&Slot::Activation(tensor)));
        let candidates =
            choices.filter_map(|tensor| Some((tensor, self.policy.activation(tensor).narrower()?)));
        let size = |tensor| self.model.tensor_bytes(self.graph, self.policy, tensor);
        // The first of equals wins, and the output comes first.
        candidates.reduce(|best, other| {
            let key = |(tensor, bits): (TensorId, Bits)| (bits, size(tensor));
            if key(other) > key(best) { other } else { best }
        })
    }
}
