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
    let (graph, quantizers, layers) = (network.graph(), &network.tensors, &network.layers);
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
            QuantizedLayer::Pool(requantizer) if layer.output == graph.logits() => {
                let sums = channel_sums(input, graph.classes(), requantizer.bias);
                logits = sums.iter().map(|&sum| requantizer.scale(sum) as i32).collect();
                Vec::new()
            }
            QuantizedLayer::Pool(requantizer) => {
                let channels = graph.input_shape(layer).channels;
                pool(input, channels, requantizer, zero_point, bits)
            }
            QuantizedLayer::MaxPool => {
                windowed(graph, layer, input, |codes| codes.iter().copied().max().unwrap_or(0))
            }
            QuantizedLayer::AvgPool => windowed(graph, layer, input, mean),
            QuantizedLayer::Add(requantizer) => add(input, &tensors[layer.inputs[1]], requantizer, bits),
            QuantizedLayer::Lookup(table) => input.iter().map(|&code| table[usize::from(code)]).collect(),
            QuantizedLayer::Multiply(requantizer) => {
                let zero_points = [0, 1].map(|at| quantizers[layer.inputs[at]].zero_point);
                multiply(input, &tensors[layer.inputs[1]], zero_points, requantizer, zero_point, bits)
            }
            QuantizedLayer::Concat(tables) => {
                let maps: Vec<_> = layer.inputs.iter().map(|&input| tensors[input].as_slice()).collect();
                concat(&maps, tables, graph.output_shape(layer).pixels())
            }
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
    let sums = channel_sums(input, channels, requantizer.bias);
    sums.into_iter().map(|sum| requantizer.apply(sum, zero_point, bits)).collect()
}

/// `bias` and the codes of each channel, `[c]`.
pub fn channel_sums(input: &[u8], channels: usize, bias: i32) -> Vec<i32> {
    let sum = |c| input.chunks_exact(channels).fold(bias, |sum, pixel| sum + i32::from(pixel[c]));
    (0..channels).map(sum).collect()
}

/// What `of` makes of the codes of each channel under a window, `[h, w, c]`; pads are left out.
pub fn windowed(graph: &Graph, layer: &Layer, input: &[u8], of: impl Fn(&[u8]) -> u8) -> Vec<u8> {
    let (input_shape, output_shape) = (graph.input_shape(layer), graph.output_shape(layer));
    let Window { kernel: side, stride, pads } = window(layer);
    let mut out = Vec::with_capacity(output_shape.elements());
    for y in 0..output_shape.height {
        for x in 0..output_shape.width {
            for c in 0..output_shape.channels {
                let mut codes = Vec::new();
                for ky in 0..side {
                    for kx in 0..side {
                        let row = (y * stride + ky) as isize - pads.top as isize;
                        let column = (x * stride + kx) as isize - pads.left as isize;
                        let pixel = position(input_shape, row, column);
                        codes.extend(pixel.map(|pixel| input[pixel * input_shape.channels + c]));
                    }
                }
                out.push(of(&codes));
            }
        }
    }
    out
}

/// The mean of some codes: `floor((2 sum + count) / (2 count))`.
pub fn mean(codes: &[u8]) -> u8 {
    let (sum, count) = (codes.iter().map(|&code| usize::from(code)).sum::<usize>(), codes.len());
    // A mean of codes is a code.
    ((2 * sum + count) / (2 * count).max(1)) as u8
}

/// Residual add: `y_q = clamp(floor((a_q * m_a + b_q * m_b + offset) / 2^shift), 0, 2^b - 1)`.
pub fn add(a: &[u8], b: &[u8], requantizer: &AddRequantizer, bits: Bits) -> Vec<u8> {
    a.iter().zip(b).map(|(&a, &b)| requantizer.apply(a, b, bits)).collect()
}

/// Product of a map and a gate with a number for each channel:
/// `acc = bias + (a_q - a_zero_point) * (g_q - g_zero_point)`, requantized.
pub fn multiply(
    map: &[u8],
    gate: &[u8],
    zero_points: [u8; 2],
    requantizer: &Requantizer,
    zero_point: u8,
    bits: Bits,
) -> Vec<u8> {
    let distance = |code: u8, at: usize| i32::from(code) - i32::from(zero_points[at]);
    let pairs = map.iter().zip(gate.iter().cycle());
    pairs
        .map(|(&a, &g)| {
            requantizer.apply(requantizer.bias + distance(a, 0) * distance(g, 1), zero_point, bits)
        })
        .collect()
}

/// Channels of maps of so many pixels, one behind the other, each code as its map's table says.
pub fn concat(maps: &[&[u8]], tables: &[Vec<u8>], pixels: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for pixel in 0..pixels {
        for (map, table) in maps.iter().zip(tables) {
            let channels = map.len() / pixels;
            out.extend(map[pixel * channels..][..channels].iter().map(|&code| table[usize::from(code)]));
        }
    }
    out
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Activation;

    /// All numbers here are computed on paper.
    #[test]
    fn a_convolution_by_hand() {
        // 5  5  5  5     -1  0  1
        // 5 10 20  5      2  0 -1
        // 5 30 40  5      1  1  0
        // 5  5  5  5
        let mut graph = Graph::new(Shape::new(2, 2, 1));
        let window = Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) };
        graph.conv("conv", 0, 1, window, Activation::Linear);
        let factor = Requantizer { bias: 100, multiplier: 3 << 29, shift: 34 };
        let mut kernel = Kernel {
            weights: vec![0, 1, 2, 3, 1, 0, 2, 2, 1],
            bits: Bits::B2,
            zero_points: vec![1],
            requantizers: vec![factor],
            pad_codes: vec![5],
        };
        let accumulators = accumulate(&graph, 0, &kernel, &[10, 20, 30, 40]);
        assert_eq!(accumulators, [125, 185, 95, 160]);
        // Times 3/32: 11.7, 17.3, 8.9, 15.
        assert_eq!(requantize(&accumulators, &kernel.requantizers, 3, Bits::B4), [14, 15, 11, 15]);
        assert_eq!(scale(&accumulators, &kernel.requantizers), [11]);
        kernel.requantizers[0].multiplier *= -1;
        assert_eq!(requantize(&accumulators, &kernel.requantizers, 20, Bits::B8), [8, 2, 11, 5]);

        // As a depthwise layer of stride 2 it keeps the first corner.
        let mut graph = Graph::new(Shape::new(2, 2, 1));
        graph.depthwise("dw", 0, Window { stride: 2, ..window }, Activation::Linear);
        assert_eq!(accumulate(&graph, 0, &kernel, &[10, 20, 30, 40]), [125]);
    }

    #[test]
    fn a_pool_and_an_add_by_hand() {
        // Channel sums 11 and 40, plus 2, times 1/4: 3.25 and 10.5.
        let quarter = Requantizer { bias: 2, multiplier: 1 << 30, shift: 32 };
        assert_eq!(pool(&[1, 10, 2, 10, 3, 10, 5, 10], 2, &quarter, 1, Bits::B8), [4, 11]);

        // 1 2
        // 3 8, with a row above and a column to the left that count for nothing.
        let mut graph = Graph::new(Shape::new(2, 2, 1));
        let pads = Pads { top: 1, left: 1, bottom: 0, right: 0 };
        graph.avg_pool("pool", 0, Window { kernel: 2, stride: 1, pads });
        assert_eq!(
            windowed(&graph, &graph.layers[0], &[1, 2, 3, 8], mean),
            [1, 2, 2, 4],
            "1, 3/2, 4/2, 14/4"
        );
        let largest = |codes: &[u8]| codes.iter().copied().max().unwrap_or(0);
        assert_eq!(windowed(&graph, &graph.layers[0], &[1, 2, 3, 8], largest), [1, 2, 3, 8]);

        // 1 2 and 7 8 by two gates, as distances from 2 and 1: -1 * 3, 0 * -1, 5 * 3, 6 * -1, and 2, times 1/4, and 4.
        assert_eq!(multiply(&[1, 2, 7, 8], &[4, 0], [2, 1], &quarter, 4, Bits::B4), [3, 4, 8, 3]);
        assert_eq!(
            concat(&[&[0, 1, 2, 3], &[1, 0]], &[vec![9, 8, 7, 6], vec![0, 5]], 2),
            [9, 8, 5, 7, 6, 0],
            "two channels and one"
        );

        let requantizer = AddRequantizer { multipliers: [2, 3], offset: -9, shift: 2 };
        // 22/4, -6/4, 66/4.
        assert_eq!(add(&[5, 0, 15], &[7, 1, 15], &requantizer, Bits::B4), [5, 0, 15]);
    }
}
