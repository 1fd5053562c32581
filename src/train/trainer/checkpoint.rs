//! What an interrupted run goes on from.

use crate::sealed::{self, Kind, SealError};
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

impl Point {
    /// The point whose state is kept: that with the most right answers on the first measured split; of equals the last,
    /// and the last of all where nothing was measured.
    pub fn best(curve: &[Self]) -> Option<&Self> {
        let right = |point: &Self| point.measured.first().copied().unwrap_or(0.0);
        curve.iter().reduce(|best, next| if right(next) >= right(best) { next } else { best })
    }
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
const VERSION: u16 = 3;

/// What an accuracy may be; with many images a little of it is rounding.
const PERCENT: std::ops::RangeInclusive<f32> = 0.0..=100.1;

/// Images that an epoch may have.
const MOST_IMAGES: u64 = 1 << 32;

impl Checkpoint {
    /// As bytes to store.
    ///
    /// # Errors
    /// None in practice; the serializer's are passed on.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        Ok(sealed::store(Kind::Training, VERSION, self)?)
    }

    /// From stored bytes.
    ///
    /// # Errors
    /// If they are of something else, of another version, damaged, or contradict themselves.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainError> {
        let checkpoint: Self = sealed::load(Kind::Training, VERSION, bytes)?;
        let wrong = |what: String| Err(SealError::content(Kind::Training, what).into());
        let Self { recipe, state, best, epoch, sums, curve, .. } = &checkpoint;
        if let Err(error) = recipe.check() {
            return wrong(error.to_string());
        }
        if *epoch > recipe.epochs {
            return wrong(format!("epoch {epoch} of {}", recipe.epochs));
        }
        // Its mean is a number of single precision.
        let is_loss = sums.loss.abs() <= f64::from(f32::MAX);
        if !is_loss || sums.correct > sums.images || sums.images > MOST_IMAGES {
            return wrong("its sums have no meaning".to_owned());
        }
        let sizes = |state: &State| state.parts().map(Vec::len);
        for state in best.iter().map(|(best, _)| best).chain([state]) {
            if !state.parts().into_iter().flatten().all(|number| number.is_finite()) {
                return wrong("a parameter is no number".to_owned());
            }
        }
        if let Some((best, accuracy)) = best
            && (sizes(best) != sizes(state) || !PERCENT.contains(accuracy))
        {
            return wrong("its best state is of another network".to_owned());
        }
        if curve.iter().flat_map(|point| &point.measured).any(|accuracy| !PERCENT.contains(accuracy)) {
            return wrong("a curve leaves 0 to 100 %".to_owned());
        }
        let numbers = curve.iter().flat_map(|point| point.loss.into_iter().chain(point.accuracy));
        if !numbers.into_iter().all(f32::is_finite) {
            return wrong("a loss or an accuracy is no number".to_owned());
        }
        Ok(checkpoint)
    }
}
