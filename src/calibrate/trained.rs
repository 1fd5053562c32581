//! Quantizers that training learned, in the place of those that calibration derives.

use super::{CalibrateError, Calibration, Codings, Quantization, Settings};
use crate::net::Model;
use crate::quant::{Grids, Policy, QuantizedNetwork};

impl Calibration {
    /// The quantizers with which a policy starts, before anything is learned. The model must be the one that was
    /// observed.
    pub fn grids(&self, model: &Model, policy: &Policy) -> Grids {
        self.grids_of(model, policy, &Codings::new(model))
    }

    /// The same of weights that are coded already.
    pub(super) fn grids_of(&self, model: &Model, policy: &Policy, codings: &Codings) -> Grids {
        let layers = 0..model.graph().layers.len();
        let weights =
            |id| codings.weights(model, self, id, policy.weight(id)).map(|coded| coded.quantizers());
        let mut grids =
            Grids { tensors: codings.tensors(model, self, policy), weights: layers.map(weights).collect() };
        // Logits are not quantized: what stands in their place is the same everywhere.
        grids.tensors[model.graph().logits()] = grids.tensors[0];
        grids
    }

    /// What stands for the calibration of a network that was trained with `grids`: nothing is derived again, neither
    /// ranges nor the statistics of batch normalization. At widths other than the trained ones, the trained ranges are
    /// divided anew.
    pub fn trained(model: &Model, grids: Grids) -> Self {
        let settings = Settings { reestimate: false, ..Settings::default() };
        Self { trained: Some(grids), ..Self::nothing(model, settings) }
    }
}

/// The integers of a network that was trained with `grids`, at their widths.
///
/// # Errors
/// If a layer has no integer form.
pub fn trained(model: &Model, grids: &Grids) -> Result<QuantizedNetwork, CalibrateError> {
    let calibration = Calibration::trained(model, grids.clone());
    Quantization::new(model, &calibration, &grids.policy(model.graph()), &[[0_u8; 0]; 0])?.finish()
}
