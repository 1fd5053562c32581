//! The network on the screen.

use crate::net::{Layer, Op};

/// What a layer is, in the words of people who build networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Convolution over all channels with a window above 1x1.
    Conv,
    /// Convolution of each channel by itself.
    Depthwise,
    /// 1x1 convolution.
    Pointwise,
    /// The classifier.
    Linear,
    /// Global average pool.
    Pool,
    /// Residual add.
    Add,
    /// Max pool with a window.
    MaxPool,
    /// Average pool with a window.
    AvgPool,
    /// Function of each element.
    Lookup,
    /// Product of a map and a number for each channel.
    Multiply,
    /// Channels of several maps.
    Concat,
}

impl Kind {
    /// Kinds with weights.
    pub const WITH_WEIGHTS: [Kind; 4] = [Kind::Conv, Kind::Depthwise, Kind::Pointwise, Kind::Linear];

    /// The kind of an operation.
    pub fn of(op: Op) -> Self {
        match op {
            Op::Conv(window) if window.kernel == 1 => Kind::Pointwise,
            Op::Conv(..) => Kind::Conv,
            Op::Depthwise(..) => Kind::Depthwise,
            Op::Linear => Kind::Linear,
            Op::GlobalAvgPool => Kind::Pool,
            Op::Add => Kind::Add,
            Op::MaxPool(..) => Kind::MaxPool,
            Op::AvgPool(..) => Kind::AvgPool,
            Op::Lookup(_) => Kind::Lookup,
            Op::Multiply => Kind::Multiply,
            Op::Concat => Kind::Concat,
        }
    }

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Conv => "conv",
            Kind::Depthwise => "depthwise",
            Kind::Pointwise => "pointwise",
            Kind::Linear => "linear",
            Kind::Pool => "pool",
            Kind::Add => "add",
            Kind::MaxPool => "max pool",
            Kind::AvgPool => "average pool",
            Kind::Lookup => "function",
            Kind::Multiply => "product",
            Kind::Concat => "concatenation",
        }
    }
}

/// Kind and window of a layer: `depthwise 3x3, stride 2`.
pub fn describe(layer: &Layer) -> String {
    if let Op::Lookup(function) = layer.op {
        return function.name().into();
    }
    let title = Kind::of(layer.op).title();
    match layer.window() {
        Some(w) if w.stride > 1 => format!("{title} {0}x{0}, stride {1}", w.kernel, w.stride),
        Some(w) if w.kernel > 1 => format!("{title} {0}x{0}", w.kernel),
        _ => title.into(),
    }
}
