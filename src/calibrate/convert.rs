//! One layer to integers.

use super::channel::ChannelLine;
use super::coding::{CodedWeights, Codings, Input};
use super::{CalibrateError, Calibration, Moments, SumMoments};
use crate::infer::{EngineLayer, EngineStep, PreparedKernel};
use crate::net::{Affine, Layer, LayerId, Model, Op};
use crate::quant::{AddRequantizer, Kernel, Policy, QuantizedLayer, Quantizer, Requantizer};
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
        /// The weights without the silent channels.
        kernel: Arc<PreparedKernel>,
        /// Channels that are constant: their weights are zero.
        silent: Vec<usize>,
        requantizers: Vec<Requantizer>,
        pad_codes: Vec<u8>,
        slopes_offsets: Vec<(f64, f64)>,
    },
    Pool(Requantizer),
    Add(AddRequantizer),
    MaxPool,
    AvgPool,
    Lookup(Vec<u8>),
    Multiply(Requantizer),
    Concat(Vec<Vec<u8>>),
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
            Integers::Kernel { kernel, requantizers, pad_codes, .. } => EngineLayer::Kernel {
                kernel: kernel.clone(),
                requantizers: requantizers.clone(),
                pad_codes: pad_codes.clone(),
            },
            Integers::Pool(requantizer) => EngineLayer::Pool(*requantizer),
            Integers::Add(requantizer) => EngineLayer::Add(*requantizer),
            Integers::MaxPool => EngineLayer::MaxPool,
            Integers::AvgPool => EngineLayer::AvgPool,
            Integers::Lookup(table) => EngineLayer::Lookup(table.clone()),
            Integers::Multiply(requantizer) => EngineLayer::Multiply(*requantizer),
            Integers::Concat(tables) => EngineLayer::Concat(tables.clone()),
        };
        Ok(EngineStep::new(model.graph(), tensors, id, layer)?)
    }

    /// The same with codes of its own.
    pub fn quantized(&self) -> QuantizedLayer {
        match &self.0 {
            Integers::Kernel { weights, silent, requantizers, pad_codes, .. } => {
                QuantizedLayer::Kernel(Kernel {
                    weights: weights.codes_without(silent),
                    bits: weights.bits,
                    zero_points: weights.zero_points(),
                    requantizers: requantizers.clone(),
                    pad_codes: pad_codes.clone(),
                })
            }
            Integers::Pool(requantizer) => QuantizedLayer::Pool(*requantizer),
            Integers::Add(requantizer) => QuantizedLayer::Add(*requantizer),
            Integers::MaxPool => QuantizedLayer::MaxPool,
            Integers::AvgPool => QuantizedLayer::AvgPool,
            Integers::Lookup(table) => QuantizedLayer::Lookup(table.clone()),
            Integers::Multiply(requantizer) => QuantizedLayer::Multiply(*requantizer),
            Integers::Concat(tables) => QuantizedLayer::Concat(tables.clone()),
        }
    }

    /// Channels that are constant, whatever the image, because batch normalization switches them off or their weights
    /// say nothing.
    pub fn silent(&self) -> &[usize] {
        match &self.0 {
            Integers::Kernel { silent, .. } => silent,
            _ => &[],
        }
    }

    /// Slope and offset of each channel's sums in real units, as far as they were corrected: `y = slope sum + offset`;
    /// `None` without weights.
    pub(super) fn slopes_offsets(&self) -> Option<&[(f64, f64)]> {
        match &self.0 {
            Integers::Kernel { slopes_offsets, .. } => Some(slopes_offsets),
            _ => None,
        }
    }
}

impl Conversion<'_> {
    /// Quantizers of all tensors at the widths of a policy, by [`TensorId`](crate::net::TensorId).
    pub fn tensors(&self, policy: &Policy) -> Vec<Quantizer> {
        self.codings.tensors(self.model, self.calibration, policy)
    }

    /// What a layer wants to know of the calibration images before it becomes integers; `None` if nothing.
    pub fn wants(&self, policy: &Policy, tensors: &[Quantizer], id: LayerId) -> Option<SumsWanted> {
        self.calibration.settings.reestimate.then_some(())?;
        let coded = self.codings.weights(self.model, self.calibration, id, policy.weight(id))?;
        let input = Input::new(self.model, id, tensors[self.model.graph().layers[id].inputs[0]]);
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
        Some(coded.real(&Input::new(self.model, id, tensors[self.model.graph().layers[id].inputs[0]]), sums))
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
        let layer = &self.model.graph().layers[id];
        let failed = |error| CalibrateError::Layer { layer: layer.name.clone(), error };
        let input = tensors[layer.inputs[0]];
        let output = tensors[layer.output];
        let integers = match layer.op {
            Op::Conv(..) | Op::Depthwise(..) | Op::Linear => self.kernel(policy, tensors, id, layer, sums)?,
            Op::GlobalAvgPool if layer.output == self.model.graph().logits() => {
                // A logit is the sum of a channel's distances from the zero point: each step of it stands for the part of
                // a step of the input that a pixel has of the mean.
                let pixels = self.model.graph().input_shape(layer).pixels() as f64;
                tensors[layer.output].scale = input.scale / pixels;
                Integers::Pool(
                    Requantizer::floored(1.0, -pixels * f64::from(input.zero_point)).map_err(failed)?,
                )
            }
            Op::GlobalAvgPool => {
                let pixels = self.model.graph().input_shape(layer).pixels() as f64;
                let factor = input.scale / (output.scale * pixels);
                let zero = factor * pixels * f64::from(input.zero_point);
                Integers::Pool(Requantizer::new(factor, -zero).map_err(failed)?)
            }
            Op::Add => {
                let second = tensors[layer.inputs[1]];
                Integers::Add(AddRequantizer::new(&input, &second, &output).map_err(failed)?)
            }
            Op::MaxPool(..) => Integers::MaxPool,
            Op::AvgPool(..) => Integers::AvgPool,
            Op::Lookup(function) => Integers::Lookup(table(&input, &output, |x| function.value(x))),
            Op::Multiply => {
                let gate = tensors[layer.inputs[1]];
                let factor = input.scale * gate.scale / output.scale;
                Integers::Multiply(Requantizer::new(factor, 0.0).map_err(failed)?)
            }
            Op::Concat => {
                let same = |&map: &usize| table(&tensors[map], &output, |x| x);
                Integers::Concat(layer.inputs.iter().map(same).collect())
            }
        };
        Ok(LayerIntegers(integers))
    }

    /// Weights with the requantizers for `y = slope sum + offset` per channel in real units.
    fn kernel(
        &self,
        policy: &Policy,
        tensors: &mut [Quantizer],
        id: LayerId,
        layer: &Layer,
        sums: Option<&SumMoments>,
    ) -> Result<Integers, CalibrateError> {
        let quantizer = tensors[layer.inputs[0]];
        let max_code = if layer.inputs[0] == 0 { u8::MAX } else { quantizer.bits.max_code() };
        let input = Input::new(self.model, id, quantizer);
        let coded = self.codings.weights(self.model, self.calibration, id, policy.weight(id));
        let (Some(coded), Some(parameters)) = (coded, self.model.layer(id)) else {
            return Err(CalibrateError::NoWeights { layer: layer.name.clone() });
        };
        let is_logits = layer.output == self.model.graph().logits();
        if is_logits {
            tensors[layer.output].scale = input.scale * coded.widest;
        }
        let output = tensors[layer.output];
        let mut slope_offset = parameters.affine.slope_offset();
        let mut means = match &parameters.affine {
            Affine::BatchNorm(bn) => bn.mean.iter().map(|&mean| f64::from(mean)).collect(),
            // A trained network says nothing of its sums but by batch normalization.
            Affine::Bias(bias) => match &self.calibration.sums[id] {
                Some(float) if self.calibration.images > 0 => {
                    (0..bias.len()).map(|c| float.mean(c)).collect()
                }
                _ => vec![0.0; bias.len()],
            },
        };
        if let (Some(float), Some(sums)) = (&self.calibration.sums[id], sums) {
            let seen = coded.real(&input, sums);
            // Logits are compared with each other: each keeps its slope.
            let keep_slopes = layer.op == Op::Linear;
            reestimate(&mut slope_offset, float, &seen, keep_slopes);
            means = seen.into_iter().map(|(mean, _)| mean).collect();
        }
        let mut silent = Vec::new();
        let mut requantizers = Vec::with_capacity(slope_offset.len());
        for (c, &(slope, offset)) in slope_offset.iter().enumerate() {
            let factor = slope * input.scale * coded.weights.quantizers[c].scale / output.scale;
            let steps = offset / output.scale;
            let line = ChannelLine {
                factor,
                offset: steps - factor * coded.zero_term(c, &input),
                reach: coded.kernel.reach()[c],
                max_code,
                expected: (offset + slope * means[c]) / output.scale,
                is_logit: is_logits,
            };
            let (requantizer, is_constant) = line.requantizer().map_err(|error| CalibrateError::Channel {
                layer: layer.name.clone(),
                channel: c,
                error,
            })?;
            requantizers.push(requantizer);
            if is_constant {
                silent.push(c);
            }
        }
        let kernel =
            if silent.is_empty() { coded.kernel.clone() } else { Arc::new(coded.kernel.without(&silent)) };
        let (weights, pad_codes, slopes_offsets) = (coded, input.pad_codes, slope_offset);
        Ok(Integers::Kernel { weights, kernel, silent, requantizers, pad_codes, slopes_offsets })
    }
}

/// What a function makes of each code of `input`, in codes of `output`.
fn table(input: &Quantizer, output: &Quantizer, function: impl Fn(f64) -> f64) -> Vec<u8> {
    (0..=input.bits.max_code()).map(|code| output.quantize(function(input.dequantize(code)))).collect()
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
