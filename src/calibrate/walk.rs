//! The calibration images on their way through the network in integers.

use crate::infer::{PreparedKernel, RowRequantizer, Scratch};
use crate::net::{Graph, LayerId};
use crate::parallel;
use crate::quant::{QuantizedLayer, Quantizer};

use super::Moments;

/// The codes of one image.
pub(super) struct Walker {
    /// By tensor; empty before they are computed and after their last use.
    codes: Vec<Vec<u8>>,
    scratch: Scratch,
}

impl Walker {
    /// An image before the first layer.
    pub(super) fn new(graph: &Graph, image: &[u8]) -> Self {
        let mut codes = vec![Vec::new(); graph.tensors.len()];
        codes[0] = image.to_vec();
        Self { codes, scratch: Scratch::default() }
    }
}

/// Statistics of a layer's sums `x_q * (w_q - w_zero_point)` over all images, per output channel.
pub(super) fn sums(
    graph: &Graph,
    id: LayerId,
    prepared: &PreparedKernel,
    pad_codes: &[u8],
    walkers: &mut [Walker],
) -> Moments {
    let layer = &graph.layers[id];
    let channels = graph.output_shape(layer).channels;
    let one = |walker: &mut Walker| {
        let mut moments = Moments::new(channels);
        let Walker { codes, scratch } = walker;
        prepared.sums(&codes[layer.inputs[0]], pad_codes, scratch, |_, row| moments.add(row));
        moments
    };
    let mut all = Moments::new(channels);
    for moments in parallel::map(walkers, one) {
        all.merge(&moments);
    }
    all
}

/// Computes a layer's output codes for all images and forgets inputs that nobody reads again.
pub(super) fn advance(
    graph: &Graph,
    id: LayerId,
    quantized: &QuantizedLayer,
    output: &Quantizer,
    walkers: &mut [Walker],
) {
    let layer = &graph.layers[id];
    let shape = graph.output_shape(layer);
    let prepared = match quantized {
        QuantizedLayer::Kernel(kernel) => {
            let prepared = PreparedKernel::new(graph, id, &kernel.weights, &kernel.zero_points);
            let requantizer = RowRequantizer::new(&kernel.requantizers, output.zero_point, output.bits);
            Some((kernel, prepared, requantizer))
        }
        _ => None,
    };
    parallel::map(walkers, |walker| {
        let mut codes = vec![0; shape.elements()];
        let input = &walker.codes[layer.inputs[0]];
        if let Some((kernel, prepared, requantizer)) = &prepared {
            let row_len = shape.width * shape.channels;
            prepared.sums(input, &kernel.pad_codes, &mut walker.scratch, |y, sums| {
                requantizer.apply(sums, &mut codes[y * row_len..][..row_len]);
            });
        } else if let QuantizedLayer::Pool(requantizer) = quantized {
            for (c, code) in codes.iter_mut().enumerate() {
                let sum: i32 = input.iter().skip(c).step_by(shape.channels).map(|&x| i32::from(x)).sum();
                *code = requantizer.apply(sum + requantizer.bias, output.zero_point, output.bits);
            }
        } else if let QuantizedLayer::Add(add) = quantized {
            for (code, (&a, &b)) in codes.iter_mut().zip(input.iter().zip(&walker.codes[layer.inputs[1]])) {
                *code = add.apply(a, b, output.bits);
            }
        }
        walker.codes[layer.output] = codes;
        for &read in &layer.inputs {
            if graph.last_reader(read) == Some(id) {
                walker.codes[read] = Vec::new();
            }
        }
    });
}
