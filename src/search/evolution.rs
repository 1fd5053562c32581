//! Regularized evolution (Real et al., arXiv 1802.01548): the oldest dies, whatever its score.

use super::{Problem, Proposal, Purpose, Score, random::Random};
use crate::quant::{Bits, Policy};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Policies alive.
const POPULATION: usize = 32;
/// Policies of which the best has a child.
const TOURNAMENT: usize = 8;

/// A population of policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evolution {
    random: Random,
    /// Oldest first.
    alive: VecDeque<(Policy, Score)>,
}

impl Evolution {
    /// Nobody yet.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 2), alive: VecDeque::new() }
    }

    /// Whether it can be of this problem.
    pub(super) fn is_sound(&self, problem: &Problem) -> bool {
        let is_known = |(policy, _): &(Policy, Score)| policy.is_of(problem.graph());
        self.alive.len() <= POPULATION && self.alive.iter().all(is_known)
    }

    /// A random policy at first, then a child.
    pub fn next(&mut self, problem: &Problem) -> Proposal {
        let policy = if self.alive.len() < POPULATION {
            random_policy(problem, &mut self.random)
        } else {
            self.child(problem)
        };
        Proposal { policy, purpose: Purpose::Candidate }
    }

    /// Takes the score of what was made of the policy that was proposed last.
    pub fn learn(&mut self, policy: &Policy, score: Score) {
        self.alive.push_back((policy.clone(), score));
        if self.alive.len() > POPULATION {
            self.alive.pop_front();
        }
    }

    /// The best of some with another width for one to three tensors. Walls and fill follow, as for everyone.
    fn child(&mut self, problem: &Problem) -> Policy {
        let drawn: Vec<usize> = (0..TOURNAMENT).map(|_| self.random.below(self.alive.len())).collect();
        let best = drawn
            .into_iter()
            .reduce(|best, next| if self.alive[next].1.beats(&self.alive[best].1) { next } else { best });
        let mut policy = self.alive[best.unwrap_or(0)].0.clone();
        let slots = problem.slots();
        for _ in 0..=self.random.below(3) {
            if slots.is_empty() {
                break;
            }
            let slot = slots[self.random.below(slots.len())];
            let others: Vec<Bits> = Bits::ALL.into_iter().filter(|&bits| bits != policy.get(slot)).collect();
            policy.set(slot, others[self.random.below(others.len())]);
        }
        policy
    }
}

/// Every free tensor at a width drawn from three.
pub fn random_policy(problem: &Problem, random: &mut Random) -> Policy {
    let mut policy = problem.widest();
    for &slot in problem.slots() {
        policy.set(slot, Bits::ALL[random.below(3)]);
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, MemoryModel};
    use crate::net::Spec;

    #[test]
    fn children_differ_little_from_good_parents() {
        let graph = "mobilenet-v1-0.25-32".parse::<Spec>().expect("a name").build();
        let budget = Budget { flash: usize::MAX, ram: usize::MAX };
        let problem = Problem::new(&graph, budget, MemoryModel::DEVICE, &[]).expect("feasible");
        let mut evolution = Evolution::new(1);
        let mut first = Vec::new();
        for i in 0..POPULATION {
            first.push(evolution.next(&problem).policy);
            evolution.learn(&first[i], Score { correct: i, images: 100, ..Score::default() });
        }
        let child = evolution.next(&problem).policy;
        let differing = |parent: &Policy| {
            problem.slots().iter().filter(|&&slot| parent.get(slot) != child.get(slot)).count()
        };
        let near = first.iter().map(differing).min();
        assert!((1..=3).contains(&near.expect("parents")), "{near:?}");
        evolution.learn(&child, Score::default());
        assert_eq!(evolution.alive.len(), POPULATION);
        assert_ne!(evolution.alive[0].0, first[0], "the oldest has died");
    }
}
