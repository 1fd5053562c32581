//! Counting right answers.

use crate::proportion;
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
        proportion::percent(self.correct, self.images)
    }

    /// Both ends of the 95 % confidence interval in percent (Wilson's score interval).
    pub fn interval(&self) -> [f64; 2] {
        proportion::interval(self.correct, self.images)
    }

    /// As it is written, with its confidence interval: `91.45 % (90.1 to 92.6 %)`.
    pub fn text(&self) -> String {
        proportion::text_with_interval(self.correct, self.images)
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
    fn tallies_add_up() {
        let tally: Tally =
            [Tally { correct: 3, images: 5 }, Tally { correct: 47, images: 95 }].into_iter().sum();
        assert_eq!(tally.percent(), 50.0);
        assert_eq!(tally.text(), "50.0 % (40.4 to 59.6 %)");
        assert_eq!(Tally::default().percent(), 0.0);
    }
}
