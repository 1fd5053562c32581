//! A little training before each score.

use super::super::session::{Labelled, Session};
use super::scores::Images;
use crate::calibrate::{Calibration, Quantization, trained};
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use crate::score::score_network;
use crate::search::{Sample, Score};
use crate::train::{self, Job, Recipe, Trained, tune};
use pollster::block_on;
use std::sync::Arc;

/// Trains each policy for some steps from what calibration makes of it, always with the same images in the same order,
/// and scores what comes out in integers.
pub struct Tuner {
    model: Model,
    calibration: Arc<Calibration>,
    /// Pixels that statistics are re-estimated on.
    calibrating: Vec<Vec<u8>>,
    recipe: Recipe,
    steps: u32,
    images: Arc<train::Images>,
    scored: Scored,
}

/// Images that policies are scored on.
pub struct Scored {
    pub reward: Vec<Labelled>,
    /// For each round.
    pub run_off: Vec<Vec<Labelled>>,
    pub test: Vec<Labelled>,
}

impl Tuner {
    /// Decodes as many training images as the steps see.
    pub fn new(
        session: &mut Session,
        calibration: Arc<Calibration>,
        calibrating: Vec<Vec<u8>>,
        steps: u32,
        scored: Scored,
    ) -> anyhow::Result<Self> {
        let recipe = Recipe::finetune();
        let side = usize::from(session.model.spec.side);
        let seen = (steps as usize).saturating_mul(recipe.batch);
        let mut images = train::Images::new(side);
        for (pixels, target) in session.training_images(side, Some(seen))? {
            images.push(&pixels, target)?;
        }
        let model = session.model.clone();
        Ok(Self { model, calibration, calibrating, recipe, steps, images: images.into(), scored })
    }

    /// The score of a policy after its training.
    pub fn score(&mut self, policy: &Policy, images: Images) -> anyhow::Result<Score> {
        let network = self.network(policy)?;
        let Scored { reward, run_off, test } = &self.scored;
        let images: &[Labelled] = match images {
            Images::Reward(Sample::RunOff(round)) => run_off.get(round).map_or(&[], Vec::as_slice),
            Images::Reward(_) => reward,
            Images::Test => test,
        };
        Ok(score_network(&network, images)?)
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
