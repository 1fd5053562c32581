//! Accumulators to codes: integer multiply, shift and floor.

use super::Bits;
use serde::{Deserialize, Serialize};

const TWO_POW_31: f64 = 2_147_483_648.0;

/// Why a real factor has no integer form.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RequantizerError {
    /// The factor is too large, too small or not a number.
    #[error("a factor of {0} between accumulator and output: expected a magnitude from 2^-32 to 2^30")]
    Factor(f64),
    /// The bias leaves the range of an i32.
    #[error("a bias of {0} accumulator steps: expected a magnitude below 2^31")]
    Bias(f64),
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
    /// If factor or bias have no integer form.
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
        if bias.abs() >= TWO_POW_31 {
            return Err(RequantizerError::Bias(bias));
        }
        Ok(Self { bias: bias as i32, multiplier, shift })
    }

    /// Always `steps` output steps above the zero point, if every sum is zero: for channels that batch
    /// normalization switches off (gamma zero), whose weights are therefore all set to zero.
    pub fn constant(steps: i16) -> Self {
        // steps + 1/2 with 15 binary digits after the point.
        Self { bias: (i32::from(steps) << 15) + (1 << 14), multiplier: 1 << 30, shift: 45 }
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
    let bad = RequantizerError::Factor(factor);
    if !factor.is_normal() {
        return Err(bad);
    }
    // frexp: |factor| = mantissa * 2^exponent, mantissa in [1/2, 1).
    let exponent = ((factor.to_bits() >> 52) & 0x7ff) as i32 - 1022;
    let mut shift = 31 - exponent;
    if !(1..=62).contains(&shift) {
        return Err(bad);
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
            return Err(RequantizerError::Factor(largest));
        }
        // The larger factor gets 20 to 21 binary digits, so that three 8-bit terms stay within 31.
        let exponent = ((largest.to_bits() >> 52) & 0x7ff) as i32 - 1022;
        let shift = 21 - exponent;
        if !(1..=30).contains(&shift) {
            return Err(RequantizerError::Factor(largest));
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
            prop_assert!((found - sum).abs() <= (nearest - sum).abs() + y.scale * 1e-3);
        }
    }

    #[test]
    fn constants_stay() {
        for steps in -255..=255 {
            let r = Requantizer::constant(steps);
            assert_eq!(r.scale(r.bias), i64::from(steps));
        }
    }

    #[test]
    fn impossible_factors_are_named() {
        for factor in [0.0, f64::NAN, f64::INFINITY, 1e300, 1e-300, 2f64.powi(30), 2f64.powi(-33)] {
            assert!(matches!(Requantizer::new(factor, 0.0), Err(RequantizerError::Factor(_))), "{factor}");
        }
        assert!(matches!(Requantizer::new(1e-8, 1e3), Err(RequantizerError::Bias(_))));
    }
}
