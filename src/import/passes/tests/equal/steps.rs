//! What random networks are made of.

use crate::import::raw::RawOp;
use proptest::prelude::*;

/// A step of a random network.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Conv {
        outputs: usize,
        kernel: [usize; 2],
        stride: usize,
        padding: usize,
        bias: bool,
    },
    Depthwise {
        kernel: usize,
        padding: usize,
    },
    Norm,
    /// Sum, difference, product or quotient with a constant, one per channel or one for all; constant first.
    Arithmetic {
        op: usize,
        per_channel: bool,
        first: bool,
    },
    Relu,
    /// ReLU6 as minimum and maximum.
    MinMax,
    MaxPool {
        padding: usize,
        ceil: bool,
    },
    AvgPool {
        padding: usize,
        ceil: bool,
        counts_pads: bool,
    },
    /// Zeros around, the next step a convolution without pads.
    PaddedConv,
    /// Zeros around that nobody may take over.
    Pad {
        before: usize,
        after: usize,
        relu: bool,
    },
    /// Two branches that are added.
    Residual {
        norm: bool,
        relu: bool,
    },
    /// A function of each element; slope and offset of hard sigmoids.
    Function {
        function: usize,
        slope: [f32; 2],
    },
    /// Squeeze-and-excite: convolutions or dense layers on the means, a function, and the product.
    Gate {
        dense: bool,
        function: usize,
        first: bool,
        expand: bool,
    },
    /// The map and others of it as one, the map more than once.
    Concat {
        others: usize,
        repeated: usize,
        negative: bool,
    },
    /// To the other order of axes and back.
    Transposed,
    /// In another shape and back.
    Reshaped,
    Identity,
}

pub(super) const FUNCTIONS: [RawOp; 6] = [
    RawOp::Identity,
    RawOp::Sigmoid,
    RawOp::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 },
    RawOp::HardSwish,
    RawOp::Swish,
    RawOp::Tanh,
];

/// How the network ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Flatten,
    FlattenInOtherOrder,
    MeanThenDense,
    MeanThenConv,
    ConvThenMean,
    DenseThenMean,
    ReluThenMean,
    PoolThenFlatten,
    TwoDense,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = 1..=3_usize;
    let conv = (1..=5_usize, [side.clone(), side.clone()], 1..=2_usize, 0..4_usize, any::<bool>()).prop_map(
        |(outputs, kernel, stride, padding, bias)| Step::Conv { outputs, kernel, stride, padding, bias },
    );
    let step = prop_oneof![
        4 => conv,
        1 => (side, 0..4_usize).prop_map(|(kernel, padding)| Step::Depthwise { kernel, padding }),
        2 => Just(Step::Norm),
        2 => (0..4_usize, any::<bool>(), any::<bool>())
            .prop_map(|(op, per_channel, first)| Step::Arithmetic { op, per_channel, first }),
        2 => Just(Step::Relu),
        1 => Just(Step::MinMax),
        1 => (0..4_usize, any::<bool>()).prop_map(|(padding, ceil)| Step::MaxPool { padding, ceil }),
        1 => (0..4_usize, any::<bool>(), any::<bool>())
            .prop_map(|(padding, ceil, counts_pads)| Step::AvgPool { padding, ceil, counts_pads }),
        1 => Just(Step::PaddedConv),
        1 => (0..=2_usize, 0..=2_usize, any::<bool>())
            .prop_map(|(before, after, relu)| Step::Pad { before, after, relu }),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(norm, relu)| Step::Residual { norm, relu }),
        2 => (0..6_usize, [-1.0..1.0_f32, -1.0..1.0_f32])
            .prop_map(|(function, slope)| Step::Function { function, slope }),
        2 => (any::<bool>(), 0..6_usize, any::<bool>(), any::<bool>())
            .prop_map(|(dense, function, first, expand)| Step::Gate { dense, function, first, expand }),
        2 => (0..3_usize, 1..20_usize, any::<bool>())
            .prop_map(|(others, repeated, negative)| Step::Concat { others, repeated, negative }),
        1 => Just(Step::Transposed),
        1 => Just(Step::Reshaped),
        1 => Just(Step::Identity),
    ];
    prop::collection::vec(step, 0..8)
}

pub(super) fn ends() -> impl Strategy<Value = End> {
    prop::sample::select(vec![
        End::Flatten,
        End::FlattenInOtherOrder,
        End::MeanThenDense,
        End::MeanThenConv,
        End::ConvThenMean,
        End::DenseThenMean,
        End::ReluThenMean,
        End::PoolThenFlatten,
        End::TwoDense,
    ])
}
