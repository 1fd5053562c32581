//! Codes of 2, 4 or 8 bits in bytes: the lowest bits first.

use super::Bits;

/// Appends codes to `out`, as many to a byte as fit; the spare bits of the last byte are zero.
pub fn pack(codes: &[u8], bits: Bits, out: &mut Vec<u8>) {
    match bits {
        Bits::B8 => out.extend_from_slice(codes),
        Bits::B4 => {
            out.extend(codes.chunks(2).map(|pair| pair.iter().rev().fold(0, |byte, code| byte << 4 | code)))
        }
        Bits::B2 => {
            out.extend(codes.chunks(4).map(|four| four.iter().rev().fold(0, |byte, code| byte << 2 | code)))
        }
    }
}

/// Reads as many codes as there is room for.
pub fn unpack(packed: &[u8], bits: Bits, codes: &mut [u8]) {
    match bits {
        Bits::B8 => codes.copy_from_slice(&packed[..codes.len()]),
        Bits::B4 => {
            for (codes, byte) in codes.chunks_mut(2).zip(packed) {
                codes.iter_mut().zip([0, 4]).for_each(|(code, shift)| *code = byte >> shift & 15);
            }
        }
        Bits::B2 => {
            for (codes, byte) in codes.chunks_mut(4).zip(packed) {
                codes.iter_mut().zip([0, 2, 4, 6]).for_each(|(code, shift)| *code = byte >> shift & 3);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_come_back(codes in prop::collection::vec(any::<u8>(), 0..40), bits in prop::sample::select(&Bits::ALL[..])) {
            let codes: Vec<u8> = codes.into_iter().map(|code| code & bits.max_code()).collect();
            let mut packed = Vec::new();
            pack(&codes, bits, &mut packed);
            prop_assert_eq!(packed.len(), bits.bytes(codes.len()));
            let mut found = vec![0; codes.len()];
            unpack(&packed, bits, &mut found);
            prop_assert_eq!(found, codes);
        }
    }
}
