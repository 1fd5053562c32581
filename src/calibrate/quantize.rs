//! One policy's integers, layer by layer.

use super::walk::{self, Walker};
use super::{CalibrateError, Calibration, Moments};
use crate::float::FloatError;
use crate::infer::PreparedKernel;
use crate::net::{Layer, LayerId, LayerWeights, Model, Normalization, Op};
use crate::quant::{
    AddRequantizer, Bits, Kernel, Policy, QuantizedLayer, QuantizedNetwork, Quantizer, Requantizer,
    RequantizerError, WeightCodes,
};

/// A deviation below this part of the one it is compared with counts as none: the channel is constant.
const NOTHING: f64 = 1.0 / 1024.0;

/// A network on its way to integers. Each [`step`](Quantization::step) does one layer.
pub struct Quantization<'a> {
    model: &'a Model,
    calibration: &'a Calibration,
    policy: &'a Policy,
    tensors: Vec<Quantizer>,
    layers: Vec<QuantizedLayer>,
    walkers: Vec<Walker>,
}

impl<'a> Quantization<'a> {
    /// Nothing done yet. `images` are some of those that were observed, each `[h, w, 3]` of the network's size;
    /// they are used only if statistics are re-estimated.
    ///
    /// # Errors
    /// If there are no images although they are needed, or one has the wrong size.
    pub fn new(
        model: &'a Model,
        calibration: &'a Calibration,
        policy: &'a Policy,
        images: &[Vec<u8>],
    ) -> Result<Self, CalibrateError> {
        let reestimate = calibration.settings.reestimate;
        if reestimate && images.is_empty() {
            return Err(CalibrateError::NoImages);
        }
        let expected = model.graph.image().shape.elements();
        if let Some(image) = images.iter().find(|image| image.len() != expected) {
            return Err(FloatError::Image { expected, found: image.len() }.into());
        }
        let images = if reestimate { images } else { &[] };
        let walkers = images.iter().map(|image| Walker::new(&model.graph, image)).collect();
        let Normalization { mean, deviation } = model.normalization;
        let image = Quantizer {
            scale: 1.0 / f64::from(deviation[0]),
            zero_point: nearest_code(f64::from(mean[0])),
            bits: Bits::B8,
        };
        let range = calibration.settings.activations;
        let others = calibration.values.iter().enumerate().skip(1);
        let others = others.map(|(tensor, values)| range.quantizer(values, policy.activation(tensor)));
        let tensors = std::iter::once(image).chain(others).collect();
        Ok(Self { model, calibration, policy, tensors, layers: Vec::new(), walkers })
    }

    /// Layers done and layers in all.
    pub fn progress(&self) -> (usize, usize) {
        (self.layers.len(), self.model.graph.layers.len())
    }

    /// Does the next layer. After the last, the network in integers.
    ///
    /// # Errors
    /// If the layer has no integer form.
    pub fn step(&mut self) -> Result<Option<QuantizedNetwork>, CalibrateError> {
        let graph = &self.model.graph;
        let id = self.layers.len();
        if let Some(layer) = graph.layers.get(id) {
            let quantized = self
                .layer(id, layer)
                .map_err(|error| CalibrateError::Layer { layer: layer.name.clone(), error })?;
            if layer.output != graph.logits() {
                walk::advance(graph, id, &quantized, &self.tensors[layer.output], &mut self.walkers);
            }
            self.layers.push(quantized);
        }
        if self.layers.len() < graph.layers.len() {
            return Ok(None);
        }
        Ok(Some(QuantizedNetwork {
            spec: self.model.spec,
            graph: graph.clone(),
            policy: self.policy.clone(),
            tensors: self.tensors.clone(),
            layers: self.layers.clone(),
            normalization: self.model.normalization,
            labels: self.model.labels.clone(),
        }))
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

    fn layer(&mut self, id: LayerId, layer: &Layer) -> Result<QuantizedLayer, RequantizerError> {
        let input = self.tensors[layer.inputs[0]];
        let output = self.tensors[layer.output];
        Ok(match layer.op {
            Op::Conv(..) | Op::Depthwise(..) | Op::Linear => QuantizedLayer::Kernel(self.kernel(id, layer)?),
            Op::GlobalAvgPool => {
                let pixels = self.model.graph.input_shape(layer).pixels() as f64;
                let factor = input.scale / (output.scale * pixels);
                QuantizedLayer::Pool(Requantizer::new(
                    factor,
                    -factor * pixels * f64::from(input.zero_point),
                )?)
            }
            Op::Add => {
                let other = self.tensors[layer.inputs[1]];
                QuantizedLayer::Add(AddRequantizer::new(&input, &other, &output)?)
            }
        })
    }

    fn kernel(&mut self, id: LayerId, layer: &Layer) -> Result<Kernel, RequantizerError> {
        let graph = &self.model.graph;
        // That it has weights was checked when the float network was observed.
        let parameters = self.model.layer(id).ok_or(RequantizerError::Factor(0.0))?;
        let mut coded = self.code(id, layer, parameters);
        let mut slope_offset = parameters.affine.slope_offset();
        if self.calibration.settings.reestimate
            && let Some(float) = &self.calibration.sums[id]
        {
            let prepared = PreparedKernel::new(graph, id, &coded.weights.codes, &coded.zero_points());
            let quantized = walk::sums(graph, id, &prepared, &coded.pad_codes, &mut self.walkers);
            // Logits are compared with each other: each keeps its slope.
            let keep_slopes = layer.op == Op::Linear;
            reestimate(&mut slope_offset, float, &coded.real(&quantized), keep_slopes);
        }
        if layer.output == graph.logits() {
            self.tensors[layer.output].scale = coded.share_scale();
        }
        Ok(coded.finish(&slope_offset, &self.tensors[layer.output]))
    }

    /// Weights to codes. The deviations of the colours go into the first layer's weights.
    fn code(&self, id: LayerId, layer: &Layer, parameters: &LayerWeights) -> Coded {
        let bits = self.policy.weight(id);
        let channels = self.model.graph.output_shape(layer).channels;
        let settings = self.calibration.settings;
        let input = self.tensors[layer.inputs[0]];
        let Normalization { mean, deviation } = self.model.normalization;
        let first = layer.inputs[0] == 0;
        let scaled: Vec<f32>;
        let (weight, zeros) = if first {
            let weights = parameters.weight.iter().enumerate();
            scaled = weights.map(|(i, w)| w * (deviation[0] / deviation[i % 3])).collect();
            (&scaled, mean.map(f64::from).to_vec())
        } else {
            (&parameters.weight, vec![f64::from(input.zero_point)])
        };
        let weights = WeightCodes::new(weight, channels, bits, settings.granularity, settings.weights);
        Coded::new(weights, bits, &zeros, input.scale)
    }
}

/// A layer's weights in integers, before it is known what follows their sums.
struct Coded {
    weights: WeightCodes,
    bits: Bits,
    /// Real input per code.
    input_scale: f64,
    /// What the input's zero point adds to the sums of each output channel: `zero * sum (w_q - w_zero_point)`.
    zero_terms: Vec<f64>,
    pad_codes: Vec<u8>,
}

impl Coded {
    /// `zeros` are the input's zero points: one, or one for each input channel. They need not be whole numbers.
    fn new(weights: WeightCodes, bits: Bits, zeros: &[f64], input_scale: f64) -> Self {
        let per_channel = weights.codes.len() / weights.quantizers.len();
        let zero_term = |(codes, q): (&[u8], &Quantizer)| {
            let steps = codes.iter().map(|&w| f64::from(w) - f64::from(q.zero_point));
            steps.zip(zeros.iter().cycle()).map(|(step, zero)| step * zero).sum()
        };
        let zero_terms =
            weights.codes.chunks_exact(per_channel).zip(&weights.quantizers).map(zero_term).collect();
        let pad_codes = zeros.iter().map(|&zero| nearest_code(zero)).collect();
        Self { weights, bits, input_scale, zero_terms, pad_codes }
    }

    fn zero_points(&self) -> Vec<u8> {
        self.weights.quantizers.iter().map(|q| q.zero_point).collect()
    }

    /// Mean and deviation of each channel's sums in real units.
    fn real(&self, sums: &Moments) -> Vec<(f64, f64)> {
        let channels = self.weights.quantizers.iter().zip(&self.zero_terms).enumerate();
        channels
            .map(|(c, (q, zero_term))| {
                let scale = self.input_scale * q.scale;
                (scale * (sums.mean(c) - zero_term), scale * sums.deviation(c))
            })
            .collect()
    }

    /// The scale that the logits share: that of the channel with the widest steps, so that no factor exceeds one.
    /// Channels whose weights are all zero take part in no sum and take its scale.
    fn share_scale(&mut self) -> f64 {
        let per_channel = self.weights.codes.len() / self.weights.quantizers.len();
        let zero = |codes: &[u8], q: &Quantizer| codes.iter().all(|&code| code == q.zero_point);
        let channels = || self.weights.codes.chunks_exact(per_channel).zip(&self.weights.quantizers);
        let widest =
            channels().filter(|(codes, q)| !zero(codes, q)).fold(0.0, |s: f64, (_, q)| s.max(q.scale));
        let widest = if widest > 0.0 { widest } else { 1.0 };
        let empty: Vec<bool> = channels().map(|(codes, q)| zero(codes, q)).collect();
        for (q, empty) in self.weights.quantizers.iter_mut().zip(empty) {
            if empty {
                q.scale = widest;
            }
        }
        self.input_scale * widest
    }

    /// Adds the requantizers for `y = slope sum + offset` per channel in real units.
    fn finish(mut self, slope_offset: &[(f64, f64)], output: &Quantizer) -> Kernel {
        let zero_points = self.zero_points();
        let per_channel = self.weights.codes.len() / zero_points.len();
        let mut requantizers = Vec::with_capacity(zero_points.len());
        for (c, &(slope, offset)) in slope_offset.iter().enumerate() {
            let factor = slope * self.input_scale * self.weights.quantizers[c].scale / output.scale;
            let steps = offset / output.scale;
            let requantizer = Requantizer::new(factor, steps - factor * self.zero_terms[c]);
            requantizers.push(requantizer.unwrap_or_else(|_| {
                // Batch normalization switches the channel off, or nearly: what remains is its offset.
                self.weights.codes[c * per_channel..][..per_channel].fill(zero_points[c]);
                Requantizer::constant(steps.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16)
            }));
        }
        let Self { weights, bits, pad_codes, .. } = self;
        Kernel { weights: weights.codes, bits, zero_points, requantizers, pad_codes }
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

fn nearest_code(zero: f64) -> u8 {
    zero.round().clamp(0.0, 255.0) as u8
}
