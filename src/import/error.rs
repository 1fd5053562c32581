//! What can be wrong with a weights file.

use super::keras::KerasError;
use super::onnx::OnnxError;
use super::passes::Refusals;
use super::tflite::TfliteError;
use super::torch::BlocksError;
use super::{Naming, SettingKind, torch::TorchError};
use crate::net::SpecError;
use std::fmt;

/// Why a file gives no network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// A quantizer that was trained with the weights is missing or damaged.
    #[error(
        "{name} is missing or damaged: expected {expected}; write the file again with `bitsmith finetune`"
    )]
    Quantizers {
        /// Name of the tensor.
        name: String,
        /// What it must hold.
        expected: String,
    },
    /// The bytes are no intact file of weights.
    #[error(transparent)]
    File(#[from] FileError),
    /// The tensors' names are those of no network of the zoo.
    #[error(
        "the names of the {count} tensors ({sample}) are not those of a supported network{}: expected MobileNetV1, \
         MobileNetV2 or MNasNet-B1 with names as in Keras (conv1/kernel), torchvision (features.0.0.weight, \
         layers.0.weight), timm (conv_stem.weight), transformers (mobilenet_v1.conv_stem.convolution.weight), HAQ \
         (conv1.0.weight) or MCUNet (first_conv.conv.weight); rename the tensors or save the original network",
        forced.map(|naming| format!(" in {naming} names")).unwrap_or_default()
    )]
    UnknownNames {
        /// Number of tensors.
        count: usize,
        /// The first few names.
        sample: String,
        /// The naming that the caller asked for.
        forced: Option<Naming>,
    },
    /// Another network than the caller expects.
    #[error(
        "the file holds {found}, expected {expected}; name the network that the file holds, or choose another file"
    )]
    OtherNetwork {
        /// What the caller expects.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// Another size of the image than the file's graph has.
    #[error(
        "the file fixes the network's image at {fixed}x{fixed} pixels, not {asked}x{asked}: leave out what says otherwise \
         (--side, --network, a link, or the page's field Input size), or export the network for {asked}x{asked} or with an \
         open size"
    )]
    FixedSide {
        /// Rows and columns in the file.
        fixed: usize,
        /// What the caller wants.
        asked: u16,
    },
    /// The file states a setting in a way that is not understood, or one that cannot be used.
    #[error(
        "the file's metadata {key} = '{value}' cannot be used: {reason}; correct the entry, or {}",
        advice(*setting)
    )]
    Setting {
        /// Key of the entry.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is wrong, and what was expected.
        reason: String,
        /// The setting it is about.
        setting: SettingKind,
    },
    /// The network is out of the supported range.
    #[error("{0}; this network is not supported")]
    Spec(#[from] SpecError),
    /// A file with a graph that cannot be read.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A file with a graph that cannot be read.
    #[error(transparent)]
    Tflite(#[from] TfliteError),
    /// A file with a graph that cannot be read.
    #[error(transparent)]
    Keras(#[from] KerasError),
    /// A description of a network, or its weights, that cannot be read.
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    /// A description without weights.
    #[error(
        "the file describes a network without its weights: expected the file of weights beside it; choose both \
         together, e.g. net.json and net.pth, or give the description with --graph"
    )]
    WeightsMissing,
    /// Files that do not belong together.
    #[error(
        "{0} files: expected one file with a network, or a description in JSON and the file with its weights; choose \
         these alone"
    )]
    Files(usize),
    /// A graph with something that cannot be taken.
    #[error(transparent)]
    Refused(#[from] Refusals),
    /// Something is wrong with single tensors.
    #[error(transparent)]
    Tensors(#[from] Problems),
}

/// How a caller gives a setting that a file states wrongly.
fn advice(setting: SettingKind) -> &'static str {
    match setting {
        SettingKind::Side => "give it with --side or in the page",
        SettingKind::Padding => "give it with --padding or in the page",
        SettingKind::Epsilon => "give it with --epsilon or in the page",
        SettingKind::Normalization => "give it with --preprocessing, or --mean and --std, or in the page",
        SettingKind::Activation | SettingKind::Head | SettingKind::Channels | SettingKind::Ranges => {
            "use a network that has it"
        }
    }
}

/// Why bytes are no file of weights.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// No bytes at all.
    #[error("the file is empty; expected a .safetensors file or a PyTorch checkpoint, choose another one")]
    Empty,
    /// More than any supported network needs.
    #[error(
        "the file has {} MiB: expected at most {} MiB, more than any supported network needs; save the network's own \
         tensors only, without the optimizer's",
        found.div_ceil(1 << 20),
        super::MAX_FILE_BYTES >> 20
    )]
    TooLarge {
        /// Its bytes.
        found: u64,
    },
    /// A header and nothing else.
    #[error("the file holds no tensors; expected those of a network, choose another file")]
    NoTensors,
    /// Another format.
    #[error("the file is {format}, expected a .safetensors file or a PyTorch checkpoint; {advice}")]
    Foreign {
        /// What it is, with its article.
        format: &'static str,
        /// How to get a file of weights from it.
        advice: &'static str,
    },
    /// Nothing that is known.
    #[error(
        "the file is neither a .safetensors file ({0}) nor a PyTorch checkpoint; save the weights with safetensors' \
         save_file or PyTorch's torch.save"
    )]
    Unknown(String),
    /// A checkpoint of PyTorch that cannot be read.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// The end is missing.
    #[error("the file is cut off: expected {expected} bytes, found {found}; download or copy it again")]
    Truncated {
        /// Bytes that the header announces.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// There is more than the header says.
    #[error(
        "the file is damaged: its header describes {expected} bytes, found {found}; download or copy it again"
    )]
    TooLong {
        /// Bytes that the header announces.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The header contradicts itself.
    #[error("the file's header is damaged ({0}); download or copy it again")]
    Header(String),
}

/// Everything that is wrong with the tensors of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Problems {
    /// The network that was expected, in words.
    pub network: String,
    /// The naming that was expected, of a network of the zoo.
    pub naming: Option<Naming>,
    /// What is wrong: unsupported layers, then the network's tensors in order, then tensors too many. Not empty.
    pub list: Vec<Problem>,
}

/// Problems that are written out; the rest is only counted.
const SHOWN: usize = 8;

/// Writes one line for each of the first problems, and how many more there are.
pub(super) fn write_problems(f: &mut fmt::Formatter<'_>, list: &[Problem]) -> fmt::Result {
    for problem in list.iter().take(SHOWN) {
        write!(f, "\n- {problem}")?;
    }
    match list.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, "\n- and {more} more"),
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, naming, list } = self;
        let names = naming.map_or(String::new(), |naming| format!(" in {naming} names"));
        write!(f, "the tensors do not fit {network}{names}:")?;
        write_problems(f, list)
    }
}

impl std::error::Error for Problems {}

/// What is wrong with one tensor, or with the tensors of an unsupported layer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A layer that no network of the zoo has.
    #[error("{layer} is not supported (tensor '{name}'{}); use a network without it", and_others(*others))]
    Unsupported {
        /// What the layer is.
        layer: &'static str,
        /// Its first tensor.
        name: String,
        /// How many more there are.
        others: usize,
    },
    /// The network needs a tensor that is not there.
    #[error("tensor '{name}' is missing: expected shape {expected:?}; save all of the network's tensors")]
    Missing {
        /// Its name, or several with "' or '" between them.
        name: String,
        /// Its shape in the naming's layout.
        expected: Vec<usize>,
    },
    /// A tensor has another size.
    #[error(
        "tensor '{name}' has the wrong shape: expected {expected:?}, found {found:?}; save it in the layout of \
         the network it belongs to"
    )]
    Shape {
        /// Its name.
        name: String,
        /// Shape in the naming's layout.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// Elements of a type that is not read.
    #[error(
        "tensor '{name}' has elements of type {found}: expected F32, F16, BF16 or F64; save it as float32"
    )]
    Type {
        /// Its name.
        name: String,
        /// Type by its name in safetensors.
        found: String,
    },
    /// An infinity or no number.
    #[error(
        "tensor '{name}' holds {value} at element {index}: expected finite numbers; the training has diverged or \
         the file is damaged, use another checkpoint"
    )]
    NotFinite {
        /// Its name.
        name: String,
        /// Position of the first such element as stored.
        index: usize,
        /// The element as f32.
        value: f32,
    },
    /// A variance below zero.
    #[error(
        "tensor '{name}' holds {value} at element {index}: expected a variance of at least 0; the file is \
         damaged, use another checkpoint"
    )]
    NegativeVariance {
        /// Its name.
        name: String,
        /// Position of the first such element.
        index: usize,
        /// The element.
        value: f32,
    },
    /// A tensor of weights that the network has no use for.
    #[error(
        "tensor '{name}' of shape {found:?} belongs to no layer of the network; remove it if it has no effect"
    )]
    Unexpected {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
    },
}

fn and_others(others: usize) -> String {
    match others {
        0 => String::new(),
        n => format!(" and {n} more"),
    }
}
