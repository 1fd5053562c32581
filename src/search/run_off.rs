//! The run-off among an allocator's finalists, by sequential halving (Karnin, Koren and Somekh, ICML 2013).
//!
//! The best of a hundred policies on a thousand images is in part the luckiest there. So the finalists are scored on
//! images of which no reward is, round by round. After each round the better half goes on: images are spent on those
//! that are hard to tell apart.
//!
//! Finalists often differ by a few right answers, which is chance even on thousands of images, whereas their
//! divergences from the float network differ in every image. So the lowest divergence wins among those within a standard error of the
//! most right answers (the rule of Breiman et al., Classification and Regression Trees, 1984, section 3.4.3). Alone it
//! would not do: a policy can have the lowest and be a point less accurate, above all one that was made to have it.

use super::{Allocator, Log, Proposal, Purpose, Score};
use crate::quant::Policy;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::VecDeque;

/// An allocator's best policies that take part, beside those that others have given.
pub const FINALISTS: usize = 8;

/// A run-off under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunOff {
    round: usize,
    /// Who is still to be scored in this round.
    left: VecDeque<Policy>,
}

impl RunOff {
    /// With all finalists; a single one needs it only if it `is_compared` with those of other allocators.
    pub fn new(log: &Log, allocator: Allocator, is_compared: bool) -> Self {
        let mut left = log.finalists(allocator, FINALISTS);
        if left.len() == 1 && !is_compared {
            left.clear();
        }
        Self { round: 0, left: left.into() }
    }

    /// Whether it can be one of so many rounds.
    pub(super) fn is_sound(&self, rounds: usize) -> bool {
        self.round < rounds.max(1)
    }

    /// Those who are still to be scored in this round.
    pub(super) fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.left.iter()
    }

    /// Whom to score next, in a run-off of so many rounds; `None` when it is over.
    pub fn next(&mut self, log: &Log, allocator: Allocator, rounds: usize) -> Option<Proposal> {
        if self.left.is_empty() && self.round + 1 < rounds {
            let mut standing = log.standing(allocator, self.round);
            standing.truncate(standing.len().div_ceil(2));
            *self = Self { round: self.round + 1, left: standing.into() };
        }
        let policy = self.left.pop_front().filter(|_| self.round < rounds)?;
        Some(Proposal { policy, purpose: Purpose::RunOff(self.round) })
    }

    /// Scores that so many finalists need in so many rounds.
    pub fn scores(finalists: usize, rounds: usize) -> usize {
        std::iter::successors(Some(finalists), |before| Some(before.div_ceil(2))).take(rounds).sum()
    }
}

/// Positions of scores of as many images, best first; of equals the first.
pub fn ranking(scores: &[Score]) -> Vec<usize> {
    let most = scores.iter().map(|score| score.correct).max().unwrap_or(0) as u128;
    // As far from the most as its standard error, sqrt(most (images - most) / images), at most; squared, exact.
    let is_near = |score: &Score| {
        let (images, short) = (score.images as u128, most - score.correct as u128);
        short * short * images <= most * images.saturating_sub(most)
    };
    let key = |&at: &usize| {
        let score = &scores[at];
        if is_near(score) {
            (0, Reverse(0), score.divergence)
        } else {
            (1, Reverse(score.correct), score.divergence)
        }
    };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by_key(key);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divergence_decides_within_a_standard_error() {
        // The standard error of 92 of 100 is 2.7.
        let score = |correct, divergence| Score { correct, images: 100, divergence, squares: 0 };
        let scores =
            [score(92, 50), score(89, 40), score(90, 45), score(90, 44), score(80, 10), score(89, 9)];
        assert_eq!(ranking(&scores), [3, 2, 0, 5, 1, 4]);
        // Where all answers are right, or none, there is no chance.
        assert_eq!(ranking(&[score(99, 1), score(100, 2), score(100, 2)]), [1, 2, 0]);
        assert_eq!(ranking(&[score(0, 2), score(0, 1)]), [1, 0]);
        assert_eq!(ranking(&[Score::default(); 2]), [0, 1]);
        assert!(ranking(&[]).is_empty());
    }

    #[test]
    fn half_of_them_go_on() {
        assert_eq!(
            [(0, 3), (1, 3), (8, 3), (13, 3), (13, 1), (13, 0)].map(|(n, r)| RunOff::scores(n, r)),
            [0, 3, 14, 24, 13, 0]
        );
    }
}
