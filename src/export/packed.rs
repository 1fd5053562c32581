//! Codes of 2, 4 or 8 bits in bytes: the lowest bits first, every row starts on a byte.

use crate::{
    memory::layout,
    net::{Graph, TensorId},
    quant::{self, Bits, Policy},
};

/// Packs rows of `row` codes. The spare bits at the end of a row are zero.
pub fn pack(codes: &[u8], row: usize, bits: Bits) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(codes.len().div_ceil(bits.per_byte()));
    codes.chunks(row).for_each(|row| quant::pack(row, bits, &mut bytes));
    bytes
}

/// Unpacks rows of `row` codes; the inverse of [`pack`].
pub fn unpack(bytes: &[u8], row: usize, bits: Bits) -> Vec<u8> {
    let packed = bytes.chunks_exact(bits.bytes(row));
    let mut codes = vec![0; packed.len() * row];
    packed.zip(codes.chunks_exact_mut(row)).for_each(|(bytes, row)| quant::unpack(bytes, bits, row));
    codes
}

/// An activation tensor as it lies in the arena, given its codes `[h, w, c]`.
pub fn activation(graph: &Graph, policy: &Policy, tensor: TensorId, codes: &[u8]) -> Vec<u8> {
    let packed = pack(codes, graph.tensors[tensor].shape.channels, policy.activation(graph, tensor));
    debug_assert_eq!(packed.len(), layout::tensor_bytes(graph, policy, tensor));
    packed
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
