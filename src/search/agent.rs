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
mod forecast;
mod matrix;
mod network;
mod observe;
mod restart;
mod settings;

pub use settings::AgentSettings;

use super::{
    Allocator, Episode, Problem, Proposal, Purpose, Score, Settings, exact::exact, greedy::greedy,
    random::Random, sensitivity::Probing,
};
use crate::quant::{Bits, Policy, Slot};
use ddpg::{Buffers, Ddpg, Transition};
use forecast::Forecast;
use observe::{Observation, after, observations};
use restart::Restarts;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How often proposals are drawn again, with twice as many decisions taken again each time, if all were scored before.
const ROUNDS: usize = 4;

/// The agent of a search.
#[derive(Debug, Serialize, Deserialize)]
pub struct Agent {
    settings: AgentSettings,
    random: Random,
    ddpg: Ddpg,
    decisions: Vec<Observation>,
    restarts: Restarts,
    forecast: Forecast,
    /// Whether what a policy leaves of the budget is spent.
    fill: bool,
    /// Sensitivities for the warm start; `None` without.
    probing: Option<Probing>,
    /// Starts that have not been proposed; last first.
    starts: Vec<Allocator>,
    /// Episodes finished, without starts.
    episodes: usize,
    /// The best episode's score and actions.
    best: Option<(Score, Vec<f32>)>,
    /// Actions of the episode that is being scored.
    actions: Vec<f32>,
    #[serde(skip)]
    buffers: Buffers,
    /// What walls and fill make of activations: a plan of the RAM takes time.
    #[serde(skip)]
    settled: HashMap<Vec<Bits>, Vec<Bits>>,
}

impl Agent {
    /// Whose policies it starts from; last first. What needs no probes comes before them, so that a search has
    /// something to keep wherever it is stopped.
    pub(super) const STARTS: [Allocator; 5] =
        [Allocator::Exact, Allocator::Greedy, Allocator::NotchDown, Allocator::Rule, Allocator::Uniform];

    /// An agent that knows nothing.
    pub fn new(problem: &Problem, settings: AgentSettings, warm_start: bool, fill: bool, seed: u64) -> Self {
        let mut random = Random::new(seed, 3);
        let decisions = observations(problem.graph(), problem.slots());
        Self {
            ddpg: Ddpg::new(settings, decisions.len(), &mut random),
            settings,
            random,
            decisions,
            restarts: Restarts::new(problem),
            forecast: Forecast::default(),
            fill,
            probing: warm_start.then(|| Probing::new(problem)),
            starts: if warm_start { Self::STARTS.to_vec() } else { Vec::new() },
            episodes: 0,
            best: None,
            actions: Vec::new(),
            buffers: Buffers::default(),
            settled: HashMap::new(),
        }
    }

    /// Whether it can be that of these settings after so many episodes of all allocators; `awaits` whether a policy of
    /// its own is being scored.
    pub(super) fn is_sound(
        &self,
        problem: &Problem,
        settings: &Settings,
        episodes: usize,
        awaits: bool,
    ) -> bool {
        let count = problem.slots().len();
        let is_whole = |actions: &[f32]| actions.len() == count && actions.iter().all(|a| a.is_finite());
        let probing = match &self.probing {
            Some(probing) => settings.warm_start && probing.is_sound(problem),
            None => !settings.warm_start,
        };
        probing
            && self.settings == settings.agent
            && self.fill == settings.fill
            && self.decisions == observations(problem.graph(), problem.slots())
            && self.restarts == Restarts::new(problem)
            && self.ddpg.is_sound(&self.settings, count)
            && self.forecast.is_sound(count)
            && Self::STARTS.starts_with(&self.starts)
            && self.episodes <= episodes
            && self.best.as_ref().is_none_or(|(_, actions)| is_whole(actions))
            && (is_whole(&self.actions) || self.actions.is_empty() && !awaits)
    }

    /// The next policy to score, before walls and fill.
    pub fn next(&mut self, problem: &Problem) -> Proposal {
        if let (Some(probing), Some(&allocator)) = (&self.probing, self.starts.last()) {
            if let (true, Some(probe)) = (allocator.measures(), probing.next(problem)) {
                return probe;
            }
            self.starts.pop();
            let policy = match allocator {
                Allocator::Exact => exact(problem, probing),
                Allocator::Greedy => greedy(problem, probing),
                Allocator::Uniform => problem.uniform(),
                Allocator::NotchDown => problem.notch_down(),
                _ => problem.rule(),
            };
            return Proposal { policy, purpose: Purpose::Start(allocator) };
        }
        Proposal { policy: self.propose(problem), purpose: Purpose::Candidate }
    }

    /// Of several episodes the one that promises most.
    fn propose(&mut self, problem: &Problem) -> Policy {
        let restarts = self.best.is_some() && self.random.uniform() < self.settings.restart;
        let is_blind = self.probing.is_none() && self.episodes < self.settings.warm_up;
        let proposals = if is_blind { 1 } else { self.settings.proposals.max(1) };
        let means = self.means();
        let mut best: Option<(bool, f64, Vec<f32>, Policy)> = None;
        let mut redecided = self.settings.redecided;
        for _ in 0..ROUNDS {
            for _ in 0..proposals {
                let actions = self.explore(&means, restarts.then_some(redecided));
                let mut policy = problem.widest();
                for (&slot, &action) in problem.slots().iter().zip(&actions) {
                    policy.set(slot, bits_of(action));
                }
                let executed = self.executed(problem, policy.clone());
                let is_known = self.forecast.knows(problem, &executed);
                let nats = self.forecast.of(problem, &executed);
                if best.as_ref().is_none_or(|(known, least, ..)| (is_known, nats) < (*known, *least)) {
                    best = Some((is_known, nats, actions, policy));
                }
            }
            if best.as_ref().is_some_and(|(is_known, ..)| !is_known) {
                break;
            }
            redecided *= 2.0;
        }
        let (_, _, actions, policy) = best.unwrap_or_else(|| (true, 0.0, Vec::new(), problem.narrowest()));
        self.actions = actions;
        policy
    }

    /// What walls and fill make of a policy; see [`Problem::executed`].
    fn executed(&mut self, problem: &Problem, mut policy: Policy) -> Policy {
        let tensors = 0..problem.graph().tensors.len();
        let asked: Vec<Bits> =
            tensors.clone().map(|tensor| policy.activation(problem.graph(), tensor)).collect();
        let settled = self.settled.entry(asked).or_insert_with(|| {
            problem.settle_activations(&mut policy, self.fill);
            tensors.map(|tensor| policy.activation(problem.graph(), tensor)).collect()
        });
        for &slot in problem.slots() {
            if let Slot::Activation(tensor) = slot {
                policy.set(slot, settled[tensor]);
            }
        }
        problem.settle_weights(&mut policy, self.fill);
        policy
    }

    /// Takes the reward of what was made of the policy that was proposed last.
    pub fn learn(&mut self, problem: &Problem, episode: &Episode) {
        match episode.purpose {
            Purpose::Widest | Purpose::Probe(..) => {
                if let Some(probing) = &mut self.probing {
                    probing.learn(episode.score);
                    if probing.episodes() == 0 {
                        self.forecast.start(problem, probing);
                    }
                }
                return;
            }
            Purpose::RunOff(_) => return,
            Purpose::Start(_) => self.actions = actions_of(problem, &episode.policy),
            Purpose::Candidate => {
                self.episodes += 1;
                if self.settings.executed {
                    let executed = actions_of(problem, &episode.policy);
                    for (action, executed) in self.actions.iter_mut().zip(executed) {
                        if bits_of(*action) != bits_of(executed) {
                            *action = executed;
                        }
                    }
                }
            }
        }
        self.remember(episode.reward);
        self.forecast.learn(problem, &episode.policy, episode.score.nats());
        if self.best.as_ref().is_none_or(|(best, _)| episode.score.beats(best)) {
            self.best = Some((episode.score, actions_of(problem, &episode.policy)));
        }
        if self.episodes > self.settings.warm_up {
            let updates = (self.settings.updates * self.decisions.len() as f64).round() as usize;
            for _ in 0..updates {
                self.ddpg.update(&mut self.random, &mut self.buffers);
            }
        }
    }

    /// The actor's actions for each decision after each width of the one before.
    fn means(&mut self) -> Vec<[f64; 3]> {
        let previous = |number: usize, bits| (number > 0).then_some(bits);
        let decisions = self.decisions.iter().enumerate();
        let states = decisions
            .flat_map(|(number, &decision)| Bits::ALL.map(|bits| after(decision, previous(number, bits))));
        let states: Vec<Observation> = states.collect();
        let actions = self.ddpg.act(&states, &mut self.buffers);
        actions.as_chunks().0.to_vec()
    }

    /// Actions of an episode: all anew, or those of the best but for so many.
    fn explore(&mut self, means: &[[f64; 3]], redecided: Option<f64>) -> Vec<f32> {
        let Self { settings, random, restarts, episodes, best, .. } = self;
        let is_warm = *episodes >= settings.warm_up;
        let mut sigma = settings.sigma;
        (settings.warm_up..*episodes).for_each(|_| sigma *= settings.sigma_decay);
        let best = best
            .as_ref()
            .zip(redecided)
            .map(|((_, best), redecided)| (best, restarts.draw(redecided, random)));
        let mut actions: Vec<f32> = Vec::with_capacity(means.len());
        for (number, means) in means.iter().enumerate() {
            let action = match &best {
                Some((best, is_free)) if !is_free[number] => best[number],
                _ if is_warm => {
                    let previous = actions.last().map_or(Bits::B2, |&action| bits_of(action));
                    random.truncated(means[previous as usize], sigma) as f32
                }
                _ => random.uniform() as f32,
            };
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

/// A policy as actions: the middles of the thirds.
fn actions_of(problem: &Problem, policy: &Policy) -> Vec<f32> {
    problem.slots().iter().map(|&slot| (policy.get(slot) as u8 as f32 + 0.5) / 3.0).collect()
}

/// Equal thirds of 0 to 1 are 2, 4 and 8 bits.
fn bits_of(action: f32) -> Bits {
    Bits::ALL[((action * 3.0) as usize).min(2)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, MemoryModel};
    use crate::net::Spec;
    use crate::search::evolution::random_policy;

    /// What is remembered of activations changes nothing.
    #[test]
    fn proposals_are_what_the_search_makes_of_them() {
        let graph = "mobilenet-v2-0.35-96".parse::<Spec>().expect("a name").build();
        let budget = Budget { flash: 700_000, ram: 40_000 };
        let problem = Problem::new(&graph, budget, MemoryModel::DEVICE, &[]).expect("feasible");
        let mut random = Random::new(1, 0);
        for fill in [false, true] {
            let mut agent = Agent::new(&problem, AgentSettings::default(), true, fill, 1);
            let asked: Vec<Policy> = (0..10).map(|_| random_policy(&problem, &mut random)).collect();
            for policy in asked.iter().chain(&asked) {
                let expected = problem.executed(policy.clone(), fill);
                assert!(problem.fits(&expected));
                assert_eq!(agent.executed(&problem, policy.clone()), expected);
            }
        }
    }

    #[test]
    fn thirds_are_widths() {
        for bits in Bits::ALL {
            assert_eq!(bits_of((bits as u8 as f32 + 0.5) / 3.0), bits);
        }
        assert_eq!([0.0, 0.33, 0.34, 0.66, 0.67, 1.0].map(bits_of), [0, 0, 1, 1, 2, 2].map(|i| Bits::ALL[i]));
    }
}
