//! A graph of a file computed in the plainest way.

use crate::import::raw::{Layout, RawGraph, RawNode, RawOp, RawPadding, RawWindow, Values};
use std::collections::HashMap;

/// Numbers with their size, the last index fastest.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Tensor {
    pub dims: Vec<usize>,
    pub values: Vec<f64>,
}

/// The result of a graph, of an image in the file's order.
pub(in super::super) fn evaluate(graph: &RawGraph, image: &Tensor) -> Tensor {
    let mut tensors: HashMap<&str, Tensor> = HashMap::new();
    for (name, constant) in &graph.constants {
        let values = match &constant.values {
            Values::Floats(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Values::Integers(values) => values.iter().map(|&value| value as f64).collect(),
        };
        tensors.insert(name, Tensor { dims: constant.dims.clone(), values });
    }
    tensors.insert(&graph.inputs[0].name, image.clone());
    for node in &graph.nodes {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|name| &tensors[name.as_str()]).collect();
        let result = compute(node, &inputs, graph.layout);
        assert_eq!(result.dims.iter().product::<usize>(), result.values.len(), "{node:?}");
        tensors.insert(&node.outputs[0], result);
    }
    tensors.remove(graph.outputs[0].as_str()).expect("a result")
}

fn compute(node: &RawNode, inputs: &[&Tensor], layout: Layout) -> Tensor {
    let x = inputs[0];
    match &node.op {
        RawOp::Conv { stride, dilation, padding, groups } => {
            let kernel = inputs[1];
            let [outputs, rows, columns, depth] = kernel.dims[..] else { panic!("4 axes") };
            let slid = Slid::new(x, layout, [rows, columns], *dilation, *stride, *padding, false);
            slid.map(outputs, layout, |taps, output| {
                let mut sum = inputs.get(2).map_or(0.0, |bias| bias.values[output]);
                let group = output / (outputs / groups);
                for (row, column, pixel) in taps {
                    for c in 0..depth {
                        let weight = kernel.values[((output * rows + row) * columns + column) * depth + c];
                        sum += weight * pixel.map_or(0.0, |pixel| slid.pixels[pixel][group * depth + c]);
                    }
                }
                sum
            })
        }
        RawOp::Dense => {
            let [outputs, columns] = inputs[1].dims[..] else { panic!("2 axes") };
            let bias = |output: usize| inputs.get(2).map_or(0.0, |bias| bias.values[output]);
            let rows = x.values.chunks_exact(columns);
            let row = |row: &[f64], output: usize| {
                let weights = &inputs[1].values[output * columns..][..columns];
                row.iter().zip(weights).map(|(a, b)| a * b).sum::<f64>() + bias(output)
            };
            let values =
                rows.flat_map(|values| (0..outputs).map(move |output| row(values, output))).collect();
            let mut dims = x.dims.clone();
            *dims.last_mut().expect("axes") = outputs;
            Tensor { dims, values }
        }
        RawOp::BatchNorm { epsilon } => {
            let axis = if layout == Layout::ChannelsFirst { 1 } else { x.dims.len() - 1 };
            let behind: usize = x.dims[axis + 1..].iter().product();
            let mut result = x.clone();
            for (index, value) in result.values.iter_mut().enumerate() {
                let channel = index / behind % x.dims[axis];
                let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|input| inputs[input].values[channel]);
                *value = gamma * (*value - mean) / (variance + f64::from(*epsilon)).sqrt() + beta;
            }
            result
        }
        RawOp::MaxPool(window) => {
            pool(x, layout, window, |taps| taps.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max))
        }
        RawOp::AvgPool { window, counts_pads } => pool(x, layout, window, |taps| {
            let inside = taps.iter().flatten().count();
            let sum: f64 = taps.iter().flatten().sum();
            sum / (if *counts_pads { taps.len() } else { inside }) as f64
        }),
        RawOp::Mean { axes, keep } => mean(x, axes, *keep),
        RawOp::Pad { pads, value } => pad(x, pads, f64::from(*value)),
        RawOp::Reshape { dims } => {
            let mut sizes: Vec<usize> = Vec::new();
            for (position, &dim) in dims.iter().enumerate() {
                sizes.push(match dim {
                    0 => x.dims[position],
                    -1 => 1,
                    dim => dim as usize,
                });
            }
            let open = dims.iter().position(|&dim| dim == -1);
            if let Some(open) = open {
                sizes[open] = x.values.len() / sizes.iter().product::<usize>();
            }
            Tensor { dims: sizes, values: x.values.clone() }
        }
        RawOp::Transpose { order } => {
            let dims: Vec<usize> = order.iter().map(|&axis| x.dims[axis]).collect();
            let values = indices(&dims).map(|index| {
                let mut from = vec![0; index.len()];
                for (&axis, &at) in order.iter().zip(&index) {
                    from[axis] = at;
                }
                x.values[flat(&from, &x.dims)]
            });
            let values = values.collect();
            Tensor { values, dims }
        }
        RawOp::Expand { dims } => {
            let size = |&dim: &i64| if dim == -1 { 1 } else { dim as usize };
            let dims: Vec<usize> = dims.iter().map(size).collect();
            let zeros = Tensor { values: vec![0.0; dims.iter().product()], dims };
            binary(&RawOp::Add, x, &zeros)
        }
        RawOp::Concat { axis } => concat(inputs, *axis),
        RawOp::Softmax | RawOp::Identity => x.clone(),
        RawOp::Add | RawOp::Sub | RawOp::Mul | RawOp::Div => binary(&node.op, x, inputs[1]),
        op => {
            let values = x.values.iter().map(|&value| unary(op, value)).collect();
            Tensor { dims: x.dims.clone(), values }
        }
    }
}

fn unary(op: &RawOp, x: f64) -> f64 {
    match *op {
        RawOp::Clip { min, max } => x.max(f64::from(min)).min(f64::from(max)),
        RawOp::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                f64::from(slope) * x
            }
        }
        RawOp::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        RawOp::HardSigmoid { slope, offset } => (f64::from(slope) * x + f64::from(offset)).clamp(0.0, 1.0),
        RawOp::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        RawOp::Swish => x / (1.0 + (-x).exp()),
        RawOp::Tanh => x.tanh(),
        ref op => panic!("{op:?}"),
    }
}

fn binary(op: &RawOp, a: &Tensor, b: &Tensor) -> Tensor {
    let count = a.dims.len().max(b.dims.len());
    let widened = |tensor: &Tensor| {
        let mut dims = vec![1; count - tensor.dims.len()];
        dims.extend(&tensor.dims);
        dims
    };
    let (wide_a, wide_b) = (widened(a), widened(b));
    let dims: Vec<usize> = wide_a.iter().zip(&wide_b).map(|(a, b)| *a.max(b)).collect();
    let at = |tensor: &Tensor, wide: &[usize], index: &[usize]| {
        let index: Vec<usize> = index.iter().zip(wide).map(|(i, dim)| i % dim).collect();
        tensor.values[flat(&index, wide)]
    };
    let values = indices(&dims).map(|index| {
        let (a, b) = (at(a, &wide_a, &index), at(b, &wide_b, &index));
        match op {
            RawOp::Add => a + b,
            RawOp::Sub => a - b,
            RawOp::Mul => a * b,
            _ => a / b,
        }
    });
    let values = values.collect();
    Tensor { values, dims }
}

fn concat(inputs: &[&Tensor], axis: i64) -> Tensor {
    let mut dims = inputs[0].dims.clone();
    let axis = axis.rem_euclid(dims.len() as i64) as usize;
    dims[axis] = inputs.iter().map(|input| input.dims[axis]).sum();
    let before: usize = dims[..axis].iter().product();
    let behind: usize = dims[axis + 1..].iter().product();
    let values = (0..before)
        .flat_map(|row| inputs.iter().map(move |input| (row, input)))
        .flat_map(|(row, input)| {
            let length = input.dims[axis] * behind;
            input.values[row * length..][..length].to_vec()
        })
        .collect();
    Tensor { dims, values }
}

fn mean(x: &Tensor, axes: &[i64], keep: bool) -> Tensor {
    let count = x.dims.len() as i64;
    let axes: Vec<usize> = axes.iter().map(|axis| axis.rem_euclid(count) as usize).collect();
    let mut kept = x.dims.clone();
    for &axis in &axes {
        kept[axis] = 1;
    }
    let mut values = vec![0.0; kept.iter().product()];
    let over: usize = axes.iter().map(|&axis| x.dims[axis]).product();
    for index in indices(&x.dims) {
        let to: Vec<usize> = index.iter().zip(&kept).map(|(i, dim)| i % dim).collect();
        values[flat(&to, &kept)] += x.values[flat(&index, &x.dims)] / over as f64;
    }
    let dims = (0..kept.len()).filter(|axis| keep || !axes.contains(axis)).map(|axis| kept[axis]).collect();
    Tensor { dims, values }
}

fn pad(x: &Tensor, pads: &[[i64; 2]], value: f64) -> Tensor {
    let dims: Vec<usize> =
        x.dims.iter().zip(pads).map(|(dim, [before, after])| dim + (before + after) as usize).collect();
    let values = indices(&dims).map(|index| {
        let from: Option<Vec<usize>> = index
            .iter()
            .zip(pads)
            .zip(&x.dims)
            .map(|((i, pad), dim)| i.checked_sub(pad[0] as usize).filter(|i| i < dim))
            .collect();
        from.map_or(value, |from| x.values[flat(&from, &x.dims)])
    });
    let values = values.collect();
    Tensor { values, dims }
}

fn pool(x: &Tensor, layout: Layout, window: &RawWindow, of: impl Fn(Vec<Option<f64>>) -> f64) -> Tensor {
    let slid = Slid::new(x, layout, window.kernel, [1, 1], window.stride, window.padding, window.ceil);
    let channels = slid.pixels[0].len();
    slid.map(channels, layout, |taps, channel| {
        of(taps.iter().map(|(_, _, pixel)| pixel.map(|pixel| slid.pixels[pixel][channel])).collect())
    })
}

/// A window on a map.
struct Slid {
    /// Channels of each pixel.
    pixels: Vec<Vec<f64>>,
    size: [usize; 2],
    kernel: [usize; 2],
    dilation: [usize; 2],
    stride: [usize; 2],
    before: [i64; 2],
    output: [usize; 2],
}

type Taps = Vec<(usize, usize, Option<usize>)>;

impl Slid {
    fn new(
        x: &Tensor,
        layout: Layout,
        kernel: [usize; 2],
        dilation: [usize; 2],
        stride: [usize; 2],
        padding: RawPadding,
        ceil: bool,
    ) -> Self {
        let [_, a, b, c] = x.dims[..] else { panic!("a map has 4 axes: {:?}", x.dims) };
        let (size, channels) = match layout {
            Layout::ChannelsLast => ([a, b], c),
            Layout::ChannelsFirst => ([b, c], a),
        };
        let at = |pixel: usize, channel: usize| match layout {
            Layout::ChannelsLast => x.values[pixel * channels + channel],
            Layout::ChannelsFirst => x.values[channel * size[0] * size[1] + pixel],
        };
        let pixels = (0..size[0] * size[1]).map(|p| (0..channels).map(|c| at(p, c)).collect()).collect();
        let (mut before, mut output) = ([0; 2], [0; 2]);
        for axis in 0..2 {
            let reach = (kernel[axis] - 1) * dilation[axis] + 1;
            match padding {
                RawPadding::Explicit(pads) => {
                    before[axis] = pads[axis] as i64;
                    let free = size[axis] + pads[axis] + pads[axis + 2] - reach;
                    output[axis] = free / stride[axis] + 1;
                    let sticks_out = ceil && !free.is_multiple_of(stride[axis]);
                    if sticks_out && output[axis] * stride[axis] < size[axis] + pads[axis] {
                        output[axis] += 1;
                    }
                }
                RawPadding::Same | RawPadding::SameLower => {
                    output[axis] = size[axis].div_ceil(stride[axis]);
                    let total = ((output[axis] - 1) * stride[axis] + reach).saturating_sub(size[axis]) as i64;
                    before[axis] = if padding == RawPadding::Same { total / 2 } else { total - total / 2 };
                }
            }
        }
        Self { pixels, size, kernel, dilation, stride, before, output }
    }

    fn taps(&self, row: usize, column: usize) -> Taps {
        let mut taps = Vec::new();
        for r in 0..self.kernel[0] {
            for c in 0..self.kernel[1] {
                let y = (row * self.stride[0] + r * self.dilation[0]) as i64 - self.before[0];
                let x = (column * self.stride[1] + c * self.dilation[1]) as i64 - self.before[1];
                let inside = (0..self.size[0] as i64).contains(&y) && (0..self.size[1] as i64).contains(&x);
                taps.push((r, c, inside.then(|| y as usize * self.size[1] + x as usize)));
            }
        }
        taps
    }

    fn map(&self, channels: usize, layout: Layout, of: impl Fn(Taps, usize) -> f64) -> Tensor {
        let [rows, columns] = self.output;
        let dims = match layout {
            Layout::ChannelsLast => vec![1, rows, columns, channels],
            Layout::ChannelsFirst => vec![1, channels, rows, columns],
        };
        let values = indices(&dims).map(|index| match layout {
            Layout::ChannelsLast => of(self.taps(index[1], index[2]), index[3]),
            Layout::ChannelsFirst => of(self.taps(index[2], index[3]), index[1]),
        });
        let values = values.collect();
        Tensor { values, dims }
    }
}

fn flat(index: &[usize], dims: &[usize]) -> usize {
    index.iter().zip(dims).fold(0, |at, (index, dim)| at * dim + index)
}

fn indices(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<'_> {
    (0..dims.iter().product()).map(move |mut position: usize| {
        let mut index = vec![0; dims.len()];
        for (slot, dim) in index.iter_mut().zip(dims).rev() {
            *slot = position % dim;
            position /= dim;
        }
        index
    })
}
