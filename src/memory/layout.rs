//! How tensors lie in memory: bytes of an activation tensor in the arena, of a weight tensor in FLASH.
//!
//! Activations are stored height, width, channels, with the lowest channel in the lowest bits; every pixel starts
//! on a byte. Weights are stored in rows that each start on a byte.

use crate::{
    net::{Graph, Layer, Op, TensorId},
    quant::{Bits, Policy},
};

/// Offsets and sizes in the arena and in the weights' section are multiples of this many bytes.
pub const ALIGNMENT: usize = 4;

/// Bytes of one logit.
const LOGIT_BYTES: usize = 4;

/// `bytes` rounded up to a multiple of [`ALIGNMENT`].
pub const fn align(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

/// Bytes from one pixel of an activation tensor to the next.
pub fn pixel_bytes(graph: &Graph, policy: &Policy, tensor: TensorId) -> usize {
    let channels = graph.tensors[tensor].shape.channels;
    if tensor == graph.logits() {
        LOGIT_BYTES * channels
    } else {
        policy.activation(graph, tensor).bytes(channels)
    }
}

/// Bytes of an activation tensor in the arena, without padding behind it.
pub fn tensor_bytes(graph: &Graph, policy: &Policy, tensor: TensorId) -> usize {
    graph.tensors[tensor].shape.pixels() * pixel_bytes(graph, policy, tensor)
}

/// Shape of a weight tensor as it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightRows {
    /// Rows: output channels; for depthwise convolutions kernel x kernel taps.
    pub count: usize,
    /// Weights in a row: kernel x kernel x input channels; for depthwise convolutions the channels.
    pub elements: usize,
}

impl WeightRows {
    /// The rows of a layer; `None` if it has no weights.
    pub fn of(graph: &Graph, layer: &Layer) -> Option<Self> {
        let [outputs, height, width, inputs] = graph.weight_shape(layer)?;
        let taps = height * width;
        Some(match layer.op {
            Op::Depthwise(..) => Self { count: taps, elements: outputs },
            _ => Self { count: outputs, elements: taps * inputs },
        })
    }

    /// Bytes of all rows.
    pub const fn bytes(self, bits: Bits) -> usize {
        self.count * bits.bytes(self.elements)
    }
}

/// Bytes of a layer's tables in FLASH, one for each input that it reads by a table: a code for each code of the input.
/// All are multiples of [`ALIGNMENT`].
pub fn table_bytes(graph: &Graph, policy: &Policy, layer: &Layer) -> Vec<usize> {
    let inputs = match layer.op {
        Op::Lookup(_) | Op::Concat => layer.inputs.as_slice(),
        _ => &[],
    };
    inputs.iter().map(|&input| 1 << policy.activation(graph, input).count()).collect()
}

/// Bytes of a layer's weights in FLASH, without padding behind them; 0 if it has none.
pub fn weight_bytes(graph: &Graph, layer: &Layer, bits: Bits) -> usize {
    WeightRows::of(graph, layer).map_or(0, |rows| rows.bytes(bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        net::{Activation, Function, Pads, Shape, Spec, Window},
        quant::Slot,
    };

    #[test]
    fn pixels_and_rows_start_on_bytes() {
        // Width 0.17 has 5 channels after the first layer.
        let graph = "mobilenet-v1-0.17-32".parse::<Spec>().expect("a name").build();
        let policy = Policy::uniform(&graph, Bits::B4, Bits::B2);
        assert_eq!(tensor_bytes(&graph, &policy, 0), 32 * 32 * 3);
        assert_eq!(tensor_bytes(&graph, &policy, 1), 16 * 16 * 2, "5 channels of 2 bits take 2 bytes");
        assert_eq!(tensor_bytes(&graph, &policy, graph.logits()), 4000);

        let rows = |name: &str| {
            let id = graph.layer_named(name).expect(name);
            let layer = &graph.layers[id];
            let WeightRows { count, elements } = WeightRows::of(&graph, layer).expect("has weights");
            (count, elements, weight_bytes(&graph, layer, Bits::B4))
        };
        assert_eq!(rows("conv1"), (5, 27, 5 * 14));
        assert_eq!(rows("dw1"), (9, 5, 9 * 3));
        assert_eq!(rows("pw1"), (10, 5, 10 * 3));
        assert_eq!(rows("fc"), (1000, 174, 1000 * 87));
    }

    #[test]
    fn tables_have_a_code_for_each_code_of_an_input() {
        let mut graph = Graph::new(Shape::new(4, 4, 3));
        let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
        let x = graph.conv("conv", 0, 5, one, Activation::Linear);
        let y = graph.lookup("function", x, Function::HardSwish);
        let z = graph.concat("concat", vec![x, y, x]);
        graph.global_avg_pool("pool", z);
        let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        policy.set(Slot::Activation(x), Bits::B4);
        policy.set(Slot::Activation(y), Bits::B2);
        let bytes: Vec<_> = graph.layers.iter().map(|layer| table_bytes(&graph, &policy, layer)).collect();
        assert_eq!(bytes, [vec![], vec![16], vec![16, 4, 16], vec![]]);
        assert!([4, 16, 256].map(align) == [4, 16, 256]);
    }
}
