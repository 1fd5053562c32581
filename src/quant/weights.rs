//! Weight tensors to codes.

use super::range::{least, shrunken, square};
use super::{Bits, Quantizer, with_codebook};
use serde::{Deserialize, Serialize};

/// What shares a scale and a zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Granularity {
    /// Each output channel has its own.
    PerChannel,
    /// One for the whole tensor.
    PerLayer,
}

/// How the range of weights is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WeightRange {
    /// All weights fit.
    MinMax,
    /// The squared error is smallest.
    Mse,
    /// None: the layer's weights become values of a codebook (k-means), and these have codes of 8 bits, whatever the
    /// width, so that the kernels for 8 bits compute with them. A baseline to compare with.
    Codebook,
}

/// A weight tensor in codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightCodes {
    /// Codes in the order of the weights, `[c_out, ..]`.
    pub codes: Vec<u8>,
    /// Quantizer of each output channel; all equal if quantized per layer.
    pub quantizers: Vec<Quantizer>,
}

impl WeightCodes {
    /// Quantizes weights of `[c_out, ..]` to the nearest codes.
    pub fn new(
        weights: &[f32],
        channels: usize,
        bits: Bits,
        granularity: Granularity,
        range: WeightRange,
    ) -> Self {
        if range == WeightRange::Codebook {
            let weights = with_codebook(weights, bits);
            return Self::new(&weights, channels, Bits::B8, Granularity::PerChannel, WeightRange::MinMax);
        }
        let per_channel = weights.len() / channels;
        let quantizers = match granularity {
            Granularity::PerChannel => {
                weights.chunks_exact(per_channel).map(|w| quantizer(w, bits, range)).collect()
            }
            Granularity::PerLayer => vec![quantizer(weights, bits, range); channels],
        };
        Self::with(weights, quantizers)
    }

    /// Quantizes weights of `[c_out, ..]` to the nearest codes of given quantizers, one per output channel.
    pub fn with(weights: &[f32], quantizers: Vec<Quantizer>) -> Self {
        let per_channel = weights.len() / quantizers.len();
        let quantize =
            |(w, q): (&[f32], &Quantizer)| w.iter().map(|&w| q.quantize(f64::from(w))).collect::<Vec<_>>();
        let codes = weights.chunks_exact(per_channel).zip(&quantizers).flat_map(quantize).collect();
        Self { codes, quantizers }
    }
}

fn quantizer(weights: &[f32], bits: Bits, range: WeightRange) -> Quantizer {
    let (low, high) = ends(weights);
    let widest = Quantizer::from_range(low, high, bits);
    let error = |q: &Quantizer| weights.iter().map(|&w| square(q, f64::from(w))).sum();
    match range {
        WeightRange::MinMax | WeightRange::Codebook => widest,
        WeightRange::Mse => least(widest, candidates(weights, bits), error),
    }
}

/// The lowest and the highest weight, or zero.
fn ends(weights: &[f32]) -> (f64, f64) {
    let low = weights.iter().fold(0.0, |low: f32, &w| low.min(w));
    let high = weights.iter().fold(0.0, |high: f32, &w| high.max(w));
    (low.into(), high.into())
}

/// Quantizers among which that of a channel is chosen. With four levels it matters where zero lies: each zero point is
/// tried with its own ranges.
pub(super) fn candidates(weights: &[f32], bits: Bits) -> Box<dyn Iterator<Item = Quantizer>> {
    let (low, high) = ends(weights);
    if bits != Bits::B2 {
        return Box::new(shrunken(low, high, bits));
    }
    let of_zero_point = move |zero_point: u8| {
        let (below, above) = (f64::from(zero_point), f64::from(3 - zero_point));
        // The step that covers the longer side; from_range would move the zero point.
        let below_step = if below > 0.0 { -low / below } else { 0.0 };
        let above_step = if above > 0.0 { high / above } else { 0.0 };
        let widest = below_step.max(above_step);
        let scales = (10..=50u8).map(move |part| widest * f64::from(part) / 50.0);
        scales.filter(|scale| scale.is_normal()).map(move |scale| Quantizer { scale, zero_point, bits })
    };
    Box::new((0..=3).flat_map(of_zero_point))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(weights: &[f32], coded: &WeightCodes) -> f64 {
        let per_channel = weights.len() / coded.quantizers.len();
        let pairs = weights.iter().zip(&coded.codes).enumerate();
        pairs
            .map(|(i, (&w, &code))| {
                let distance = coded.quantizers[i / per_channel].dequantize(code) - f64::from(w);
                distance * distance
            })
            .sum()
    }

    proptest! {
        #[test]
        fn codes_fit_and_mse_is_never_worse(
            weights in prop::collection::vec(-1.0..1.0f32, 24), bits in prop::sample::select(&Bits::ALL[..]),
        ) {
            for granularity in [Granularity::PerChannel, Granularity::PerLayer] {
                let coded = |range| WeightCodes::new(&weights, 4, bits, granularity, range);
                let (minmax, mse) = (coded(WeightRange::MinMax), coded(WeightRange::Mse));
                prop_assert!(minmax.codes.iter().chain(&mse.codes).all(|&code| code <= bits.max_code()));
                prop_assert!(error(&weights, &mse) <= error(&weights, &minmax) + 1e-12);
            }
        }
    }

    #[test]
    fn channels_keep_their_own_range() {
        let weights = [1.0, -1.0, 0.01, -0.01];
        let coded = WeightCodes::new(&weights, 2, Bits::B8, Granularity::PerChannel, WeightRange::MinMax);
        assert!((coded.quantizers[0].scale / coded.quantizers[1].scale - 100.0).abs() < 1e-4);
        let coded = WeightCodes::new(&weights, 2, Bits::B8, Granularity::PerLayer, WeightRange::MinMax);
        assert_eq!(coded.quantizers[0], coded.quantizers[1]);
    }

    #[test]
    fn four_levels_of_one_sided_weights_are_all_used() {
        let weights = [0.0, 1.0, 2.0, 3.0];
        let coded = WeightCodes::new(&weights, 1, Bits::B2, Granularity::PerChannel, WeightRange::Mse);
        assert_eq!(coded.codes, [0, 1, 2, 3]);
    }
}
