//! One layer to integers.

use super::coding::{CodedWeights, Codings, Input};
use super::{CalibrateError, Calibration, Moments, SumMoments};
use crate::infer::{EngineLayer, EngineStep, PreparedKernel};
use crate::net::{Layer, LayerId, Model, Op};
use crate::quant::{
    AddRequantizer, Kernel, Policy, QuantizedLayer, Quantizer, Requantizer, RequantizerError,
};
use std::sync::Arc;

/// A deviation below this part of the one it is compared with counts as none: the channel is constant.
const NOTHING: f64 = 1.0 / 1024.0;

/// What is needed to turn layers into integers, whatever the policy.
#[derive(Clone, Copy, Debug)]
pub struct Conversion<'a> {
    /// The float network.
    pub model: &'a Model,
    /// What it does on the calibration images.
    pub calibration: &'a Calibration,
    /// What has been coded already; of this model and calibration.
    pub codings: &'a Codings,
}

/// The question a layer asks of the calibration images: what sums does this kernel give?
#[derive(Clone, Debug)]
pub struct SumsWanted {
    /// The layer's weights.
    pub kernel: Arc<PreparedKernel>,
    /// Code of real zero outside the map, for each input channel or one for all.
    pub pad_codes: Vec<u8>,
}

/// A layer in integers that shares its weights.
#[derive(Clone, Debug)]
pub struct LayerIntegers(Integers);

#[derive(Clone, Debug)]
enum Integers {
    Kernel {
        weights: Arc<CodedWeights>,
        requantizers: Vec<Requantizer>,
        pad_codes: Vec<u8>,
        slopes_offsets: Vec<(f64, f64)>,
    },
    Pool(Requantizer),
    Add(AddRequantizer),
}

impl LayerIntegers {
    /// The layer on the fast path.
    ///
    /// # Errors
    /// If an accumulator may overflow.
    pub fn step(
        &self,
        model: &Model,
        tensors: &[Quantizer],
        id: LayerId,
    ) -> Result<EngineStep, CalibrateError> {
        let layer = match &self.0 {
            Integers::Kernel { weights, requantizers, pad_codes, .. } => EngineLayer::Kernel {
                kernel: weights.kernel.clone(),
                requantizers: requantizers.clone(),
                pad_codes: pad_codes.clone(),
            },
            Integers::Pool(requantizer) => EngineLayer::Pool(*requantizer),
            Integers::Add(requantizer) => EngineLayer::Add(*requantizer),
        };
        Ok(EngineStep::new(&model.graph, tensors, id, layer)?)
    }

    /// The same with codes of its own.
    pub fn quantized(&self) -> QuantizedLayer {
        match &self.0 {
            Integers::Kernel { weights, requantizers, pad_codes, .. } => QuantizedLayer::Kernel(Kernel {
                weights: weights.weights.codes.clone(),
                bits: weights.bits,
                zero_points: weights.zero_points(),
                requantizers: requantizers.clone(),
                pad_codes: pad_codes.clone(),
            }),
            Integers::Pool(requantizer) => QuantizedLayer::Pool(*requantizer),
            Integers::Add(requantizer) => QuantizedLayer::Add(*requantizer),
        }
    }

    /// Slope and offset of each channel's sums in real units, as far as they were corrected: `y = slope sum + offset`;
    /// `None` without weights.
    pub(super) fn slopes_offsets(&self) -> Option<&[(f64, f64)]> {
        match &self.0 {
            Integers::Kernel { slopes_offsets, .. } => Some(slopes_offsets),
            Integers::Pool(_) | Integers::Add(_) => None,
        }
    }
}

impl Conversion<'_> {
    /// Quantizers of all tensors at the widths of a policy, by [`TensorId`](crate::net::TensorId).
    pub fn tensors(&self, policy: &Policy) -> Vec<Quantizer> {
        let quantizer = |id| self.codings.tensor(self.model, self.calibration, id, policy.activation(id));
        (0..self.model.graph.tensors.len()).map(quantizer).collect()
    }

    /// What a layer wants to know of the calibration images before it becomes integers; `None` if nothing.
    pub fn wants(&self, policy: &Policy, tensors: &[Quantizer], id: LayerId) -> Option<SumsWanted> {
        self.calibration.settings.reestimate.then_some(())?;
        let coded = self.codings.weights(self.model, self.calibration, id, policy.weight(id))?;
        let input = Input::new(self.model, id, tensors[self.model.graph.layers[id].inputs[0]]);
        Some(SumsWanted { kernel: coded.kernel.clone(), pad_codes: input.pad_codes })
    }

    /// Mean and deviation of each channel's sums in real units; `None` without weights.
    pub(super) fn moments(
        &self,
        policy: &Policy,
        tensors: &[Quantizer],
        id: LayerId,
        sums: &SumMoments,
    ) -> Option<Vec<(f64, f64)>> {
        let coded = self.codings.weights(self.model, self.calibration, id, policy.weight(id))?;
        Some(coded.real(&Input::new(self.model, id, tensors[self.model.graph.layers[id].inputs[0]]), sums))
    }

    /// A layer in integers. `sums` answers what it [`wants`](Self::wants): statistics of the sums over all
    /// calibration images. For the last layer the scale of the logits is written to `tensors`.
    ///
    /// # Errors
    /// If the layer has no integer form.
    pub fn layer(
        &self,
        policy: &Policy,
        tensors: &mut [Quantizer],
        id: LayerId,
        sums: Option<&SumMoments>,
    ) -> Result<LayerIntegers, CalibrateError> {
        let layer = &self.model.graph.layers[id];
        let integers = self.integers(policy, tensors, id, layer, sums);
        integers
            .map(LayerIntegers)
            .map_err(|error| CalibrateError::Layer { layer: layer.name.clone(), error })
    }

    fn integers(
        &self,
        policy: &Policy,
        tensors: &mut [Quantizer],
        id: LayerId,
        layer: &Layer,
        sums: Option<&SumMoments>,
    ) -> Result<Integers, RequantizerError> {
        let input = tensors[layer.inputs[0]];
        let output = tensors[layer.output];
        Ok(match layer.op {
            Op::Conv(..) | Op::Depthwise(..) | Op::Linear => {
                let coded = self.codings.weights(self.model, self.calibration, id, policy.weight(id));
                // That it has weights was checked when the float network was observed.
                let coded = coded.ok_or(RequantizerError::Factor(0.0))?;
                let input = Input::new(self.model, id, input);
                if layer.output == self.model.graph.logits() {
                    tensors[layer.output].scale = input.scale * coded.widest;
                }
                self.kernel(id, layer, coded, input, &tensors[layer.output], sums)
            }
            Op::GlobalAvgPool => {
                let pixels = self.model.graph.input_shape(layer).pixels() as f64;
                let factor = input.scale / (output.scale * pixels);
                Integers::Pool(Requantizer::new(factor, -factor * pixels * f64::from(input.zero_point))?)
            }
            Op::Add => Integers::Add(AddRequantizer::new(&input, &tensors[layer.inputs[1]], &output)?),
        })
    }

    /// Weights with the requantizers for `y = slope sum + offset` per channel in real units.
    fn kernel(
        &self,
        id: LayerId,
        layer: &Layer,
        coded: Arc<CodedWeights>,
        input: Input,
        output: &Quantizer,
        sums: Option<&SumMoments>,
    ) -> Integers {
        let affine = self.model.layer(id).map(|parameters| parameters.affine.slope_offset());
        let mut slope_offset = affine.unwrap_or_default();
        if let (Some(float), Some(sums)) = (&self.calibration.sums[id], sums) {
            // Logits are compared with each other: each keeps its slope.
            let keep_slopes = layer.op == Op::Linear;
            reestimate(&mut slope_offset, float, &coded.real(&input, sums), keep_slopes);
        }
        let mut switched_off = Vec::new();
        let mut requantizers = Vec::with_capacity(slope_offset.len());
        for (c, &(slope, offset)) in slope_offset.iter().enumerate() {
            let factor = slope * input.scale * coded.weights.quantizers[c].scale / output.scale;
            let steps = offset / output.scale;
            let requantizer = Requantizer::new(factor, steps - factor * coded.zero_term(c, &input));
            requantizers.push(requantizer.unwrap_or_else(|_| {
                // Batch normalization switches the channel off, or nearly: what remains is its offset.
                switched_off.push(c);
                Requantizer::constant(steps.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16)
            }));
        }
        let weights = if switched_off.is_empty() {
            coded
        } else {
            self.codings.without(self.model, id, &coded, switched_off)
        };
        Integers::Kernel { weights, requantizers, pad_codes: input.pad_codes, slopes_offsets: slope_offset }
    }
}

/// Corrects slope and offset so that the outputs keep the mean and the deviation that they had in the float network
/// (`float` and `quantized` are of the sums before batch normalization).
fn reestimate(slope_offset: &mut [(f64, f64)], float: &Moments, quantized: &[(f64, f64)], keep_slopes: bool) {
    for (c, ((slope, offset), &(mean, deviation))) in slope_offset.iter_mut().zip(quantized).enumerate() {
        let output_mean = *offset + *slope * float.mean(c);
        let float_deviation = float.deviation(c);
        if !keep_slopes && deviation <= NOTHING * float_deviation {
            *slope = 0.0;
        } else if !keep_slopes && float_deviation > NOTHING * deviation {
            *slope *= float_deviation / deviation;
        }
        *offset = output_mean - *slope * mean;
    }
}
