//! Finding a policy: the width of every tensor, under a budget of FLASH and RAM.
//!
//! A [`Problem`] is a network with a budget. Whatever widths are asked for, its walls make them fit and its fill spends
//! what is left; that holds for all [`Allocator`]s alike. Some of them look at memory only: they are quick, need no
//! data, and serve as the baseline of those that measure.
//!
//! ```
//! use bitsmith::{memory::{Budget, MemoryModel}, net::Spec, search::Problem};
//!
//! let graph = "mobilenet-v1-0.75-192".parse::<Spec>()?.build();
//! let problem = Problem::new(&graph, Budget::PAPER, MemoryModel::Paper, &[])?;
//! let usage = problem.usage(&problem.rule());
//! assert_eq!((usage.flash, usage.ram), (1_978_532, 442_368));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Search`] runs one allocator after the other. It asks for the [`Score`] of one policy at a time and learns from
//! the answer; who answers, and how, is not its business:
//!
//! ```
//! # use bitsmith::{memory::{Budget, MemoryModel}, net::Spec};
//! use bitsmith::search::{Allocator, Next, Score, Search, Settings};
//! # let graph = "mobilenet-v1-0.25-32".parse::<Spec>()?.build();
//! # let measure = |policy: &bitsmith::quant::Policy| {
//! #     let correct = policy.mean_weight_bits(&graph) as usize;
//! #     Score { correct, images: 8, ..Score::default() }
//! # };
//!
//! let budget = Budget { flash: 350_000, ram: 24_000 };
//! let settings = Settings { episodes: 100, ..Settings::new(budget, MemoryModel::DEVICE) };
//! let float = Score { correct: 8, images: 8, ..Score::default() };
//! let mut search = Search::new(&graph, settings, float)?;
//! loop {
//!     match search.ask() {
//!         Next::Score(policy, _) => {
//!             search.scored(measure(&policy));
//!         }
//!         // Scored before; it is in the log.
//!         Next::Known(_) => {}
//!         Next::Finished => break,
//!     }
//! }
//! assert!(search.log().best(None).is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agent;
mod driver;
mod evolution;
mod exact;
mod fill;
mod greedy;
mod log;
mod origin;
mod problem;
mod random;
mod rule;
mod run_off;
mod score;
mod sensitivity;
mod settings;
mod walls;

pub use agent::AgentSettings;
pub use driver::{Next, Search};
pub use log::{Episode, Log, Purpose, Sensitivity, episode_json};
pub use origin::Origin;
pub use problem::Problem;
pub use score::{REWARD_OF_A_NAT, Sample, Score};
pub use settings::{Allocator, Settings};

use crate::{memory::Excess, quant::Slot, sealed::SealError};
use agent::Agent;
use driver::Proposal;

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
    /// An allocator would have no policy left to score after its probes.
    #[error(
        "{allocator} needs {needed} episodes on this network, most of them to measure what narrowing each tensor costs, \
         and may have {episodes}; allow at least {needed}, or {instead}",
        allocator = .allocator.name(),
        instead = if *allocator == Allocator::Agent { "turn its warm start off" } else { "leave it out" }
    )]
    Episodes {
        /// That needs most.
        allocator: Allocator,
        /// Episodes that would do.
        needed: usize,
        /// [`Settings::episodes`].
        episodes: usize,
    },
    /// A pin of what is no choice.
    #[error("{0:?} has no width to choose; pin weights of a layer, or an output between layers")]
    Pin(Slot),
    /// A setting is out of its range.
    #[error("{name} of {found}: expected {expected}")]
    Setting {
        /// What is set.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] SealError),
}

#[cfg(test)]
mod tests;
