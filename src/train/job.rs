//! All that training is made of.

#[cfg(feature = "train")]
use super::cpu::CpuStepper;
use super::error::TrainError;
use super::plan::Plan;
use super::recipe::Recipe;
use super::state::State;
use crate::net::Model;
use crate::quant::Grids;

/// All that a stepper is made of.
#[derive(Clone, Debug)]
pub struct Job {
    /// The network.
    pub plan: Plan,
    /// How it is trained.
    pub recipe: Recipe,
    /// The float network to learn from.
    pub teacher: Option<(Plan, State)>,
}

impl Job {
    /// Training of a model, quantized as `grids` say or in real numbers, and the state that it begins with. A recipe
    /// with distillation learns the answers of `teacher`, a float network.
    ///
    /// # Errors
    /// If a layer has no parameters.
    pub fn new(
        model: &Model,
        grids: Option<&Grids>,
        teacher: &Model,
        recipe: Recipe,
    ) -> Result<(Self, State), TrainError> {
        let plan = Plan::new(model, grids, recipe.scales);
        let state = State::new(&plan, model, grids)?;
        let teacher = match recipe.distillation {
            Some(_) => {
                let plan = Plan::new(teacher, None, recipe.scales);
                let state = State::new(&plan, teacher, None)?;
                Some((plan, state))
            }
            None => None,
        };
        Ok((Self { plan, recipe, teacher }, state))
    }

    /// A stepper on the processor.
    ///
    /// # Errors
    /// If the state does not fit the plan.
    #[cfg(feature = "train")]
    pub fn on_cpu(&self, state: &State) -> Result<CpuStepper, TrainError> {
        let Self { plan, recipe, teacher } = self.clone();
        CpuStepper::new(plan, recipe, state, teacher)
    }
}
