//! What an interrupted run goes on from.

use crate::train::error::TrainError;
use crate::train::recipe::Recipe;
use crate::train::state::State;
use crate::train::stepper::Metrics;
use serde::{Deserialize, Serialize};

/// One point of the curves: the beginning, or the end of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Epochs done.
    pub epoch: u32,
    /// Mean loss of the epoch's steps; `None` before the first.
    pub loss: Option<f32>,
    /// Right answers of the epoch's steps on changed images, in percent; `None` before the first.
    pub accuracy: Option<f32>,
    /// Right answers on each measured split in percent, in their order, with the quantization of training.
    pub measured: Vec<f32>,
}

/// All that an interrupted run needs besides images and device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How it trains.
    pub recipe: Recipe,
    /// Parameters and moments.
    pub state: State,
    /// The best state so far and its accuracy on the first measured split in percent.
    pub best: Option<(State, f32)>,
    /// Epochs done.
    pub epoch: u32,
    /// Steps done in the epoch that runs.
    pub step: u32,
    /// Whether the statistics of batch normalization stand still.
    pub frozen: bool,
    /// Sums over the steps of the epoch that runs.
    pub sums: Metrics,
    /// The curves.
    pub curve: Vec<Point>,
}

/// Version of a checkpoint's bytes.
const VERSION: u8 = 2;

impl Checkpoint {
    /// As bytes to store.
    ///
    /// # Errors
    /// None in practice; the serializer's are passed on.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let fail = |error: postcard::Error| TrainError::Checkpoint(error.to_string());
        postcard::to_extend(self, vec![VERSION]).map_err(fail)
    }

    /// From stored bytes.
    ///
    /// # Errors
    /// If they are damaged or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => {
                postcard::from_bytes(rest).map_err(|error| TrainError::Checkpoint(error.to_string()))
            }
            Some((version, _)) => {
                Err(TrainError::Checkpoint(format!("version {version}, expected {VERSION}")))
            }
            None => Err(TrainError::Checkpoint("no bytes".into())),
        }
    }
}
