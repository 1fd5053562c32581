//! A little training before each score.

use super::super::session::{Labelled, Session};
use super::scores::Images;
use crate::calibrate::{Calibration, trained};
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use crate::score::score_network;
use crate::search::{Sample, Score};
use crate::train::{self, CpuStepper, Plan, Recipe, State, Trained, tune};
use pollster::block_on;
use std::sync::Arc;

/// Trains each policy for some steps from the float weights, always with the same images in the same order, and scores
/// what comes out in integers.
pub struct Tuner {
    model: Model,
    calibration: Arc<Calibration>,
    recipe: Recipe,
    steps: u32,
    images: Arc<train::Images>,
    /// The float network, whose answers are learned.
    teacher: Option<(Plan, State)>,
    /// Reward images, those of the run-off, test images.
    scored: [Vec<Labelled>; 3],
}

impl Tuner {
    /// Decodes as many training images as the steps see.
    pub fn new(
        session: &mut Session,
        calibration: Arc<Calibration>,
        steps: u32,
        scored: [Vec<Labelled>; 3],
    ) -> anyhow::Result<Self> {
        let recipe = Recipe::finetune();
        let side = usize::from(session.model.spec.side);
        let seen = (steps as usize).saturating_mul(recipe.batch);
        let mut images = train::Images::new(side);
        for (pixels, target) in session.training_images(side, Some(seen))? {
            images.push(&pixels, target)?;
        }
        let model = session.model.clone();
        let teacher = match recipe.distillation {
            Some(_) => {
                let plan = Plan::new(&model, None, recipe.scales);
                let state = State::new(&plan, &model, None)?;
                Some((plan, state))
            }
            None => None,
        };
        Ok(Self { model, calibration, recipe, steps, images: images.into(), teacher, scored })
    }

    /// The score of a policy after its training.
    pub fn score(&mut self, policy: &Policy, images: Images) -> anyhow::Result<Score> {
        let network = self.network(policy)?;
        let [reward, again, test] = &self.scored;
        let images = match images {
            Images::Reward(Sample::RunOff) => again,
            Images::Reward(_) => reward,
            Images::Test => test,
        };
        Ok(score_network(&network, images)?)
    }

    fn network(&self, policy: &Policy) -> anyhow::Result<QuantizedNetwork> {
        let Self { model, recipe, .. } = self;
        let grids = self.calibration.grids(model, policy);
        let plan = Plan::new(model, Some(&grids), recipe.scales);
        let state = State::new(&plan, model, Some(&grids))?;
        let stepper = CpuStepper::new(plan.clone(), recipe.clone(), &state, self.teacher.clone())?;
        let side = usize::from(model.spec.side);
        let state = block_on(tune(stepper, recipe, side, self.images.clone(), self.steps))?;
        let Trained { model, grids } = Trained::new(&plan, &state, model, Some(&grids));
        Ok(trained(&model, &grids.unwrap_or_else(|| self.calibration.grids(&model, policy)))?)
    }
}
