//! One policy's integers, layer by layer.

use super::pass::{Done, Pass};
use super::settle::settle;
use super::unfold;
use super::{CalibrateError, Calibration, Rounding, Settings};
use crate::float::FloatError;
use crate::net::{LayerId, LayerWeights, Model, TensorId};
use crate::quant::{Bits, Granularity, Grids, Policy, QuantizedLayer, QuantizedNetwork, WeightRange};
use std::borrow::Cow;

/// A network on its way to integers. Each [`step`](Quantization::step) does one layer.
pub struct Quantization<'a> {
    pass: Pass<'a>,
    /// The same network at 8 bits, whose codes stand for those of the float network; `None` if no codes are chosen by
    /// what they do to sums.
    float: Option<Pass<'a>>,
    layers: Vec<QuantizedLayer>,
    /// Parameters of the layers done, with what was corrected.
    settled: Vec<Option<LayerWeights>>,
}

impl<'a> Quantization<'a> {
    /// Nothing done yet. `images` are some of those that were observed, each `[h, w, 3]` of the network's size;
    /// they are used only if statistics are re-estimated.
    ///
    /// # Errors
    /// If there are no images although they are needed, or one has the wrong size.
    pub fn new<I: AsRef<[u8]>>(
        model: &'a Model,
        calibration: &'a Calibration,
        policy: &'a Policy,
        images: &[I],
    ) -> Result<Self, CalibrateError> {
        let reestimate = calibration.settings.reestimate;
        if reestimate && images.is_empty() {
            return Err(CalibrateError::NoImages);
        }
        let expected = model.graph().image().shape.elements();
        if let Some(image) = images.iter().map(AsRef::as_ref).find(|image| image.len() != expected) {
            return Err(FloatError::Image { expected, found: image.len() }.into());
        }
        let images = if reestimate { images } else { &[] };
        let pass = Pass::new(model, calibration, Cow::Borrowed(policy), images);
        let chooses =
            model.graph().weighted_layers().any(|(id, _)| chooses(calibration, policy.weight(id), id));
        let float = chooses.then(|| {
            let eight = Policy::uniform(model.graph(), Bits::B8, Bits::B8);
            Pass::new(model, calibration, Cow::Owned(eight), images)
        });
        Ok(Self { pass, float, layers: Vec::new(), settled: Vec::new() })
    }

    /// Layers done and layers in all.
    pub fn progress(&self) -> (usize, usize) {
        (self.layers.len(), self.pass.model.graph().layers.len())
    }

    /// Codes of a tensor of each image that statistics are re-estimated on, those that the finished network gives;
    /// empty ones before its layer is done and after the last layer that reads it.
    pub fn codes(&self, tensor: TensorId) -> impl Iterator<Item = &[u8]> {
        self.pass.walks.iter().flat_map(move |walk| walk.codes(tensor))
    }

    /// Does the next layer. After the last, the network in integers.
    ///
    /// # Errors
    /// If the layer has no integer form.
    pub fn step(&mut self) -> Result<Option<QuantizedNetwork>, CalibrateError> {
        let Self { pass, float, layers, settled } = self;
        let (model, graph) = (pass.model, pass.model.graph());
        let id = layers.len();
        if id < graph.layers.len() {
            if let Some(float) =
                float.as_mut().filter(|_| chooses(pass.calibration, pass.policy.weight(id), id))
            {
                pass.choose(id, float);
            }
            if let Some(float) = float {
                float.layer(id)?;
            }
            let Done { integers, moments } = pass.layer(id)?;
            let moments = moments.or_else(|| pass.calibration.folded_moments(model, id));
            let epsilon = unfold::epsilon(model);
            let (layer, lines) = (&graph.layers[id], integers.slopes_offsets());
            settled.push(settle(layer, model.layer(id), lines, moments.as_deref(), epsilon));
            layers.push(integers.quantized());
        }
        if layers.len() < graph.layers.len() {
            return Ok(None);
        }
        Ok(Some(QuantizedNetwork {
            network: model.network.clone(),
            policy: pass.policy.clone().into_owned(),
            tensors: pass.tensors.clone(),
            layers: layers.clone(),
            normalization: model.normalization,
            labels: model.labels.clone(),
        }))
    }

    /// What training begins with: after the last layer, the float network with the corrections that the integers have,
    /// batch normalization in the place of what was folded, and its quantizers. [`trained`](super::trained()) makes of it
    /// what [`Quantization::step`] made, but for single precision. Before the last layer, later ones are as they were.
    pub fn settled(&self) -> (Model, Grids) {
        let Pass { model, calibration, policy, codings, .. } = &self.pass;
        let mut grids = calibration.grids_of(model, policy, codings);
        let mut settled = (*model).clone();
        for (id, (weights, found)) in settled.weights.iter_mut().zip(&self.settled).enumerate() {
            weights.clone_from(found);
            // Training rounds to the nearest code, and shall begin with those that were chosen.
            if let Some(weights) = weights.as_mut().filter(|_| chooses(calibration, policy.weight(id), id)) {
                codings.move_to_codes(model, id, policy.weight(id), &mut weights.weight);
            }
            if let Some(weights) =
                weights.as_mut().filter(|_| calibration.folded_moments(model, id).is_some())
            {
                unfold::resize(weights, grids.weights[id].as_deref_mut().unwrap_or_default());
            }
        }
        (settled, grids)
    }

    /// Does all layers.
    ///
    /// # Errors
    /// If a layer has no integer form.
    pub fn finish(mut self) -> Result<QuantizedNetwork, CalibrateError> {
        loop {
            if let Some(network) = self.step()? {
                return Ok(network);
            }
        }
    }
}

/// Whether settings let codes be chosen by what they do to sums.
pub(super) fn can_choose(settings: &Settings) -> bool {
    let Settings { granularity, weights, rounding, reestimate, .. } = *settings;
    reestimate
        && rounding == Rounding::Output
        && granularity == Granularity::PerChannel
        && weights != WeightRange::Codebook
}

/// Whether codes of a layer's weights are: 8 bits are fine enough for the nearest, and what was trained stays as it is.
pub(super) fn chooses(calibration: &Calibration, bits: Bits, id: LayerId) -> bool {
    let trained = calibration.trained.as_ref().and_then(|grids| grids.weights[id].as_ref());
    bits != Bits::B8
        && can_choose(&calibration.settings)
        && !trained.is_some_and(|quantizers| quantizers.iter().all(|quantizer| quantizer.bits == bits))
}
