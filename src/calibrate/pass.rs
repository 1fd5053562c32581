//! One policy, and the calibration images on their way through it.

use super::coding::{Input, weights_on_codes};
use super::inputs::{Codes, InputMoments, Room};
use super::walk::Walk;
use super::{CalibrateError, Calibration, Codings, Conversion, LayerIntegers, SumMoments};
use crate::net::{LayerId, Model};
use crate::parallel;
use crate::quant::{Policy, Quantizer};
use std::borrow::Cow;

/// Images that a thread takes through a layer at a time.
const TOGETHER: usize = 8;

/// A layer that is done.
pub struct Done {
    pub integers: LayerIntegers,
    /// Mean and deviation of each channel's sums in real units, if they were asked for.
    pub moments: Option<Vec<(f64, f64)>>,
}

/// One policy, and the calibration images on their way through it.
pub struct Pass<'a> {
    pub model: &'a Model,
    pub calibration: &'a Calibration,
    pub codings: Codings,
    pub policy: Cow<'a, Policy>,
    pub tensors: Vec<Quantizer>,
    pub walks: Vec<Walk>,
}

impl<'a> Pass<'a> {
    pub fn new<I: AsRef<[u8]>>(
        model: &'a Model,
        calibration: &'a Calibration,
        policy: Cow<'a, Policy>,
        images: &[I],
    ) -> Self {
        let walks = images.chunks(TOGETHER).map(|images| Walk::new(model.graph(), images)).collect();
        let codings = Codings::new(model);
        let tensors = Conversion { model, calibration, codings: &codings }.tensors(&policy);
        Self { model, calibration, codings, policy, tensors, walks }
    }

    /// Does a layer.
    pub fn layer(&mut self, id: LayerId) -> Result<Done, CalibrateError> {
        let Self { model, calibration, codings, policy, tensors, walks } = self;
        let graph = model.graph();
        let layer = &graph.layers[id];
        let conversion = Conversion { model, calibration, codings };
        let sums = conversion.wants(policy, tensors, id).map(|wanted| {
            let some = parallel::map(walks, |walk| walk.sums(graph, id, &wanted));
            let mut all = SumMoments::new(graph.output_shape(layer).channels);
            some.iter().for_each(|some| all.merge(some));
            all
        });
        let integers = conversion.layer(policy, tensors, id, sums.as_ref())?;
        let moments = sums.and_then(|sums| conversion.moments(policy, tensors, id, &sums));
        if layer.output != graph.logits() && !walks.is_empty() {
            let step = integers.step(model, tensors, id)?;
            parallel::map(walks, |walk| walk.advance(graph, id, &step));
        }
        Ok(Done { integers, moments })
    }

    /// What the codes that come into a layer are.
    fn input(&self, id: LayerId) -> Input {
        Input::new(self.model, id, self.tensors[self.model.graph().layers[id].inputs[0]])
    }

    /// The codes that come into a layer, of each image of a walk.
    fn codes(&self, id: LayerId, walk: usize) -> Vec<&[u8]> {
        self.walks[walk].codes(self.model.graph().layers[id].inputs[0]).collect()
    }

    /// Moments of a layer's inputs, beside those of `float`, which stands before the same layer, if they may differ.
    pub fn moments(&self, id: LayerId, float: Option<&Self>) -> InputMoments {
        let (graph, layer) = (self.model.graph(), &self.model.graph().layers[id]);
        // The image is the same for both.
        let float = float.filter(|_| layer.inputs[0] != 0);
        let (own, theirs) = (self.input(id), float.map(|float| float.input(id)));
        let pairs: Vec<_> = (0..self.walks.len()).collect();
        let shares: Vec<_> = pairs.chunks(pairs.len().div_ceil(parallel::threads()).max(1)).collect();
        let share = |room: &mut Room, share: &&[usize]| {
            let mut moments = InputMoments::new(graph, layer, float.is_some());
            for &number in *share {
                let float = float.map_or_else(Vec::new, |float| float.codes(id, number));
                for (image, codes) in self.codes(id, number).into_iter().enumerate() {
                    let quantized = Codes { codes, pads: &own.pad_codes };
                    let float = float.get(image).zip(theirs.as_ref());
                    let float = float.map(|(codes, theirs)| Codes { codes, pads: &theirs.pad_codes });
                    moments.add(graph, layer, quantized, float, room);
                }
            }
            moments
        };
        let mut moments = InputMoments::new(graph, layer, float.is_some());
        parallel::map_with(&shares, Room::default, share).iter().for_each(|some| moments.merge(some));
        moments
    }

    /// Chooses codes of a layer's weights by what they do to its sums. `float` stands before the same layer.
    pub fn choose(&mut self, id: LayerId, float: &Self) {
        let (model, bits) = (self.model, self.policy.weight(id));
        let ratio = float.input(id).scale / self.input(id).scale;
        let codes = self.moments(id, Some(float)).choose(&weights_on_codes(model, id), ratio, bits);
        self.codings.choose(model, self.calibration, id, bits, codes);
    }
}
