//! What a policy is likely to score, before it is scored.
//!
//! Sensitivities of single tensors, added up, say most of what a policy costs. What they miss is learned from the
//! episodes: a Gaussian process (Rasmussen and Williams 2006, algorithm 2.1) over the widths, whose mean is that sum
//! and whose covariance of two policies grows with the narrow tensors that they share.

use crate::quant::{Bits, Policy};
use crate::search::{Problem, sensitivity::Probing};
use serde::{Deserialize, Serialize};

/// Variance of the measurement, in units of the variance of what a tensor at a width adds.
const NOISE: f64 = 1.0;

/// A linear model of the divergence, in nats.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Measured sensitivity of each free tensor at each width, in nats; none without a warm start.
    prior: Vec<[f64; 3]>,
    /// Policies that were scored, as the widths of the free tensors, and their divergences in nats.
    seen: Vec<(Vec<u8>, f64)>,
    /// Lower triangle of the Cholesky factor of the policies' covariance, row by row.
    factor: Vec<Vec<f64>>,
    /// The covariance's inverse times what the sums of sensitivities were off.
    weights: Vec<f64>,
}

impl Forecast {
    /// Takes over measured sensitivities. What was learned before is seen in their light.
    pub fn start(&mut self, problem: &Problem, probing: &Probing) {
        let nats = |&slot| Bits::ALL.map(|bits| probing.nats(slot, bits));
        self.prior = problem.slots().iter().map(nats).collect();
        self.factor.clear();
        for (widths, nats) in std::mem::take(&mut self.seen) {
            self.add(widths, nats);
        }
        self.solve();
    }

    /// Whether it can be of so many tensors.
    pub fn is_sound(&self, count: usize) -> bool {
        let is_policy =
            |(widths, _): &(Vec<u8>, f64)| widths.len() == count && widths.iter().all(|&width| width < 3);
        let is_triangle = self.factor.iter().enumerate().all(|(row, values)| values.len() == row + 1);
        [0, count].contains(&self.prior.len())
            && self.seen.iter().all(is_policy)
            && is_triangle
            && [self.factor.len(), self.weights.len()] == [self.seen.len(); 2]
    }

    /// Whether a policy was scored before.
    pub fn knows(&self, problem: &Problem, policy: &Policy) -> bool {
        let widths = widths(problem, policy);
        self.seen.iter().any(|(seen, _)| *seen == widths)
    }

    /// Takes the mean divergence of a policy.
    pub fn learn(&mut self, problem: &Problem, policy: &Policy, nats: f64) {
        let widths = widths(problem, policy);
        if !self.seen.iter().any(|(seen, _)| *seen == widths) {
            self.add(widths, nats);
            self.solve();
        }
    }

    /// Gives the factor a row more.
    fn add(&mut self, widths: Vec<u8>, nats: f64) {
        let mut row = Vec::with_capacity(self.seen.len() + 1);
        for (number, (other, _)) in self.seen.iter().enumerate() {
            let above: &Vec<f64> = &self.factor[number];
            let known: f64 = row.iter().zip(above).map(|(a, b)| a * b).sum();
            row.push((self.covariance(&widths, other) - known) / above[number]);
        }
        let known: f64 = row.iter().map(|a| a * a).sum();
        row.push((self.covariance(&widths, &widths) + NOISE - known).max(NOISE / 2.0).sqrt());
        self.factor.push(row);
        self.seen.push((widths, nats));
    }

    /// Mean divergence to be expected of a policy; meant to compare policies with.
    pub fn of(&self, problem: &Problem, policy: &Policy) -> f64 {
        let widths = widths(problem, policy);
        let seen = self.seen.iter().zip(&self.weights);
        let off: f64 = seen.map(|((other, _), weight)| weight * self.covariance(&widths, other)).sum();
        self.sum(&widths) + off
    }

    /// Forward and backward substitution.
    fn solve(&mut self) {
        let count = self.seen.len();
        let mut weights: Vec<f64> = Vec::with_capacity(count);
        for (row, (widths, nats)) in self.factor.iter().zip(&self.seen) {
            let known: f64 = row.iter().zip(&weights).map(|(a, b)| a * b).sum();
            let off = nats - self.sum(widths);
            weights.push((off - known) / row[weights.len()]);
        }
        for number in (0..count).rev() {
            weights[number] /= self.factor[number][number];
            for earlier in 0..number {
                weights[earlier] -= self.factor[number][earlier] * weights[number];
            }
        }
        self.weights = weights;
    }

    /// The sum of sensitivities.
    fn sum(&self, widths: &[u8]) -> f64 {
        self.prior.iter().zip(widths).map(|(nats, &width)| nats[usize::from(width)]).sum()
    }

    /// An offset, a factor of the sum, and a term for each tensor that both have at the same narrow width.
    fn covariance(&self, a: &[u8], b: &[u8]) -> f64 {
        let shared = a.iter().zip(b).filter(|(a, b)| a == b && **a != Bits::B8 as u8).count();
        1.0 + self.sum(a) * self.sum(b) + shared as f64
    }
}

fn widths(problem: &Problem, policy: &Policy) -> Vec<u8> {
    problem.slots().iter().map(|&slot| policy.get(slot) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, MemoryModel};
    use crate::net::Spec;
    use crate::search::{evolution::random_policy, random::Random};

    fn problem() -> Problem {
        let graph = "mobilenet-v1-0.25-32".parse::<Spec>().expect("a name").build();
        let budget = Budget { flash: usize::MAX, ram: usize::MAX };
        Problem::new(&graph, budget, MemoryModel::DEVICE, &[]).expect("feasible")
    }

    /// What each tensor at each width adds, in nats.
    fn truth(problem: &Problem, policy: &Policy) -> f64 {
        let widths = widths(problem, policy);
        let added = |(slot, width): (usize, u8)| {
            [0.05 * (slot % 7) as f64, 0.01 * (slot % 5) as f64, 0.0][usize::from(width)]
        };
        0.3 + widths.into_iter().enumerate().map(added).sum::<f64>()
    }

    #[test]
    fn episodes_teach_what_tensors_add() {
        let problem = problem();
        let mut random = Random::new(2, 0);
        let mut forecast = Forecast::default();
        let wrong = |forecast: &Forecast, random: &mut Random| {
            let policies = (0..50).map(|_| random_policy(&problem, random));
            let squares = policies.map(|p| (forecast.of(&problem, &p) - truth(&problem, &p)).powi(2));
            (squares.sum::<f64>() / 50.0).sqrt()
        };
        let mut last = wrong(&forecast, &mut random);
        for count in [20, 60, 200] {
            while forecast.seen.len() < count {
                let policy = random_policy(&problem, &mut random);
                assert!(!forecast.knows(&problem, &policy));
                forecast.learn(&problem, &policy, truth(&problem, &policy));
                assert!(forecast.knows(&problem, &policy));
            }
            let now = wrong(&forecast, &mut random);
            assert!(now < 0.8 * last, "{last} and with {count} episodes {now}");
            last = now;
        }
        assert!(last < 0.05, "{last}");
    }

    /// The factor that grows row by row solves the whole system.
    #[test]
    fn weights_solve_the_system() {
        let problem = problem();
        let mut random = Random::new(3, 0);
        let mut forecast = Forecast::default();
        for _ in 0..30 {
            let policy = random_policy(&problem, &mut random);
            forecast.learn(&problem, &policy, truth(&problem, &policy));
        }
        for (widths, off) in &forecast.seen {
            let others = forecast.seen.iter().zip(&forecast.weights);
            let sum: f64 = others
                .map(|((other, _), w)| {
                    let noise = if other == widths { NOISE } else { 0.0 };
                    w * (forecast.covariance(widths, other) + noise)
                })
                .sum();
            assert!((sum - off).abs() < 1e-9, "{sum} {off}");
        }
    }
}
