//! A network of ours computed in the plainest way, in 64-bit numbers.

use super::super::Lowered;
use crate::net::{Activation, Op, Shape, Window};

/// Logits of an image `[rows, columns, channels]`.
pub(in super::super) fn evaluate_lowered(network: &Lowered, image: &[f64]) -> Vec<f64> {
    let graph = &network.graph;
    let mut tensors = vec![Vec::new(); graph.tensors.len()];
    tensors[0] = image.to_vec();
    for (layer, weights) in graph.layers.iter().zip(&network.weights) {
        let (input, output) = (graph.tensors[layer.inputs[0]].shape, graph.tensors[layer.output].shape);
        let x = &tensors[layer.inputs[0]];
        assert_eq!(x.len(), input.elements(), "{layer:?}");
        let channels = output.channels;
        let mut result = match layer.op {
            Op::Add => x.iter().zip(&tensors[layer.inputs[1]]).map(|(a, b)| a + b).collect(),
            Op::Lookup(function) => x.iter().map(|&x| function.value(x)).collect(),
            Op::Multiply => {
                let gate = tensors[layer.inputs[1]].iter().cycle();
                x.iter().zip(gate).map(|(x, gate)| x * gate).collect()
            }
            Op::Concat => (0..output.pixels())
                .flat_map(|pixel| layer.inputs.iter().map(move |&input| (pixel, input)))
                .flat_map(|(pixel, input)| {
                    let channels = graph.tensors[input].shape.channels;
                    tensors[input][pixel * channels..][..channels].to_vec()
                })
                .collect(),
            Op::GlobalAvgPool => (0..channels)
                .map(|c| x.iter().skip(c).step_by(channels).sum::<f64>() / input.pixels() as f64)
                .collect(),
            Op::MaxPool(window) => slide(input, output, window, |taps, c| {
                taps.iter()
                    .filter_map(|(_, pixel)| *pixel)
                    .map(|p| x[p * channels + c])
                    .fold(f64::MIN, f64::max)
            }),
            Op::AvgPool(window) => slide(input, output, window, |taps, c| {
                let inside: Vec<f64> =
                    taps.iter().filter_map(|(_, pixel)| *pixel).map(|p| x[p * channels + c]).collect();
                inside.iter().sum::<f64>() / inside.len() as f64
            }),
            Op::Linear => {
                let weight = &weights.as_ref().expect("weights").weight;
                let rows = weight.chunks_exact(x.len());
                rows.map(|row| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum()).collect()
            }
            Op::Conv(window) | Op::Depthwise(window) => {
                let weight = &weights.as_ref().expect("weights").weight;
                let depthwise = matches!(layer.op, Op::Depthwise(_));
                let depth = if depthwise { 1 } else { input.channels };
                let taps_of_one = window.kernel * window.kernel;
                assert_eq!(weight.len(), channels * taps_of_one * depth, "{layer:?}");
                slide(input, output, window, |taps, c| {
                    let mut sum = 0.0;
                    for &(tap, pixel) in taps {
                        let Some(pixel) = pixel else { continue };
                        for d in 0..depth {
                            let weight = f64::from(weight[(c * taps_of_one + tap) * depth + d]);
                            sum += weight * x[pixel * input.channels + if depthwise { c } else { d }];
                        }
                    }
                    sum
                })
            }
        };
        if let Some(weights) = weights {
            let lines = weights.affine.slope_offset();
            assert_eq!(lines.len(), channels, "{layer:?}");
            for (value, (slope, offset)) in result.iter_mut().zip(lines.iter().cycle()) {
                *value = slope * *value + offset;
            }
        }
        for value in &mut result {
            *value = match layer.activation {
                Activation::Linear => *value,
                Activation::Relu => value.max(0.0),
                Activation::Relu6 => value.clamp(0.0, 6.0),
            };
        }
        assert_eq!(result.len(), output.elements(), "{layer:?}");
        tensors[layer.output] = result;
    }
    tensors.pop().expect("logits")
}

fn slide(
    input: Shape,
    output: Shape,
    window: Window,
    of: impl Fn(&[(usize, Option<usize>)], usize) -> f64,
) -> Vec<f64> {
    let mut values = Vec::new();
    for row in 0..output.height {
        for column in 0..output.width {
            let mut taps = Vec::new();
            for r in 0..window.kernel {
                for c in 0..window.kernel {
                    let y =
                        (row * window.stride + r).checked_sub(window.pads.top).filter(|y| *y < input.height);
                    let x = (column * window.stride + c)
                        .checked_sub(window.pads.left)
                        .filter(|x| *x < input.width);
                    taps.push((r * window.kernel + c, y.zip(x).map(|(y, x)| y * input.width + x)));
                }
            }
            values.extend((0..output.channels).map(|channel| of(&taps, channel)));
        }
    }
    values
}
