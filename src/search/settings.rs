//! What is asked of a search.

use super::{Agent, AgentSettings, Problem, Sample, SearchError, sensitivity::Probing};
use crate::{
    memory::{Budget, MemoryModel},
    net::Graph,
    quant::{Bits, Slot},
};
use serde::{Deserialize, Serialize};

/// Ways to choose the width of every tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Allocator {
    /// One width for all weights and one for all activations.
    Uniform,
    /// Halves widths, largest tensors first, until the network fits: the rule of arXiv 1905.13082.
    Rule,
    /// From 8 bits, the last layers first: the walls of HAQ (arXiv 1811.08886) alone.
    NotchDown,
    /// The best of random policies.
    Random,
    /// From 8 bits, what costs least for each byte that it frees, by measured sensitivity.
    Greedy,
    /// The least sum of measured sensitivities.
    Exact,
    /// Regularized evolution.
    Evolution,
    /// The reinforcement-learning agent.
    Agent,
}

impl Allocator {
    /// All allocators, the simplest first.
    pub const ALL: [Allocator; 8] = [
        Self::Uniform,
        Self::Rule,
        Self::NotchDown,
        Self::Random,
        Self::Greedy,
        Self::Exact,
        Self::Evolution,
        Self::Agent,
    ];

    /// Name for command lines and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Rule => "rule",
            Self::NotchDown => "notch-down",
            Self::Random => "random",
            Self::Greedy => "greedy",
            Self::Exact => "exact",
            Self::Evolution => "evolution",
            Self::Agent => "agent",
        }
    }

    /// What it does, for screens.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Uniform => "one width for all",
            Self::Rule => "rule: largest tensors first",
            Self::NotchDown => "last layers first",
            Self::Random => "best of random policies",
            Self::Greedy => "greedy by sensitivity",
            Self::Exact => "exact: least added sensitivity",
            Self::Evolution => "evolution",
            Self::Agent => "agent",
        }
    }

    /// How it chooses, in a sentence for screens.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Uniform => {
                "The widest policy that fits with one width for all weights and one for all outputs."
            }
            Self::Rule => "Narrows the largest tensors until the budgets hold. Needs no images.",
            Self::NotchDown => "Narrows the last layers first until the budgets hold. Needs no images.",
            Self::Random => "Tries policies at random and keeps the best.",
            Self::Greedy => {
                "Measures what each tensor costs when it is narrowed, then narrows what costs least for each byte."
            }
            Self::Exact => "Measures the same, then solves for the least sum of costs.",
            Self::Evolution => "Changes widths of the best among recent policies, again and again.",
            Self::Agent => {
                "Learns by trial which widths pay (deep deterministic policy gradient), layer by layer."
            }
        }
    }

    /// Whether it scores more than one policy.
    pub const fn measures(self) -> bool {
        !matches!(self, Self::Uniform | Self::Rule | Self::NotchDown)
    }
}

/// A search as a value: the same settings and the same scores give the same search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Allocators to run, one after the other.
    pub allocators: Vec<Allocator>,
    /// What the network may take.
    pub budget: Budget,
    /// How that is counted.
    pub memory: MemoryModel,
    /// Tensors whose widths are given.
    pub pins: Vec<(Slot, Bits)>,
    /// Policies that each allocator may score, probes of sensitivity included; the run-off is not.
    pub episodes: usize,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Whether the agent's first episodes are the policies of the simpler allocators. Costs the probes of sensitivity.
    pub warm_start: bool,
    /// Whether what a policy leaves of the budget is spent.
    pub fill: bool,
    /// Rounds of the run-off in which each allocator's finalists are scored once more, on images of which no reward is:
    /// as many of [`Sample::ROUNDS`] as there are images for, or 0.
    pub run_off: usize,
    /// Whether narrow weights are values of a codebook, which takes FLASH as well: a baseline.
    pub codebooks: bool,
    /// The agent's hyper-parameters.
    pub agent: AgentSettings,
}

impl Settings {
    /// The agent with warm start, fill and run-off, 300 episodes, no pins.
    pub fn new(budget: Budget, memory: MemoryModel) -> Self {
        Self {
            allocators: vec![Allocator::Agent],
            budget,
            memory,
            pins: Vec::new(),
            episodes: 300,
            seed: 1,
            warm_start: true,
            fill: true,
            run_off: Sample::ROUNDS.len(),
            codebooks: false,
            agent: AgentSettings::default(),
        }
    }

    /// What is searched.
    ///
    /// # Errors
    /// If a setting is out of its range, no policy fits the budget, a pin is of what is no choice, or an allocator has
    /// too few episodes for its probes.
    pub fn problem(&self, graph: &Graph) -> Result<Problem, SearchError> {
        self.check()?;
        let problem = Problem::counting(graph, self.budget, self.memory, &self.pins, self.codebooks)?;
        let neediest =
            self.allocators.iter().map(|&allocator| (self.after_probes(allocator), allocator)).max();
        let Some((after @ 1.., allocator)) = neediest else { return Ok(problem) };
        let needed = Probing::new(&problem).episodes() + after;
        if self.episodes < needed {
            return Err(SearchError::Episodes { allocator, needed, episodes: self.episodes });
        }
        Ok(problem)
    }

    /// Checks what a person may have typed, and what a file may hold.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn check(&self) -> Result<(), SearchError> {
        let count = |name, found: usize, range: std::ops::RangeInclusive<usize>, expected| {
            let wrong = || SearchError::Setting { name, found: found.to_string(), expected };
            if range.contains(&found) { Ok(()) } else { Err(wrong()) }
        };
        count("number of allocators", self.allocators.len(), 0..=64, "at most 64")?;
        count("episodes", self.episodes, 0..=100_000, "at most 100,000")?;
        count("rounds of the run-off", self.run_off, 0..=Sample::ROUNDS.len(), "0 to 3")?;
        self.agent.check()
    }

    /// Episodes after its probes with which an allocator gets to policies of its own; 0 if it has no probes.
    fn after_probes(&self, allocator: Allocator) -> usize {
        match allocator {
            Allocator::Greedy | Allocator::Exact => 1,
            Allocator::Agent if self.warm_start => Agent::STARTS.len() + 1,
            _ => 0,
        }
    }
}
