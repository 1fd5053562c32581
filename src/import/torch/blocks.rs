//! Networks of MCUNet and ProxylessNAS (github.com/mit-han-lab): layers in JSON, and their tensors in a file beside it.
//!
//! The JSON is what the classes of these projects write as their `config` and build themselves from: `first_conv`, then
//! `blocks`, each a `mobile_inverted_conv` (or `conv`) with perhaps a `shortcut` around it, then perhaps a
//! `feature_mix_layer`, the mean over rows and columns, and the `classifier`; where there is a `final_expand_layer`
//! (MobileNetV3), it stands before the mean and the `feature_mix_layer` behind it. `bn` has batch normalization's epsilon,
//! `resolution` the side of the image.

mod config;
mod graph;

use crate::import::FileError;
use crate::import::error::{Problem, write_problems};
use crate::import::file::File;
use crate::import::raw::RawGraph;
use config::Network;
use std::fmt;

/// What such a graph says made it.
pub(in crate::import) const PRODUCER: &str = "MCUNet";

/// Bytes of the longest JSON that is read; a network of 20 blocks takes 15 thousand.
const MOST_BYTES: usize = 256 << 10;

/// Why a network's JSON and its tensors give no network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BlocksError {
    /// The JSON is none, or describes something else.
    #[error(
        "the JSON describes no network of MCUNet or ProxylessNAS ({0}); expected first_conv, blocks and classifier, as \
         their model zoos have them"
    )]
    Json(String),
    /// The JSON is too long.
    #[error("the JSON has {found} bytes: expected at most {MOST_BYTES}; choose the network's description")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// The file of weights cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The tensors are not those of the network.
    #[error("{}", Listed(.0))]
    Tensors(Vec<Problem>),
}

/// Problems in words.
struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the tensors do not fit the network of the JSON:")?;
        write_problems(f, self.0)
    }
}

/// Whether bytes are the JSON of such a network.
pub fn is_blocks(bytes: &[u8]) -> bool {
    bytes.len() <= MOST_BYTES && serde_json::from_slice::<Network>(bytes).is_ok()
}

/// Reads a network from its JSON and from the bytes of its weights, in any container that
/// [`import`](crate::import::import()) reads.
///
/// Layers that are not known become nodes that are [not supported](crate::import::raw::RawOp::Unsupported). Batch
/// normalizations and activations are nodes of their own. The one input is `[batch, 3, resolution, resolution]`.
///
/// # Errors
/// If the JSON describes something else, the weights cannot be read, or tensors are missing, of another shape or type, not
/// finite, or belong to no layer.
pub fn read_blocks(json: &[u8], weights: &[u8]) -> Result<RawGraph, BlocksError> {
    if json.len() > MOST_BYTES {
        return Err(BlocksError::TooLong { found: json.len() });
    }
    let network: Network =
        serde_json::from_slice(json).map_err(|error| BlocksError::Json(error.to_string()))?;
    let file = File::unwrapped(weights)?;
    graph::build(&network, &file).map_err(BlocksError::Tensors)
}
