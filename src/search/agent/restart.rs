//! Restarts: episodes that repeat the best policy but for a few decisions.

use crate::quant::Slot;
use crate::search::{Problem, random::Random};
use serde::{Deserialize, Serialize};

/// Part of a score that costs the same wherever a policy departs from one that is known: a floor, so that the last
/// decisions are not all that is ever tried.
const FIXED: f64 = 0.1;

/// Where episodes may depart from the best policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restarts {
    /// Chance of each decision to be the first that is taken again, added up from the first on.
    chances: Vec<f64>,
}

impl Restarts {
    /// A score costs the layers from the first new decision on; those before are known. Chances are the inverse of
    /// that, so that as much time is spent on each beginning.
    pub fn new(problem: &Problem) -> Self {
        let graph = problem.graph();
        let work: Vec<f64> = graph.layers.iter().map(|layer| graph.layer_work(layer) as f64).collect();
        let all: f64 = work.iter().sum();
        let mut sum = 0.0;
        let chance = |&slot: &Slot| {
            let layer = match slot {
                Slot::Weight(layer) => layer,
                Slot::Activation(tensor) => graph.producer(tensor).unwrap_or(0),
            };
            let left: f64 = work[layer..].iter().sum();
            sum += 1.0 / (FIXED + left / all.max(1.0));
            sum
        };
        Self { chances: problem.slots().iter().map(chance).collect() }
    }

    /// Which decisions are taken again: the first by its chance, of the later ones each with the same chance, so many
    /// in all on average.
    pub fn draw(&self, redecided: f64, random: &mut Random) -> Vec<bool> {
        let at = random.uniform() * self.chances.last().copied().unwrap_or(0.0);
        let first = self.chances.partition_point(|&sum| sum <= at);
        let later = self.chances.len().saturating_sub(first + 1);
        let chance = (redecided - 1.0) / later.max(1) as f64;
        (0..self.chances.len())
            .map(|number| number == first || number > first && random.uniform() < chance)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, MemoryModel};
    use crate::net::Spec;

    #[test]
    fn few_decisions_are_taken_again_and_late_ones_more_often() {
        let graph = "mobilenet-v2-0.35-96".parse::<Spec>().expect("a name").build();
        let budget = Budget { flash: usize::MAX, ram: usize::MAX };
        let problem = Problem::new(&graph, budget, MemoryModel::DEVICE, &[]).expect("feasible");
        let restarts = Restarts::new(&problem);
        let mut random = Random::new(1, 0);
        let count = problem.slots().len();
        let (mut free, mut early, mut late) = (0, 0, 0);
        for _ in 0..2000 {
            let drawn = restarts.draw(3.0, &mut random);
            assert_eq!(drawn.len(), count);
            free += drawn.iter().filter(|&&is_free| is_free).count();
            let first = drawn.iter().position(|&is_free| is_free).expect("at least one");
            early += usize::from(first < count / 4);
            late += usize::from(first >= count - count / 4);
        }
        // Those that start among the last have few to choose from.
        assert!((4000..6500).contains(&free), "{free} in 2000 episodes");
        assert!(early > 100 && late > 2 * early, "{early} early, {late} late");
    }
}
