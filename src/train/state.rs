//! The numbers that training changes.

use super::error::TrainError;
use super::plan::{AffinePlan, Plan};
use crate::net::{Affine, LayerWeights, Model};
use crate::quant::{Grids, Quantizer};
use serde::{Deserialize, Serialize};

/// Parameters, running statistics and the optimizer's moments, laid out as a [`Plan`] says. The same on all devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// All parameters.
    pub parameters: Vec<f32>,
    /// Means and variances of the batch normalizations.
    pub running: Vec<f32>,
    /// First moments (Adam) or velocities (SGD), one per parameter.
    pub first: Vec<f32>,
    /// Second moments (Adam), one per parameter; unused by SGD.
    pub second: Vec<f32>,
    /// Optimization steps taken.
    pub steps: u64,
}

impl State {
    /// The state before the first step: the model's parameters and the scales of the grids.
    ///
    /// # Errors
    /// If a layer has no parameters.
    pub fn new(plan: &Plan, model: &Model, grids: Option<&Grids>) -> Result<Self, TrainError> {
        let mut parameters = vec![0.0; plan.parameters];
        let mut running = vec![0.0; plan.running];
        for (id, kernel) in plan.kernels() {
            let layer = &plan.graph.layers[id];
            let missing = || TrainError::Missing { layer: layer.name.clone() };
            let LayerWeights { weight, affine } = model.layer(id).ok_or_else(missing)?;
            let weights = &mut parameters[kernel.weight.clone()];
            weights.copy_from_slice(weight);
            if layer.inputs[0] == 0 {
                scale_colours(weights, colour_factors(model));
            }
            match (&kernel.affine, affine) {
                (AffinePlan::Norm { gamma, beta, mean, variance, .. }, Affine::BatchNorm(bn)) => {
                    parameters[gamma.clone()].copy_from_slice(&bn.gamma);
                    parameters[beta.clone()].copy_from_slice(&bn.beta);
                    running[mean.clone()].copy_from_slice(&bn.mean);
                    running[variance.clone()].copy_from_slice(&bn.variance);
                }
                (AffinePlan::Bias(place), Affine::Bias(bias)) => {
                    parameters[place.clone()].copy_from_slice(bias)
                }
                _ => return Err(missing()),
            }
            if let (Some(grid), Some(grids)) = (&kernel.grid, grids)
                && let (Some(places), Some(quantizers)) = (&grid.scales, &grids.weights[id])
            {
                for (scale, quantizer) in parameters[places.clone()].iter_mut().zip(quantizers) {
                    *scale = quantizer.scale.ln() as f32;
                }
            }
        }
        for unit in &plan.units {
            if let (Some(grid), Some(grids)) = (unit.grid, grids) {
                parameters[grid.scale] = grids.tensors[unit.output].scale.ln() as f32;
            }
        }
        let zeros = vec![0.0; plan.parameters];
        Ok(Self { parameters, running, first: zeros.clone(), second: zeros, steps: 0 })
    }

    /// Its numbers, kind by kind.
    pub(super) fn parts(&self) -> [&Vec<f32>; 4] {
        [&self.parameters, &self.running, &self.first, &self.second]
    }

    /// Checks that the state fits a plan.
    ///
    /// # Errors
    /// If it is of another network or policy.
    pub fn check(&self, plan: &Plan) -> Result<(), TrainError> {
        let equal = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(TrainError::State { what, expected, found }) }
        };
        equal("parameters", plan.parameters, self.parameters.len())?;
        equal("running statistics", plan.running, self.running.len())?;
        equal("first moments", plan.parameters, self.first.len())?;
        equal("second moments", plan.parameters, self.second.len())
    }

    /// Puts parameters and running statistics back into a model of the same graph.
    pub fn store(&self, plan: &Plan, model: &mut Model) {
        let colours = colour_factors(model).map(|factor| 1.0 / factor);
        for (id, kernel) in plan.kernels() {
            let first = plan.graph.layers[id].inputs[0] == 0;
            let Some(LayerWeights { weight, affine }) = &mut model.weights[id] else { continue };
            weight.copy_from_slice(&self.parameters[kernel.weight.clone()]);
            if first {
                scale_colours(weight, colours);
            }
            match (&kernel.affine, affine) {
                (AffinePlan::Norm { gamma, beta, mean, variance, .. }, Affine::BatchNorm(bn)) => {
                    bn.gamma.copy_from_slice(&self.parameters[gamma.clone()]);
                    bn.beta.copy_from_slice(&self.parameters[beta.clone()]);
                    bn.mean.copy_from_slice(&self.running[mean.clone()]);
                    bn.variance.copy_from_slice(&self.running[variance.clone()]);
                }
                (AffinePlan::Bias(place), Affine::Bias(bias)) => {
                    bias.copy_from_slice(&self.parameters[place.clone()]);
                }
                _ => {}
            }
        }
    }

    /// The grids as training left them; `initial` are those it began with.
    pub fn grids(&self, plan: &Plan, initial: &Grids) -> Grids {
        let mut grids = initial.clone();
        for unit in &plan.units {
            if let Some(grid) = unit.grid {
                grids.tensors[unit.output].scale = f64::from(self.parameters[grid.scale]).exp();
            }
        }
        for layer in plan.graph.layers.iter().filter(|layer| layer.keeps_quantizer()) {
            grids.tensors[layer.output] = grids.tensors[layer.inputs[0]];
        }
        for (id, kernel) in plan.kernels() {
            let (Some(grid), Some(quantizers)) = (&kernel.grid, &mut grids.weights[id]) else { continue };
            match &grid.scales {
                Some(places) => {
                    for (quantizer, &scale) in quantizers.iter_mut().zip(&self.parameters[places.clone()]) {
                        quantizer.scale = f64::from(scale).exp();
                    }
                }
                None => {
                    let weights =
                        self.parameters[kernel.weight.clone()].chunks_exact(kernel.geometry.depth());
                    for (quantizer, weights) in quantizers.iter_mut().zip(weights) {
                        let (low, high) = extremes(weights);
                        *quantizer = Quantizer::from_range(low.into(), high.into(), quantizer.bits);
                    }
                }
            }
        }
        grids
    }
}

/// The smallest and the largest of some weights and zero.
pub(super) fn extremes(weights: &[f32]) -> (f32, f32) {
    weights.iter().fold((0.0, 0.0), |(low, high): (f32, f32), &w| (low.min(w), high.max(w)))
}

/// What the first layer's weights are multiplied with, so that one deviation serves all colours.
fn colour_factors(model: &Model) -> [f32; 3] {
    let deviation = model.normalization.deviation;
    deviation.map(|own| deviation[0] / own)
}

fn scale_colours(weights: &mut [f32], factors: [f32; 3]) {
    for (weight, factor) in weights.iter_mut().zip(factors.iter().cycle()) {
        *weight *= factor;
    }
}
