//! From observed values to a quantizer: where to clip.

use super::{Bits, Histogram, Quantizer};
use serde::{Deserialize, Serialize};

/// How the range of a tensor is chosen from the values seen in calibration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum RangeMethod {
    /// All values fit.
    MinMax,
    /// This many percent of the values fit; the rest is split evenly between both ends.
    Percentile(f64),
    /// The squared error between values and codes is smallest.
    Mse,
    /// The error to the power of 1.5 is smallest, of signed tensors that to the power of 1.25. The squared error spends
    /// many of few codes on outliers, which a network hardly misses, most of all in linear bottlenecks and residual
    /// sums, whose tails are heavy. See docs/accuracy.md for what each method costs.
    Robust,
    /// Up to a given value, as learned by PACT (arXiv 1805.06085); the low end as in `MinMax`.
    Clip(f64),
}

/// Steps in which a range is shrunk in search of the smallest squared error.
const STEPS: u32 = 50;

impl RangeMethod {
    /// Quantizer for a tensor with these values.
    pub fn quantizer(self, values: &Histogram, bits: Bits) -> Quantizer {
        let (low, high) = (values.low(), values.high());
        match self {
            RangeMethod::MinMax => Quantizer::from_range(low, high, bits),
            RangeMethod::Clip(alpha) => Quantizer::from_range(low, alpha, bits),
            RangeMethod::Percentile(percent) => {
                let (low, high) = percentile(values, percent);
                Quantizer::from_range(low, high, bits)
            }
            RangeMethod::Mse => least_error(values, bits, |distance| distance * distance),
            // Roots and not powers: a power's last digit is not the same on all machines.
            RangeMethod::Robust if low < 0.0 => {
                least_error(values, bits, |distance| distance * distance.sqrt().sqrt())
            }
            RangeMethod::Robust => least_error(values, bits, |distance| distance * distance.sqrt()),
        }
    }
}

/// The quantizer with the smallest sum of errors, each a function of the distance between a value and its code.
fn least_error(values: &Histogram, bits: Bits, error: impl Fn(f64) -> f64) -> Quantizer {
    let bins: Vec<_> = values.bins().collect();
    smallest_error(values.low(), values.high(), bits, |q| {
        bins.iter().map(|&(value, count)| error(distance(q, value)) * count as f64).sum()
    })
}

/// The quantizer of a shrunken `low..=high` with the smallest error; of equals, the widest.
fn smallest_error(low: f64, high: f64, bits: Bits, error: impl Fn(&Quantizer) -> f64) -> Quantizer {
    let widest = Quantizer::from_range(low, high, bits);
    least(widest, shrunken(low, high, bits).skip(1), error)
}

/// The quantizer with the smallest error; of equals, the first.
pub(super) fn least(
    first: Quantizer,
    others: impl Iterator<Item = Quantizer>,
    error: impl Fn(&Quantizer) -> f64,
) -> Quantizer {
    let mut best = (first, error(&first));
    for next in others {
        let found = error(&next);
        if found < best.1 {
            best = (next, found);
        }
    }
    best.0
}

/// Quantizers of `low..=high`, shrunken more and more.
pub(super) fn shrunken(low: f64, high: f64, bits: Bits) -> impl Iterator<Item = Quantizer> {
    (1..=STEPS).rev().map(move |step| {
        let part = f64::from(step) / f64::from(STEPS);
        Quantizer::from_range(low * part, high * part, bits)
    })
}

/// Squared distance between a value and what its code stands for.
pub(super) fn square(quantizer: &Quantizer, value: f64) -> f64 {
    let distance = distance(quantizer, value);
    distance * distance
}

fn distance(quantizer: &Quantizer, value: f64) -> f64 {
    (quantizer.dequantize(quantizer.quantize(value)) - value).abs()
}

/// The range that holds `percent` of the values.
fn percentile(values: &Histogram, percent: f64) -> (f64, f64) {
    let bins: Vec<_> = values.bins().collect();
    let total: u64 = bins.iter().map(|(_, count)| count).sum();
    // A tensor with one sign loses values on one side only.
    let sides = if values.low() < 0.0 && values.high() > 0.0 { 2.0 } else { 1.0 };
    let outside = total as f64 * (1.0 - percent / 100.0) / sides;
    let cut = |ends: &mut dyn Iterator<Item = &(f64, u64)>, edge: f64| {
        let mut passed = 0.0;
        for &(value, count) in ends {
            passed += count as f64;
            if passed > outside {
                return value;
            }
        }
        edge
    };
    let low = if values.low() < 0.0 { cut(&mut bins.iter(), 0.0) } else { 0.0 };
    let high = if values.high() > 0.0 { cut(&mut bins.iter().rev(), 0.0) } else { 0.0 };
    (low.max(values.low()), high.min(values.high()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[f32]) -> Histogram {
        let mut histogram = Histogram::default();
        histogram.add(values);
        histogram
    }

    fn range(q: &Quantizer) -> (f64, f64) {
        (q.dequantize(0), q.dequantize(q.bits.max_code()))
    }

    #[test]
    fn minmax_holds_everything() {
        let q = RangeMethod::MinMax.quantizer(&histogram(&[0.0, 1.0, 6.0]), Bits::B8);
        assert_eq!((q.zero_point, range(&q)), (0, (0.0, 6.0)));
    }

    #[test]
    fn clips_cut_at_alpha() {
        let q = RangeMethod::Clip(3.0).quantizer(&histogram(&[0.0, 6.0]), Bits::B2);
        assert_eq!((q.scale, q.zero_point), (1.0, 0));
    }

    #[test]
    fn percentiles_drop_outliers() {
        let mut values: Vec<f32> = (0..9_999).map(|i| i as f32 / 9_999.0).collect();
        values.push(100.0);
        let (_, high) = range(&RangeMethod::Percentile(99.9).quantizer(&histogram(&values), Bits::B8));
        assert!((0.9..1.2).contains(&high), "{high}");
        for value in &mut values {
            *value -= 0.5;
        }
        let (low, high) = range(&RangeMethod::Percentile(99.0).quantizer(&histogram(&values), Bits::B8));
        assert!((-0.6..-0.4).contains(&low) && (0.4..0.7).contains(&high), "{low} {high}");
    }

    /// A uniform distribution is covered whole, an outlier is given up at few bits and kept at many.
    #[test]
    fn squared_error_weighs_outliers_against_steps() {
        let mut values: Vec<f32> = (0..10_000).map(|i| i as f32 / 10_000.0).collect();
        let (_, high) = range(&RangeMethod::Mse.quantizer(&histogram(&values), Bits::B4));
        assert!((0.95..1.05).contains(&high), "{high}");
        values.push(20.0);
        let (_, high) = range(&RangeMethod::Mse.quantizer(&histogram(&values), Bits::B2));
        assert!(high < 10.0, "{high}");
        let (_, high) = range(&RangeMethod::Mse.quantizer(&histogram(&values), Bits::B8));
        assert!(high > 10.0, "{high}");
    }

    /// A value in ten thousand at a hundred times the others' range, as in the trunk of an MNasNet.
    #[test]
    fn robust_gives_up_rare_outliers_that_the_squared_error_keeps() {
        let mut values: Vec<f32> = (0..10_000).map(|i| i as f32 / 10_000.0 - 0.5).collect();
        values.push(50.0);
        let high = |method: RangeMethod| range(&method.quantizer(&histogram(&values), Bits::B4)).1;
        let (mse, robust) = (high(RangeMethod::Mse), high(RangeMethod::Robust));
        assert!(robust < 0.5 * mse, "{robust} {mse}");
    }
}
