//! The agent: deep deterministic policy gradient that decides one tensor after the other, after HAQ.
//!
//! An episode is a policy: for each free tensor, in the order of [`Slot::all`], the actor sees the decision and gives a
//! number from 0 to 1, whose third says 2, 4 or 8 bits. The walls make the policy fit, the fill spends what is left,
//! and the reward is shared by all decisions of the episode.
//!
//! The networks are small and must give the same bits natively and in Wasm, whatever the processor; general frameworks
//! choose their kernels for the processor and fuse multiplication with addition where it can. Hence networks of our
//! own.

mod ddpg;
mod matrix;
mod network;
mod observe;
mod settings;

pub use settings::AgentSettings;

use super::{
    Allocator, Episode, Problem, Proposal, Purpose, greedy::greedy, random::Random, sensitivity::Probing,
};
use crate::quant::{Bits, Policy};
use ddpg::{Buffers, Ddpg, Transition};
use observe::{Observation, after, observations};
use serde::{Deserialize, Serialize};

/// The agent of a search.
#[derive(Debug, Serialize, Deserialize)]
pub struct Agent {
    settings: AgentSettings,
    random: Random,
    ddpg: Ddpg,
    decisions: Vec<Observation>,
    /// Sensitivities for the warm start; `None` without.
    probing: Option<Probing>,
    /// Starts that have not been proposed; last first.
    starts: Option<Vec<Allocator>>,
    /// Episodes finished.
    episodes: usize,
    /// The best episode's reward and actions.
    best: Option<(f64, Vec<f32>)>,
    /// Actions of the episode that is being scored.
    actions: Vec<f32>,
    #[serde(skip)]
    buffers: Buffers,
}

impl Agent {
    /// An agent that knows nothing.
    pub fn new(problem: &Problem, settings: AgentSettings, warm_start: bool, seed: u64) -> Self {
        let mut random = Random::new(seed, 3);
        let decisions = observations(problem.graph(), problem.slots());
        Self {
            ddpg: Ddpg::new(settings, decisions.len(), &mut random),
            settings,
            random,
            decisions,
            probing: warm_start.then(|| Probing::new(problem)),
            starts: warm_start.then(|| vec![Allocator::Greedy, Allocator::Rule]),
            episodes: 0,
            best: None,
            actions: Vec::new(),
            buffers: Buffers::default(),
        }
    }

    /// The next policy to score, before walls and fill.
    pub fn next(&mut self, problem: &Problem) -> Proposal {
        if let Some(probing) = &self.probing {
            if let Some(probe) = probing.next(problem) {
                return probe;
            }
            match self.starts.as_mut().and_then(Vec::pop) {
                Some(Allocator::Greedy) => return start(Allocator::Greedy, greedy(problem, probing)),
                Some(_) => return start(Allocator::Rule, problem.rule()),
                None => {}
            }
        }
        let mut policy = problem.widest();
        self.actions = self.explore();
        for (&slot, &action) in problem.slots().iter().zip(&self.actions) {
            policy.set(slot, bits_of(action));
        }
        Proposal { policy, purpose: Purpose::Candidate }
    }

    /// Takes the reward of what was made of the policy that was proposed last.
    pub fn learn(&mut self, problem: &Problem, episode: &Episode) {
        let reward = episode.reward;
        match episode.purpose {
            Purpose::Widest | Purpose::Probe(..) => {
                if let Some(probing) = &mut self.probing {
                    probing.learn(episode.score);
                }
                return;
            }
            Purpose::Start(_) => {
                // As an action the middle of the third.
                let action = |&slot| (episode.policy.get(slot) as u8 as f32 + 0.5) / 3.0;
                self.actions = problem.slots().iter().map(action).collect();
            }
            Purpose::Candidate => {}
        }
        self.remember(reward);
        if self.best.as_ref().is_none_or(|(best, _)| reward > *best) {
            self.best = Some((reward, self.actions.clone()));
        }
        self.episodes += 1;
        if self.episodes > self.settings.warm_up {
            let updates = (self.settings.updates * self.decisions.len() as f64).round() as usize;
            for _ in 0..updates {
                self.ddpg.update(&mut self.random, &mut self.buffers);
            }
        }
    }

    /// Actions of an episode.
    fn explore(&mut self) -> Vec<f32> {
        let count = self.decisions.len();
        if self.episodes < self.settings.warm_up {
            return (0..count).map(|_| self.random.uniform() as f32).collect();
        }
        let mut sigma = self.settings.sigma;
        (self.settings.warm_up..self.episodes).for_each(|_| sigma *= self.settings.sigma_decay);
        let restarts = self.random.uniform() < self.settings.restart;
        let repeated = if restarts { self.random.below(count.max(1)) } else { 0 };
        let mut actions: Vec<f32> = Vec::with_capacity(count);
        for (number, &decision) in self.decisions.iter().enumerate() {
            let again = self.best.as_ref().filter(|_| number < repeated).map(|(_, best)| best[number]);
            let action = again.unwrap_or_else(|| {
                let state = after(decision, actions.last().map(|&action| bits_of(action)));
                let mean = self.ddpg.act(&state, &mut self.buffers);
                self.random.truncated(mean, sigma) as f32
            });
            actions.push(action);
        }
        actions
    }

    /// Puts the episode into the replay buffer: every decision gets the reward.
    fn remember(&mut self, reward: f64) {
        let bits: Vec<Bits> = self.actions.iter().map(|&action| bits_of(action)).collect();
        let previous = |number: usize| number.checked_sub(1).map(|before| bits[before]);
        let states: Vec<Observation> =
            self.decisions.iter().enumerate().map(|(i, &decision)| after(decision, previous(i))).collect();
        for (number, (&state, &action)) in states.iter().zip(&self.actions).enumerate() {
            let next = states.get(number + 1).copied();
            self.ddpg.remember(Transition { state, action, reward: reward as f32, next });
        }
    }
}

fn start(allocator: Allocator, policy: Policy) -> Proposal {
    Proposal { policy, purpose: Purpose::Start(allocator) }
}

/// Equal thirds of 0 to 1 are 2, 4 and 8 bits.
fn bits_of(action: f32) -> Bits {
    Bits::ALL[((action * 3.0) as usize).min(2)]
}
