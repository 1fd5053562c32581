//! One width for all weights, one for all activations.

use super::{SearchError, narrowest};
use crate::{
    memory::{Budget, Memory, MemoryModel},
    net::Graph,
    quant::{Bits, Policy},
};

/// The widest weights that fit the FLASH, then the widest activations that fit the RAM.
pub fn allocate(graph: &Graph, budget: Budget, model: MemoryModel) -> Result<Policy, SearchError> {
    let widest_first = || Bits::ALL.into_iter().rev();
    let policy = widest_first()
        .map(|weights| Policy::uniform(graph, weights, Bits::B8))
        .find(|policy| model.flash(graph, policy) <= budget.flash);
    let Some(policy) = policy else {
        return narrowest(graph, &Policy::uniform(graph, Bits::B8, Bits::B8), Memory::Flash, budget, model);
    };
    let weights = policy.weight(0);
    widest_first()
        .map(|activations| Policy::uniform(graph, weights, activations))
        .find(|policy| model.ram(graph, policy) <= budget.ram)
        .map_or_else(|| narrowest(graph, &policy, Memory::Ram, budget, model), Ok)
}
