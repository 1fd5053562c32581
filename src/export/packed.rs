//! Codes of 2, 4 or 8 bits in bytes: the lowest bits first, every row starts on a byte.

use crate::{
    memory::layout,
    net::{Graph, TensorId},
    quant::{Bits, Policy},
};

/// Packs rows of `row` codes. The spare bits at the end of a row are zero.
pub fn pack(codes: &[u8], row: usize, bits: Bits) -> Vec<u8> {
    let byte = |codes: &[u8]| codes.iter().rev().fold(0, |byte, code| shifted(byte, bits) | code);
    codes.chunks(row).flat_map(|row| row.chunks(bits.per_byte()).map(byte)).collect()
}

/// Unpacks rows of `row` codes; the inverse of [`pack`].
pub fn unpack(bytes: &[u8], row: usize, bits: Bits) -> Vec<u8> {
    let code = |bytes: &[u8], i: usize| {
        bytes[i / bits.per_byte()] >> (i % bits.per_byte() * bits.count()) & bits.max_code()
    };
    bytes.chunks_exact(bits.bytes(row)).flat_map(|bytes| (0..row).map(|i| code(bytes, i))).collect()
}

/// An activation tensor as it lies in the arena, given its codes `[h, w, c]`.
pub fn activation(graph: &Graph, policy: &Policy, tensor: TensorId, codes: &[u8]) -> Vec<u8> {
    let packed = pack(codes, graph.tensors[tensor].shape.channels, policy.activation(tensor));
    debug_assert_eq!(packed.len(), layout::tensor_bytes(graph, policy, tensor));
    packed
}

/// Makes room for the next code; 8 bits leave nothing of the one before.
fn shifted(byte: u8, bits: Bits) -> u8 {
    byte.checked_shl(bits.count() as u32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lowest_code_in_the_lowest_bits() {
        assert_eq!(pack(&[1, 2, 3, 0, 1], 5, Bits::B2), [0b00_11_10_01, 0b01]);
        assert_eq!(pack(&[1, 2, 3], 3, Bits::B4), [0x21, 0x03]);
        assert_eq!(pack(&[7, 200], 1, Bits::B8), [7, 200]);
        assert_eq!(pack(&[1, 2, 3, 1, 2, 3], 3, Bits::B4), [0x21, 0x03, 0x21, 0x03], "rows start on bytes");
    }

    proptest! {
        #[test]
        fn codes_survive(codes: Vec<u8>, row in 1..9usize, bits in prop::sample::select(&Bits::ALL[..])) {
            let codes: Vec<u8> = codes.chunks_exact(row).flatten().map(|code| code & bits.max_code()).collect();
            prop_assert_eq!(unpack(&pack(&codes, row, bits), row, bits), codes);
        }
    }
}
