//! Exact statistics of a layer's integer sums.

use serde::{Deserialize, Serialize};

/// Count, sum and sum of squares of the integer sums of each channel, without rounding: whatever order images are
/// added in and however they are spread over threads and workers, the result is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumMoments {
    count: u64,
    sums: Vec<i64>,
    squares: Vec<u128>,
}

/// An f64 holds all whole numbers up to this one.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl SumMoments {
    /// Nothing seen yet of `channels` channels.
    pub fn new(channels: usize) -> Self {
        Self { count: 0, sums: vec![0; channels], squares: vec![0; channels] }
    }

    /// Adds pixels, `[.., channels]`. No value's magnitude may exceed `largest`.
    pub fn add(&mut self, values: &[i32], largest: u32) {
        let channels = self.sums.len();
        // So many pixels are summed in f64, which is quicker and still exact.
        let pixels = (EXACT / (f64::from(largest) * f64::from(largest)).max(1.0)) as usize;
        if pixels == 0 {
            for pixel in values.chunks_exact(channels) {
                for ((sum, square), &value) in self.sums.iter_mut().zip(&mut self.squares).zip(pixel) {
                    *sum += i64::from(value);
                    *square += u128::from(value.unsigned_abs()).pow(2);
                }
            }
        } else {
            let (mut sums, mut squares) = (vec![0.0f64; channels], vec![0.0f64; channels]);
            for some in values.chunks(pixels.saturating_mul(channels)) {
                for pixel in some.chunks_exact(channels) {
                    for ((sum, square), &value) in sums.iter_mut().zip(&mut squares).zip(pixel) {
                        let value = f64::from(value);
                        *sum += value;
                        *square += value * value;
                    }
                }
                for (all, some) in self.sums.iter_mut().zip(&mut sums) {
                    *all += std::mem::take(some) as i64;
                }
                for (all, some) in self.squares.iter_mut().zip(&mut squares) {
                    *all += u128::from(std::mem::take(some) as u64);
                }
            }
        }
        self.count += (values.len() / channels) as u64;
    }

    /// Adds what other images showed.
    pub fn merge(&mut self, other: &SumMoments) {
        self.count += other.count;
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum += more;
        }
        for (square, more) in self.squares.iter_mut().zip(&other.squares) {
            *square += more;
        }
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.sums.len()
    }

    /// Mean of a channel.
    pub fn mean(&self, channel: usize) -> f64 {
        self.sums[channel] as f64 / self.count as f64
    }

    /// Standard deviation of a channel.
    pub fn deviation(&self, channel: usize) -> f64 {
        let mean = self.mean(channel);
        (self.squares[channel] as f64 / self.count as f64 - mean * mean).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_of_a_known_sample() {
        let mut moments = SumMoments::new(2);
        moments.add(&[1, 10, 3, 10, 5, 10, 7, 10], 10);
        assert_eq!((moments.mean(0), moments.deviation(0)), (4.0, 5f64.sqrt()));
        assert_eq!((moments.mean(1), moments.deviation(1)), (10.0, 0.0));
    }

    proptest! {
        /// Large values leave f64 after few pixels or at once; sums stay exact, in any order.
        #[test]
        fn nothing_is_rounded(
            values in prop::collection::vec(any::<i32>(), 1..60), shift in 0..31u32, split in 0..60usize,
        ) {
            let values: Vec<i32> = values.into_iter().map(|v| v >> shift).collect();
            let largest = values.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
            let split = split.min(values.len());
            let mut moments = SumMoments::new(1);
            moments.add(&values[split..], largest);
            let mut first = SumMoments::new(1);
            first.add(&values[..split], largest);
            moments.merge(&first);
            prop_assert_eq!(moments.sums[0], values.iter().map(|&v| i64::from(v)).sum::<i64>());
            let squares: u128 = values.iter().map(|&v| u128::from(v.unsigned_abs()).pow(2)).sum();
            prop_assert_eq!(moments.squares[0], squares);
        }
    }
}
