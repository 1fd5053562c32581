//! The kernels: WGSL sources, entry points, and which numbers their bindings have.

use crate::train::stepper::{NUDGE, SLACK};

/// Invocations in a workgroup of every kernel.
pub const WORKGROUP: usize = 64;

/// One entry point of one shader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kernel {
    /// Bytes of images to the network's input.
    Prepare,
    /// Weights to fake-quantized weights.
    Quantize,
    /// Gradient of fake-quantized weights to that of weights and steps.
    Pass,
    /// Sums of 1x1 convolutions and linear layers.
    PointwiseSum,
    /// The same with what follows.
    PointwiseInfer,
    /// Gradient of the input.
    PointwiseInputGradient,
    /// Sums of other convolutions over all channels.
    WindowedSum,
    /// The same with what follows.
    WindowedInfer,
    /// Partial weight gradients of all layers over all channels.
    DenseWeightGradient,
    /// Sums of depthwise convolutions.
    DepthwiseSum,
    /// The same with what follows.
    DepthwiseInfer,
    /// Gradient of the input.
    DepthwiseInputGradient,
    /// Partial weight gradients.
    DepthwiseWeightGradient,
    /// Partial sums for mean and variance.
    Moments,
    /// Mean and variance, running statistics, slope and offset.
    Normalize,
    /// The two above and [`Kernel::Finish`] for a small map.
    NormalizeMap,
    /// Slope and offset from the running statistics.
    Fold,
    /// Slope and offset of layers without weights.
    Plain,
    /// Slope and offset of layers without batch normalization.
    Bias,
    /// Slope, offset, activation, fake quantization.
    Finish,
    /// Partial sums of the gradient for [`Kernel::Gradient`].
    GradientMoments,
    /// Their sums: gradients of gamma, beta and, by channel, of the output's step.
    GradientSums,
    /// Gradient of the output to gradient of the sums.
    Gradient,
    /// The three above for a small map.
    GradientMap,
    /// Gradients of the steps of all outputs.
    ScaleGradients,
    /// Sum of two maps.
    Add,
    /// Gradient of one of them.
    AddGradient,
    /// A function of each element.
    Lookup,
    /// Its gradient.
    LookupGradient,
    /// Product of a map and a gate, or the gradient of the map.
    Multiply,
    /// Gradient of the gate.
    GateGradient,
    /// One map of a concatenation.
    Concat,
    /// Its gradient.
    ConcatGradient,
    /// Mean over pixels.
    Pool,
    /// Its gradient.
    PoolGradient,
    /// Largest value under a window.
    MaxPool,
    /// Its gradient.
    MaxPoolGradient,
    /// Mean under a window.
    AveragePool,
    /// Its gradient.
    AveragePoolGradient,
    /// Gradient of the logits' bias.
    BiasGradient,
    /// Loss, its gradient, and what was right.
    Loss,
    /// Sums of partial weight gradients.
    Gather,
    /// Squared norms of the gradients, by block.
    NormOfBlocks,
    /// Their sum.
    NormOfAll,
    /// The optimizer.
    Update,
}

/// Workgroups in a row of a dispatch. The same in `shaders/invocation.wgsl`.
pub const ROW_OF_WORKGROUPS: u32 = 32768;

/// Highest number of a binding in the shaders.
const LAST_BINDING: u32 = 11;

const ADD_TO: &str = include_str!("shaders/add_to.wgsl");
const INVOCATION: &str = include_str!("shaders/invocation.wgsl");
const LAYER: &str = include_str!("shaders/layer.wgsl");
const QUANTIZE: &str = include_str!("shaders/quantize.wgsl");
const SETTINGS: &str = include_str!("shaders/settings.wgsl");

impl Kernel {
    /// The WGSL module whose entry point is called `main` and whose bindings are numbered in the order in which a
    /// dispatch lists them, as burn's template kernels have it.
    pub fn source(self) -> String {
        let constants = format!("const NUDGE = {NUDGE:?};\nconst SLACK = {SLACK:?};\n");
        let mut source =
            (constants + &self.parts().join("\n")).replace(&format!("fn {}(", self.entry()), "fn main(");
        for binding in 0..=LAST_BINDING {
            let place = self.bindings().iter().position(|&used| used == binding);
            // What another entry point of the module uses goes where it is in nobody's way.
            let place = place.map_or(100 + binding, |place| place as u32);
            source = source.replace(&format!("@binding({binding}) "), &format!("@binding[{place}] "));
        }
        source.replace("@binding[", "@binding(").replace("] var<", ") var<")
    }

    /// The WGSL module's parts.
    fn parts(self) -> &'static [&'static str] {
        use Kernel::*;
        match self {
            Prepare => &[INVOCATION, include_str!("shaders/image.wgsl")],
            Quantize | Pass => &[INVOCATION, include_str!("shaders/weights.wgsl")],
            PointwiseSum | PointwiseInfer | PointwiseInputGradient | WindowedSum | WindowedInfer => {
                &[INVOCATION, LAYER, QUANTIZE, include_str!("shaders/dense.wgsl")]
            }
            DenseWeightGradient => &[INVOCATION, LAYER, include_str!("shaders/dense_weight_gradient.wgsl")],
            DepthwiseSum | DepthwiseInfer | DepthwiseInputGradient => {
                &[INVOCATION, LAYER, QUANTIZE, include_str!("shaders/depthwise.wgsl")]
            }
            DepthwiseWeightGradient => {
                &[INVOCATION, LAYER, include_str!("shaders/depthwise_weight_gradient.wgsl")]
            }
            Moments | Normalize | NormalizeMap | Fold | Plain | Bias | Finish | GradientMoments
            | GradientSums | Gradient | GradientMap => {
                &[INVOCATION, LAYER, QUANTIZE, SETTINGS, include_str!("shaders/norm.wgsl")]
            }
            ScaleGradients => &[include_str!("shaders/scales.wgsl")],
            Add | AddGradient | Multiply | GateGradient | Concat | ConcatGradient | Pool | PoolGradient
            | BiasGradient => &[INVOCATION, LAYER, ADD_TO, include_str!("shaders/joins.wgsl")],
            Lookup | LookupGradient => &[INVOCATION, LAYER, ADD_TO, include_str!("shaders/functions.wgsl")],
            MaxPool | MaxPoolGradient | AveragePool | AveragePoolGradient => {
                &[INVOCATION, LAYER, ADD_TO, include_str!("shaders/window_pools.wgsl")]
            }
            Loss => &[INVOCATION, LAYER, SETTINGS, include_str!("shaders/loss.wgsl")],
            Gather | NormOfBlocks | NormOfAll | Update => &[SETTINGS, include_str!("shaders/optimize.wgsl")],
        }
    }

    /// Name of the entry point in the shader.
    pub fn entry(self) -> &'static str {
        use Kernel::*;
        match self {
            Prepare => "prepare",
            Quantize => "quantize",
            Pass => "pass_through",
            PointwiseSum => "pointwise_sum",
            PointwiseInfer => "pointwise_infer",
            PointwiseInputGradient => "pointwise_input_gradient",
            WindowedSum => "windowed_sum",
            WindowedInfer => "windowed_infer",
            DenseWeightGradient | DepthwiseWeightGradient | ScaleGradients => "main",
            DepthwiseSum => "sum",
            DepthwiseInfer => "infer",
            DepthwiseInputGradient => "input_gradient",
            Moments => "moments",
            Normalize => "normalize",
            NormalizeMap => "normalize_map",
            Fold => "fold",
            Plain => "plain",
            Bias => "bias",
            Finish => "finish",
            GradientMoments => "gradient_moments",
            GradientSums => "gradient_sums",
            Gradient => "gradient",
            GradientMap => "gradient_map",
            Add => "add",
            AddGradient => "add_gradient",
            Lookup => "lookup",
            LookupGradient => "lookup_gradient",
            Multiply => "multiply",
            GateGradient => "gate_gradient",
            Concat => "concat",
            ConcatGradient => "concat_gradient",
            Pool => "pool",
            PoolGradient => "pool_gradient",
            MaxPool => "max_pool",
            MaxPoolGradient => "max_pool_gradient",
            AveragePool => "average_pool",
            AveragePoolGradient => "average_pool_gradient",
            BiasGradient => "bias_gradient",
            Loss => "loss",
            Gather => "gather",
            NormOfBlocks => "norm_of_blocks",
            NormOfAll => "norm_of_all",
            Update => "update",
        }
    }

    /// Numbers of the bindings that the entry point uses, in the order in which a dispatch lists them.
    pub fn bindings(self) -> &'static [u32] {
        use Kernel::*;
        match self {
            Prepare => &[0, 1, 2, 3],
            Quantize => &[0, 1, 2, 4],
            Pass => &[0, 1, 3],
            PointwiseSum | PointwiseInputGradient | WindowedSum => &[0, 1, 2, 3],
            PointwiseInfer | WindowedInfer | DepthwiseInfer => &[0, 1, 2, 3, 4, 5],
            DepthwiseSum | DepthwiseInputGradient => &[0, 1, 2, 3],
            DenseWeightGradient | DepthwiseWeightGradient => &[0, 1, 2, 3],
            Moments => &[0, 1, 2, 3],
            Normalize => &[0, 2, 3, 4, 5, 6, 10],
            NormalizeMap => &[0, 1, 3, 4, 5, 6, 7, 10],
            Fold => &[0, 3, 4, 5, 10],
            Plain => &[0, 4, 5],
            Bias => &[0, 4, 5, 10],
            Finish => &[0, 1, 4, 5, 7],
            GradientMoments => &[0, 1, 2, 4, 5, 7],
            GradientSums => &[0, 2, 4, 6, 8, 9, 11],
            Gradient => &[0, 1, 4, 5, 7, 9],
            GradientMap => &[0, 1, 4, 5, 6, 7, 8, 11],
            ScaleGradients => &[0, 1, 2],
            Add | MaxPoolGradient | LookupGradient | Multiply | GateGradient => &[0, 1, 2, 3],
            Concat | ConcatGradient => &[0, 4, 5],
            AddGradient | Lookup | Pool | PoolGradient | BiasGradient | MaxPool | AveragePool
            | AveragePoolGradient => &[0, 1, 3],
            Loss => &[0, 1, 2, 3, 4, 6, 7, 8],
            Gather => &[0, 1, 2],
            NormOfBlocks => &[2, 7],
            NormOfAll => &[0, 7],
            Update => &[0, 2, 3, 4, 5, 6, 7],
        }
    }
}
