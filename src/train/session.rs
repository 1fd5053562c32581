//! A run of training that outlives its device.

use super::any::AnyStepper;
use super::device::{DeviceChoice, DeviceReport, Turn};
use super::error::TrainError;
use super::images::Images;
use super::job::Job;
use super::result::Trained;
use super::state::State;
use super::trainer::{Checkpoint, Report, Trainer};
use crate::net::Model;
use crate::quant::Grids;
use std::sync::Arc;

/// Training of one network on the device that suits, with a checkpoint after every epoch.
#[derive(Debug)]
pub struct Session {
    job: Job,
    trainer: Trainer<AnyStepper>,
    device: DeviceReport,
    checkpoint: Checkpoint,
    /// Whether a GPU was lost and another opened, which is done once.
    reopened: bool,
}

impl Session {
    /// Chooses the device and begins, or goes on from a checkpoint. `clock` tells seconds.
    ///
    /// # Errors
    /// If images or parameters do not fit the network, or a device that was asked for by name fails.
    pub async fn start(
        job: Job,
        state: &State,
        choice: DeviceChoice,
        train: Arc<Images>,
        measured: Vec<Images>,
        checkpoint: Option<Checkpoint>,
        clock: fn() -> f64,
    ) -> Result<Self, TrainError> {
        let side = job.plan.image.shape.height;
        let batch = train.batch(0..job.recipe.batch.min(train.len()), side);
        let (stepper, device) = AnyStepper::choose(choice, &job, state, &batch, clock).await?;
        let mut trainer = Trainer::new(stepper, job.recipe.clone(), side, train, measured)?.with_clock(clock);
        if let Some(checkpoint) = checkpoint {
            trainer.resume(checkpoint)?;
        }
        let checkpoint = trainer.checkpoint().await?;
        Ok(Self { job, trainer, device, checkpoint, reopened: false })
    }

    /// Where it runs.
    pub fn device(&self) -> &DeviceReport {
        &self.device
    }

    /// The training itself.
    pub fn trainer(&mut self) -> &mut Trainer<AnyStepper> {
        &mut self.trainer
    }

    /// What goes on after a reload: the end of the last epoch, or the beginning.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// As [`Trainer::turn`]; if the device fails, another takes over from the last checkpoint.
    ///
    /// # Errors
    /// If the processor fails too, or the loss is no longer a number.
    pub async fn turn(&mut self, steps: u32) -> Result<Turn, TrainError> {
        let result = match self.trainer.turn(steps).await {
            Ok(report @ Report::Epoch(_)) => self.trainer.checkpoint().await.map(|checkpoint| {
                self.checkpoint = checkpoint;
                report
            }),
            other => other,
        };
        match result {
            Ok(report) => Ok(Turn::Report(report)),
            Err(TrainError::Device(reason)) if self.device.gpu => {
                let device = self.replace(&reason).await?;
                let epoch = self.checkpoint.epoch;
                Ok(Turn::Moved { reason, device, epoch })
            }
            Err(error) => Err(error),
        }
    }

    /// The best network so far, or the present one if none was measured; `model` and `grids` are those that training
    /// began with.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn best(&mut self, model: &Model, grids: Option<&Grids>) -> Result<Trained, TrainError> {
        let state = match self.trainer.best() {
            Some((state, _)) => state.clone(),
            None => self.trainer.checkpoint().await?.state,
        };
        Ok(Trained::new(&self.job.plan, &state, model, grids))
    }

    /// Another GPU if one was lost for the first time, else the processor.
    async fn replace(&mut self, reason: &str) -> Result<DeviceReport, TrainError> {
        let state = &self.checkpoint.state;
        let mut stepper = None;
        if !std::mem::replace(&mut self.reopened, true) {
            stepper = AnyStepper::reopen(&self.job, state).await.ok();
        }
        let (stepper, device) = match stepper {
            Some(found) => found,
            None => AnyStepper::fall_back(&self.job, state, reason)?,
        };
        self.trainer.move_to(stepper, self.checkpoint.clone())?;
        self.device = device;
        Ok(self.device.clone())
    }
}
