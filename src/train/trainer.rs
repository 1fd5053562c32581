//! The training loop, a few steps at a time.

mod checkpoint;

pub use checkpoint::{Checkpoint, Point};

use super::error::TrainError;
use super::images::Images;
use super::random::Random;
use super::recipe::Recipe;
use super::state::State;
use super::stepper::{Control, Metrics, Norm, Stepper};
use crate::infer::argmax;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Batches whose statistics are averaged before batch normalization stands still, and before a measurement while it does
/// not: at few bits a moving average is too far behind the weights.
const SETTLING: u64 = 32;

/// What training reports between two turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// Some steps were taken.
    Progress(Progress),
    /// Part of the images of a split were classified.
    Measuring {
        /// Images classified.
        done: usize,
        /// Images in all.
        total: usize,
    },
    /// An epoch is over and was measured, or what training begins with was.
    Epoch(Point),
    /// All epochs are over. The best state is [`Trainer::best`].
    Finished,
}

/// Where training stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Passes over the training images, in parts.
    pub epoch: f32,
    /// Mean loss of the last steps.
    pub loss: f32,
    /// Right answers of the last steps on changed images, in percent.
    pub accuracy: f32,
    /// Learning rate of the last step.
    pub rate: f32,
    /// Images per second over the last steps; 0 without a clock.
    pub speed: f32,
    /// Seconds until the last step at this speed, measuring left out; 0 without a clock.
    pub remaining: f32,
    /// Whether the statistics of batch normalization stand still.
    pub frozen: bool,
}

/// Training on a device, a few steps at a time.
#[derive(Debug)]
pub struct Trainer<S> {
    stepper: S,
    recipe: Recipe,
    side: usize,
    train: Arc<Images>,
    measured: Vec<Images>,
    /// Seconds since some moment.
    clock: Option<fn() -> f64>,
    epoch: u32,
    step: u32,
    order: Vec<u32>,
    sums: Metrics,
    frozen: bool,
    measuring: Option<Measuring>,
    curve: Vec<Point>,
    best: Option<(State, f32)>,
}

/// A measurement that runs.
#[derive(Debug, Default)]
struct Measuring {
    /// Batches averaged before it.
    settled: u64,
    split: usize,
    done: usize,
    correct: usize,
    results: Vec<f32>,
}

impl<S: Stepper> Trainer<S> {
    /// Training of what the stepper holds. `side` is that of the network's images; those of `train` may be larger, and
    /// are cropped. Before the first epoch and after each the splits `measured` are classified; the first decides which
    /// state is best.
    ///
    /// # Errors
    /// If the recipe has no meaning or there are no images.
    pub fn new(
        stepper: S,
        recipe: Recipe,
        side: usize,
        train: Arc<Images>,
        measured: Vec<Images>,
    ) -> Result<Self, TrainError> {
        recipe.check()?;
        if train.len() < 2 {
            return Err(TrainError::NoImages);
        }
        let mut trainer = Self {
            stepper,
            recipe,
            side,
            train,
            measured: measured.into_iter().filter(|images| !images.is_empty()).collect(),
            clock: None,
            epoch: 0,
            step: 0,
            order: Vec::new(),
            sums: Metrics::default(),
            frozen: false,
            measuring: None,
            curve: Vec::new(),
            best: None,
        };
        trainer.shuffle();
        Ok(trainer)
    }

    /// Measures speed by a clock that tells seconds.
    pub fn with_clock(mut self, clock: fn() -> f64) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Goes on where a checkpoint was taken, with its recipe. The images must be the same.
    ///
    /// # Errors
    /// If the checkpoint is of another network or of fewer images.
    pub fn resume(&mut self, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let Checkpoint { recipe, state, best, epoch, step, frozen, sums, curve } = checkpoint;
        recipe.check()?;
        let expected = Self::steps_of(self.train.len(), recipe.batch);
        if step > expected {
            let (expected, found) = (expected as usize, step as usize);
            return Err(TrainError::State { what: "steps in an epoch", expected, found });
        }
        self.stepper.load(&state)?;
        (self.recipe, self.best, self.epoch, self.step, self.curve) = (recipe, best, epoch, step, curve);
        (self.frozen, self.sums, self.measuring) = (frozen, sums, None);
        self.shuffle();
        Ok(())
    }

    /// Goes on from a checkpoint on another device.
    ///
    /// # Errors
    /// If the checkpoint is of another network.
    pub fn move_to(&mut self, stepper: S, checkpoint: Checkpoint) -> Result<(), TrainError> {
        self.stepper = stepper;
        self.resume(checkpoint)
    }

    /// What an interrupted run needs. Between turns only; a measurement that runs starts again.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn checkpoint(&mut self) -> Result<Checkpoint, TrainError> {
        Ok(Checkpoint {
            recipe: self.recipe.clone(),
            state: self.stepper.state().await?,
            best: self.best.clone(),
            epoch: self.epoch,
            step: self.step,
            frozen: self.frozen,
            sums: self.sums,
            curve: self.curve.clone(),
        })
    }

    /// The state with the most right answers on the first measured split, and its accuracy in percent; of equals the
    /// last. The one that training began with takes part, so that training never makes a network worse. `None` before it
    /// is measured, or if nothing is.
    pub fn best(&self) -> Option<&(State, f32)> {
        self.best.as_ref()
    }

    /// The curves so far.
    pub fn curve(&self) -> &[Point] {
        &self.curve
    }

    /// The device.
    pub fn stepper(&mut self) -> &mut S {
        &mut self.stepper
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> u32 {
        Self::steps_of(self.train.len(), self.recipe.batch)
    }

    /// Steps of all epochs.
    pub fn steps(&self) -> u64 {
        u64::from(self.steps_per_epoch()) * u64::from(self.recipe.epochs)
    }

    /// Steps of an epoch. The last one is left out if it has but one image, which has no variance.
    pub(super) fn steps_of(images: usize, batch: usize) -> u32 {
        (images / batch + usize::from(images % batch > 1)).max(1) as u32
    }

    /// Takes up to `steps` steps, or a part of a measurement, and says how it goes. To pause, do not call it.
    ///
    /// # Errors
    /// If the device fails or the loss is no longer a number.
    pub async fn turn(&mut self, steps: u32) -> Result<Report, TrainError> {
        if self.measuring.is_some() {
            return self.measure().await;
        }
        if self.epoch >= self.recipe.epochs {
            return Ok(Report::Finished);
        }
        let is_start =
            self.curve.is_empty() && (self.epoch, self.step) == (0, 0) && !self.measured.is_empty();
        if is_start || self.step == self.steps_per_epoch() {
            self.measuring = Some(Measuring::default());
            return self.measure().await;
        }
        self.train(steps).await.map(Report::Progress)
    }

    async fn train(&mut self, steps: u32) -> Result<Progress, TrainError> {
        let started = self.clock.map(|clock| clock());
        let end = self.steps_per_epoch().min(self.step + steps.max(1));
        let mut rate = 0.0;
        while self.step < end {
            let position = self.position(self.step);
            if self.recipe.is_frozen_at(position) && !self.frozen {
                // Those that training begins with are calibration's.
                if (self.epoch, self.step) != (0, 0) {
                    self.settle()?;
                }
                self.frozen = true;
            }
            rate = self.recipe.rate_at(position + 0.5 * self.part_of_step());
            let momentum = self.recipe.norm_momentum;
            let norm = if self.frozen { Norm::Frozen } else { Norm::Batch { momentum } };
            let batch = self.batch(self.step);
            self.stepper.step(&batch, Control { rate, norm })?;
            self.step += 1;
        }
        let metrics = self.stepper.metrics().await?;
        let steps = u64::from(self.steps_per_epoch());
        let step = u64::from(self.epoch) * steps + u64::from(self.step);
        if !metrics.loss.is_finite() {
            return Err(TrainError::Diverged { step });
        }
        self.sums.loss += metrics.loss;
        self.sums.correct += metrics.correct;
        self.sums.images += metrics.images;
        let (loss, accuracy) = means(&metrics);
        let seconds = started.zip(self.clock).map_or(0.0, |(started, clock)| clock() - started);
        let speed = if seconds > 0.0 { (metrics.images as f64 / seconds) as f32 } else { 0.0 };
        let total = u64::from(self.recipe.epochs) * steps;
        let left = (total - step) as f32 * self.recipe.batch as f32;
        let remaining = if speed > 0.0 { left / speed } else { 0.0 };
        let epoch = self.position(self.step) as f32;
        Ok(Progress {
            step,
            steps: total,
            epoch,
            loss,
            accuracy,
            rate,
            speed,
            remaining,
            frozen: self.frozen,
        })
    }

    /// Averages the statistics of batch normalization over some batches with the weights as they are: re-estimation,
    /// by itself a cheap alternative to training.
    ///
    /// # Errors
    /// If the device fails.
    pub fn settle(&mut self) -> Result<(), TrainError> {
        (0..self.settling()).try_for_each(|i| self.settle_by(i))
    }

    /// Batches of [`Trainer::settle`].
    fn settling(&self) -> u64 {
        u64::from(self.steps_per_epoch()).min(SETTLING)
    }

    /// One of them.
    fn settle_by(&mut self, i: u64) -> Result<(), TrainError> {
        let start = i as usize * self.recipe.batch;
        let end = (start + self.recipe.batch).min(self.train.len());
        let indices = self.order[start..end].iter().map(|&index| index as usize);
        let batch = self.train.batch(indices, self.side);
        self.stepper.observe(&batch, 1.0 / (i + 1) as f32)
    }

    /// Averages the next batch's statistics if they move, then classifies the next images of the measured splits.
    async fn measure(&mut self) -> Result<Report, TrainError> {
        let mut measuring = self.measuring.take().unwrap_or_default();
        let total = self.measured.iter().map(Images::len).sum();
        // Where nothing is measured, only what training ends with is looked at.
        let is_seen = !self.measured.is_empty() || self.epoch + 1 == self.recipe.epochs;
        if self.step > 0 && is_seen && !self.frozen && measuring.settled < self.settling() {
            self.settle_by(measuring.settled)?;
            measuring.settled += 1;
            self.measuring = Some(measuring);
            return Ok(Report::Measuring { done: 0, total });
        }
        if let Some(images) = self.measured.get(measuring.split) {
            let end = (measuring.done + self.recipe.batch).min(images.len());
            let batch = images.batch(measuring.done..end, self.side);
            let logits = self.stepper.logits(&batch).await?;
            let answers = logits.chunks_exact(logits.len() / batch.len()).map(argmax);
            measuring.correct += answers.zip(&batch.targets).filter(|(a, t)| *a == usize::from(**t)).count();
            measuring.done = end;
            let before: usize = self.measured[..measuring.split].iter().map(Images::len).sum();
            let done = before + end;
            if end == images.len() {
                measuring.results.push(100.0 * measuring.correct as f32 / end as f32);
                measuring = Measuring { split: measuring.split + 1, done: 0, correct: 0, ..measuring };
            }
            self.measuring = Some(measuring);
            return Ok(Report::Measuring { done, total });
        }
        let trained = (self.step > 0).then(|| means(&self.sums));
        self.epoch += u32::from(trained.is_some());
        let (loss, accuracy) = trained.unzip();
        let point = Point { epoch: self.epoch, loss, accuracy, measured: measuring.results };
        if let Some(&found) = point.measured.first()
            && self.best.as_ref().is_none_or(|(_, best)| found >= *best)
        {
            self.best = Some((self.stepper.state().await?, found));
        }
        self.curve.push(point.clone());
        (self.step, self.sums) = (0, Metrics::default());
        self.shuffle();
        Ok(Report::Epoch(point))
    }

    fn batch(&self, step: u32) -> super::batch::Batch {
        let start = step as usize * self.recipe.batch;
        let end = (start + self.recipe.batch).min(self.train.len());
        let indices = self.order[start..end].iter().map(|&index| index as usize);
        let Recipe { augmentation, seed, .. } = &self.recipe;
        self.train.augmented(indices, self.side, augmentation, *seed, self.epoch.into())
    }

    fn shuffle(&mut self) {
        self.order = Random::at([self.recipe.seed, self.epoch.into(), 0]).permutation(self.train.len());
    }

    /// Epochs before a step of the epoch that runs.
    fn position(&self, step: u32) -> f64 {
        f64::from(self.epoch) + f64::from(step) * self.part_of_step()
    }

    fn part_of_step(&self) -> f64 {
        1.0 / f64::from(self.steps_per_epoch())
    }
}

/// Mean loss and percentage of right answers.
fn means(metrics: &Metrics) -> (f32, f32) {
    let images = metrics.images.max(1) as f64;
    ((metrics.loss / images) as f32, (100.0 * metrics.correct as f64 / images) as f32)
}
