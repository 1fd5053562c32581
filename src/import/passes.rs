//! From a [`RawGraph`] to the project's own graph with weights.
//!
//! Each pass is a small function that changes the graph and keeps what it computes; `PASSES` lists them in their order.
//! What a pass cannot take becomes [`RawOp::Unsupported`](super::raw::RawOp::Unsupported) with a reason and stays where it is, so that what is left at
//! the end is either layers of ours or one list of everything that is in the way ([`Refusals`]).
//!
//! After `layout` all maps are `[1, rows, columns, channels]`, no node moves axes, windows have explicit pads, and
//! constants of sums and products are one number per channel.

mod activations;
mod axes;
mod constants;
mod dead;
mod draft;
mod head;
mod identities;
mod image;
mod layout;
mod logits;
mod lower;
mod names;
mod norm;
mod norms;
mod pads;
mod pools;
mod refusals;
mod saturation;
mod scales;
mod slopes;
mod sound;
mod tail;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod windows;
mod wires;

pub use refusals::{Refusal, Refusals};

use super::raw::RawGraph;
use crate::net::{Graph, LayerWeights, Normalization};
use draft::Draft;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the caller knows better than the file. The default knows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LowerOptions {
    /// Rows and columns of the image where the file leaves both open, in place of [`DEFAULT_SIDE`]. What the file fixes
    /// stays.
    pub input: Option<(usize, usize)>,
}

/// Rows and columns of the image if neither file nor caller says: those of ImageNet's published weights.
pub const DEFAULT_SIDE: usize = 224;

/// A network of ours, out of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Lowered {
    /// Its name in the file; may be empty.
    pub name: String,
    /// Layers and tensors. Names of layers have at most 64 characters of `[A-Za-z0-9_.-/]` and are unique.
    pub graph: Graph,
    /// Parameters by layer; `None` for layers without weights.
    pub weights: Vec<Option<LayerWeights>>,
    /// Whether the file leaves rows and columns of the image open.
    pub is_open: bool,
    /// How images are normalized; `None` if the file does not say.
    pub normalization: Option<Normalization>,
    /// Names of the classes, if the file has as many as the network has outputs.
    pub labels: Option<Vec<String>>,
    /// Smallest and largest real value of each tensor, where the file holds integers that say so.
    pub ranges: Vec<Option<(f64, f64)>>,
    /// What was recognised and what was assumed.
    pub remarks: Vec<Remark>,
}

/// Something that a user may want to know about how a file was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remark {
    /// The file says it in its own way.
    Recognised(String),
    /// Nobody says it.
    Assumed(String),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Recognised(text) => f.write_str(text),
            Remark::Assumed(text) => write!(f, "assumed: {text}"),
        }
    }
}

/// A step from a file's graph to ours.
type Pass = fn(&mut Draft);

/// All passes, the first one first.
const PASSES: [Pass; 17] = [
    sound::check,
    saturation::insert,
    identities::remove,
    dead::remove,
    layout::settle,
    tail::strip,
    identities::remove,
    activations::recognize,
    identities::remove,
    pads::join,
    scales::to_norms,
    slopes::settle,
    head::take,
    pools::last,
    norms::join,
    logits::pool_first,
    dead::remove,
];

/// Makes a network of ours of a file's graph.
///
/// # Errors
/// If anything in the graph cannot be taken: all of it at once.
pub fn lower(raw: RawGraph, options: &LowerOptions) -> Result<Lowered, Refusals> {
    let mut draft = Draft::new(raw, *options);
    for pass in PASSES {
        pass(&mut draft);
    }
    lower::lower(draft)
}
