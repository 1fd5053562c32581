//! One policy's integers, layer by layer.

use super::settle::settle;
use super::walk::Walk;
use super::{CalibrateError, Calibration, Codings, Conversion, SumMoments};
use crate::float::FloatError;
use crate::net::{LayerWeights, Model, TensorId};
use crate::parallel;
use crate::quant::{Grids, Policy, QuantizedLayer, QuantizedNetwork, Quantizer};

/// Images that a thread takes through a layer at a time.
const TOGETHER: usize = 8;

/// A network on its way to integers. Each [`step`](Quantization::step) does one layer.
pub struct Quantization<'a> {
    model: &'a Model,
    calibration: &'a Calibration,
    codings: Codings,
    policy: &'a Policy,
    tensors: Vec<Quantizer>,
    layers: Vec<QuantizedLayer>,
    /// Parameters of the layers done, with what was corrected.
    settled: Vec<Option<LayerWeights>>,
    walks: Vec<Walk>,
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
        let expected = model.graph.image().shape.elements();
        if let Some(image) = images.iter().map(AsRef::as_ref).find(|image| image.len() != expected) {
            return Err(FloatError::Image { expected, found: image.len() }.into());
        }
        let images = if reestimate { images } else { &[] };
        let walks = images.chunks(TOGETHER).map(|images| Walk::new(&model.graph, images)).collect();
        let codings = Codings::new(model);
        let tensors = Conversion { model, calibration, codings: &codings }.tensors(policy);
        let (layers, settled) = (Vec::new(), Vec::new());
        Ok(Self { model, calibration, codings, policy, tensors, layers, settled, walks })
    }

    /// Layers done and layers in all.
    pub fn progress(&self) -> (usize, usize) {
        (self.layers.len(), self.model.graph.layers.len())
    }

    /// Codes of a tensor of each image that statistics are re-estimated on, those that the finished network gives;
    /// empty ones before its layer is done and after the last layer that reads it.
    pub fn codes(&self, tensor: TensorId) -> impl Iterator<Item = &[u8]> {
        self.walks.iter().flat_map(move |walk| walk.codes(tensor))
    }

    /// Does the next layer. After the last, the network in integers.
    ///
    /// # Errors
    /// If the layer has no integer form.
    pub fn step(&mut self) -> Result<Option<QuantizedNetwork>, CalibrateError> {
        let Self { model, calibration, codings, policy, tensors, layers, settled, walks } = self;
        let graph = &model.graph;
        let id = layers.len();
        if let Some(layer) = graph.layers.get(id) {
            let conversion = Conversion { model, calibration, codings };
            let sums = conversion.wants(policy, tensors, id).map(|wanted| {
                let some = parallel::map(walks, |walk| walk.sums(graph, id, &wanted));
                let mut all = SumMoments::new(graph.output_shape(layer).channels);
                some.iter().for_each(|some| all.merge(some));
                all
            });
            let integers = conversion.layer(policy, tensors, id, sums.as_ref())?;
            let moments = sums.and_then(|sums| conversion.moments(policy, tensors, id, &sums));
            settled.push(settle(model.layer(id), integers.slopes_offsets(), moments.as_deref()));
            if layer.output != graph.logits() && !walks.is_empty() {
                let step = integers.step(model, tensors, id)?;
                parallel::map(walks, |walk| walk.advance(graph, id, &step));
            }
            layers.push(integers.quantized());
        }
        if layers.len() < graph.layers.len() {
            return Ok(None);
        }
        Ok(Some(QuantizedNetwork {
            spec: model.spec,
            graph: graph.clone(),
            policy: policy.clone(),
            tensors: tensors.clone(),
            layers: layers.clone(),
            normalization: model.normalization,
            labels: model.labels.clone(),
        }))
    }

    /// What training begins with: after the last layer, the float network with the corrections that the integers have,
    /// and its quantizers. [`trained`](super::trained()) makes of it what [`Quantization::step`] made, but for single
    /// precision. Before the last layer, later ones are as they were.
    pub fn settled(&self) -> (Model, Grids) {
        let mut model = self.model.clone();
        for (weights, settled) in model.weights.iter_mut().zip(&self.settled) {
            weights.clone_from(settled);
        }
        (model, self.calibration.grids(self.model, self.policy))
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
