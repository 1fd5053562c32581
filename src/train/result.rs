//! What training leaves: a model with its quantizers.

use super::plan::Plan;
use super::state::State;
use crate::net::Model;
use crate::quant::Grids;
use serde::{Deserialize, Serialize};

/// A trained network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Weights and batch normalization.
    pub model: Model,
    /// Its quantizers; `None` if it was trained in real numbers.
    /// [`calibrate::trained`](fn@crate::calibrate::trained) gives the integers.
    pub grids: Option<Grids>,
}

impl Trained {
    /// What a state holds; `model` and `grids` are those that training began with.
    pub fn new(plan: &Plan, state: &State, model: &Model, grids: Option<&Grids>) -> Self {
        let mut model = model.clone();
        state.store(plan, &mut model);
        let grids = grids.map(|grids| state.grids(plan, grids));
        Self { model, grids }
    }
}
