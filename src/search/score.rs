//! What is measured of a policy.

use crate::proportion;
use serde::{Deserialize, Serialize};

/// Binary digits of [`Score::loss`] after the point.
const DIGITS: u32 = 20;

/// Which of the reward images and of the calibration images a score is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sample {
    /// All of them: what rewards are made of.
    #[default]
    All,
    /// A fixed part of them, for probes of sensitivity. They are compared with each other and never win, and the
    /// difference that one tensor makes to the cross-entropy of the same images shows on few of them.
    Part,
    /// Other images, of which no reward is: those of a round of the run-off, counted from 0. Calibration is with all
    /// calibration images.
    RunOff(usize),
}

impl Sample {
    /// The run-off's rounds: how many times as many images each has as there are reward images. What finalists are
    /// judged by doubles from round to round, and there are half as many.
    pub const ROUNDS: [usize; 3] = [1, 1, 2];

    /// A part is one image in this many,
    const PART: usize = 4;
    /// and at least so many.
    const LEAST: usize = 64;

    /// So many of the images belong to it.
    pub fn of(self, images: usize) -> usize {
        match self {
            Self::All | Self::RunOff(_) => images,
            Self::Part => images.min((images / Self::PART).max(Self::LEAST)),
        }
    }
}

/// How well a policy does on the reward images. All of it are whole numbers, so that parts add up to the same sum in
/// any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Images whose largest logit was that of their class.
    pub correct: usize,
    /// Images classified.
    pub images: usize,
    /// Sum of the images' cross-entropies in units of 2^-20 nats.
    pub loss: i64,
}

impl Score {
    /// An image's cross-entropy counts at most this many nats.
    pub const MOST_NATS: f64 = 64.0;

    /// A cross-entropy in whole units.
    pub fn fixed(nats: f64) -> i64 {
        let one = f64::from(1u32 << DIGITS);
        (nats.clamp(0.0, Self::MOST_NATS) * one).round() as i64
    }

    /// Top-1 accuracy in percent; 0 without images.
    pub fn percent(&self) -> f64 {
        proportion::percent(self.correct, self.images)
    }

    /// Top-1 accuracy as it is written: `91.45 %`.
    pub fn text(&self) -> String {
        proportion::text(self.correct, self.images)
    }

    /// Mean cross-entropy in nats; 0 without images.
    pub fn nats(&self) -> f64 {
        let one = f64::from(1u32 << DIGITS);
        if self.images == 0 { 0.0 } else { self.loss as f64 / one / self.images as f64 }
    }

    /// Whether this is better than another score of the same images: more right answers; among equals, the lower
    /// cross-entropy.
    pub fn beats(&self, other: &Score) -> bool {
        self.rank() > other.rank()
    }

    /// Whether it can be of at most so many images.
    pub(super) fn is_sound(&self, most: usize) -> bool {
        self.correct <= self.images
            && self.images <= most
            && (0..=Self::fixed(Self::MOST_NATS) * self.images as i64).contains(&self.loss)
    }

    /// Greater is better; see [`Score::beats`].
    pub(super) fn rank(&self) -> (usize, i64) {
        (self.correct, -self.loss)
    }
}

impl std::ops::AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.correct = self.correct.saturating_add(other.correct);
        self.images = self.images.saturating_add(other.images);
        self.loss = self.loss.saturating_add(other.loss);
    }
}

impl std::iter::Sum for Score {
    fn sum<I: Iterator<Item = Self>>(scores: I) -> Self {
        scores.fold(Self::default(), |mut sum, score| {
            sum += score;
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_quarter_but_not_too_few() {
        assert_eq!([10, 64, 100, 256, 1000].map(|images| Sample::Part.of(images)), [10, 64, 64, 64, 250]);
        assert_eq!(Sample::All.of(1000), 1000);
    }

    #[test]
    fn scores_add_up() {
        let a = Score { correct: 3, images: 4, loss: Score::fixed(0.5) };
        let b = Score { correct: 0, images: 1, loss: Score::fixed(1e9) };
        let sum: Score = [a, b].into_iter().sum();
        assert_eq!((sum.percent(), sum.nats()), (60.0, 64.5 / 5.0));
        assert!(a.beats(&b) && !b.beats(&a) && !a.beats(&a));
        assert!(Score { loss: a.loss - 1, ..a }.beats(&a));
    }
}
