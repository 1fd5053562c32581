//! Where the fields of the format stand. All numbers are little-endian.

/// First bytes of every file.
pub const MAGIC: [u8; 4] = *b"BSMD";

/// The newest version of the format: of networks that are not of the zoo.
pub const VERSION: u16 = 2;

/// The version of networks of the zoo.
pub const ZOO_VERSION: u16 = 1;

/// Bytes at the end of the file: CRC-32 of all before.
pub const CRC_BYTES: usize = 4;

/// In [`layer::INPUT_B`]: no second input.
pub const NO_TENSOR: u16 = u16::MAX;

/// The weights' section starts at a multiple of this.
pub const SECTION_ALIGNMENT: usize = 16;

/// A field of a record: bytes from the record's start, and its own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Bytes from the record's start.
    pub at: usize,
    /// Bytes of the field.
    pub bytes: usize,
}

/// A module with a constant for each field, and all of them in order as `FIELDS`.
macro_rules! record {
    ($(#[$doc:meta])* $record:ident, $total:literal: $($(#[$field_doc:meta])* $name:ident = $at:literal, $bytes:literal;)*) => {
        $(#[$doc])*
        pub mod $record {
            use super::Field;
            /// Bytes of a record.
            pub const BYTES: usize = $total;
            /// All fields in order, by name.
            pub const FIELDS: &[(&str, Field)] = &[$((stringify!($name), $name)),*];
            $($(#[$field_doc])* pub const $name: Field = Field { at: $at, bytes: $bytes };)*
        }
    };
}

record! {
    /// The file's beginning.
    header, 136:
    /// `BSMD`.
    MAGIC = 0, 4;
    /// Version of the format.
    VERSION = 4, 2;
    /// Bytes of this header.
    HEADER_BYTES = 6, 2;
    /// Bytes of the whole file.
    FILE_BYTES = 8, 4;
    /// Where the tensor records start.
    TENSORS_AT = 12, 4;
    /// Where the layer records start.
    LAYERS_AT = 16, 4;
    /// Where the labels start.
    LABELS_AT = 20, 4;
    /// Where the weights' section starts.
    SECTION_AT = 24, 4;
    /// Bytes of the weights' section.
    SECTION_BYTES = 28, 4;
    /// SHA-256 of the weights' section.
    SHA256 = 32, 32;
    /// Name of a network of the zoo, padded with zeros.
    NAME = 64, 32;
    /// Classes.
    CLASSES = 96, 2;
    /// Side of the square image.
    SIDE = 98, 2;
    /// 0 for TensorFlow's padding, 1 for PyTorch's.
    PADDING = 100, 1;
    /// 1 if there are labels.
    HAS_LABELS = 101, 1;
    /// Number of tensors.
    TENSORS = 102, 2;
    /// Number of layers.
    LAYERS = 104, 2;
    /// Zero.
    RESERVED = 106, 2;
    /// Mean of each colour.
    MEAN = 108, 12;
    /// Deviation of each colour.
    DEVIATION = 120, 12;
    /// Where the names start, in version 2; zero in version 1.
    NAMES_AT = 132, 4;
}

record! {
    /// An activation tensor.
    tensor, 16:
    /// Rows.
    HEIGHT = 0, 2;
    /// Columns.
    WIDTH = 2, 2;
    /// Channels.
    CHANNELS = 4, 2;
    /// Bits of a code.
    BITS = 6, 1;
    /// Code of real zero.
    ZERO_POINT = 7, 1;
    /// Real units per code.
    SCALE = 8, 8;
}

record! {
    /// A layer.
    layer, 64:
    /// Name in a network of the zoo, padded with zeros.
    NAME = 0, 16;
    /// What it computes: one of the codes of `op`.
    OP = 16, 1;
    /// 0 none, 1 ReLU, 2 ReLU6.
    ACTIVATION = 17, 1;
    /// First input tensor.
    INPUT_A = 18, 2;
    /// Second input tensor, 65535 if there is none.
    INPUT_B = 20, 2;
    /// Output tensor.
    OUTPUT = 22, 2;
    /// Side of the window.
    KERNEL = 24, 1;
    /// Step of the window.
    STRIDE = 25, 1;
    /// Rows of padding above.
    PAD_TOP = 26, 1;
    /// Columns of padding to the left.
    PAD_LEFT = 27, 1;
    /// Rows of padding below.
    PAD_BOTTOM = 28, 1;
    /// Columns of padding to the right.
    PAD_RIGHT = 29, 1;
    /// Bits of a weight, 0 without weights.
    WEIGHT_BITS = 30, 1;
    /// How many pad codes there are.
    PAD_CODES = 31, 1;
    /// Codes of real zero outside the map.
    PAD_CODE = 32, 3;
    /// Shift of a global pool, an add or a product.
    SHIFT = 35, 1;
    /// Where the weights or the tables start in the section.
    WEIGHTS_AT = 36, 4;
    /// Their bytes.
    WEIGHTS_BYTES = 40, 4;
    /// Where the parameters start in the section.
    PARAMS_AT = 44, 4;
    /// Their bytes.
    PARAMS_BYTES = 48, 4;
    /// Bias of a global pool or a product, offset of an add, number of a function; of a concatenation where in the file
    /// the numbers of its inputs stand.
    OFFSET = 52, 4;
    /// Multiplier of a global pool or a product, of an add's first input.
    MULTIPLIER_A = 56, 4;
    /// Multiplier of an add's second input.
    MULTIPLIER_B = 60, 4;
}

/// Codes of [`layer::OP`].
pub mod op {
    use crate::net::{Activation, Function, Op, Window};

    pub use crate::net::code::{activation as activation_code, op as code};

    /// The operation of a code; the window of those that have one, the number of a function of those that are one.
    pub fn of(code: u8, window: Window, number: i32) -> Option<Op> {
        let known = [
            Op::Conv(window),
            Op::Depthwise(window),
            Op::Linear,
            Op::GlobalAvgPool,
            Op::Add,
            Op::MaxPool(window),
            Op::AvgPool(window),
            Op::Multiply,
            Op::Concat,
        ];
        let function = u8::try_from(number).ok().and_then(Function::of_code);
        known.into_iter().chain(function.map(Op::Lookup)).find(|&op| self::code(op) == code)
    }

    /// The activation of a code.
    pub fn activation_of(code: u8) -> Option<Activation> {
        [Activation::Linear, Activation::Relu, Activation::Relu6]
            .into_iter()
            .find(|&activation| activation_code(activation) == code)
    }
}
