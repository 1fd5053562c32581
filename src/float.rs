//! Float inference: the reference that quantization is measured against, and the source of its statistics.
//!
//! Results are the same bit for bit on every machine and in the browser. Calibration turns them into integers, and
//! a policy shared as a link must give the same integers everywhere. Hence this executor rather than a general
//! one: every output is summed in one fixed order, lanes run over output channels, and multiplication and addition
//! stay apart (no fused multiply-add).

mod dense;
mod depthwise;
mod pool;

use crate::net::{
    Activation, Affine, Function, Graph, Layer, LayerId, Model, Normalization, Op, Shape, Window, argmax,
};
use dense::Dense;
use depthwise::Depthwise;

/// Why a float network cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FloatError {
    /// A layer has no weights.
    #[error("layer {layer} has no weights: load a file with all of the network's layers")]
    Missing {
        /// Its name.
        layer: String,
    },
    /// A layer's weights have the wrong size.
    #[error("layer {layer} has {found} {what}: expected {expected}; load weights of this very network")]
    Size {
        /// Its name.
        layer: String,
        /// What was counted.
        what: &'static str,
        /// How many the graph needs.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The image has the wrong size.
    #[error(
        "an image of {found} bytes: expected {expected} (height x width x 3); resize it to the network's side"
    )]
    Image {
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

/// A float network prepared for inference, one image at a time.
#[derive(Clone, Debug)]
pub struct FloatNetwork {
    graph: Graph,
    normalization: Normalization,
    layers: Vec<Prepared>,
}

/// Weights of a layer in the order in which they are read.
#[derive(Clone, Debug)]
enum Prepared {
    Dense(Dense, Epilogue),
    Depthwise(Depthwise, Epilogue),
    Pool,
    Add,
    MaxPool(Window),
    AvgPool(Window),
    Lookup(Function),
    Multiply,
    Concat,
}

/// What follows a sum of products: slope, offset, activation.
#[derive(Clone, Debug)]
struct Epilogue {
    slope_offset: Vec<(f32, f32)>,
    activation: Activation,
}

/// What [`FloatNetwork::run_observed`] shows of each layer.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The layer.
    pub layer: LayerId,
    /// Its sums of products before batch normalization and bias, `[h, w, c_out]`; empty for pools and adds.
    pub sums: &'a [f32],
    /// Its output, `[h, w, c_out]`.
    pub output: &'a [f32],
}

impl FloatNetwork {
    /// Prepares a model.
    ///
    /// # Errors
    /// If weights are missing or of the wrong size.
    pub fn new(model: &Model) -> Result<Self, FloatError> {
        let graph = model.graph();
        let prepare = |(id, layer): (LayerId, &Layer)| -> Result<Prepared, FloatError> {
            let (weight, epilogue) = match layer.op {
                Op::GlobalAvgPool => return Ok(Prepared::Pool),
                Op::Add => return Ok(Prepared::Add),
                Op::MaxPool(window) => return Ok(Prepared::MaxPool(window)),
                Op::AvgPool(window) => return Ok(Prepared::AvgPool(window)),
                Op::Lookup(function) => return Ok(Prepared::Lookup(function)),
                Op::Multiply => return Ok(Prepared::Multiply),
                Op::Concat => return Ok(Prepared::Concat),
                _ => checked_weights(model, id)?,
            };
            let input = graph.input_shape(layer);
            Ok(match layer.op {
                Op::Depthwise(window) => Prepared::Depthwise(Depthwise::new(weight, window, input), epilogue),
                _ => Prepared::Dense(
                    Dense::new(weight, layer.window(), input, graph.output_shape(layer)),
                    epilogue,
                ),
            })
        };
        let layers = graph.layers.iter().enumerate().map(prepare).collect::<Result<_, _>>()?;
        Ok(Self { graph: graph.clone(), normalization: model.normalization, layers })
    }

    /// Logits of an RGB image of the network's size, `[h, w, 3]`.
    ///
    /// # Errors
    /// If the image has another size.
    pub fn run(&self, image: &[u8]) -> Result<Vec<f32>, FloatError> {
        self.run_observed(image, |_| {})
    }

    /// The output with the highest logit; of equals the first.
    ///
    /// # Errors
    /// If the image has another size.
    pub fn predict(&self, image: &[u8]) -> Result<usize, FloatError> {
        Ok(argmax(&self.run(image)?))
    }

    /// As [`FloatNetwork::run`], and shows every layer on the way.
    ///
    /// # Errors
    /// If the image has another size.
    pub fn run_observed(
        &self,
        image: &[u8],
        mut observe: impl FnMut(Observed<'_>),
    ) -> Result<Vec<f32>, FloatError> {
        let expected = self.graph.image().shape.elements();
        if image.len() != expected {
            return Err(FloatError::Image { expected, found: image.len() });
        }
        let mut tensors: Vec<Vec<f32>> = vec![Vec::new(); self.graph.tensors.len()];
        tensors[0] = self.normalize(image);
        let mut sums = Vec::new();
        for (id, (layer, prepared)) in self.graph.layers.iter().zip(&self.layers).enumerate() {
            let input = &tensors[layer.inputs[0]];
            let shape = self.graph.output_shape(layer);
            sums.clear();
            let output = match prepared {
                Prepared::Dense(dense, epilogue) => {
                    sums.resize(shape.elements(), 0.0);
                    dense.sums(input, &mut sums);
                    epilogue.apply(&sums)
                }
                Prepared::Depthwise(depthwise, epilogue) => {
                    sums.resize(shape.elements(), 0.0);
                    depthwise.sums(input, &mut sums);
                    epilogue.apply(&sums)
                }
                Prepared::Pool => pool::average(input, shape.channels),
                &Prepared::MaxPool(window) => {
                    pool::windowed_max(input, window, self.graph.input_shape(layer), shape)
                }
                &Prepared::AvgPool(window) => {
                    pool::windowed_average(input, window, self.graph.input_shape(layer), shape)
                }
                Prepared::Add => {
                    let (low, high) = bounds(layer.activation);
                    let pairs = input.iter().zip(&tensors[layer.inputs[1]]);
                    pairs.map(|(a, b)| (a + b).max(low).min(high)).collect()
                }
                Prepared::Lookup(function) => {
                    input.iter().map(|&x| function.value(f64::from(x)) as f32).collect()
                }
                Prepared::Multiply => {
                    let gate = &tensors[layer.inputs[1]];
                    input.iter().zip(gate.iter().cycle()).map(|(x, gate)| x * gate).collect()
                }
                Prepared::Concat => {
                    let maps: Vec<&[f32]> =
                        layer.inputs.iter().map(|&input| tensors[input].as_slice()).collect();
                    concat(&maps, shape)
                }
            };
            observe(Observed { layer: id, sums: &sums, output: &output });
            for &read in &layer.inputs {
                if self.graph.last_reader(read) == Some(id) {
                    tensors[read] = Vec::new();
                }
            }
            tensors[layer.output] = output;
        }
        Ok(tensors.pop().unwrap_or_default())
    }

    fn normalize(&self, image: &[u8]) -> Vec<f32> {
        let Normalization { mean, deviation } = self.normalization;
        image.iter().enumerate().map(|(i, &x)| (f32::from(x) - mean[i % 3]) / deviation[i % 3]).collect()
    }
}

impl Epilogue {
    fn apply(&self, sums: &[f32]) -> Vec<f32> {
        let (low, high) = bounds(self.activation);
        let channels = self.slope_offset.len();
        let mut output = Vec::with_capacity(sums.len());
        for pixel in sums.chunks_exact(channels) {
            let values = pixel.iter().zip(&self.slope_offset);
            output.extend(values.map(|(sum, (slope, offset))| (sum * slope + offset).max(low).min(high)));
        }
        output
    }
}

/// Channels of several maps, one behind the other, `[h, w, c]`.
fn concat(maps: &[&[f32]], output: Shape) -> Vec<f32> {
    let mut joined = Vec::with_capacity(output.elements());
    for pixel in 0..output.pixels() {
        for map in maps {
            let channels = map.len() / output.pixels();
            joined.extend_from_slice(&map[pixel * channels..][..channels]);
        }
    }
    joined
}

/// Smallest and largest value that an activation lets through.
const fn bounds(activation: Activation) -> (f32, f32) {
    match activation {
        Activation::Linear => (f32::NEG_INFINITY, f32::INFINITY),
        Activation::Relu => (0.0, f32::INFINITY),
        Activation::Relu6 => (0.0, 6.0),
    }
}

fn checked_weights(model: &Model, id: LayerId) -> Result<(&[f32], Epilogue), FloatError> {
    let layer = &model.graph().layers[id];
    let missing = || FloatError::Missing { layer: layer.name.clone() };
    let parameters = model.layer(id).ok_or_else(missing)?;
    let check = |what, expected, found| {
        if expected == found {
            Ok(())
        } else {
            Err(FloatError::Size { layer: layer.name.clone(), what, expected, found })
        }
    };
    check("weights", model.graph().weight_elements(layer), parameters.weight.len())?;
    let channels = model.graph().output_shape(layer).channels;
    match &parameters.affine {
        Affine::Bias(bias) => check("biases", channels, bias.len())?,
        Affine::BatchNorm(bn) => {
            check("batch norm factors", channels, bn.gamma.len())?;
            check("batch norm offsets", channels, bn.beta.len())?;
            check("batch norm means", channels, bn.mean.len())?;
            check("batch norm variances", channels, bn.variance.len())?;
        }
    }
    let slope_offset = parameters.affine.slope_offset();
    let slope_offset =
        slope_offset.into_iter().map(|(slope, offset)| (slope as f32, offset as f32)).collect();
    Ok((&parameters.weight, Epilogue { slope_offset, activation: layer.activation }))
}

#[cfg(test)]
mod tests;
