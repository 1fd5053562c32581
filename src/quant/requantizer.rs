//! Accumulators to codes: integer multiply, shift and floor.

use super::Bits;
use serde::{Deserialize, Serialize};

const TWO_POW_31: f64 = 2_147_483_648.0;

/// Why a real factor has no integer form.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RequantizerError {
    /// The factor is zero, or too small: the sums say nothing.
    #[error("a factor of {0} between accumulator and output: expected a magnitude of at least 2^-32")]
    Small(f64),
    /// The factor is too large or not a number.
    #[error("a factor of {0} between accumulator and output: expected a magnitude below 2^30")]
    Large(f64),
    /// The bias leaves the range of an i32, or is not a number.
    #[error("a bias of {0} accumulator steps: expected a magnitude below 2^31")]
    Bias(f64),
    /// The inputs of a residual add have steps of another size than the output.
    #[error("input steps of {0} output steps: expected 2^-10 to 2^20")]
    Ratio(f64),
}

/// Takes the accumulator of one output channel to its code.
///
/// `y = clamp(zero_point + floor((sum + bias) * multiplier / 2^shift), 0, 2^bits - 1)`, with
/// 2^30 <= |multiplier| < 2^31. The multiplier carries the sign of batch normalization's gamma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requantizer {
    /// Start of the accumulator.
    pub bias: i32,
    /// Mantissa of the factor.
    pub multiplier: i32,
    /// Binary digits after the point, 0 to 62.
    pub shift: u8,
}

impl Requantizer {
    /// A requantizer for `y = factor * sum + offset` in output steps, rounded to nearest.
    ///
    /// # Errors
    /// If factor or bias have no integer form. A factor that is too small is named before a bias that is too large.
    pub fn new(factor: f64, offset: f64) -> Result<Self, RequantizerError> {
        Self::floored(factor, offset + 0.5)
    }

    /// As [`Requantizer::new`], rounded towards minus infinity.
    ///
    /// # Errors
    /// If factor or bias have no integer form.
    pub fn floored(factor: f64, offset: f64) -> Result<Self, RequantizerError> {
        let (multiplier, shift) = mantissa_shift(factor)?;
        let bias = (offset / factor).round();
        if bias.abs() < TWO_POW_31 {
            Ok(Self { bias: bias as i32, multiplier, shift })
        } else {
            Err(RequantizerError::Bias(bias))
        }
    }

    /// Always `steps` output steps above the zero point, if every sum is zero: for channels that batch
    /// normalization switches off (gamma zero), whose weights are therefore all set to zero.
    pub fn constant(steps: i32) -> Self {
        // steps + 1/2 with as many binary digits after the point as there is room for, up to 15: the runtime is
        // quickest with shifts from 32 on. Without a digit, steps alone.
        let redundant = (steps ^ (steps >> 31)).leading_zeros() - 1;
        let digits = redundant.min(15);
        Self { bias: (steps << digits) + ((1 << digits) >> 1), multiplier: 1 << 30, shift: 30 + digits as u8 }
    }

    /// The factor as a real number.
    pub fn factor(&self) -> f64 {
        f64::from(self.multiplier) / (1u64 << self.shift) as f64
    }

    /// `floor(acc * multiplier / 2^shift)` for an accumulator that includes the bias.
    pub fn scale(&self, acc: i32) -> i64 {
        (i64::from(acc) * i64::from(self.multiplier)) >> self.shift
    }

    /// Code of an accumulator that includes the bias.
    pub fn apply(&self, acc: i32, zero_point: u8, bits: Bits) -> u8 {
        (self.scale(acc) + i64::from(zero_point)).clamp(0, i64::from(bits.max_code())) as u8
    }
}

/// Splits a factor into `multiplier / 2^shift` with 2^30 <= |multiplier| < 2^31.
fn mantissa_shift(factor: f64) -> Result<(i32, u8), RequantizerError> {
    if !factor.is_finite() {
        return Err(RequantizerError::Large(factor));
    }
    if !factor.is_normal() {
        return Err(RequantizerError::Small(factor));
    }
    // frexp: |factor| = mantissa * 2^exponent, mantissa in [1/2, 1).
    let exponent = ((factor.to_bits() >> 52) & 0x7ff) as i32 - 1022;
    let mut shift = 31 - exponent;
    if shift > 62 {
        return Err(RequantizerError::Small(factor));
    }
    if shift < 1 {
        return Err(RequantizerError::Large(factor));
    }
    let mut multiplier = (factor * (1u64 << shift) as f64).round();
    if multiplier.abs() == TWO_POW_31 {
        multiplier /= 2.0;
        shift -= 1;
    }
    Ok((multiplier as i32, shift as u8))
}

/// Takes two codes to the code of their sum.
///
/// `y = clamp(floor((a * multipliers[0] + b * multipliers[1] + offset) / 2^shift), 0, 2^bits - 1)`, exact in i32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddRequantizer {
    /// Fixed-point factor of each input, at most 2^21.
    pub multipliers: [i32; 2],
    /// Zero points of inputs and output and half a step.
    pub offset: i32,
    /// Binary digits after the point.
    pub shift: u8,
}

impl AddRequantizer {
    /// A requantizer for the sum of tensors with the quantizers `a` and `b`, written with `y`.
    ///
    /// # Errors
    /// If a scale ratio has no integer form within 32 bits.
    pub fn new(
        a: &super::Quantizer,
        b: &super::Quantizer,
        y: &super::Quantizer,
    ) -> Result<Self, RequantizerError> {
        let ratios = [a.scale / y.scale, b.scale / y.scale];
        let largest = ratios[0].max(ratios[1]);
        if !largest.is_normal() {
            return Err(RequantizerError::Ratio(largest));
        }
        // The larger factor gets 20 to 21 binary digits, so that three 8-bit terms stay within 31.
        let exponent = ((largest.to_bits() >> 52) & 0x7ff) as i32 - 1022;
        let shift = 21 - exponent;
        if !(1..=30).contains(&shift) {
            return Err(RequantizerError::Ratio(largest));
        }
        let one = f64::from(1u32 << shift);
        let multipliers = ratios.map(|r| (r * one).round());
        let zero_points = [a, b].map(|q| f64::from(q.zero_point));
        let offset = (f64::from(y.zero_point) + 0.5) * one
            - multipliers[0] * zero_points[0]
            - multipliers[1] * zero_points[1];
        let extreme = offset.abs()
            + multipliers[0] * f64::from(a.bits.max_code())
            + multipliers[1] * f64::from(b.bits.max_code());
        if extreme >= TWO_POW_31 {
            return Err(RequantizerError::Bias(offset));
        }
        Ok(Self { multipliers: multipliers.map(|m| m as i32), offset: offset as i32, shift: shift as u8 })
    }

    /// Code of the sum.
    pub fn apply(&self, a: u8, b: u8, bits: Bits) -> u8 {
        let sum = i32::from(a) * self.multipliers[0] + i32::from(b) * self.multipliers[1] + self.offset;
        (sum >> self.shift).clamp(0, i32::from(bits.max_code())) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::Quantizer;
    use proptest::prelude::*;

    fn signed(magnitude: f64, negative: bool) -> f64 {
        if negative { -magnitude } else { magnitude }
    }

    proptest! {
        #[test]
        fn multipliers_are_normalized_and_close(exponent in -30i32..29, mantissa in 0.5..1.0f64, negative: bool) {
            let factor = signed(mantissa * 2f64.powi(exponent), negative);
            let r = Requantizer::new(factor, 0.0).expect("in range");
            let magnitude = i64::from(r.multiplier).abs();
            prop_assert!((1 << 30..1 << 31).contains(&magnitude), "{}", r.multiplier);
            prop_assert!((r.factor() / factor - 1.0).abs() < 1e-9);
        }

        /// Rounds to nearest up to what an integer bias can express.
        #[test]
        fn rounds_to_nearest(
            acc in -1_000_000..1_000_000i32, factor in 1e-6..1e-2f64, negative: bool, offset in -100.0..300.0f64,
        ) {
            let factor = signed(factor, negative);
            let r = Requantizer::new(factor, offset).expect("in range");
            let real = factor * f64::from(acc) + offset;
            let found = r.scale(acc + r.bias) as f64;
            prop_assert!((found - real).abs() <= 0.5 + factor.abs() * 0.5 + 1e-3, "{} {}", found, real);
        }

        #[test]
        fn adds_to_the_nearest_code(
            a_range in (-50.0..0.0f64, 0.1..50.0f64), b_range in (-50.0..0.0f64, 0.1..50.0f64),
            codes: (u8, u8), widths in prop::array::uniform3(prop::sample::select(&Bits::ALL[..])),
        ) {
            let a = Quantizer::from_range(a_range.0, a_range.1, widths[0]);
            let b = Quantizer::from_range(b_range.0, b_range.1, widths[1]);
            let y = Quantizer::from_range(a_range.0 + b_range.0, a_range.1 + b_range.1, widths[2]);
            let add = AddRequantizer::new(&a, &b, &y).expect("in range");
            let (ca, cb) = (codes.0 & widths[0].max_code(), codes.1 & widths[1].max_code());
            let sum = a.dequantize(ca) + b.dequantize(cb);
            let found = y.dequantize(add.apply(ca, cb, widths[2]));
            let nearest = y.dequantize(y.quantize(sum));
            // Half a unit of each multiplier's last digit a step of its input, and what the offset loses; near the middle
            // of two codes both may count.
            let steps = (f64::from(ca) - f64::from(a.zero_point)).abs() + (f64::from(cb) - f64::from(b.zero_point)).abs();
            let error = (0.5 * steps + 1.0) / f64::from(1u32 << add.shift);
            prop_assert!((found - sum).abs() <= (nearest - sum).abs() + y.scale * (2.0 * error + 1e-9));
        }
    }

    #[test]
    fn constants_stay() {
        let wide = (0..31).flat_map(|digits| [-1, 0, 1].map(|beside| (1 << digits) + beside));
        for steps in wide.chain(-256..=255).chain([i32::MIN, i32::MIN + 1, -70_000, i32::MAX]) {
            for steps in [steps, steps.wrapping_neg()] {
                let r = Requantizer::constant(steps);
                assert_eq!(r.scale(r.bias), i64::from(steps));
                assert!((30..=45).contains(&r.shift), "{steps}: {}", r.shift);
            }
        }
    }

    #[test]
    fn impossible_factors_are_named() {
        for factor in [0.0, -0.0, f64::MIN_POSITIVE / 2.0, 1e-300, -1e-300, 2f64.powi(-33)] {
            assert_eq!(Requantizer::new(factor, 1e9), Err(RequantizerError::Small(factor)));
        }
        for factor in [f64::INFINITY, -f64::INFINITY, 1e300, -1e300, 2f64.powi(30)] {
            assert_eq!(Requantizer::new(factor, 0.0), Err(RequantizerError::Large(factor)));
        }
        assert!(matches!(Requantizer::new(f64::NAN, 0.0), Err(RequantizerError::Large(_))));
        for offset in [1e3, -1e3, f64::INFINITY, f64::NAN] {
            assert!(matches!(Requantizer::new(1e-8, offset), Err(RequantizerError::Bias(_))), "{offset}");
        }
    }
}
