//! Real numbers to codes of one tensor or channel.

use super::Bits;
use serde::{Deserialize, Serialize};

/// Uniform affine quantizer: the code q stands for `scale * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantizer {
    /// Distance between two neighbouring codes; positive.
    pub scale: f64,
    /// Code of real zero, in 0..=2^bits - 1.
    pub zero_point: u8,
    /// Width of a code.
    pub bits: Bits,
}

impl Quantizer {
    /// Spreads the 2^bits codes over `low..=high`, widened to hold zero and shifted by less than half a step so
    /// that zero has a code of its own.
    pub fn from_range(low: f64, high: f64, bits: Bits) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let levels = f64::from(bits.max_code());
        let scale = (high - low) / levels;
        if !scale.is_normal() {
            // Nothing but zero in the range: any scale represents it.
            return Self { scale: 1.0, zero_point: 0, bits };
        }
        Self { scale, zero_point: (-low / scale).round() as u8, bits }
    }

    /// A quantizer of another width for the same range; of the same width, the same.
    pub fn at(&self, bits: Bits) -> Self {
        if bits == self.bits {
            return *self;
        }
        Self::from_range(self.dequantize(0), self.dequantize(self.bits.max_code()), bits)
    }

    /// Code of a real number: nearest, then clamped.
    pub fn quantize(&self, real: f64) -> u8 {
        let code = (real / self.scale).round() + f64::from(self.zero_point);
        code.clamp(0.0, f64::from(self.bits.max_code())) as u8
    }

    /// Real number of a code.
    pub fn dequantize(&self, code: u8) -> f64 {
        self.scale * (f64::from(code) - f64::from(self.zero_point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_bits() -> impl Strategy<Value = Bits> {
        prop::sample::select(&Bits::ALL[..])
    }

    proptest! {
        #[test]
        fn zero_is_exact_and_errors_stay_within_a_step(
            low in -100.0..0.0f64, high in 0.0..100.0f64, at in 0.0..1.0f64, bits in any_bits(),
        ) {
            let q = Quantizer::from_range(low, high, bits);
            prop_assert_eq!(q.dequantize(q.quantize(0.0)), 0.0);
            let real = low + at * (high - low);
            // The shift of the grid and the rounding are half a step each.
            prop_assert!((q.dequantize(q.quantize(real)) - real).abs() <= q.scale * (1.0 + 1e-9));
        }

        #[test]
        fn codes_survive(low in -100.0..0.0f64, high in 0.1..100.0f64, code in 0u8.., bits in any_bits()) {
            let q = Quantizer::from_range(low, high, bits);
            let code = code & bits.max_code();
            prop_assert_eq!(q.quantize(q.dequantize(code)), code);
        }
    }

    #[test]
    fn an_empty_range_maps_to_zero() {
        for bits in Bits::ALL {
            let q = Quantizer::from_range(0.0, 0.0, bits);
            assert_eq!((q.quantize(0.0), q.dequantize(0)), (0, 0.0));
        }
    }
}
