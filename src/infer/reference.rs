//! The numeric contract in plain loops: what every other implementation must equal.
//!
//! Tensors are rows of pixels of channels, one code a byte. Nothing here is fast.

use super::check::{InferError, check_image, check_network};
use crate::net::{Graph, Layer, LayerId, Op, Pads, Shape, Window};
use crate::quant::{AddRequantizer, Bits, Kernel, QuantizedLayer, QuantizedNetwork, Requantizer};

/// All that a network computes for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Codes of each tensor by [`TensorId`](crate::net::TensorId), one a byte, `[h, w, c]`; empty for the logits.
    pub tensors: Vec<Vec<u8>>,
    /// One integer per class.
    pub logits: Vec<i32>,
}

/// Logits of an image, `[h, w, 3]`.
///
/// # Errors
/// If the image has another size, or the network's integers contradict each other or may overflow.
pub fn run(network: &QuantizedNetwork, image: &[u8]) -> Result<Vec<i32>, InferError> {
    Ok(trace(network, image)?.logits)
}

/// As [`run`], with all tensors on the way.
///
/// # Errors
/// As [`run`].
pub fn trace(network: &QuantizedNetwork, image: &[u8]) -> Result<Trace, InferError> {
    let QuantizedNetwork { graph, tensors: quantizers, layers, .. } = network;
    check_image(graph.image().shape, image)?;
    check_network(network)?;
    let mut tensors = vec![Vec::new(); graph.tensors.len()];
    let mut logits = Vec::new();
    tensors[0] = image.to_vec();
    for (id, (layer, integers)) in graph.layers.iter().zip(layers).enumerate() {
        let input = &tensors[layer.inputs[0]];
        let (zero_point, bits) = (quantizers[layer.output].zero_point, quantizers[layer.output].bits);
        tensors[layer.output] = match integers {
            QuantizedLayer::Kernel(kernel) if layer.op == Op::Linear => {
                let accumulators = accumulate(graph, id, kernel, input);
                logits = scale(&accumulators, &kernel.requantizers);
                Vec::new()
            }
            QuantizedLayer::Kernel(kernel) => {
                let accumulators = accumulate(graph, id, kernel, input);
                requantize(&accumulators, &kernel.requantizers, zero_point, bits)
            }
            QuantizedLayer::Pool(requantizer) => {
                let channels = graph.input_shape(layer).channels;
                pool(input, channels, requantizer, zero_point, bits)
            }
            QuantizedLayer::Add(requantizer) => add(input, &tensors[layer.inputs[1]], requantizer, bits),
        };
    }
    Ok(Trace { tensors, logits })
}

/// `acc = bias + sum x_q * (w_q - w_zero_point)` for each output, `[h, w, c_out]`; x_q is the code of real zero
/// outside the map.
pub fn accumulate(graph: &Graph, layer: LayerId, kernel: &Kernel, input: &[u8]) -> Vec<i32> {
    let layer = &graph.layers[layer];
    let (input_shape, output_shape) = (graph.input_shape(layer), graph.output_shape(layer));
    let Window { kernel: side, stride, pads } = window(layer);
    let depthwise = matches!(layer.op, Op::Depthwise(..));
    // Input channels that an output channel reads.
    let read = if depthwise { 1 } else { input_shape.channels };

    let mut accumulators = Vec::with_capacity(output_shape.elements());
    for y in 0..output_shape.height {
        for x in 0..output_shape.width {
            for co in 0..output_shape.channels {
                let mut acc = kernel.requantizers[co].bias;
                for ky in 0..side {
                    for kx in 0..side {
                        for i in 0..read {
                            let ci = if depthwise { co } else { i };
                            let row = (y * stride + ky) as isize - pads.top as isize;
                            let column = (x * stride + kx) as isize - pads.left as isize;
                            let code = match position(input_shape, row, column) {
                                Some(pixel) => input[pixel * input_shape.channels + ci],
                                None => kernel.pad_codes[ci % kernel.pad_codes.len()],
                            };
                            let weight = kernel.weights[((co * side + ky) * side + kx) * read + i];
                            acc += i32::from(code) * (i32::from(weight) - i32::from(kernel.zero_points[co]));
                        }
                    }
                }
                accumulators.push(acc);
            }
        }
    }
    accumulators
}

/// `y_q = clamp(y_zero_point + floor(acc * multiplier / 2^shift), 0, 2^b - 1)`, `[h, w, c]`, one requantizer per
/// channel.
pub fn requantize(accumulators: &[i32], requantizers: &[Requantizer], zero_point: u8, bits: Bits) -> Vec<u8> {
    let channels = requantizers.iter().cycle();
    accumulators.iter().zip(channels).map(|(&acc, r)| r.apply(acc, zero_point, bits)).collect()
}

/// `floor(acc * multiplier / 2^shift)`: the logits, one per class.
pub fn scale(accumulators: &[i32], requantizers: &[Requantizer]) -> Vec<i32> {
    // Checked before: the result fits an i32.
    accumulators.iter().zip(requantizers).map(|(&acc, r)| r.scale(acc) as i32).collect()
}

/// Global average pool: the requantized sum of the codes of each channel, `[c]`.
pub fn pool(input: &[u8], channels: usize, requantizer: &Requantizer, zero_point: u8, bits: Bits) -> Vec<u8> {
    (0..channels)
        .map(|c| {
            let mut acc = requantizer.bias;
            for pixel in input.chunks_exact(channels) {
                acc += i32::from(pixel[c]);
            }
            requantizer.apply(acc, zero_point, bits)
        })
        .collect()
}

/// Residual add: `y_q = clamp(floor((a_q * m_a + b_q * m_b + offset) / 2^shift), 0, 2^b - 1)`.
pub fn add(a: &[u8], b: &[u8], requantizer: &AddRequantizer, bits: Bits) -> Vec<u8> {
    a.iter().zip(b).map(|(&a, &b)| requantizer.apply(a, b, bits)).collect()
}

/// A linear layer looks at its one pixel.
fn window(layer: &Layer) -> Window {
    layer.window().unwrap_or(Window { kernel: 1, stride: 1, pads: Pads::default() })
}

/// Number of the pixel in a row and a column; `None` outside the map.
fn position(shape: Shape, row: isize, column: isize) -> Option<usize> {
    let (row, column) = (usize::try_from(row).ok()?, usize::try_from(column).ok()?);
    (row < shape.height && column < shape.width).then_some(row * shape.width + column)
}
