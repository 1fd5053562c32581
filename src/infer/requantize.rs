//! Sums of a row to codes.

use super::kernel::LANES;
use crate::quant::{Bits, Requantizer};
use bytemuck::cast;
use wide::{f64x4, i16x8, i32x4, i32x8, u8x16};

/// Takes the sums of a row of pixels, `[width * c_out]` without bias, to their codes.
///
/// # Panics
/// If the lengths of `sums` and `out` differ.
pub fn requantize_row(
    sums: &[i32],
    requantizers: &[Requantizer],
    zero_point: u8,
    bits: Bits,
    out: &mut [u8],
) {
    assert_eq!(sums.len(), out.len(), "sums and codes of a row");
    let channels = requantizers.len();
    for (sums, out) in sums.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
        for ((&sum, requantizer), out) in sums.iter().zip(requantizers).zip(out) {
            *out = requantizer.apply(sum.wrapping_add(requantizer.bias), zero_point, bits);
        }
    }
}

/// Requantizers of a layer's output channels, prepared for [`RowRequantizer::apply`].
///
/// Eight channels at a time are computed in f64, which gives the very codes of the integers if the shift s is small
/// enough. The scaled accumulator `t = zero_point + acc * multiplier / 2^s` is a multiple of 2^-s. Where
/// 0 <= t < 2^b, b being the width of the codes, all steps are exact in the 53 digits of an f64 as long as
/// s + 1 + b <= 53: the product, and its sum with `zero_point - 1/2 + 2^-(s+1)`, which is nearest to floor(t) and
/// never halfway between two integers. Everywhere else rounding is monotonic, so the clamp gives the same.
#[derive(Clone, Debug)]
pub struct RowRequantizer {
    requantizers: Vec<Requantizer>,
    /// Of each block of eight channels; `None` where integers are needed, and for channels after the last block.
    blocks: Vec<Option<Block>>,
    zero_point: u8,
    bits: Bits,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    bias: i32x8,
    factor: [f64x4; 2],
    offset: [f64x4; 2],
}

impl RowRequantizer {
    /// Prepares the requantizers of all output channels.
    pub fn new(requantizers: &[Requantizer], zero_point: u8, bits: Bits) -> Self {
        let blocks = requantizers.as_chunks::<LANES>().0;
        let blocks = blocks.iter().map(|block| Block::new(block, zero_point, bits)).collect();
        Self { requantizers: requantizers.to_vec(), blocks, zero_point, bits }
    }

    /// The same codes as [`requantize_row`].
    ///
    /// # Panics
    /// If the lengths of `sums` and `out` differ.
    pub fn apply(&self, sums: &[i32], out: &mut [u8]) {
        assert_eq!(sums.len(), out.len(), "sums and codes of a row");
        let channels = self.requantizers.len();
        for (sums, out) in sums.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
            self.pixel(sums, out);
        }
    }

    #[inline(always)]
    fn pixel(&self, sums: &[i32], out: &mut [u8]) {
        let (sums, rest_sums) = sums.as_chunks::<LANES>();
        let (out, rest_out) = out.as_chunks_mut::<LANES>();
        let (requantizers, rest) = self.requantizers.as_chunks::<LANES>();
        for (((sums, out), block), requantizers) in sums.iter().zip(out).zip(&self.blocks).zip(requantizers) {
            match block {
                Some(block) => *out = block.apply(*sums, self.bits),
                None => requantize_row(sums, requantizers, self.zero_point, self.bits, out),
            }
        }
        if !rest.is_empty() {
            requantize_row(rest_sums, rest, self.zero_point, self.bits, rest_out);
        }
    }
}

/// 2^52: an f64 of this size has no digits after the point, and the integer in its lowest bits.
const INTEGERS: f64 = 4_503_599_627_370_496.0;

impl Block {
    /// `None` if f64 is not exact.
    fn new(requantizers: &[Requantizer; LANES], zero_point: u8, bits: Bits) -> Option<Self> {
        let fractions = requantizers.map(|r| {
            // The same factor in lowest terms.
            let twos = r.multiplier.trailing_zeros().min(u32::from(r.shift));
            (r.multiplier >> twos, u32::from(r.shift) - twos)
        });
        let digits = u8::BITS - (zero_point | bits.max_code()).leading_zeros();
        if fractions.iter().any(|(_, shift)| shift + 1 + digits > f64::MANTISSA_DIGITS) {
            return None;
        }
        let ulp = |shift: u32| 1.0 / (1u64 << shift) as f64;
        let factor = fractions.map(|(multiplier, shift)| f64::from(multiplier) * ulp(shift));
        let offset = fractions.map(|(_, shift)| f64::from(zero_point) - 0.5 + ulp(shift + 1));
        Some(Self {
            bias: i32x8::new(requantizers.map(|r| r.bias)),
            factor: cast::<[f64; LANES], _>(factor),
            offset: cast::<[f64; LANES], _>(offset),
        })
    }

    #[inline(always)]
    fn apply(&self, sums: [i32; LANES], bits: Bits) -> [u8; LANES] {
        let top = f64x4::splat(f64::from(bits.max_code()));
        let halves: [i32x4; 2] = cast(i32x8::new(sums) + self.bias);
        let codes: [[u64; 4]; 2] = std::array::from_fn(|half| {
            let scaled = f64x4::from_i32x4(halves[half]) * self.factor[half] + self.offset[half];
            cast(scaled.fast_max(f64x4::ZERO).fast_min(top) + f64x4::splat(INTEGERS))
        });
        let codes = i32x8::new(std::array::from_fn(|i| codes[i / 4][i % 4] as i32));
        let codes = i16x8::from_i32x8_saturate(codes);
        let [codes, _]: [[u8; LANES]; 2] = cast(u8x16::narrow_i16x8(codes, codes));
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_requantizer() -> impl Strategy<Value = Requantizer> {
        // Few digits as well as all 31.
        let multiplier = (1i32 << 30..=i32::MAX, 0..31u32).prop_map(|(m, zeros)| m >> zeros << zeros);
        (-1000..1000i32, multiplier, any::<bool>(), 0..=62u8).prop_map(|(bias, m, negative, shift)| {
            Requantizer { bias, multiplier: if negative { -m } else { m }, shift }
        })
    }

    proptest! {
        /// Sums whose scaled accumulators lie closest to an integer, on either side.
        #[test]
        fn vectors_floor_like_integers(
            requantizers in prop::collection::vec(any_requantizer(), LANES..=LANES), zero_point: u8,
            bits in prop::sample::select(&Bits::ALL[..]), steps in prop::collection::vec(-2..258i64, 30),
            beside in -1..=1i64,
        ) {
            let zero_point = zero_point & bits.max_code();
            let row = RowRequantizer::new(&requantizers, zero_point, bits);
            for step in steps {
                let sums: Vec<i32> = requantizers
                    .iter()
                    .map(|r| {
                        let target = i128::from(step - i64::from(zero_point)) << r.shift;
                        let acc = target.div_euclid(i128::from(r.multiplier)) + i128::from(beside);
                        acc.clamp(-(1 << 31) + 1000, (1 << 31) - 1001) as i32 - r.bias
                    })
                    .collect();
                let (mut expected, mut found) = ([0; LANES], [0; LANES]);
                requantize_row(&sums, &requantizers, zero_point, bits, &mut expected);
                row.apply(&sums, &mut found);
                prop_assert_eq!(found, expected);
            }
        }
    }

    /// (2^h - 1) (2^h + 1) is one short of a power of two, so the scaled accumulator is as close to an integer as
    /// can be.
    #[test]
    fn accumulators_just_short_of_an_integer_stay_below_it() {
        for half in 20..=28u8 {
            for shift in 2 * half - 9..=2 * half {
                let normalize = 30 - half;
                let multiplier = ((1 << half) + 1) << normalize;
                let short = Requantizer { bias: 0, multiplier, shift: shift + normalize };
                let beyond = Requantizer { multiplier: -multiplier, ..short };
                let requantizers: [_; LANES] =
                    std::array::from_fn(|i| if i % 2 == 0 { short } else { beyond });
                let sums = [(1 << half) - 1; LANES];
                for (zero_point, bits) in [(0, Bits::B8), (77, Bits::B8), (255, Bits::B8), (9, Bits::B4)] {
                    let (mut expected, mut found) = ([0; LANES], [0; LANES]);
                    requantize_row(&sums, &requantizers, zero_point, bits, &mut expected);
                    RowRequantizer::new(&requantizers, zero_point, bits).apply(&sums, &mut found);
                    assert_eq!(found, expected, "2^{half} - 1 and 2^{half} + 1 over 2^{shift}");
                }
            }
        }
    }

    #[test]
    fn factors_of_usual_layers_are_computed_in_vectors() {
        let odd = |shift| [Requantizer { bias: 0, multiplier: i32::MAX, shift }; LANES];
        for (bits, largest) in [(Bits::B2, 50), (Bits::B4, 48), (Bits::B8, 44)] {
            assert!(Block::new(&odd(largest), 0, bits).is_some());
            assert!(Block::new(&odd(largest + 1), 0, bits).is_none());
        }
        // A factor of few digits has a smaller shift in lowest terms.
        assert!(Block::new(&[Requantizer::constant(9); LANES], 0, Bits::B8).is_some());
    }
}
