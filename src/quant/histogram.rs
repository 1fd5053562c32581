//! How often a tensor takes which values.

use serde::{Deserialize, Serialize};

/// Bins on each side of zero.
const HALF: usize = 1024;

/// Counts of values in equal bins around zero. The bin width is a power of two that doubles when a value falls
/// outside, so any order of adding and merging gives the same histogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Counts; bin i holds values in `(i - HALF) * width ..`.
    counts: Vec<u64>,
    width: f32,
    low: f32,
    high: f32,
}

impl Default for Histogram {
    fn default() -> Self {
        // 2^-20: the finest bin that is of use; 1024 of them reach 2^-10.
        Self { counts: vec![0; 2 * HALF], width: 1.0 / 1_048_576.0, low: 0.0, high: 0.0 }
    }
}

impl Histogram {
    /// Smallest value seen, at most zero.
    pub fn low(&self) -> f64 {
        f64::from(self.low)
    }

    /// Largest value seen, at least zero.
    pub fn high(&self) -> f64 {
        f64::from(self.high)
    }

    /// Number of values seen.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Counts values; those that are not finite are left out.
    pub fn add(&mut self, values: &[f32]) {
        let (mut low, mut high) = (self.low, self.high);
        for &value in values {
            if value.is_finite() {
                low = low.min(value);
                high = high.max(value);
            }
        }
        (self.low, self.high) = (low, high);
        self.widen(high.max(-low));
        let per_unit = 1.0 / self.width;
        for &value in values {
            if value.is_finite() {
                let bin = (value * per_unit).floor() as i32 + HALF as i32;
                self.counts[bin as usize] += 1;
            }
        }
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        let mut other = other.clone();
        let width = self.width.max(other.width);
        self.widen_to(width);
        other.widen_to(width);
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }

    /// Centres and counts of the bins that are not empty, ascending.
    pub fn bins(&self) -> impl Iterator<Item = (f64, u64)> {
        let width = f64::from(self.width);
        let centre = move |bin: usize| (bin as f64 - HALF as f64 + 0.5) * width;
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(bin, count)| {
            // Zeros are exact and many; the middle of their bin is not where they are.
            let zeros = bin == HALF && self.low == 0.0;
            (if zeros { 0.0 } else { centre(bin) }, *count)
        })
    }

    /// Doubles the bins until `magnitude` is inside.
    fn widen(&mut self, magnitude: f32) {
        let mut width = self.width;
        while magnitude >= width * HALF as f32 {
            width *= 2.0;
        }
        self.widen_to(width);
    }

    fn widen_to(&mut self, width: f32) {
        while self.width < width {
            let mut wider = vec![0; 2 * HALF];
            for (bin, count) in self.counts.iter().enumerate() {
                wider[bin / 2 + HALF / 2] += count;
            }
            self.counts = wider;
            self.width *= 2.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_does_not_matter(values in prop::collection::vec(-1e4..1e4f32, 1..200), split in 0usize..200) {
            let split = split.min(values.len());
            let mut all = Histogram::default();
            all.add(&values);
            let (mut first, mut second) = (Histogram::default(), Histogram::default());
            first.add(&values[..split]);
            second.add(&values[split..]);
            second.merge(&first);
            prop_assert_eq!(&all, &second);
            prop_assert_eq!(all.total(), values.len() as u64);
            // Every value lies within half a bin of a centre that was counted.
            let reach = f64::from(all.width) / 2.0;
            for value in values {
                let near = all.bins().any(|(centre, _)| (centre - f64::from(value)).abs() <= reach * 2.0);
                prop_assert!(near, "{}", value);
            }
        }
    }

    #[test]
    fn infinities_are_left_out() {
        let mut histogram = Histogram::default();
        histogram.add(&[f32::NAN, f32::INFINITY, 1.0]);
        assert_eq!((histogram.total(), histogram.low(), histogram.high()), (1, 0.0, 1.0));
    }
}
