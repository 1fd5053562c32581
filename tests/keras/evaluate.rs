//! What a [`RawGraph`] computes, in the plainest way: it tells whether a reader understood a file. Channels are last.

use bitsmith::import::raw::{RawGraph, RawOp, RawPadding, RawWindow, Values};
use std::collections::BTreeMap;

/// Numbers with a size, the last index fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub dims: Vec<usize>,
    pub values: Vec<f64>,
}

/// The results of a network with one input.
pub fn evaluate(graph: &RawGraph, input: Tensor) -> Vec<Tensor> {
    let mut tensors: BTreeMap<&str, Tensor> = BTreeMap::new();
    for (name, constant) in &graph.constants {
        let Values::Floats(values) = &constant.values else { panic!("{name} holds integers") };
        let values = values.iter().map(|value| f64::from(*value)).collect();
        tensors.insert(name, Tensor { dims: constant.dims.clone(), values });
    }
    assert_eq!(graph.inputs.len(), 1);
    tensors.insert(&graph.inputs[0].name, input);
    for node in &graph.nodes {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|name| &tensors[name.as_str()]).collect();
        let output = compute(&node.op, &inputs);
        assert_eq!(output.dims.iter().product::<usize>(), output.values.len(), "{}", node.name);
        tensors.insert(&node.outputs[0], output);
    }
    graph.outputs.iter().map(|name| tensors[name.as_str()].clone()).collect()
}

fn compute(op: &RawOp, inputs: &[&Tensor]) -> Tensor {
    let map = |f: &dyn Fn(f64) -> f64| Tensor {
        dims: inputs[0].dims.clone(),
        values: inputs[0].values.iter().map(|&x| f(x)).collect(),
    };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match op {
        RawOp::Conv { stride, dilation, padding, groups } => {
            conv(inputs, *stride, *dilation, *padding, *groups)
        }
        RawOp::Dense => dense(inputs),
        RawOp::BatchNorm { epsilon } => batch_norm(inputs, f64::from(*epsilon)),
        RawOp::Clip { min, max } => map(&|x| x.max(f64::from(*min)).min(f64::from(*max))),
        RawOp::LeakyRelu { slope } => map(&|x| if x > 0.0 { x } else { x * f64::from(*slope) }),
        RawOp::Sigmoid => map(&sigmoid),
        RawOp::HardSigmoid { slope, offset } => {
            map(&|x| (f64::from(*slope) * x + f64::from(*offset)).clamp(0.0, 1.0))
        }
        RawOp::HardSwish => map(&|x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0),
        RawOp::Swish => map(&|x| x * sigmoid(x)),
        RawOp::Tanh => map(&f64::tanh),
        RawOp::Softmax => softmax(inputs[0]),
        RawOp::Add => both(inputs, |a, b| a + b),
        RawOp::Sub => both(inputs, |a, b| a - b),
        RawOp::Mul => both(inputs, |a, b| a * b),
        RawOp::Div => both(inputs, |a, b| a / b),
        RawOp::MaxPool(window) => pool(inputs[0], window, |all| all.iter().copied().fold(f64::MIN, f64::max)),
        RawOp::AvgPool { window, counts_pads } => {
            assert!(!counts_pads);
            pool(inputs[0], window, |all| all.iter().sum::<f64>() / all.len() as f64)
        }
        RawOp::Mean { axes, keep } => mean(inputs[0], axes, *keep),
        RawOp::Pad { pads, value } => pad(inputs[0], pads, f64::from(*value)),
        RawOp::Reshape { dims } => reshape(inputs[0], dims),
        RawOp::Transpose { order } => transpose(inputs[0], order),
        RawOp::Concat { axis } => concat(inputs, *axis),
        RawOp::Identity => inputs[0].clone(),
        RawOp::Expand { dims } => panic!("Keras has no layer that repeats to {dims:?}"),
        RawOp::Unsupported { reason } => panic!("not supported: {reason}"),
    }
}

/// All indices of a size, in order.
fn indices(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let dims = dims.to_vec();
    (0..dims.iter().product()).map(move |mut at| {
        let mut index = vec![0; dims.len()];
        for (index, size) in index.iter_mut().zip(&dims).rev() {
            (*index, at) = (at % size, at / size);
        }
        index
    })
}

impl Tensor {
    fn at(&self, index: &[usize]) -> f64 {
        let place = self.dims.iter().zip(index).fold(0, |place, (size, index)| place * size + index);
        self.values[place]
    }

    fn of(dims: Vec<usize>, value: impl Fn(&[usize]) -> f64) -> Self {
        let values = indices(&dims).map(|index| value(&index)).collect();
        Self { dims, values }
    }
}

/// Pixels before a map and pixels of the result, along one axis.
fn window(size: usize, reach: usize, stride: usize, axis: usize, padding: RawPadding) -> (usize, usize) {
    match padding {
        RawPadding::Explicit(pads) => (pads[axis], (size + pads[axis] + pads[axis + 2] - reach) / stride + 1),
        RawPadding::Same => {
            let count = size.div_ceil(stride);
            (((count - 1) * stride + reach).saturating_sub(size) / 2, count)
        }
        RawPadding::SameLower => panic!("not Keras'"),
    }
}

fn conv(
    inputs: &[&Tensor],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: RawPadding,
    groups: usize,
) -> Tensor {
    let (input, kernel) = (inputs[0], inputs[1]);
    let [outputs, rows, columns, channels] = kernel.dims[..] else { panic!("{:?}", kernel.dims) };
    assert_eq!(channels * groups, input.dims[3]);
    let side = |axis: usize, kernel: usize| {
        window(input.dims[axis + 1], (kernel - 1) * dilation[axis] + 1, stride[axis], axis, padding)
    };
    let ((top, height), (left, width)) = (side(0, rows), side(1, columns));
    Tensor::of(vec![input.dims[0], height, width, outputs], |index| {
        let [image, y, x, output] = index[..] else { unreachable!() };
        let group = output / (outputs / groups);
        let mut sum = inputs.get(2).map_or(0.0, |bias| bias.values[output]);
        for tap in indices(&[rows, columns, channels]) {
            let y = (y * stride[0] + tap[0] * dilation[0]).wrapping_sub(top);
            let x = (x * stride[1] + tap[1] * dilation[1]).wrapping_sub(left);
            if y < input.dims[1] && x < input.dims[2] {
                sum += input.at(&[image, y, x, group * channels + tap[2]])
                    * kernel.at(&[output, tap[0], tap[1], tap[2]]);
            }
        }
        sum
    })
}

fn dense(inputs: &[&Tensor]) -> Tensor {
    let (input, matrix) = (inputs[0], inputs[1]);
    let mut dims = input.dims.clone();
    *dims.last_mut().expect("an axis") = matrix.dims[0];
    Tensor::of(dims, |index| {
        let mut from = index.to_vec();
        let output = *index.last().expect("an axis");
        let products = (0..matrix.dims[1]).map(|at| {
            *from.last_mut().expect("an axis") = at;
            input.at(&from) * matrix.at(&[output, at])
        });
        products.sum::<f64>() + inputs.get(2).map_or(0.0, |bias| bias.values[output])
    })
}

fn batch_norm(inputs: &[&Tensor], epsilon: f64) -> Tensor {
    let [input, gamma, beta, mean, variance] = inputs[..] else { panic!("five inputs") };
    Tensor::of(input.dims.clone(), |index| {
        let channel = *index.last().expect("an axis");
        let deviation = (variance.values[channel] + epsilon).sqrt();
        (input.at(index) - mean.values[channel]) / deviation * gamma.values[channel] + beta.values[channel]
    })
}

fn softmax(input: &Tensor) -> Tensor {
    let size = *input.dims.last().expect("an axis");
    let values = input.values.chunks(size).flat_map(|row| {
        let sum: f64 = row.iter().map(|x| x.exp()).sum();
        row.iter().map(move |x| x.exp() / sum)
    });
    Tensor { dims: input.dims.clone(), values: values.collect() }
}

fn both(inputs: &[&Tensor], f: fn(f64, f64) -> f64) -> Tensor {
    let rank = inputs[0].dims.len().max(inputs[1].dims.len());
    let padded = |tensor: &Tensor| [vec![1; rank - tensor.dims.len()], tensor.dims.clone()].concat();
    let (a, b) = (padded(inputs[0]), padded(inputs[1]));
    let dims = a.iter().zip(&b).map(|(a, b)| *a.max(b)).collect();
    let at = |tensor: &Tensor, dims: &[usize], index: &[usize]| {
        let index: Vec<_> =
            dims.iter().zip(index).map(|(&size, &at)| if size == 1 { 0 } else { at }).collect();
        tensor.at(&index[rank - tensor.dims.len()..])
    };
    Tensor::of(dims, |index| f(at(inputs[0], &a, index), at(inputs[1], &b, index)))
}

fn pool(input: &Tensor, pool: &RawWindow, f: fn(&[f64]) -> f64) -> Tensor {
    assert!(!pool.ceil);
    let side =
        |axis: usize| window(input.dims[axis + 1], pool.kernel[axis], pool.stride[axis], axis, pool.padding);
    let ((top, height), (left, width)) = (side(0), side(1));
    Tensor::of(vec![input.dims[0], height, width, input.dims[3]], |index| {
        let taps = indices(&pool.kernel).filter_map(|tap| {
            let y = (index[1] * pool.stride[0] + tap[0]).wrapping_sub(top);
            let x = (index[2] * pool.stride[1] + tap[1]).wrapping_sub(left);
            let inside = y < input.dims[1] && x < input.dims[2];
            inside.then(|| input.at(&[index[0], y, x, index[3]]))
        });
        f(&taps.collect::<Vec<_>>())
    })
}

fn mean(input: &Tensor, axes: &[i64], keep: bool) -> Tensor {
    let gone = |at: usize| axes.iter().any(|axis| axis.rem_euclid(input.dims.len() as i64) == at as i64);
    let kept: Vec<_> =
        input.dims.iter().enumerate().map(|(at, &size)| if gone(at) { 1 } else { size }).collect();
    let mut sums = vec![0.0; kept.iter().product()];
    for (index, value) in indices(&input.dims).zip(&input.values) {
        let place = kept.iter().zip(&index).fold(0, |place, (size, at)| place * size + at % size);
        sums[place] += value;
    }
    let count = (input.values.len() / sums.len()) as f64;
    let dims = kept.iter().enumerate().filter(|(at, _)| keep || !gone(*at)).map(|(_, size)| *size).collect();
    Tensor { dims, values: sums.iter().map(|sum| sum / count).collect() }
}

fn pad(input: &Tensor, pads: &[[i64; 2]], value: f64) -> Tensor {
    let dims = input.dims.iter().zip(pads).map(|(&size, pad)| size + (pad[0] + pad[1]) as usize).collect();
    Tensor::of(dims, |index| {
        let from: Vec<_> = index.iter().zip(pads).map(|(at, pad)| at.wrapping_sub(pad[0] as usize)).collect();
        if from.iter().zip(&input.dims).all(|(at, size)| at < size) { input.at(&from) } else { value }
    })
}

fn reshape(input: &Tensor, dims: &[i64]) -> Tensor {
    let size = |(at, &size): (usize, &i64)| match size {
        0 => Some(input.dims[at]),
        size => usize::try_from(size).ok(),
    };
    let known: Vec<_> = dims.iter().enumerate().map(size).collect();
    let rest = input.values.len() / known.iter().flatten().product::<usize>();
    Tensor {
        dims: known.into_iter().map(|size| size.unwrap_or(rest)).collect(),
        values: input.values.clone(),
    }
}

fn transpose(input: &Tensor, order: &[usize]) -> Tensor {
    let dims = order.iter().map(|&axis| input.dims[axis]).collect();
    Tensor::of(dims, |index| {
        let mut from = vec![0; index.len()];
        for (&axis, &at) in order.iter().zip(index) {
            from[axis] = at;
        }
        input.at(&from)
    })
}

fn concat(inputs: &[&Tensor], axis: i64) -> Tensor {
    let axis = axis.rem_euclid(inputs[0].dims.len() as i64) as usize;
    let mut dims = inputs[0].dims.clone();
    dims[axis] = inputs.iter().map(|input| input.dims[axis]).sum();
    Tensor::of(dims, |index| {
        let mut index = index.to_vec();
        for input in inputs {
            match index[axis].checked_sub(input.dims[axis]) {
                None => return input.at(&index),
                Some(rest) => index[axis] = rest,
            }
        }
        unreachable!()
    })
}
