//! A little training before each score.

use super::super::session::{Session, done, run};
use crate::calibrate::{Calibration, Quantization, trained};
use crate::float::FloatNetwork;
use crate::flow::{Key, Labelled, Pixels};
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use crate::score::{Rewarded, score_network};
use crate::search::Score;
use crate::train::{self, Job, Recipe, Trained, tune};
use pollster::block_on;
use std::sync::Arc;

/// Trains each policy for some steps from what calibration makes of it, always with the same images in the same order,
/// and scores what comes out in integers.
pub struct Tuner {
    model: Arc<Model>,
    /// The same, to score against.
    float: FloatNetwork,
    calibration: Arc<Calibration>,
    /// Pixels that statistics are re-estimated on.
    calibrating: Vec<Pixels>,
    recipe: Recipe,
    steps: u32,
    images: Arc<train::Images>,
    key: Key,
}

impl Tuner {
    /// Decodes as many training images as the steps see.
    pub fn new(session: &mut Session, steps: u32) -> anyhow::Result<Self> {
        let recipe = Recipe::finetune();
        let model = done(session.weights())?.model.clone();
        let side = model.network.side();
        let seen = (steps as usize).saturating_mul(recipe.batch);
        let listing = done(session.listing())?;
        let mut images = train::Images::new(side);
        let mut refused = None;
        let keep = |pixels, target| refused = images.push(pixels, target).err().or(refused.take());
        let items = listing.limited_train(Some(seen));
        let keys = run(session.decode(&items, listing.preprocess_training(side), keep))?;
        if let Some(error) = refused {
            return Err(error.into());
        }
        let keys: Vec<Key> = keys.into_iter().flatten().collect();
        let (_, calibration) = run(session.calibrate())?;
        let calibrating = run(session.prepare())?.pixels.clone();
        let key = Key::of(&(&recipe, steps, keys));
        let float = FloatNetwork::new(&model)?;
        Ok(Self { model, float, calibration, calibrating, recipe, steps, images: images.into(), key })
    }

    /// Of the training that comes before each score.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The score of a policy after its training on some images.
    pub fn score(&self, policy: &Policy, images: &[Labelled]) -> anyhow::Result<Score> {
        let images = Rewarded::of(&self.float, images)?;
        Ok(score_network(&self.network(policy)?, &images)?)
    }

    /// The network of a policy after its training.
    pub fn network(&self, policy: &Policy) -> anyhow::Result<QuantizedNetwork> {
        let Self { model: float, recipe, .. } = self;
        let mut quantization = Quantization::new(float, &self.calibration, policy, &self.calibrating)?;
        while quantization.step()?.is_none() {}
        let (model, grids) = quantization.settled();
        let (job, state) = Job::new(&model, Some(&grids), float, recipe.clone())?;
        let side = float.network.side();
        let state = block_on(tune(job.on_cpu(&state)?, recipe, side, self.images.clone(), self.steps))?;
        let model = Trained::new(&job.plan, &state, &model, None).model;
        Ok(trained(&model, &state.grids(&job.plan, &grids))?)
    }
}
