//! Which format a file is in, by its first bytes.

use super::torch;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Named tensors without a graph: safetensors, PyTorch's checkpoints, and whatever is none of the others.
    Tensors,
    /// A graph in ONNX.
    Onnx,
    /// A graph in TensorFlow Lite.
    Tflite,
    /// Keras in HDF5: a graph with weights, or weights alone.
    Hdf5,
    /// Keras' archive: a graph with weights.
    KerasArchive,
    /// A network of MCUNet's or ProxylessNAS' repositories in JSON: a graph without weights.
    Blocks,
}

impl Format {
    /// The format of a file.
    pub fn of(bytes: &[u8]) -> Self {
        let holds = |text: &[u8]| bytes[..bytes.len().min(512)].windows(text.len()).any(|w| w == text);
        match bytes {
            [0x89, b'H', b'D', b'F', ..] => Self::Hdf5,
            [_, _, _, _, b'T', b'F', b'L', b'3', ..] => Self::Tflite,
            // The version of the intermediate representation, the first field of every file.
            [8, 1..=32, 0x12 | 0x1a | 0x22 | 0x32 | 0x3a | 0x42, ..] => Self::Onnx,
            [b'P', b'K', 3, 4, ..] if !holds(b"data.pkl") && holds(b"metadata.json") => Self::KerasArchive,
            [b'P', b'K', 3, 4, ..] if !holds(b"data.pkl") && holds(b"config.json") => Self::KerasArchive,
            _ if torch::is_blocks(bytes) => Self::Blocks,
            _ => Self::Tensors,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tensors => "named tensors",
            Self::Onnx => "ONNX",
            Self::Tflite => "TensorFlow Lite",
            Self::Hdf5 => "Keras in HDF5",
            Self::KerasArchive => "Keras",
            Self::Blocks => "JSON with the weights beside it",
        })
    }
}
