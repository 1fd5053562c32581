//! The runtime's routines: which one runs a layer, and how much scratch it needs.

use super::layout::align;
use crate::net::{Graph, Layer, Op, Shape, Window};

/// A routine of the C runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Routine {
    /// 1x1 convolution with stride 1, two pixels at a time.
    Pointwise,
    /// Any other convolution over all channels, one row of output at a time.
    Conv,
    /// Depthwise convolution with a kernel of 3 or 5, one row of output at a time, over all channels or a block of them.
    Depthwise,
    /// The same with any other kernel.
    DepthwiseAny,
    /// Fully connected layer.
    Linear,
    /// Global average pool.
    Pool,
    /// Residual add, four channels at a time.
    Add,
    /// Max pool, four channels at a time.
    MaxPool,
    /// Average pool, four channels at a time.
    AvgPool,
    /// Global average pool that gives the logits.
    PoolLogits,
    /// Function of each element, four channels at a time.
    Lookup,
    /// Product of a map and a number for each channel, four channels at a time.
    Multiply,
    /// Concatenation: one map after the other, each with the function of [`Routine::Lookup`].
    Concat,
}

/// A depthwise convolution that does not take all channels at once takes a multiple of this many.
pub const BLOCK_STEP: usize = 16;

impl Routine {
    /// All routines.
    pub const ALL: [Routine; 13] = [
        Self::Pointwise,
        Self::Conv,
        Self::Depthwise,
        Self::DepthwiseAny,
        Self::Linear,
        Self::Pool,
        Self::Add,
        Self::MaxPool,
        Self::AvgPool,
        Self::PoolLogits,
        Self::Lookup,
        Self::Multiply,
        Self::Concat,
    ];

    /// The routine that runs a layer.
    pub fn of(graph: &Graph, layer: &Layer) -> Self {
        match layer.op {
            Op::Conv(Window { kernel: 1, stride: 1, .. }) => Self::Pointwise,
            Op::Conv(..) => Self::Conv,
            Op::Depthwise(Window { kernel: 3 | 5, .. }) => Self::Depthwise,
            Op::Depthwise(..) => Self::DepthwiseAny,
            Op::Linear => Self::Linear,
            Op::GlobalAvgPool if layer.output == graph.logits() => Self::PoolLogits,
            Op::GlobalAvgPool => Self::Pool,
            Op::Add => Self::Add,
            Op::MaxPool(..) => Self::MaxPool,
            Op::AvgPool(..) => Self::AvgPool,
            Op::Lookup(_) => Self::Lookup,
            Op::Multiply => Self::Multiply,
            Op::Concat => Self::Concat,
        }
    }

    /// Whether it is a depthwise convolution.
    pub const fn is_depthwise(self) -> bool {
        matches!(self, Self::Depthwise | Self::DepthwiseAny)
    }

    /// The routine whose function it calls: a concatenation calls that of [`Routine::Lookup`].
    pub const fn code(self) -> Self {
        match self {
            Self::Concat => Self::Lookup,
            other => other,
        }
    }

    /// Calls of its function that run a layer, each with a descriptor of its own: a concatenation makes one for each
    /// input.
    pub fn calls(self, layer: &Layer) -> usize {
        if self == Self::Concat { layer.inputs.len() } else { 1 }
    }

    /// Name of its function.
    pub const fn function(self) -> &'static str {
        match self {
            Self::Pointwise => "bs_pointwise",
            Self::Conv => "bs_conv_first",
            Self::Depthwise => "bs_depthwise",
            Self::DepthwiseAny => "bs_depthwise_any",
            Self::Linear => "bs_linear",
            Self::Pool => "bs_avgpool",
            Self::Add => "bs_residual_add",
            Self::MaxPool => "bs_window_max",
            Self::AvgPool => "bs_window_average",
            Self::PoolLogits => "bs_avgpool_logits",
            Self::Lookup | Self::Concat => "bs_lookup_codes",
            Self::Multiply => "bs_multiply_channels",
        }
    }
}

/// Bytes of scratch that a layer needs while it runs. `block` is the number of channels that a depthwise
/// convolution takes at once; other layers ignore it.
///
/// Pixels, and the weights of depthwise convolutions, are widened to 16 bits; rows under a window wait in a ring of bytes
/// with their padding.
pub fn scratch_bytes(graph: &Graph, layer: &Layer, block: usize) -> usize {
    let input = graph.input_shape(layer);
    let c_in = input.channels;
    let taps = layer.window().map_or(1, |w| w.kernel * w.kernel);
    match Routine::of(graph, layer) {
        Routine::Pointwise => 4 * c_in.next_multiple_of(16),
        Routine::Conv => {
            let patch = taps * c_in;
            let ring = ring_pixels(graph, layer, input) * c_in;
            4 * patch.next_multiple_of(16) + 2 * align(patch) + align(ring)
        }
        Routine::Depthwise | Routine::DepthwiseAny => {
            align(ring_pixels(graph, layer, input) * block) + 2 * block * taps.next_multiple_of(2)
        }
        Routine::Linear => 2 * c_in.next_multiple_of(16),
        Routine::Pool
        | Routine::Add
        | Routine::MaxPool
        | Routine::AvgPool
        | Routine::PoolLogits
        | Routine::Lookup
        | Routine::Multiply
        | Routine::Concat => 0,
    }
}

/// Pixels in a ring of padded rows: kernel x (width + the pads that are used).
fn ring_pixels(graph: &Graph, layer: &Layer, input: Shape) -> usize {
    let Some(Window { kernel, stride, pads }) = layer.window() else { return 0 };
    let last = (graph.output_shape(layer).width - 1) * stride + kernel;
    // The window may stop short of the last column of input or padding.
    kernel * last.max(pads.left + input.width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Activation, Pads, Window};

    const RELU: Activation = Activation::Relu;

    fn scratch(build: impl Fn(&mut Graph) -> usize, image: Shape, block: usize) -> usize {
        let mut graph = Graph::new(image);
        build(&mut graph);
        scratch_bytes(&graph, &graph.layers[0], block)
    }

    #[test]
    fn figures_worked_out_by_hand() {
        let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
        let pointwise = |g: &mut Graph| g.conv("pw", 0, 24, one, RELU);
        assert_eq!(scratch(pointwise, Shape::new(8, 8, 20), 0), 4 * 32);
        assert_eq!(scratch(pointwise, Shape::new(8, 8, 15), 0), 4 * 16);

        // 32 columns at stride 2 with one pad on the right: 33 in use; the symmetric pad on the right is not used.
        let same = Window { kernel: 3, stride: 2, pads: Pads::same(32, 3, 2) };
        let conv = |g: &mut Graph| g.conv("conv1", 0, 8, same, RELU);
        let ring = (3 * 33 * 3_usize).next_multiple_of(4);
        assert_eq!(scratch(conv, Shape::new(32, 32, 3), 0), ring + 4 * 32 + 2 * 28);
        let symmetric = Window { pads: Pads::symmetric(1), ..same };
        let conv = |g: &mut Graph| g.conv("conv1", 0, 8, symmetric, RELU);
        assert_eq!(scratch(conv, Shape::new(32, 32, 3), 0), ring + 4 * 32 + 2 * 28);

        let five = Window { kernel: 5, stride: 1, pads: Pads::symmetric(2) };
        let depthwise = |g: &mut Graph| g.depthwise("dw", 0, five, RELU);
        for block in [16, 40] {
            let expected = 5 * 18 * block + 2 * block * 26;
            assert_eq!(scratch(depthwise, Shape::new(14, 14, 40), block), expected);
        }
        // 49 weights of a channel and one that aligns those of the next; 14 columns at stride 2 with 6 pads.
        let seven = Window { kernel: 7, stride: 2, pads: Pads::symmetric(3) };
        let depthwise = |g: &mut Graph| g.depthwise("dw", 0, seven, RELU);
        for block in [16_usize, 21] {
            let expected = (7 * 19 * block).next_multiple_of(4) + 2 * block * 50;
            assert_eq!(scratch(depthwise, Shape::new(14, 14, 21), block), expected);
        }
        let linear = |g: &mut Graph| g.linear("fc", 0, 10);
        assert_eq!(scratch(linear, Shape::new(1, 1, 100), 0), 2 * 112);
        let pool = |g: &mut Graph| g.global_avg_pool("pool", 0);
        assert_eq!(scratch(pool, Shape::new(7, 7, 100), 0), 0);
        let windowed = |g: &mut Graph| g.max_pool("pool", 0, five);
        assert_eq!(scratch(windowed, Shape::new(14, 14, 40), 40), 0);
    }
}
