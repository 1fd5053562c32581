//! What can go wrong in training.

use crate::sealed::SealError;

/// Why training stops.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A layer has no parameters.
    #[error("layer {layer} has no weights: load a file with all of the network's layers")]
    Missing {
        /// Its name.
        layer: String,
    },
    /// A batch does not fit the network.
    #[error(
        "a batch with {found} {what}: expected {expected}; use images of one size with classes of this network"
    )]
    Batch {
        /// What was counted.
        what: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A state is of another network or policy.
    #[error("a checkpoint with {found} {what}: expected {expected}; it belongs to another network or policy")]
    State {
        /// What was counted.
        what: &'static str,
        /// How many the plan needs.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] SealError),
    /// The loss is not a number.
    #[error("the loss is no longer a number after step {step}; lower the learning rate or clip gradients")]
    Diverged {
        /// Steps taken.
        step: u64,
    },
    /// There is nothing to train on.
    #[error("no training images: add images in a train folder")]
    NoImages,
    /// A setting has no meaning.
    #[error("{name} of {found}: expected {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The device failed; what it held is lost, the last checkpoint is not.
    #[error(
        "the device failed: {0}; training can go on from the last checkpoint, on the processor if need be"
    )]
    Device(String),
}
