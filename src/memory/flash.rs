//! FLASH of the firmware: packed weights, parameters and descriptors to the byte; code as an allowance.

use super::{
    Core,
    layout::{align, weight_bytes},
    routine::Routine,
};
use crate::{
    net::{Graph, Layer},
    quant::{Bits, Policy},
};

/// Bytes of parameters per output channel: bias and multiplier of 32 bits, shift and weight zero point of 8 bits.
const CHANNEL_BYTES: usize = 4 + 4 + 1 + 1;

/// Bytes of FLASH by purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flash {
    /// Packed weights.
    pub weights: usize,
    /// Biases, factors and zero points, with the padding that aligns weights and parameters.
    pub parameters: usize,
    /// Constants that describe the layers.
    pub descriptors: usize,
    /// Code of the routines that the network uses and of their calls; an allowance, not a measurement of this network.
    pub code: usize,
}

impl Flash {
    /// FLASH of the firmware with a policy on a core.
    pub fn of(graph: &Graph, policy: &Policy, core: Core) -> Self {
        let mut flash = Self::default();
        let mut used = [false; Routine::ALL.len()];
        for (id, layer) in graph.layers.iter().enumerate() {
            let routine = Routine::of(graph, layer);
            used[routine as usize] = true;
            flash.descriptors += core.descriptor_bytes(routine);
            if layer.has_weights() {
                let weights = weight_bytes(graph, layer, policy.weight(id));
                flash.weights += weights;
                flash.parameters += blob_bytes(graph, layer, policy.weight(id)) - weights;
            }
        }
        let routines = Routine::ALL.into_iter().filter(|&routine| used[routine as usize]);
        let routines: usize = routines.map(|routine| core.routine_bytes(routine)).sum();
        let has_depthwise = Routine::ALL.into_iter().any(|r| r.is_depthwise() && used[r as usize]);
        let depthwise = if has_depthwise { core.depthwise_bytes() } else { 0 };
        flash.code = routines + depthwise + core.network_bytes(graph.layers.len());
        flash
    }

    /// Bytes of the weights' section: packed weights and parameters.
    pub const fn blob(&self) -> usize {
        self.weights + self.parameters
    }

    /// Bytes of constants, exact: weights' section and descriptors.
    pub const fn rodata(&self) -> usize {
        self.blob() + self.descriptors
    }

    /// All of it.
    pub const fn total(&self) -> usize {
        self.rodata() + self.code
    }
}

/// Bytes that a layer takes in the weights' section: rows of weights, then parameters, each padded to
/// [`ALIGNMENT`](super::layout::ALIGNMENT); 0 if it has no weights.
pub fn blob_bytes(graph: &Graph, layer: &Layer, bits: Bits) -> usize {
    if !layer.has_weights() {
        return 0;
    }
    let channels = graph.output_shape(layer).channels;
    align(weight_bytes(graph, layer, bits)) + align(CHANNEL_BYTES * channels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Spec;

    #[test]
    fn mobilenet_v1_by_hand() {
        let graph = "mobilenet-v1-1.0-224".parse::<Spec>().expect("a name").build();
        let flash = Flash::of(&graph, &Policy::uniform(&graph, Bits::B8, Bits::B8), Core::CortexM4);
        assert_eq!(flash.weights, 4_209_088);
        // 10,944 hidden channels and 1000 classes; all counts are even and all rows whole words.
        assert_eq!(flash.parameters, 10 * 11_944);
        assert_eq!(flash.descriptors, 28 * 36 + 20);
        assert_eq!(flash.code, 3500 + 880 + 3180 + 280 + 180 + 240 + 24 * 29);
        assert_eq!(flash.total(), 4_209_088 + 119_440 + 1028 + flash.code);
    }

    #[test]
    fn odd_rows_are_padded_once_per_layer() {
        let graph = "mobilenet-v1-0.17-32".parse::<Spec>().expect("a name").build();
        let layer = &graph.layers[graph.layer_named("dw1").expect("dw1")];
        // 9 rows of 5 weights and 5 channels of 10 bytes.
        assert_eq!(blob_bytes(&graph, layer, Bits::B8), 48 + 52);
        assert_eq!(blob_bytes(&graph, layer, Bits::B4), 28 + 52);
        assert_eq!(blob_bytes(&graph, layer, Bits::B2), 20 + 52);
    }
}
