//! A little training before each score.

use super::super::arguments::Search as Arguments;
use super::super::session::{Labelled, Session, decode, done, run};
use crate::calibrate::{Calibration, Quantization, trained};
use crate::flow::{Key, Set};
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use crate::score::score_network;
use crate::search::Score;
use crate::train::{self, Job, Recipe, Trained, tune};
use pollster::block_on;
use std::collections::HashMap;
use std::sync::Arc;

/// Trains each policy for some steps from what calibration makes of it, always with the same images in the same order,
/// and scores what comes out in integers.
pub struct Tuner {
    model: Arc<Model>,
    calibration: Arc<Calibration>,
    /// Pixels that statistics are re-estimated on.
    calibrating: Vec<Vec<u8>>,
    recipe: Recipe,
    steps: u32,
    images: Arc<train::Images>,
    scored: HashMap<Set, Vec<Labelled>>,
    key: Key,
}

impl Tuner {
    /// Decodes as many training images as the steps see, and the images that policies are scored on.
    pub fn new(session: &mut Session, steps: u32, arguments: &Arguments) -> anyhow::Result<Self> {
        let recipe = Recipe::finetune();
        let model = done(session.weights())?.model.clone();
        let side = usize::from(model.spec.side);
        let seen = (steps as usize).saturating_mul(recipe.batch);
        let listing = done(session.listing())?;
        let mut images = train::Images::new(side);
        let mut keys = Vec::new();
        let square = listing.preprocess_training(side);
        for (pixels, target) in decode(session, &listing.limited_train(Some(seen)), square)? {
            keys.push(Key::of_image(&pixels, target));
            images.push(&pixels, target)?;
        }
        let usual = listing.preprocess(side);
        let reward = decode(session, &listing.limited_reward(arguments.limit), usual)?;
        let mut scored = HashMap::new();
        if !arguments.no_run_off {
            for (round, items) in listing.run_off(reward.len()).into_iter().enumerate() {
                scored.insert(Set::RunOff(round), decode(session, &items, usual)?);
            }
        }
        scored.insert(Set::Reward, reward);
        if !arguments.no_test {
            scored.insert(Set::Test, decode(session, &listing.test, usual)?);
        }
        let (_, calibration) = run(session.calibrate())?;
        let calibrating = run(session.prepare())?.pixels.clone();
        let key = Key::of(&(&recipe, steps, keys));
        Ok(Self { model, calibration, calibrating, recipe, steps, images: images.into(), scored, key })
    }

    /// Of the training that comes before each score.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The score of a policy after its training.
    pub fn score(&mut self, policy: &Policy, set: Set) -> anyhow::Result<Score> {
        let network = self.network(policy)?;
        Ok(score_network(&network, self.scored.get(&set).map_or(&[], Vec::as_slice))?)
    }

    fn network(&self, policy: &Policy) -> anyhow::Result<QuantizedNetwork> {
        let Self { model: float, recipe, .. } = self;
        let mut quantization = Quantization::new(float, &self.calibration, policy, &self.calibrating)?;
        while quantization.step()?.is_none() {}
        let (model, grids) = quantization.settled();
        let (job, state) = Job::new(&model, Some(&grids), float, recipe.clone())?;
        let side = usize::from(float.spec.side);
        let state = block_on(tune(job.on_cpu(&state)?, recipe, side, self.images.clone(), self.steps))?;
        let model = Trained::new(&job.plan, &state, &model, None).model;
        Ok(trained(&model, &state.grids(&job.plan, &grids))?)
    }
}
