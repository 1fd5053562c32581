//! FLASH of the firmware: packed weights, parameters and descriptors to the byte; code as an allowance.

use super::{
    Core,
    layout::{align, table_bytes, weight_bytes},
    routine::Routine,
};
use crate::{
    net::{Graph, LayerId},
    quant::Policy,
};

/// Bytes of parameters per output channel: bias and multiplier of 32 bits, shift and weight zero point of 8 bits.
const CHANNEL_BYTES: usize = 4 + 4 + 1 + 1;

/// Bytes of FLASH by purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flash {
    /// Packed weights.
    pub weights: usize,
    /// Biases, factors, zero points and tables of functions, with the padding that aligns weights and parameters.
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
        let mut all_calls = 0;
        for (id, layer) in graph.layers.iter().enumerate() {
            let routine = Routine::of(graph, layer);
            used[routine.code() as usize] = true;
            let calls = routine.calls(layer);
            all_calls += calls;
            flash.descriptors += calls * core.descriptor_bytes(routine);
            let weights = weight_bytes(graph, layer, policy.weight(id));
            flash.weights += weights;
            flash.parameters += blob_bytes(graph, policy, id) - weights;
        }
        let routines = Routine::ALL.into_iter().filter(|&routine| used[routine as usize]);
        let routines: usize = routines.map(|routine| core.routine_bytes(routine)).sum();
        let has_depthwise = Routine::ALL.into_iter().any(|r| r.is_depthwise() && used[r as usize]);
        let depthwise = if has_depthwise { core.depthwise_bytes() } else { 0 };
        flash.code = routines + depthwise + core.network_bytes(all_calls);
        flash
    }

    /// Bytes of the weights' section: packed weights, parameters and tables.
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
/// [`ALIGNMENT`](super::layout::ALIGNMENT); or tables; 0 if it has none of these.
pub fn blob_bytes(graph: &Graph, policy: &Policy, layer: LayerId) -> usize {
    let bits = policy.weight(layer);
    let layer = &graph.layers[layer];
    if !layer.has_weights() {
        return table_bytes(graph, policy, layer).iter().sum();
    }
    let channels = graph.output_shape(layer).channels;
    align(weight_bytes(graph, layer, bits)) + align(CHANNEL_BYTES * channels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        net::{Activation, Function, Pads, Shape, Spec, Window},
        quant::{Bits, Slot},
    };

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
        let layer = graph.layer_named("dw1").expect("dw1");
        let bytes = |bits| blob_bytes(&graph, &Policy::uniform(&graph, bits, Bits::B8), layer);
        // 9 rows of 5 weights and 5 channels of 10 bytes.
        assert_eq!(bytes(Bits::B8), 48 + 52);
        assert_eq!(bytes(Bits::B4), 28 + 52);
        assert_eq!(bytes(Bits::B2), 20 + 52);
    }

    #[test]
    fn tables_descriptors_and_calls_of_each_input_by_hand() {
        let mut graph = Graph::new(Shape::new(4, 4, 3));
        let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
        let x = graph.conv("conv", 0, 4, one, Activation::Linear);
        let y = graph.lookup("function", x, Function::HardSwish);
        let gate = graph.global_avg_pool("mean", y);
        let z = graph.multiply("product", y, gate);
        let z = graph.concat("concat", vec![x, y, z]);
        graph.global_avg_pool("pool", z);
        let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        policy.set(Slot::Activation(y), Bits::B4);
        let core = Core::CortexM4;
        let flash = Flash::of(&graph, &policy, core);
        assert_eq!(flash.weights, 12);
        assert_eq!(flash.parameters, 40 + 256 + 256 + 16 + 256);
        let descriptors = [(Routine::Pointwise, 1), (Routine::Lookup, 1), (Routine::Pool, 1)];
        let descriptors = descriptors.into_iter().chain([
            (Routine::Multiply, 1),
            (Routine::Concat, 3),
            (Routine::PoolLogits, 1),
        ]);
        let bytes = descriptors.map(|(routine, count)| count * core.descriptor_bytes(routine));
        assert_eq!(flash.descriptors, bytes.sum::<usize>());
        // Of the code that looks codes up there is one.
        let code =
            [Routine::Pointwise, Routine::Lookup, Routine::Pool, Routine::Multiply, Routine::PoolLogits];
        let code: usize = code.into_iter().map(|routine| core.routine_bytes(routine)).sum();
        assert_eq!(flash.code, code + core.network_bytes(8));
    }
}
