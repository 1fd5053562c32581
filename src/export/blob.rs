//! The weights' section: packed weights, parameters and tables of all layers, as firmware reads them in place.

use super::packed::{pack, unpack};
use crate::{
    memory::layout::{WeightRows, align, table_bytes},
    net::{Graph, Layer, Op},
    quant::{Bits, Kernel, Policy, QuantizedLayer, QuantizedNetwork, Requantizer},
};

/// Bytes of parameters per output channel: bias and multiplier of 32 bits, shift and weight zero point of 8 bits.
const CHANNEL_BYTES: usize = 10;

/// Where a layer's weights and parameters, or its tables, lie in the section; bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Rows of weights; of a layer with tables these, one for each input, without a gap.
    pub weights: usize,
    /// Their bytes.
    pub weight_bytes: usize,
    /// Tables of the output channels; a multiple of 4; 0 without weights.
    pub params: usize,
    /// Their bytes.
    pub param_bytes: usize,
}

/// Where each layer lies, by [`LayerId`](crate::net::LayerId), `None` for those with neither weights nor tables; and the
/// bytes of the section.
pub fn places(graph: &Graph, policy: &Policy) -> (Vec<Option<Place>>, usize) {
    let mut end = 0;
    let mut place = |(id, layer): (usize, &Layer)| {
        let Some(rows) = WeightRows::of(graph, layer) else {
            let weight_bytes = table_bytes(graph, policy, layer).iter().sum();
            let place = Place { weights: end, weight_bytes, params: 0, param_bytes: 0 };
            end += align(weight_bytes);
            return (weight_bytes > 0).then_some(place);
        };
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
        let Some(place) = place else { continue };
        match &network.layers[id] {
            QuantizedLayer::Kernel(kernel) => {
                put(place.weights, &pack_weights(graph, &graph.layers[id], kernel));
                put(place.params, &parameters(kernel));
            }
            QuantizedLayer::Lookup(table) => put(place.weights, table),
            QuantizedLayer::Concat(tables) => put(place.weights, &tables.concat()),
            // Checked: these have neither weights nor tables, and so no place.
            QuantizedLayer::Pool(_)
            | QuantizedLayer::Add(_)
            | QuantizedLayer::MaxPool
            | QuantizedLayer::AvgPool
            | QuantizedLayer::Multiply(_) => {}
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

/// Tables of a layer, one for each input. The section has the length that [`places`] says.
pub fn read_tables(
    graph: &Graph,
    policy: &Policy,
    layer: &Layer,
    place: &Place,
    section: &[u8],
) -> Vec<Vec<u8>> {
    let mut rest = &section[place.weights..place.weights + place.weight_bytes];
    let mut next = |bytes: usize| {
        let (table, behind) = rest.split_at(bytes);
        rest = behind;
        table.to_vec()
    };
    table_bytes(graph, policy, layer).into_iter().map(&mut next).collect()
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
