//! How far sums can go, and whether they stay within 32 bits.

use crate::quant::Requantizer;

/// The weights of an output channel, summed up: what its accumulator can reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Sum of the weights below their zero point, `w_q - w_zero_point`; zero or less.
    pub negative: i64,
    /// Sum of those above; zero or more.
    pub positive: i64,
}

impl Reach {
    /// Of each output channel: `weights` is `[c_out, ..]`.
    pub fn of_channels(weights: &[u8], zero_points: &[u8]) -> Vec<Reach> {
        let depth = weights.len() / zero_points.len().max(1);
        let channels = weights.chunks_exact(depth.max(1)).zip(zero_points);
        channels
            .map(|(weights, &zero)| {
                weights.iter().fold(Reach::default(), |reach, &w| {
                    let w = i64::from(w) - i64::from(zero);
                    Reach { negative: reach.negative + w.min(0), positive: reach.positive + w.max(0) }
                })
            })
            .collect()
    }

    /// The smallest and the largest accumulator for input codes of 0 to `max_code`, bias included.
    pub fn accumulator(&self, bias: i32, max_code: u8) -> [i64; 2] {
        [self.negative, self.positive].map(|sum| sum * i64::from(max_code) + i64::from(bias))
    }

    /// Whether the accumulator and all its partial sums, in whatever order products and bias are added, fit an i32
    /// for input codes of 0 to `max_code`.
    pub fn fits(&self, bias: i32, max_code: u8) -> bool {
        let [low, _] = self.accumulator(bias.min(0), max_code);
        let [_, high] = self.accumulator(bias.max(0), max_code);
        low >= i64::from(i32::MIN) && high <= i64::from(i32::MAX)
    }

    /// The logits of the smallest and the largest accumulator, for channels that [`Reach::fits`] admits.
    pub fn logits(&self, requantizer: &Requantizer, max_code: u8) -> [i64; 2] {
        self.accumulator(requantizer.bias, max_code).map(|acc| requantizer.scale(acc as i32))
    }
}
