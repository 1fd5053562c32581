//! A little training inside a search, before a policy is scored.

use super::error::TrainError;
use super::images::Images;
use super::recipe::Recipe;
use super::state::State;
use super::stepper::Stepper;
use super::trainer::{Report, Trainer};
use std::sync::Arc;

/// Trains what a stepper holds for some steps on a fixed set of images, then averages the statistics of batch
/// normalization, and returns the state to score. The same recipe, steps and images give the same state on the same
/// device; the recipe's number of epochs and its frozen epochs do not matter.
///
/// # Errors
/// If the recipe has no meaning, there are no images, the device fails or the loss is no longer a number.
pub async fn tune<S: Stepper>(
    stepper: S,
    recipe: &Recipe,
    side: usize,
    images: Arc<Images>,
    steps: u32,
) -> Result<State, TrainError> {
    let steps_per_epoch = Trainer::<S>::steps_of(images.len(), recipe.batch);
    let epochs = steps.div_ceil(steps_per_epoch).max(1);
    let recipe = Recipe { epochs, frozen: 0.0, ..recipe.clone() };
    let mut trainer = Trainer::new(stepper, recipe, side, images, Vec::new())?;
    let mut done = 0;
    while done < steps {
        match trainer.turn(steps - done).await? {
            Report::Progress(progress) => done = progress.step as u32,
            Report::Finished => break,
            Report::Measuring { .. } | Report::Epoch(_) => {}
        }
    }
    trainer.settle()?;
    trainer.stepper().state().await
}
