//! Counting right answers.

use crate::search::Score;
use serde::{Deserialize, Serialize};

/// How many images were classified, and how many of them rightly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Images whose highest logit was that of their class.
    pub correct: usize,
    /// Images classified.
    pub images: usize,
}

impl Tally {
    /// Top-1 accuracy in percent; 0 before the first image.
    pub fn percent(&self) -> f64 {
        if self.images == 0 { 0.0 } else { 100.0 * self.correct as f64 / self.images as f64 }
    }

    /// Half the width of the 95 % confidence interval in percentage points (normal approximation).
    pub fn margin(&self) -> f64 {
        if self.images == 0 {
            return 100.0;
        }
        let part = self.correct as f64 / self.images as f64;
        100.0 * 1.96 * (part * (1.0 - part) / self.images as f64).sqrt()
    }
}

impl From<Score> for Tally {
    fn from(score: Score) -> Self {
        Self { correct: score.correct, images: score.images }
    }
}

impl std::ops::Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { correct: self.correct + other.correct, images: self.images + other.images }
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |a, b| a + b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_and_margin_of_known_counts() {
        let tally: Tally =
            [Tally { correct: 3, images: 5 }, Tally { correct: 47, images: 95 }].into_iter().sum();
        assert_eq!(tally.percent(), 50.0);
        assert!((tally.margin() - 9.8).abs() < 1e-9);
        assert_eq!(Tally::default().percent(), 0.0);
    }
}
