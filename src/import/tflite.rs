//! Networks out of TensorFlow Lite files (`.tflite`).
//!
//! A file is a FlatBuffer of tables: tensors, the operators that read and write them, buffers with the tensors' values.
//! It is read by about 180 lines of our own (`flat`), as what the `flatbuffers` crate generates or offers for reading
//! without generated code is unsafe functions, which this crate forbids in its sources.
//!
//! | weights in the file | here |
//! |---|---|
//! | float32, float16 behind a DEQUANTIZE | as they are |
//! | int8 with a scale for each channel, uint8 or int8 with one scale, int16 | scale (integer - zero point) |
//! | int32, int64 (biases) | scale of their own, or scale of the input times scale of the weights |
//!
//! Integers of what the network computes are told in [`RawGraph::quantizers`]; QUANTIZE and DEQUANTIZE are
//! [`RawOp::Identity`](super::raw::RawOp::Identity). Shapes that the file computes of the size of its input (SHAPE,
//! STRIDED_SLICE, PACK) are known here, but for the batch.

mod budget;
mod flat;
mod graph;
mod metadata;
mod model;
mod operators;
mod ops;
mod shapes;
mod values;

use super::raw::RawGraph;
use budget::Budget;
use flat::Damaged;
use model::Model;

/// Marks a file, at byte 4.
const IDENTIFIER: &[u8; 4] = b"TFL3";

/// Why a file gives no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TfliteError {
    /// Another format.
    #[error(
        "the file is no TensorFlow Lite network: expected 'TFL3' at byte 4, found {found}; choose a .tflite file that a \
         current converter wrote"
    )]
    Foreign {
        /// What is there.
        found: String,
    },
    /// Another version of the schema.
    #[error(
        "the TensorFlow Lite file is of version {found}: expected version 3; convert the network again with a current \
         converter"
    )]
    Version {
        /// Its version.
        found: u32,
    },
    /// An offset that leads out of the file.
    #[error(
        "the TensorFlow Lite file is damaged or cut off: expected {expected} at byte {at}, found the end of the file or \
         something else; copy it or convert the network again"
    )]
    Damaged {
        /// Position in the file.
        at: usize,
        /// What must be there.
        expected: &'static str,
    },
    /// A number of something that is not there.
    #[error(
        "the TensorFlow Lite file is damaged: it refers to {what} {index}, expected one of {count}; copy it or convert \
         the network again"
    )]
    Missing {
        /// What it is.
        what: &'static str,
        /// Its number.
        index: i64,
        /// How many there are.
        count: usize,
    },
    /// None, or several networks side by side.
    #[error(
        "the TensorFlow Lite file holds {found} networks (subgraphs): expected one; convert the signature that \
         classifies images alone"
    )]
    Subgraphs {
        /// How many there are.
        found: usize,
    },
    /// A tensor that contradicts itself.
    #[error(
        "tensor '{name}' of the TensorFlow Lite file is damaged: expected {expected}, found {found}; copy the file or \
         convert the network again"
    )]
    Tensor {
        /// Its name.
        name: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A tensor that is read before it has values.
    #[error(
        "tensor '{name}' of the TensorFlow Lite file is read: expected values in the file or an operator before that \
         computes it, found neither; copy the file or convert the network again"
    )]
    NotComputed {
        /// Its name.
        name: String,
    },
    /// A tensor that has values already when an operator writes it.
    #[error(
        "tensor '{name}' of the TensorFlow Lite file gets values twice: expected once, by the file, an input or an \
         operator; convert the network again"
    )]
    ComputedTwice {
        /// Its name.
        name: String,
    },
    /// Parts that are named again and again.
    #[error(
        "the TensorFlow Lite file unpacks to more than {} MiB: expected at most four times its size and 64 MiB; \
         convert the network again",
        limit >> 20
    )]
    TooLarge {
        /// Bytes that it may take.
        limit: usize,
    },
}

impl From<Damaged> for TfliteError {
    fn from(Damaged { at, expected }: Damaged) -> Self {
        Self::Damaged { at, expected }
    }
}

/// Reads a network out of the bytes of a `.tflite` file.
///
/// Operators that are not known, and those that are used in a way that is not, become
/// [`RawOp::Unsupported`](super::raw::RawOp::Unsupported). Names of tensors are the file's; where it has none, or one
/// twice, a number is added.
///
/// # Errors
/// If the bytes are another format, cut off or damaged, hold several networks, or would take more memory than
/// four times their size and 64 MiB.
pub fn read(bytes: &[u8]) -> Result<RawGraph, TfliteError> {
    if bytes.get(4..8) != Some(IDENTIFIER) {
        let found = bytes.get(4..8).map(|found| format!("'{}'", found.escape_ascii()));
        return Err(TfliteError::Foreign {
            found: found.unwrap_or_else(|| "the end of the file".to_owned()),
        });
    }
    let mut budget = Budget::new(bytes.len());
    let model = Model::parse(bytes, &mut budget)?;
    let mut about = RawGraph { name: model.name.clone(), ..RawGraph::default() };
    metadata::read(&model, bytes, &mut about);
    let RawGraph { name, producer, labels, metadata, .. } = about;
    Ok(RawGraph { name, producer, labels, metadata, ..graph::build(model, &mut budget)? })
}
