//! The policy of least added cost, exactly, if the costs of narrowed tensors add up.
//!
//! Activations share the RAM of the layers at which they are in memory: branch and bound over the few of them that are in
//! the way at 8 bits. Weights share one sum, the FLASH that the tables of these activations leave: a knapsack with three
//! choices a tensor, solved by dynamic programming over the policies that none other beats in both bytes and cost.

use super::{
    Problem,
    greedy::greedy,
    sensitivity::{Probing, tight_activations},
};
use crate::quant::{Bits, Policy, Slot};

/// Policies of activations after which branch and bound is given up; the best so far is taken.
const PATIENCE: usize = 20_000;

/// The policy with the least sum of costs that fits.
pub fn exact(problem: &Problem, probing: &Probing) -> Policy {
    let start = greedy(problem, probing);
    let mut policy = problem.widest();
    choose_activations(problem, probing, &mut policy, &start);
    choose_weights(problem, probing, &mut policy);
    problem.wall(policy)
}

/// A policy of the weights up to a tensor.
#[derive(Clone, Copy)]
struct State {
    bytes: usize,
    cost: i64,
    bits: Bits,
    /// Its beginning, in the states of the tensor before.
    before: usize,
}

fn choose_weights(problem: &Problem, probing: &Probing, policy: &mut Policy) {
    let slots: Vec<Slot> =
        problem.slots().iter().copied().filter(|slot| matches!(slot, Slot::Weight(_))).collect();
    let flash = |policy: &Policy| problem.flash(policy);
    let mut narrowest = policy.clone();
    slots.iter().for_each(|&slot| narrowest.set(slot, Bits::B2));
    let least = flash(&narrowest);
    let Some(spare) = problem.budget.flash.checked_sub(least) else { return };
    // What each width takes beyond 2 bits, padding included.
    let extra = |slot: Slot, bits: Bits| {
        let mut wider = narrowest.clone();
        wider.set(slot, bits);
        flash(&wider).saturating_sub(least)
    };
    let mut layers: Vec<Vec<State>> = Vec::with_capacity(slots.len());
    let mut states = vec![State { bytes: 0, cost: 0, bits: Bits::B8, before: 0 }];
    for &slot in &slots {
        let choices = Bits::ALL.map(|bits| (bits, extra(slot, bits), probing.cost(slot, bits)));
        let mut next = Vec::with_capacity(3 * states.len());
        for (before, state) in states.iter().enumerate() {
            for (bits, bytes, cost) in choices {
                if state.bytes + bytes <= spare {
                    next.push(State { bytes: state.bytes + bytes, cost: state.cost + cost, bits, before });
                }
            }
        }
        next.sort_by_key(|state| (state.bytes, state.cost));
        let mut least = i64::MAX;
        next.retain(|state| {
            let is_cheaper = state.cost < least;
            least = least.min(state.cost);
            is_cheaper
        });
        layers.push(next.clone());
        states = next;
    }
    // Cheapest last: they are sorted by bytes, and none costs more than one with fewer bytes.
    let mut at = states.len().saturating_sub(1);
    for (states, &slot) in layers.iter().zip(&slots).rev() {
        let Some(state) = states.get(at) else { return };
        policy.set(slot, state.bits);
        at = state.before;
    }
}

fn choose_activations(problem: &Problem, probing: &Probing, policy: &mut Policy, start: &Policy) {
    let slots = tight_activations(problem);
    let total = |policy: &Policy| slots.iter().map(|&slot| probing.cost(slot, policy.get(slot))).sum::<i64>();
    let mut fallback = policy.clone();
    slots.iter().for_each(|&slot| fallback.set(slot, start.get(slot)));
    let is_fit = problem.fits_ram(&fallback);
    let mut branch = Branch {
        problem,
        probing,
        slots: &slots,
        least: if is_fit { total(&fallback) } else { i64::MAX },
        best: is_fit.then_some(fallback),
        left: PATIENCE,
    };
    branch.descend(policy, 0, 0);
    if let Some(best) = branch.best {
        *policy = best;
    }
}

struct Branch<'a> {
    problem: &'a Problem,
    probing: &'a Probing,
    slots: &'a [Slot],
    best: Option<Policy>,
    least: i64,
    left: usize,
}

impl Branch<'_> {
    /// Decides the tensors from `depth` on; `cost` is that of those before.
    fn descend(&mut self, policy: &mut Policy, depth: usize, cost: i64) {
        if cost >= self.least || self.left == 0 {
            return;
        }
        let Some(&slot) = self.slots.get(depth) else {
            self.left -= 1;
            if self.problem.fits_ram(policy) {
                self.least = cost;
                self.best = Some(policy.clone());
            }
            return;
        };
        for bits in Bits::ALL.into_iter().rev() {
            policy.set(slot, bits);
            if self.may_fit(policy, depth + 1) {
                self.descend(policy, depth + 1, cost + self.probing.cost(slot, bits));
            }
        }
        policy.set(slot, Bits::B8);
    }

    /// Whether every layer by itself would fit with the undecided tensors at 2 bits.
    fn may_fit(&mut self, policy: &mut Policy, decided: usize) -> bool {
        let undecided = &self.slots[decided..];
        undecided.iter().for_each(|&slot| policy.set(slot, Bits::B2));
        let may_fit = self.problem.needs(policy).iter().all(|&bytes| bytes <= self.problem.budget.ram);
        undecided.iter().for_each(|&slot| policy.set(slot, Bits::B8));
        self.left = self.left.saturating_sub(1);
        may_fit
    }
}
