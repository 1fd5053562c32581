//! A network as its file describes it, before it is made ours.
//!
//! A reader knows one file format and nothing of quantization: bytes go in, a [`RawGraph`] comes out. All readers speak
//! this one dialect, so that the passes that make a network of ours of it know no format:
//!
//! - A node says what it computes as a [`RawOp`] and what the file calls it as text, for messages.
//! - Weights stand in our order, `[outputs, rows, columns, inputs of one group]`, matrices `[outputs, inputs]`; what a
//!   file computes from constants (a transposed kernel, float16, integers with a scale) is a constant here.
//! - An activation that the file folds into a layer is a node of its own behind it.
//! - What a reader does not know becomes [`RawOp::Unsupported`], with a reason. It refuses nothing by itself, so that a
//!   user learns everything that is in the way at once.
//! - Maps have the order of axes of the format ([`Layout`]); transpositions and reshapes are nodes as they stand.

use std::collections::BTreeMap;

/// A network out of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawGraph {
    /// Its name in the file; may be empty.
    pub name: String,
    /// What wrote the file, e.g. `tf2onnx 1.16.1`; empty if the file does not say.
    pub producer: String,
    /// Order of axes of maps.
    pub layout: Layout,
    /// Tensors that somebody has to give.
    pub inputs: Vec<RawInput>,
    /// Names of the tensors that are the result.
    pub outputs: Vec<String>,
    /// Nodes in execution order.
    pub nodes: Vec<RawNode>,
    /// Tensors with known values, by name.
    pub constants: BTreeMap<String, Constant>,
    /// What integers of a tensor stand for, by name of the tensor: of files that hold integers. Weights are
    /// [`constants`](Self::constants) in real numbers all the same.
    pub quantizers: BTreeMap<String, RawQuantizer>,
    /// Names of the classes, if the file has them.
    pub labels: Option<Vec<String>>,
    /// What the file says of itself: key and value, as in the metadata of a safetensors file where it means the same.
    pub metadata: BTreeMap<String, String>,
}

/// Order of axes of a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `[batch, rows, columns, channels]`: TensorFlow, Keras, TFLite.
    #[default]
    ChannelsLast,
    /// `[batch, channels, rows, columns]`: ONNX, PyTorch.
    ChannelsFirst,
}

/// A tensor that somebody has to give.
#[derive(Clone, Debug, PartialEq)]
pub struct RawInput {
    /// Its name.
    pub name: String,
    /// Its size, the batch first; `None` where the file leaves it open.
    pub dims: Vec<Option<usize>>,
}

/// Values that a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Its size; empty for a single number.
    pub dims: Vec<usize>,
    /// As many as `dims` say, the last index fastest.
    pub values: Values,
}

/// Numbers of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Weights and the like.
    Floats(Vec<f32>),
    /// Sizes, axes, indices.
    Integers(Vec<i64>),
}

/// What the integers of a tensor stand for: real = scale (integer - zero point), per tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawQuantizer {
    /// Real units per integer step.
    pub scale: f32,
    /// The integer of real zero.
    pub zero_point: i64,
    /// Smallest and largest integer: -128 and 127, 0 and 255.
    pub range: (i64, i64),
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct RawNode {
    /// Its name; the reader makes one up where the file has none. Unique.
    pub name: String,
    /// What the file calls the operation, for messages, e.g. `FusedBatchNormV3`.
    pub operator: String,
    /// What it computes.
    pub op: RawOp,
    /// Names of the tensors that it reads; empty for one that is left out.
    pub inputs: Vec<String>,
    /// Names of the tensors that it writes.
    pub outputs: Vec<String>,
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum RawOp {
    /// Convolution. Reads a map, the kernel `[outputs, rows, columns, inputs of one group]`, perhaps a bias `[outputs]`.
    /// A depthwise convolution has as many groups as channels.
    Conv {
        /// Step in rows and columns.
        stride: [usize; 2],
        /// Distance of the kernel's elements in rows and columns: 1 for a plain one.
        dilation: [usize; 2],
        /// Zeros around the map.
        padding: RawPadding,
        /// Groups of channels that do not see one another.
        groups: usize,
    },
    /// Matrix product over the last axis. Reads a tensor, the matrix `[outputs, inputs]`, perhaps a bias `[outputs]`.
    Dense,
    /// Batch normalization over the channels. Reads a tensor, then gamma, beta, mean, variance, each `[channels]`.
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// min(max(x, `min`), `max`); ReLU is from 0 to infinity.
    Clip {
        /// Smallest value, may be minus infinity.
        min: f32,
        /// Largest value, may be infinity.
        max: f32,
    },
    /// x for x > 0, else `slope` x.
    LeakyRelu {
        /// Factor below zero.
        slope: f32,
    },
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// min(max(`slope` x + `offset`, 0), 1).
    HardSigmoid {
        /// Factor.
        slope: f32,
        /// Added.
        offset: f32,
    },
    /// x min(max(x + 3, 0), 6) / 6.
    HardSwish,
    /// x sigmoid(x), also called SiLU.
    Swish,
    /// Hyperbolic tangent.
    Tanh,
    /// exp(x) over their sum along an axis, or the logarithm of it; neither changes the order of classes.
    Softmax,
    /// Sum of two tensors, one of which may be a constant; axes are matched from the last, as in NumPy.
    Add,
    /// First minus second.
    Sub,
    /// Product.
    Mul,
    /// First over second.
    Div,
    /// Largest value in a window.
    MaxPool(RawWindow),
    /// Mean of a window.
    AvgPool {
        /// The window.
        window: RawWindow,
        /// Whether zeros around the map count.
        counts_pads: bool,
    },
    /// Mean over axes, which may be negative: from the end. A global average pool is one over rows and columns.
    Mean {
        /// The axes.
        axes: Vec<i64>,
        /// Whether they stay, with size 1.
        keep: bool,
    },
    /// Values around a tensor.
    Pad {
        /// How many before and after, for each axis.
        pads: Vec<[i64; 2]>,
        /// The value.
        value: f32,
    },
    /// The same values in another shape: -1 is what remains (at most once), 0 the size that the input has there.
    /// Flattening and squeezing are written like this.
    Reshape {
        /// The shape, the batch first.
        dims: Vec<i64>,
    },
    /// Elements repeated along axes of size 1, axes matched from the last, as NumPy broadcasts.
    Expand {
        /// The shape; 1 and -1 are the size that the input has there.
        dims: Vec<i64>,
    },
    /// Axes in another order.
    Transpose {
        /// For each axis of the result, the axis of the input.
        order: Vec<usize>,
    },
    /// Two or more tensors one behind the other.
    Concat {
        /// The axis; may be negative.
        axis: i64,
    },
    /// Its input as it is: dropout, identity, casts between real numbers, quantize and dequantize pairs (whose scale goes
    /// to [`RawGraph::quantizers`]).
    Identity,
    /// Anything else.
    Unsupported {
        /// Why, in words that end a sentence, e.g. `a recurrent layer`.
        reason: String,
    },
}

/// A window that slides over a map.
#[derive(Clone, Debug, PartialEq)]
pub struct RawWindow {
    /// Rows and columns.
    pub kernel: [usize; 2],
    /// Step in rows and columns.
    pub stride: [usize; 2],
    /// What is added around the map.
    pub padding: RawPadding,
    /// Whether a last window that sticks out counts (ONNX's and PyTorch's ceil_mode).
    pub ceil: bool,
}

/// What is added around a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawPadding {
    /// Rows and columns: top, left, bottom, right.
    Explicit([usize; 4]),
    /// So that ceil(size / stride) pixels come out; the odd one goes to the bottom and the right.
    Same,
    /// As [`RawPadding::Same`]; the odd one goes to the top and the left.
    SameLower,
}

impl RawPadding {
    /// None.
    pub const VALID: Self = Self::Explicit([0; 4]);
}
