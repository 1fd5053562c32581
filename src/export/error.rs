//! Why a network cannot be exported.

use crate::{
    infer::InferError,
    net::{Reason, SpecError},
};

/// Why there is no file or package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The network does not run in integers, or an image has another size than its input.
    #[error(transparent)]
    Infer(#[from] InferError),
    /// There is no such network.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The network's parts do not belong together.
    #[error("{network} cannot be exported: {problem}; quantize the network again")]
    Network {
        /// Which network.
        network: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A layer has integers that the runtime has no form for.
    #[error("layer {layer} {problem}; give its tensors other widths or calibrate with other images")]
    Layer {
        /// Its name.
        layer: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A layer that the runtime does not have.
    #[error("layer {layer} cannot be exported: {reason}; change the network")]
    Unsupported {
        /// Its name.
        layer: String,
        /// What is wrong.
        reason: Reason,
    },
    /// The package's name is no name in C.
    #[error(
        "'{0}' cannot name a package: expected at most 48 small letters, digits and _, a letter first, e.g. cats_and_dogs"
    )]
    Name(String),
    /// The package's name is that of something else.
    #[error(
        "'{0}' cannot name a package: a header, a target or the runtime is called so; put something before it, e.g. my_{0}"
    )]
    NameTaken(String),
    /// A self-test needs something to test with.
    #[error("no golden images: add at least one image, for the package's self-test")]
    NoImages,
    /// A golden image is of no class of the network.
    #[error("a golden image of class {label}: expected a class below {classes}")]
    Label {
        /// Class given.
        label: usize,
        /// Classes of the network.
        classes: usize,
    },
    /// A file of the package cannot be made.
    #[error("the package cannot be put together: {0}; please report this")]
    Assembly(String),
}
