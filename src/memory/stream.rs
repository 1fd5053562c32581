//! How far an output must keep behind an input that it overwrites.
//!
//! Routines read an input front to back and write the output front to back, so both may share memory if the input
//! is not needed afterwards and the output starts far enough below it: no byte may be written before it was read.

use super::{
    layout::{align, pixel_bytes},
    routine::Routine,
};
use crate::{
    net::{Graph, Layer, TensorId, Window},
    quant::Policy,
};

/// Least distance in bytes from the start of a layer's output up to the start of `input`, so that the output may
/// overlap it; `None` if they may never overlap.
///
/// The layer must be the last reader of `input`. For a depthwise convolution the figure holds if it takes all
/// channels at once.
pub fn distance(graph: &Graph, policy: &Policy, layer: &Layer, input: TensorId) -> Option<usize> {
    let read = pixel_bytes(graph, policy, input);
    let written = pixel_bytes(graph, policy, layer.output);
    let pixels = graph.input_shape(layer).pixels();
    Some(align(match Routine::of(graph, layer) {
        Routine::Pool | Routine::PoolLogits | Routine::Concat => return None,
        // The gate is read again for each pixel.
        Routine::Multiply if layer.inputs.get(1) == Some(&input) => return None,
        Routine::Linear => 0,
        Routine::Add | Routine::Lookup | Routine::Multiply => group_lead(graph, policy, layer, input),
        Routine::Pointwise => pair_lead(pixels, read, written),
        Routine::Conv | Routine::Depthwise | Routine::DepthwiseAny => row_lead(graph, layer, read, written),
        Routine::MaxPool | Routine::AvgPool => window_lead(graph, layer) * written,
    }))
}

/// Bytes by which writing gets ahead of reading before the last step, if two pixels are read, then written, and so on.
fn pair_lead(pixels: usize, read: usize, written: usize) -> usize {
    let before_last = 2 * (pixels.div_ceil(2) - 1);
    before_last * written.saturating_sub(read)
}

/// The same if four channels of a pixel are read, then written, and so on.
fn group_lead(graph: &Graph, policy: &Policy, layer: &Layer, input: TensorId) -> usize {
    let shape = graph.output_shape(layer);
    let before_last = 4 * (shape.channels.div_ceil(4) - 1);
    let bytes = |tensor: TensorId| {
        let pixels = (shape.pixels() - 1) * pixel_bytes(graph, policy, tensor);
        pixels + policy.activation(graph, tensor).bytes(before_last)
    };
    bytes(layer.output).saturating_sub(bytes(input))
}

/// The same for routines that write rows: before row y of output all rows of input under its window are read.
fn row_lead(graph: &Graph, layer: &Layer, read: usize, written: usize) -> usize {
    let (input, output) = (graph.input_shape(layer), graph.output_shape(layer));
    let Some(window) = layer.window() else { return 0 };
    let rows_read = |y: usize| (y * window.stride + window.kernel).saturating_sub(window.pads.top);
    (0..output.height - 1)
        .take_while(|&y| rows_read(y) < input.height)
        .map(|y| ((y + 1) * output.width * written).saturating_sub(rows_read(y) * input.width * read))
        .max()
        .unwrap_or(0)
}

/// Pixels by which writing gets ahead of the first pixel under a window, at its furthest. A windowed pool reads four
/// channels of all pixels under the window, then writes four channels of a pixel; pixels have as many bytes on both sides.
fn window_lead(graph: &Graph, layer: &Layer) -> usize {
    let (input, output) = (graph.input_shape(layer), graph.output_shape(layer));
    let Some(Window { stride, pads, .. }) = layer.window() else { return 0 };
    let ahead = |at: usize, pad: usize, input: usize, output: usize| {
        (at * output) as isize - ((at * stride).saturating_sub(pad) * input) as isize
    };
    let rows = (0..output.height).map(|y| ahead(y, pads.top, input.width, output.width)).max();
    let columns = (0..output.width).map(|x| ahead(x, pads.left, 1, 1)).max();
    // Neither is below zero: at the first row and column both begin.
    (rows.unwrap_or(0) + columns.unwrap_or(0)).max(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        net::{Activation, Function, Pads, Shape, Window},
        quant::{Bits, Slot},
    };

    const RELU: Activation = Activation::Relu;

    fn distance_of(graph: &Graph, bits: Bits) -> Option<usize> {
        let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
        policy.set(Slot::Activation(1), bits);
        distance(graph, &policy, &graph.layers[1], 1)
    }

    fn graph(image: Shape, layer: impl Fn(&mut Graph)) -> Graph {
        let mut graph = Graph::new(image);
        let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
        graph.conv("first", 0, 8, one, RELU);
        layer(&mut graph);
        graph.linear("fc", 2, 2);
        graph
    }

    #[test]
    fn pointwise_leads_by_all_pairs_but_the_last() {
        let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
        let wider = graph(Shape::new(5, 5, 3), |g| {
            g.conv("pw", 1, 24, one, RELU);
        });
        // 13 steps; after the twelfth 24 pixels of 8 bytes are read and 24 of 24 bytes written.
        assert_eq!(distance_of(&wider, Bits::B8), Some(24 * 16));
        let narrower = graph(Shape::new(5, 5, 3), |g| {
            g.conv("pw", 1, 4, one, RELU);
        });
        assert_eq!(distance_of(&narrower, Bits::B8), Some(0));
        assert_eq!(distance_of(&narrower, Bits::B2), Some(24 * 2), "2 bytes in, 4 bytes out");
    }

    #[test]
    fn rows_lead_until_the_input_is_read() {
        let depthwise = |window: Window| {
            graph(Shape::new(6, 6, 3), move |g| {
                g.depthwise("dw", 1, window, RELU);
            })
        };
        let same = depthwise(Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) });
        assert_eq!(distance_of(&same, Bits::B8), Some(0));
        // Rows of 6 x 2 bytes in, 6 x 8 bytes out; row 3 of output still has row 5 of input to come.
        assert_eq!(distance_of(&same, Bits::B2), Some(4 * 48 - 5 * 12));
        // Stride 2 writes 3 rows of 3 x 8 bytes; the first two read 3 and 5 rows of 12 bytes.
        let half = depthwise(Window { kernel: 3, stride: 2, pads: Pads::same(6, 3, 2) });
        assert_eq!(distance_of(&half, Bits::B8), Some(0));
        assert_eq!(distance_of(&half, Bits::B2), Some(0));
    }

    #[test]
    fn adds_lead_until_the_last_four_channels() {
        let mut graph = Graph::new(Shape::new(3, 3, 10));
        graph.add("add", 0, 0, Activation::Linear);
        graph.linear("fc", 1, 2);
        let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        let distance = |policy: &Policy| distance(&graph, policy, &graph.layers[0], 0);
        assert_eq!(distance(&policy), Some(0), "equal widths work in place");
        policy.set(Slot::Activation(0), Bits::B2);
        // 8 pixels of 3 and 10 bytes, then 8 channels of 2 and 8 bytes.
        assert_eq!(distance(&policy), Some(align(8 * 7 + 6)));
    }

    #[test]
    fn functions_and_products_lead_as_adds_do() {
        let mut graph = Graph::new(Shape::new(3, 3, 3));
        let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
        let x = graph.conv("conv", 0, 10, one, Activation::Linear);
        let gate = graph.global_avg_pool("mean", x);
        let y = graph.lookup("function", x, Function::HardSwish);
        let z = graph.multiply("product", y, gate);
        let squared = graph.multiply("square", gate, gate);
        let joined = graph.concat("joined", vec![z, x]);
        graph.global_avg_pool("pool", joined);
        let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        let of = |policy: &Policy, output: TensorId, input| {
            distance(&graph, policy, &graph.layers[output - 1], input)
        };
        assert_eq!(of(&policy, y, x), Some(0), "equal widths work in place");
        assert_eq!(of(&policy, z, y), Some(0));
        policy.set(Slot::Activation(x), Bits::B2);
        policy.set(Slot::Activation(y), Bits::B4);
        // 8 pixels of 3 and 5 bytes, then 8 channels of 2 and 4 bytes; of 5 and 10, and 4 and 8.
        assert_eq!(of(&policy, y, x), Some(align(8 * 2 + 2)));
        assert_eq!(of(&policy, z, y), Some(align(8 * 5 + 4)));
        assert_eq!(of(&policy, z, gate), None, "it is read for each pixel");
        assert_eq!(of(&policy, squared, gate), None, "it is map and gate");
        assert_eq!([z, x].map(|input| of(&policy, joined, input)), [None; 2]);
        assert_eq!(of(&policy, graph.logits(), joined), None, "a pool that gives logits");
    }

    #[test]
    fn windowed_pools_keep_behind_the_window() {
        let pool = |window: Window| {
            graph(Shape::new(6, 6, 3), move |g| {
                g.max_pool("pool", 1, window);
            })
        };
        let half = pool(Window { kernel: 2, stride: 2, pads: Pads::default() });
        assert_eq!(distance_of(&half, Bits::B8), Some(0));
        // Windows begin a row and a column before what is written.
        let same = pool(Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) });
        assert_eq!(distance_of(&same, Bits::B8), Some(7 * 8));
        assert_eq!(distance_of(&same, Bits::B2), Some(align(7 * 2)), "both sides have the same width");
        let two = pool(Window { kernel: 3, stride: 2, pads: Pads::symmetric(1) });
        assert_eq!(distance_of(&two, Bits::B8), Some(0));
        // Three windows of a row, and three rows of windows, begin at the first pixel.
        let wide = pool(Window { kernel: 5, stride: 2, pads: Pads::symmetric(4) });
        assert_eq!(distance_of(&wide, Bits::B4), Some((2 * 5 + 2) * 4));
    }

    #[test]
    fn a_single_pixel_may_be_overwritten_and_a_pooled_map_may_not() {
        let graph = "mobilenet-v1-0.25-32".parse::<crate::net::Spec>().expect("a name").build();
        let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        let of = |name: &str| {
            let layer = &graph.layers[graph.layer_named(name).expect(name)];
            distance(&graph, &policy, layer, layer.inputs[0])
        };
        assert_eq!(of("fc"), Some(0));
        assert_eq!(of("pool"), None);
    }
}
