//! Tensors at every width, coded once and shared by all policies.

use super::prepare::NARROW;
use super::{Calibration, SumMoments};
use crate::infer::PreparedKernel;
use crate::net::{LayerId, Model, Normalization, TensorId};
use crate::quant::{Bits, Policy, Quantizer, WeightCodes, WeightRange};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// What quantization computes of each tensor and width alone: codes of weights, quantizers of activations. They are
/// computed when first asked for; a search, which sees the same few hundred of them over and over, keeps one of
/// these.
#[derive(Debug, Default)]
pub struct Codings {
    /// By layer and width.
    weights: Vec<[OnceLock<Arc<CodedWeights>>; 3]>,
    /// By tensor and width.
    tensors: Vec<[OnceLock<Quantizer>; 3]>,
}

/// A layer's weights in integers.
#[derive(Debug)]
pub(super) struct CodedWeights {
    pub(super) weights: WeightCodes,
    pub(super) bits: Bits,
    pub(super) kernel: Arc<PreparedKernel>,
    /// What the input's zero point adds to the sums of each output channel: `zero * sum (w_q - w_zero_point)`, for
    /// a zero point of one or, in the first layer, for those of the colours.
    zero_terms: Vec<f64>,
    /// The widest step of a channel, which the logits share.
    pub(super) widest: f64,
}

impl Codings {
    /// Nothing coded yet.
    pub fn new(model: &Model) -> Self {
        let widths = || [const { OnceLock::new() }; 3];
        Self {
            weights: model.graph().layers.iter().map(|_| widths()).collect(),
            tensors: model.graph().tensors.iter().map(|_| [const { OnceLock::new() }; 3]).collect(),
        }
    }

    /// Quantizers of all tensors at the widths of a policy, by [`TensorId`].
    pub(super) fn tensors(
        &self,
        model: &Model,
        calibration: &Calibration,
        policy: &Policy,
    ) -> Vec<Quantizer> {
        let graph = model.graph();
        let quantizer =
            |id| self.tensor(model, calibration, graph.quantized_as(id), policy.activation(graph, id));
        (0..graph.tensors.len()).map(quantizer).collect()
    }

    /// Quantizer of an activation tensor that has one of its own; the image's is that of its first colour.
    fn tensor(&self, model: &Model, calibration: &Calibration, id: TensorId, bits: Bits) -> Quantizer {
        *self.tensors[id][bits as usize].get_or_init(|| {
            if let Some(grids) = &calibration.trained {
                return grids.tensors[id].at(bits);
            }
            if id == 0 {
                let Normalization { mean, deviation } = model.normalization;
                let zero_point = nearest_code(f64::from(mean[0]));
                return Quantizer { scale: 1.0 / f64::from(deviation[0]), zero_point, bits };
            }
            if let (Bits::B8, Some(&Some((low, high)))) = (bits, calibration.ranges.get(id)) {
                return Quantizer::from_range(low, high, bits);
            }
            calibration.settings.activations.quantizer(&calibration.values[id], bits)
        })
    }

    /// Weights of a layer; `None` if it has none.
    pub(super) fn weights(
        &self,
        model: &Model,
        calibration: &Calibration,
        id: LayerId,
        bits: Bits,
    ) -> Option<Arc<CodedWeights>> {
        model.layer(id)?;
        let coded = self.weights[id][bits as usize]
            .get_or_init(|| Arc::new(CodedWeights::new(model, calibration, id, bits)));
        Some(coded.clone())
    }

    /// Takes codes of a layer's weights that were chosen by what they do to its sums. Those that are there stay.
    pub(super) fn choose(
        &self,
        model: &Model,
        calibration: &Calibration,
        id: LayerId,
        bits: Bits,
        codes: WeightCodes,
    ) {
        let coded = || Arc::new(CodedWeights::of_codes(model, calibration, id, bits, codes));
        self.weights[id][bits as usize].get_or_init(coded);
    }
}

/// Weights lie at most this part of a step from what their code stands for, so that it is the nearest.
const INSIDE: f64 = 0.49;

impl Codings {
    /// Moves a layer's weights no further than it takes for their codes to be the nearest.
    pub(super) fn move_to_codes(&self, model: &Model, id: LayerId, bits: Bits, weights: &mut [f32]) {
        let Some(coded) = self.weights[id][bits as usize].get() else { return };
        let WeightCodes { codes, quantizers } = &coded.weights;
        let on_codes = weights_on_codes(model, id);
        let per_channel = codes.len() / quantizers.len();
        for (i, ((weight, &on_codes), &code)) in weights.iter_mut().zip(&*on_codes).zip(codes).enumerate() {
            let quantizer = &quantizers[i / per_channel];
            let (stands_for, reach) = (quantizer.dequantize(code), INSIDE * quantizer.scale);
            let low = if code == 0 { f64::MIN } else { stands_for - reach };
            let high = if code == quantizer.bits.max_code() { f64::MAX } else { stands_for + reach };
            let moved = f64::from(on_codes).clamp(low, high);
            if moved != f64::from(on_codes) {
                *weight = (moved / f64::from(on_codes_per_weight(model, id, i))) as f32;
            }
        }
    }
}

impl CodedWeights {
    /// Weights to codes.
    fn new(model: &Model, calibration: &Calibration, id: LayerId, bits: Bits) -> Self {
        let prepared = NARROW.iter().position(|&narrow| narrow == bits);
        let prepared = prepared.and_then(|at| calibration.codes.get(id)?[at].as_ref());
        if let Some(prepared) = prepared {
            return Self::of_codes(model, calibration, id, bits, prepared.clone());
        }
        let layer = &model.graph().layers[id];
        let settings = calibration.settings;
        let weight = weights_on_codes(model, id);
        let channels = model.graph().output_shape(layer).channels;
        let trained = calibration.trained.as_ref().and_then(|grids| grids.weights[id].as_ref());
        let weights = match trained {
            Some(quantizers) if quantizers.iter().all(|q| q.bits == bits) => {
                WeightCodes::with(&weight, quantizers.clone())
            }
            _ => WeightCodes::new(&weight, channels, bits, settings.granularity, settings.weights),
        };
        Self::of_codes(model, calibration, id, bits, weights)
    }

    fn of_codes(
        model: &Model,
        calibration: &Calibration,
        id: LayerId,
        bits: Bits,
        mut weights: WeightCodes,
    ) -> Self {
        let layer = &model.graph().layers[id];
        let settings = calibration.settings;
        let zeros =
            if layer.inputs[0] == 0 { model.normalization.mean.map(f64::from).to_vec() } else { vec![1.0] };
        let channels = model.graph().output_shape(layer).channels;
        let widest = if layer.output == model.graph().logits() { share_scale(&mut weights) } else { 0.0 };
        let per_channel = weights.codes.len() / channels;
        let zero_term = |(codes, q): (&[u8], &Quantizer)| {
            let steps = codes.iter().map(|&w| f64::from(w) - f64::from(q.zero_point));
            steps.zip(zeros.iter().cycle()).map(|(step, zero)| step * zero).sum()
        };
        let zero_terms =
            weights.codes.chunks_exact(per_channel).zip(&weights.quantizers).map(zero_term).collect();
        let kernel = PreparedKernel::new(model.graph(), id, &weights.codes, &zero_points(&weights));
        let kernel = Arc::new(kernel);
        let bits = if settings.weights == WeightRange::Codebook { Bits::B8 } else { bits };
        Self { weights, bits, kernel, zero_terms, widest }
    }

    /// Codes of all weights, those of some channels at zero.
    pub(super) fn codes_without(&self, silent: &[usize]) -> Vec<u8> {
        let mut codes = self.weights.codes.clone();
        let per_channel = codes.len() / self.weights.quantizers.len();
        for &c in silent {
            codes[c * per_channel..][..per_channel].fill(self.weights.quantizers[c].zero_point);
        }
        codes
    }

    /// One for each output channel.
    pub(super) fn quantizers(&self) -> Vec<Quantizer> {
        self.weights.quantizers.clone()
    }

    pub(super) fn zero_points(&self) -> Vec<u8> {
        zero_points(&self.weights)
    }

    /// What the input's zero point adds to a channel's sums.
    pub(super) fn zero_term(&self, channel: usize, input: &Input) -> f64 {
        if input.is_image { self.zero_terms[channel] } else { self.zero_terms[channel] * input.zero }
    }

    /// Mean and deviation of each channel's sums in real units.
    pub(super) fn real(&self, input: &Input, sums: &SumMoments) -> Vec<(f64, f64)> {
        let channels = self.weights.quantizers.iter().enumerate();
        channels
            .map(|(c, q)| {
                let scale = input.scale * q.scale;
                (scale * (sums.mean(c) - self.zero_term(c, input)), scale * sums.deviation(c))
            })
            .collect()
    }
}

/// A layer's weights as they meet codes: the deviations of the colours go into the first layer's.
pub(super) fn weights_on_codes(model: &Model, id: LayerId) -> Cow<'_, [f32]> {
    let weight = model.layer(id).map_or(&[][..], |parameters| &parameters.weight);
    if model.graph().layers[id].inputs[0] != 0 {
        return weight.into();
    }
    weight.iter().enumerate().map(|(i, w)| w * on_codes_per_weight(model, id, i)).collect()
}

/// What the weight of a number is multiplied by there.
fn on_codes_per_weight(model: &Model, id: LayerId, number: usize) -> f32 {
    let deviation = model.normalization.deviation;
    if model.graph().layers[id].inputs[0] == 0 { deviation[0] / deviation[number % 3] } else { 1.0 }
}

/// What a layer's input codes stand for.
pub(super) struct Input {
    is_image: bool,
    zero: f64,
    /// Real input per code.
    pub(super) scale: f64,
    /// Codes of real zero: one for all channels, or one for each colour.
    pub(super) pad_codes: Vec<u8>,
}

impl Input {
    pub(super) fn new(model: &Model, id: LayerId, quantizer: Quantizer) -> Self {
        let is_image = model.graph().layers[id].inputs[0] == 0;
        let pad_codes = if is_image {
            model.normalization.mean.map(|zero| nearest_code(f64::from(zero))).to_vec()
        } else {
            vec![quantizer.zero_point]
        };
        Self { is_image, zero: f64::from(quantizer.zero_point), scale: quantizer.scale, pad_codes }
    }
}

fn zero_points(weights: &WeightCodes) -> Vec<u8> {
    weights.quantizers.iter().map(|q| q.zero_point).collect()
}

/// Steps of a class's weights that are finer than this part of the widest say nothing beside those of the others.
const FINEST: f64 = 1.0 / 64.0;

/// The scale that the logits share: that of the channel with the widest steps, so that no factor exceeds one.
/// Channels whose weights are all zero take part in no sum and take its scale. Others are written with steps of at
/// least [`FINEST`] of it, so that a class with hardly any weights keeps its bias within 32 bits.
fn share_scale(weights: &mut WeightCodes) -> f64 {
    let per_channel = weights.codes.len() / weights.quantizers.len();
    let zero = |codes: &[u8], q: &Quantizer| codes.iter().all(|&code| code == q.zero_point);
    let channels = || weights.codes.chunks_exact(per_channel).zip(&weights.quantizers);
    let widest = channels().filter(|(codes, q)| !zero(codes, q)).fold(0.0, |s: f64, (_, q)| s.max(q.scale));
    let widest = if widest > 0.0 { widest } else { 1.0 };
    let finest = widest * FINEST;
    for (codes, q) in weights.codes.chunks_exact_mut(per_channel).zip(&mut weights.quantizers) {
        if zero(codes, q) {
            q.scale = widest;
        } else if q.scale < finest {
            let coarse = Quantizer { scale: finest, ..*q };
            codes.iter_mut().for_each(|code| *code = coarse.quantize(q.dequantize(*code)));
            *q = coarse;
        }
    }
    widest
}

fn nearest_code(zero: f64) -> u8 {
    zero.round().clamp(0.0, 255.0) as u8
}
