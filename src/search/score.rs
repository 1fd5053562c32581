//! What is measured of a policy.

use crate::proportion;
use serde::{Deserialize, Serialize};

/// Binary digits of [`Score::divergence`] after the point.
const DIGITS: u32 = 20;
/// Those of [`Score::squares`].
const SQUARE_DIGITS: u32 = 26;

/// About what 0.1 for each percentage point of accuracy is, HAQ's reward: a nat costs some 25 points.
pub const REWARD_OF_A_NAT: f64 = 2.5;

/// Which of the reward images and of the calibration images a score is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sample {
    /// All of them: what rewards are made of.
    #[default]
    All,
    /// A fixed part of them, for probes of sensitivity. They are compared with each other and never win, and the
    /// difference that one tensor makes shows on few of them.
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

/// How well a policy does on some images. All of it are whole numbers, so that parts add up to the same sum in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Images whose largest logit was that of their class.
    pub correct: usize,
    /// Images classified.
    pub images: usize,
    /// Sum of the images' divergences from the float network's answers
    /// ([`FloatAnswer`](crate::score::FloatAnswer)), in units of 2^-20 nats.
    pub divergence: i64,
    /// Sum of their squares, in units of 2^-26 nats squared.
    pub squares: i64,
}

impl Score {
    /// An image's divergence counts at most this many nats.
    pub const MOST_NATS: f64 = 64.0;

    /// Of one image.
    pub fn of_image(is_correct: bool, nats: f64) -> Self {
        let divergence = Self::fixed(nats);
        let rough = divergence >> (DIGITS - SQUARE_DIGITS / 2);
        Self { correct: is_correct.into(), images: 1, divergence, squares: rough * rough }
    }

    /// A divergence in whole units. Rounding can make it less than nothing.
    fn fixed(nats: f64) -> i64 {
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

    /// Mean divergence in nats; 0 without images.
    pub fn nats(&self) -> f64 {
        let one = f64::from(1u32 << DIGITS);
        if self.images == 0 { 0.0 } else { self.divergence as f64 / one / self.images as f64 }
    }

    /// Standard error of [`Score::nats`]; 0 for fewer than two images.
    pub fn standard_error(&self) -> f64 {
        let (images, mean) = (self.images as f64, self.nats());
        let one = f64::from(1u32 << SQUARE_DIGITS);
        if self.images < 2 {
            return 0.0;
        }
        ((self.squares as f64 / one / images - mean * mean).max(0.0) / (images - 1.0)).sqrt()
    }

    /// Mean divergence with its 95 % interval as it is written: `0.0712 ± 0.0069 nats`.
    pub fn divergence_text(&self) -> String {
        format!("{:.4} ± {:.4} nats", self.nats(), 1.96 * self.standard_error())
    }

    /// What an agent is rewarded with: nothing less than 0 for the float network's own answers.
    pub fn reward(&self) -> f64 {
        -REWARD_OF_A_NAT * self.nats()
    }

    /// Whether this is better than another score of the same images: the lower divergence; among equals, more right
    /// answers.
    pub fn beats(&self, other: &Score) -> bool {
        self.rank() > other.rank()
    }

    /// Whether it can be of at most so many images.
    pub(super) fn is_sound(&self, most: usize) -> bool {
        let of_all = |of_one: i64| 0..=of_one.saturating_mul(self.images as i64);
        let Self { divergence, squares, .. } = Self::of_image(false, Self::MOST_NATS);
        self.correct <= self.images
            && self.images <= most
            && of_all(divergence).contains(&self.divergence)
            && of_all(squares).contains(&self.squares)
    }

    /// Greater is better; see [`Score::beats`].
    pub(super) fn rank(&self) -> (i64, usize) {
        (-self.divergence, self.correct)
    }
}

impl std::ops::AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.correct = self.correct.saturating_add(other.correct);
        self.images = self.images.saturating_add(other.images);
        self.divergence = self.divergence.saturating_add(other.divergence);
        self.squares = self.squares.saturating_add(other.squares);
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
        let a = Score { correct: 3, images: 4, divergence: 1 << 19, squares: 0 };
        let b = Score::of_image(false, 1e9);
        let sum: Score = [a, b].into_iter().sum();
        assert_eq!((sum.percent(), sum.nats()), (60.0, 64.5 / 5.0));
        assert!(a.beats(&b) && !b.beats(&a) && !a.beats(&a));
        assert!(Score { divergence: a.divergence - 1, ..a }.beats(&a));
    }

    /// Of 0, 1, 2 and 5: mean 2, variance 14 / 3.
    #[test]
    fn the_standard_error_is_that_of_the_mean() {
        let score: Score = [0.0, 1.0, 2.0, 5.0].map(|nats| Score::of_image(true, nats)).into_iter().sum();
        assert_eq!((score.nats(), score.correct), (2.0, 4));
        assert!((score.standard_error() - (14.0 / 3.0 / 4.0f64).sqrt()).abs() < 1e-9);
        assert_eq!(Score::of_image(true, 3.0).standard_error(), 0.0);
        assert!(score.is_sound(4) && !score.is_sound(3));
        assert!(
            !Score { squares: -1, ..score }.is_sound(4) && !Score { divergence: -1, ..score }.is_sound(4)
        );
    }
}
