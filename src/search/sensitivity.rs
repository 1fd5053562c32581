//! Measured sensitivity: what narrowing one tensor costs while all others keep 8 bits.

use super::{Problem, Proposal, Purpose, Score};
use crate::quant::{Bits, Policy, Slot};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Standard errors above nothing from which on a cost can be told from none.
const TELLING: f64 = 2.0;

/// Sensitivities on their way: what remains to be measured, and the divergences so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probing {
    /// Last first.
    left: Vec<Purpose>,
    widest: Option<Score>,
    divergences: HashMap<(Slot, Bits), i64>,
}

impl Probing {
    /// All weights, and the activations in memory where the RAM does not suffice at 8 bits; other activations have no
    /// reason to be narrowed. Later layers come first: probes then share the longest beginnings.
    pub fn new(problem: &Problem) -> Self {
        let widest = problem.widest();
        let tight = tight_activations(problem);
        let is_probed = |slot: &&Slot| matches!(slot, Slot::Weight(_)) || tight.contains(slot);
        let mut left = Vec::new();
        for &slot in problem.slots().iter().filter(is_probed) {
            debug_assert_eq!(widest.get(slot), Bits::B8);
            left.extend([Purpose::Probe(slot, Bits::B4), Purpose::Probe(slot, Bits::B2)]);
        }
        left.push(Purpose::Widest);
        Self { left, widest: None, divergences: HashMap::new() }
    }

    /// Whether it can be of this problem: what is left is the beginning of what there was, and sums do not overflow.
    pub(super) fn is_sound(&self, problem: &Problem) -> bool {
        let half = i64::MAX / 2;
        let divergences =
            self.divergences.values().chain(self.widest.as_ref().map(|score| &score.divergence));
        Self::new(problem).left.starts_with(&self.left)
            && divergences.into_iter().all(|divergence| (0..half).contains(divergence))
    }

    /// How many policies are left to score, at most.
    pub fn episodes(&self) -> usize {
        self.left.len()
    }

    /// The next policy to score.
    pub fn next(&self, problem: &Problem) -> Option<Proposal> {
        let &purpose = self.left.last()?;
        let mut policy = problem.widest();
        if let Purpose::Probe(slot, bits) = purpose {
            policy.set(slot, bits);
        }
        Some(Proposal { policy, purpose })
    }

    /// Takes the score of the policy that came from [`Probing::next`]. Where 2 bits cost nothing that can be told from
    /// chance, 4 bits are not probed: they cost less.
    pub fn learn(&mut self, score: Score) {
        match self.left.pop() {
            Some(Purpose::Probe(slot, bits)) => {
                self.divergences.insert((slot, bits), score.divergence);
                let before = self.widest.map_or(0.0, |widest| widest.nats());
                let is_telling = score.nats() - before > TELLING * score.standard_error();
                if !is_telling {
                    self.left.pop_if(|next| *next == Purpose::Probe(slot, Bits::B4));
                }
            }
            _ => self.widest = Some(score),
        }
    }

    /// By how much the divergence rises if a tensor has a width. Noise is evened out: no tensor gains by being
    /// narrowed, nor by being narrowed further.
    pub fn cost(&self, slot: Slot, bits: Bits) -> i64 {
        let widest = self.widest.map_or(0, |score| score.divergence);
        let measured =
            |bits| self.divergences.get(&(slot, bits)).map_or(0, |divergence| (divergence - widest).max(0));
        match bits {
            Bits::B8 => 0,
            Bits::B4 => measured(Bits::B4),
            Bits::B2 => measured(Bits::B2).max(measured(Bits::B4)),
        }
    }

    /// The same as a mean over the images, in nats.
    pub fn nats(&self, slot: Slot, bits: Bits) -> f64 {
        let images = self.widest.map_or(0, |score| score.images);
        Score { images, divergence: self.cost(slot, bits), ..Score::default() }.nats()
    }
}

/// Free activations that are in memory while a layer runs that does not fit at 8 bits.
pub fn tight_activations(problem: &Problem) -> Vec<Slot> {
    // Follows the wall, so that tensors of layers that fit by themselves but find no place are found as well.
    let mut policy = problem.widest();
    let mut tight: Vec<Slot> = Vec::new();
    while let Some(layer) = problem.obstacle(&policy) {
        let before = tight.len();
        for slot in problem.activations_at(layer) {
            if !tight.contains(&slot) {
                tight.push(slot);
            }
        }
        narrow(problem, &mut policy, layer);
        if tight.len() == before && problem.activations_at(layer).all(|slot| policy.get(slot) == Bits::B2) {
            break;
        }
    }
    tight
}

/// Halves all activations of a layer.
fn narrow(problem: &Problem, policy: &mut Policy, layer: usize) {
    for slot in problem.activations_at(layer) {
        if let Some(bits) = policy.get(slot).narrower() {
            policy.set(slot, bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, MemoryModel};
    use crate::net::Spec;

    /// Scores of 100 images of which every second differs from the float network by so many nats.
    fn score(nats: f64) -> Score {
        (0..100).map(|i| Score::of_image(true, if i % 2 == 0 { nats } else { 0.0 })).sum()
    }

    #[test]
    fn four_bits_are_probed_only_where_two_bits_cost_something() {
        let graph = "mobilenet-v1-0.25-32".parse::<Spec>().expect("a name").build();
        let budget = Budget { flash: 200_000, ram: 100_000 };
        let problem = Problem::new(&graph, budget, MemoryModel::DEVICE, &[]).expect("feasible");
        let mut probing = Probing::new(&problem);
        let most = probing.episodes();
        let mut asked = Vec::new();
        while let Some(proposal) = probing.next(&problem) {
            asked.push(proposal.purpose);
            probing.learn(score(match proposal.purpose {
                // Every third layer's cost is as small as what the widest policy costs.
                Purpose::Probe(Slot::Weight(layer), Bits::B2) if layer % 3 != 0 => 0.5,
                Purpose::Probe(_, Bits::B4) => 0.1,
                _ => 0.01,
            }));
        }
        assert_eq!(asked[0], Purpose::Widest);
        for (layer, _) in graph.weighted_layers() {
            let slot = Slot::Weight(layer);
            let probed = |bits| asked.contains(&Purpose::Probe(slot, bits));
            assert!(probed(Bits::B2));
            assert_eq!(probed(Bits::B4), layer % 3 != 0, "layer {layer}");
            let nats = [Bits::B2, Bits::B4, Bits::B8].map(|bits| (1e3 * probing.nats(slot, bits)).round());
            assert_eq!(nats, if layer % 3 == 0 { [0.0; 3] } else { [245.0, 45.0, 0.0] });
        }
        assert!(asked.len() < most);
    }
}
