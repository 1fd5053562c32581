//! Non-uniform quantization of weights: a baseline.
//!
//! A layer's weights share a codebook of `2^bits` values, found by k-means, as in Deep Compression (arXiv 1510.00149)
//! and HAQ (arXiv 1811.08886). No kernel multiplies by table look-up, so such a network is measured, not shipped.

use super::Bits;

/// Bytes of an entry: one f32.
const ENTRY: usize = 4;
/// Rounds of Lloyd's algorithm, at most; it ends when no weight moves to another value.
const ROUNDS: usize = 300;

/// Bytes of a layer's codebook. Weights of 8 bits are not worth one: they stay uniform.
pub const fn codebook_bytes(bits: Bits) -> usize {
    match bits {
        Bits::B8 => 0,
        Bits::B4 => 16 * ENTRY,
        Bits::B2 => 4 * ENTRY,
    }
}

/// Every weight replaced by the nearest value of a codebook with the least squared error that Lloyd's algorithm finds
/// from two starts: values evenly spaced, as Deep Compression recommends, and values with as many weights each.
/// Weights of 8 bits are left alone.
pub fn with_codebook(weights: &[f32], bits: Bits) -> Vec<f32> {
    let count = codebook_bytes(bits) / ENTRY;
    if count == 0 || weights.is_empty() {
        return weights.to_vec();
    }
    let line = Line::new(weights);
    let (low, high) = (line.sorted[0], line.sorted[line.sorted.len() - 1]);
    let place = |i: usize| (i as f64 + 0.5) / count as f64;
    let even = (0..count).map(|i| low + (high - low) * place(i)).collect();
    let equal = (0..count).map(|i| line.sorted[(place(i) * weights.len() as f64) as usize]).collect();
    let [even, equal] = [even, equal].map(|start| line.settle(start));
    let values = if line.error(&even) <= line.error(&equal) { even } else { equal };
    let nearest = |&weight: &f32| {
        let at = values.windows(2).position(|pair| f64::from(weight) < (pair[0] + pair[1]) / 2.0);
        values[at.unwrap_or(count - 1)] as f32
    };
    weights.iter().map(nearest).collect()
}

/// Weights in order, with the sums of all up to each.
struct Line {
    sorted: Vec<f64>,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Line {
    fn new(weights: &[f32]) -> Self {
        let mut sorted: Vec<f64> = weights.iter().map(|&weight| f64::from(weight)).collect();
        sorted.sort_by(f64::total_cmp);
        let summed = |of: fn(f64) -> f64| {
            let mut sum = 0.0;
            let sums = sorted.iter().map(|&weight| {
                sum += of(weight);
                sum
            });
            std::iter::once(0.0).chain(sums).collect()
        };
        Self { sums: summed(|w| w), squares: summed(|w| w * w), sorted }
    }

    /// Where the weights of each value end: halfway to the next one.
    fn ends(&self, values: &[f64]) -> Vec<usize> {
        let halfway = values.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
        let mut ends: Vec<usize> = halfway.map(|half| self.sorted.partition_point(|&w| w < half)).collect();
        ends.push(self.sorted.len());
        ends
    }

    /// Lloyd's algorithm: each value becomes the mean of the weights that are nearest to it.
    fn settle(&self, mut values: Vec<f64>) -> Vec<f64> {
        let mut ends = Vec::new();
        for _ in 0..ROUNDS {
            let next = self.ends(&values);
            if next == ends {
                break;
            }
            let mut from = 0;
            for (value, &end) in values.iter_mut().zip(&next) {
                if end > from {
                    *value = (self.sums[end] - self.sums[from]) / (end - from) as f64;
                }
                from = end;
            }
            ends = next;
        }
        values
    }

    /// Sum of squared distances to the nearest value.
    fn error(&self, values: &[f64]) -> f64 {
        let mut from = 0;
        let mut error = 0.0;
        for (&value, end) in values.iter().zip(self.ends(values)) {
            let (sum, squares) = (self.sums[end] - self.sums[from], self.squares[end] - self.squares[from]);
            error += squares - 2.0 * value * sum + value * value * (end - from) as f64;
            from = end;
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_different_weights_are_kept() {
        let weights = [0.5, -1.0, 0.5, 0.25, -1.0, 3.0];
        assert_eq!(with_codebook(&weights, Bits::B2), weights);
        assert_eq!(with_codebook(&[], Bits::B2), [0.0; 0]);
        assert_eq!([Bits::B2, Bits::B4, Bits::B8].map(codebook_bytes), [16, 64, 0]);
    }

    #[test]
    fn two_groups_become_their_means() {
        let weights: Vec<f32> = (0..40).map(|i| (i / 10) as f32 * 10.0 + (i % 10) as f32 * 0.1).collect();
        let found = with_codebook(&weights, Bits::B2);
        for (i, value) in found.iter().enumerate() {
            assert!((value - ((i / 10) as f32 * 10.0 + 0.45)).abs() < 1e-5, "{i}: {value}");
        }
    }

    proptest! {
        /// No better than uniform would be a mistake: the codebook can hold any uniform grid's values.
        #[test]
        fn values_are_few_and_near(weights in prop::collection::vec(-2.0..2.0f32, 1..200), wide: bool) {
            let bits = if wide { Bits::B4 } else { Bits::B2 };
            let found = with_codebook(&weights, bits);
            let mut values: Vec<u32> = found.iter().map(|value| value.to_bits()).collect();
            values.sort_unstable();
            values.dedup();
            prop_assert!(values.len() <= 1 << bits.count());
            let levels = (1 << bits.count()) as f32;
            let (low, high) = weights.iter().fold((f32::MAX, f32::MIN), |(l, h), &w| (l.min(w), h.max(w)));
            let even = |w: f32| low + (high - low) * ((((w - low) / (high - low).max(1e-9) * levels).floor()).min(levels - 1.0) + 0.5) / levels;
            let error = |of: &dyn Fn(usize) -> f32| -> f64 {
                (0..weights.len()).map(|i| f64::from(weights[i] - of(i)).powi(2)).sum()
            };
            let (own, others) = (error(&|i| found[i]), error(&|i| even(weights[i])));
            prop_assert!(own <= others + 1e-6, "{} {}", own, others);
        }
    }
}
