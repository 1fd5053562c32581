//! The weights' section: packed weights and parameters of all layers, as firmware reads them in place.

use super::packed::{pack, unpack};
use crate::{
    memory::layout::{WeightRows, align},
    net::{Graph, Layer, Op},
    quant::{Bits, Kernel, Policy, QuantizedNetwork, Requantizer},
};

/// Bytes of parameters per output channel: bias and multiplier of 32 bits, shift and weight zero point of 8 bits.
const CHANNEL_BYTES: usize = 10;

/// Where a layer's weights and parameters lie in the section; bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Rows of weights.
    pub weights: usize,
    /// Their bytes.
    pub weight_bytes: usize,
    /// Tables of the output channels; a multiple of 4.
    pub params: usize,
    /// Their bytes.
    pub param_bytes: usize,
}

/// Where each layer lies, by [`LayerId`](crate::net::LayerId), `None` for those without weights; and the bytes of
/// the section.
pub fn places(graph: &Graph, policy: &Policy) -> (Vec<Option<Place>>, usize) {
    let mut end = 0;
    let mut place = |(id, layer): (usize, &Layer)| {
        let rows = WeightRows::of(graph, layer)?;
        let weight_bytes = rows.bytes(policy.weight(id));
        let param_bytes = CHANNEL_BYTES * graph.output_shape(layer).channels;
        let params = end + align(weight_bytes);
        let place = Place { weights: end, weight_bytes, params, param_bytes };
        end = params + align(param_bytes);
        Some(place)
    };
    let places = graph.layers.iter().enumerate().map(&mut place).collect();
    (places, end)
}

/// The section of a network.
pub fn write(network: &QuantizedNetwork) -> Vec<u8> {
    let (graph, policy) = (network.graph(), &network.policy);
    let (places, end) = places(graph, policy);
    let mut section = vec![0; end];
    let mut put = |at: usize, bytes: &[u8]| section[at..at + bytes.len()].copy_from_slice(bytes);
    for (id, place) in places.into_iter().enumerate() {
        if let (Some(place), Some(kernel)) = (place, network.kernel(id)) {
            put(place.weights, &pack_weights(graph, &graph.layers[id], kernel));
            put(place.params, &parameters(kernel));
        }
    }
    section
}

/// Weights, zero points and requantizers of a layer. The section has the length that [`places`] says.
pub fn read(
    graph: &Graph,
    layer: &Layer,
    bits: Bits,
    place: &Place,
    section: &[u8],
) -> (Vec<u8>, Vec<u8>, Vec<Requantizer>) {
    let weights =
        unpack_weights(graph, layer, bits, &section[place.weights..place.weights + place.weight_bytes]);
    let params = &section[place.params..place.params + place.param_bytes];
    let channels = place.param_bytes / CHANNEL_BYTES;
    let (words, bytes) = params.split_at(8 * channels);
    let word =
        |i: usize| i32::from_le_bytes([words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]]);
    let requantizer =
        |c: usize| Requantizer { bias: word(c), multiplier: word(channels + c), shift: bytes[c] };
    (weights, bytes[channels..].to_vec(), (0..channels).map(requantizer).collect())
}

/// Rows per output channel, for depthwise convolutions per tap.
fn pack_weights(graph: &Graph, layer: &Layer, kernel: &Kernel) -> Vec<u8> {
    match WeightRows::of(graph, layer) {
        None => Vec::new(),
        Some(WeightRows { count: taps, elements: channels }) if depthwise(layer) => {
            pack(&transposed(&kernel.weights, channels, taps), channels, kernel.bits)
        }
        Some(rows) => pack(&kernel.weights, rows.elements, kernel.bits),
    }
}

fn unpack_weights(graph: &Graph, layer: &Layer, bits: Bits, bytes: &[u8]) -> Vec<u8> {
    match WeightRows::of(graph, layer) {
        None => Vec::new(),
        Some(WeightRows { count: taps, elements: channels }) if depthwise(layer) => {
            transposed(&unpack(bytes, channels, bits), taps, channels)
        }
        Some(rows) => unpack(bytes, rows.elements, bits),
    }
}

fn depthwise(layer: &Layer) -> bool {
    matches!(layer.op, Op::Depthwise(..))
}

/// A matrix of `rows` x `columns` with rows and columns exchanged.
fn transposed(matrix: &[u8], rows: usize, columns: usize) -> Vec<u8> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| matrix[row * columns + column])).collect()
}

/// Tables of bias, multiplier, shift and weight zero point, one after the other.
fn parameters(kernel: &Kernel) -> Vec<u8> {
    let table = &kernel.requantizers;
    let words = table.iter().map(|r| r.bias).chain(table.iter().map(|r| r.multiplier));
    let mut bytes: Vec<u8> = words.flat_map(i32::to_le_bytes).collect();
    bytes.extend(table.iter().map(|r| r.shift));
    bytes.extend(&kernel.zero_points);
    bytes
}
