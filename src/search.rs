//! Finding a policy: the width of every tensor, under a budget of FLASH and RAM.
//!
//! These allocators look at memory only and leave accuracy to others: they are quick, need no data, and serve as the
//! baseline of those that measure.
//!
//! ```
//! use bitsmith::{memory::{Budget, MemoryModel}, net::Spec, search::Allocator};
//!
//! let graph = "mobilenet-v1-0.75-192".parse::<Spec>()?.build();
//! let policy = Allocator::Rule.allocate(&graph, Budget::PAPER, MemoryModel::Paper)?;
//! let usage = MemoryModel::Paper.usage(&graph, &policy);
//! assert_eq!((usage.flash, usage.ram), (1_978_532, 442_368));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod rule;
mod uniform;

use crate::{
    memory::{Budget, Excess, Memory, MemoryModel},
    net::Graph,
    quant::{Bits, Policy, Slot},
};

/// Ways to choose widths without measuring accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Allocator {
    /// Halves widths, largest tensors first, until the network fits: the rule of arXiv 1905.13082.
    Rule,
    /// One width for all weights and one for all activations.
    Uniform,
}

/// Why there is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// Not even weights of 2 bits fit.
    #[error(
        "no policy fits: with all weights at 2 bits the network takes {0}; it needs at least {needed} bytes of FLASH, \
         or a smaller width multiplier",
        needed = .0.needed
    )]
    Flash(Excess),
    /// Not even activations of 2 bits fit.
    #[error(
        "no policy fits: with all activations at 2 bits the network takes {0}; it needs at least {needed} bytes of RAM, \
         or smaller images, or a smaller width multiplier",
        needed = .0.needed
    )]
    Ram(Excess),
}

impl Allocator {
    /// All allocators.
    pub const ALL: [Allocator; 2] = [Self::Rule, Self::Uniform];

    /// Name for command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Uniform => "uniform",
        }
    }

    /// Chooses a policy that keeps to `budget` as `model` counts it.
    ///
    /// # Errors
    /// [`SearchError`] names the memory that is too small, the least budget that would do, and the layers that need
    /// it.
    pub fn allocate(self, graph: &Graph, budget: Budget, model: MemoryModel) -> Result<Policy, SearchError> {
        match self {
            Self::Rule => rule::allocate(graph, budget, model),
            Self::Uniform => uniform::allocate(graph, budget, model),
        }
    }
}

/// `policy` with all weights (for FLASH) or all activations (for RAM) at 2 bits: the least that can be had.
///
/// # Errors
/// [`SearchError`] if even that exceeds the budget.
fn narrowest(
    graph: &Graph,
    policy: &Policy,
    memory: Memory,
    budget: Budget,
    model: MemoryModel,
) -> Result<Policy, SearchError> {
    let mut narrowest = policy.clone();
    for slot in Slot::all(graph) {
        if matches!(slot, Slot::Weight(_)) == (memory == Memory::Flash) {
            narrowest.set(slot, Bits::B2);
        }
    }
    let excesses = model.footprint(graph, &narrowest).excesses(graph, &narrowest, budget);
    match excesses.into_iter().find(|excess| excess.memory == memory) {
        None => Ok(narrowest),
        Some(excess) if memory == Memory::Flash => Err(SearchError::Flash(excess)),
        Some(excess) => Err(SearchError::Ram(excess)),
    }
}

#[cfg(test)]
mod tests;
