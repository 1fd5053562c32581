//! The seam between the training loop and a device.

use super::batch::Batch;
use super::error::TrainError;
use super::state::State;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// Where the statistics of batch normalization come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// From the batch; they also enter the running statistics with this part.
    Batch {
        /// Part of the batch's statistics in the running statistics.
        momentum: f32,
    },
    /// The running statistics, which stand still. Biases are integers then, as on the device.
    Frozen,
}

/// What changes from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control {
    /// Learning rate.
    pub rate: f32,
    /// Batch normalization.
    pub norm: Norm,
}

/// Sums over the images of some steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Sum of the losses of all images.
    pub loss: f64,
    /// Images whose highest logit was that of their class.
    pub correct: u64,
    /// Images seen.
    pub images: u64,
}

/// Part of a step that is added before rounding down. With a whole bias the accumulator is often exactly zero, which lies
/// on the edge between two codes; integers go up there, single precision would go either way. A few units in the last
/// place of the largest code: more would round values up that integers round down.
#[cfg(feature = "train")]
pub(super) const NUDGE: f32 = 1.0 / 131_072.0;

/// What an average pool with a window adds to a mean, in steps: integers round halves up, and single precision may end a
/// little below a half. All other means of up to 121 codes are further from a half than that.
#[cfg(feature = "train")]
pub(super) const HALVES_UP: f32 = 1.0 / 1024.0;

/// Part of a step below the lowest code at which the gradient still passes. An accumulator of zero is rounded to that code
/// in any case, but single precision would put it on either side of the edge, differently on each device.
#[cfg(feature = "train")]
pub(super) const SLACK: f32 = 1.0 / 4096.0;

/// A network on a device, one optimization step at a time.
///
/// The semantics are those of the processor's implementation, [`CpuStepper`](super::CpuStepper); others are tested
/// against it. Steps are put on their way without waiting; what is read back is read by futures.
pub trait Stepper {
    /// Forward, backward and optimizer for one batch.
    ///
    /// # Errors
    /// If the batch does not fit the network or the device fails.
    fn step(&mut self, batch: &Batch, control: Control) -> Result<(), TrainError>;

    /// Forward only, with the statistics of the batch, which enter the running statistics with `momentum`.
    ///
    /// # Errors
    /// As [`Stepper::step`].
    fn observe(&mut self, batch: &Batch, momentum: f32) -> Result<(), TrainError>;

    /// Sums over the steps since the last call.
    fn metrics(&mut self) -> impl Future<Output = Result<Metrics, TrainError>>;

    /// Logits `[n, classes]` with the running statistics.
    fn logits(&mut self, batch: &Batch) -> impl Future<Output = Result<Vec<f32>, TrainError>>;

    /// All numbers that training changes.
    fn state(&mut self) -> impl Future<Output = Result<State, TrainError>>;

    /// Goes on from other numbers.
    ///
    /// # Errors
    /// If they are of another network or the device fails.
    fn load(&mut self, state: &State) -> Result<(), TrainError>;
}
