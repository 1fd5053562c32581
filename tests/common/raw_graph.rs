//! A raw graph with channels first, computed node by node: as simple as can be, to compare with what the file's own tool
//! answers.

use bitsmith::import::raw::{Constant, Layout, RawGraph, RawNode, RawOp, RawPadding, RawWindow, Values};
use std::collections::BTreeMap;

/// Numbers with a size, the batch first.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    pub dims: Vec<usize>,
    pub values: Vec<f64>,
}

impl Map {
    /// A value of a map of four axes.
    fn at(&self, channel: usize, row: usize, column: usize) -> f64 {
        self.values[(channel * self.dims[2] + row) * self.dims[3] + column]
    }

    fn each(mut self, function: impl Fn(f64) -> f64) -> Self {
        self.values.iter_mut().for_each(|value| *value = function(*value));
        self
    }
}

fn constant(constant: &Constant) -> Map {
    let Values::Floats(values) = &constant.values else { panic!("weights are floats") };
    assert_eq!(values.len(), constant.dims.iter().product::<usize>());
    Map { dims: constant.dims.clone(), values: values.iter().map(|&value| value.into()).collect() }
}

/// The values of the first output.
pub fn run(graph: &RawGraph, image: Map) -> Vec<f64> {
    assert_eq!(graph.layout, Layout::ChannelsFirst);
    let mut maps: BTreeMap<&str, Map> = BTreeMap::from([(graph.inputs[0].name.as_str(), image)]);
    for node in &graph.nodes {
        let input = |name: &String| match graph.constants.get(name) {
            Some(values) => constant(values),
            None => maps.get(name.as_str()).cloned().unwrap_or_else(|| panic!("{name} of {node:?}")),
        };
        let inputs: Vec<Map> = node.inputs.iter().map(input).collect();
        let result = compute(node, inputs);
        assert!(maps.insert(&node.outputs[0], result).is_none(), "{} is written twice", node.outputs[0]);
    }
    maps[graph.outputs[0].as_str()].values.clone()
}

fn compute(node: &RawNode, mut inputs: Vec<Map>) -> Map {
    let others = inputs.split_off(1);
    let x = inputs.remove(0);
    match &node.op {
        RawOp::Conv { stride, dilation, padding, groups } => {
            let bias = others.get(1).map(|bias| bias.values.as_slice());
            conv(&x, &others[0], bias, *stride, *dilation, *padding, *groups)
        }
        RawOp::Dense => {
            let inputs = others[0].dims[1];
            let row = |row: &[f64]| row.iter().zip(&x.values).map(|(a, b)| a * b).sum::<f64>();
            let mut values: Vec<f64> = others[0].values.chunks(inputs).map(row).collect();
            values
                .iter_mut()
                .zip(others.get(1).into_iter().flat_map(|b| &b.values))
                .for_each(|(v, b)| *v += b);
            Map { dims: vec![1, values.len()], values }
        }
        RawOp::BatchNorm { epsilon } => {
            let channel = x.values.len() / x.dims[1];
            let [gamma, beta, mean, variance] = &others[..] else { panic!("four constants") };
            let value = |(i, value): (usize, &f64)| {
                let c = i / channel;
                let deviation = (variance.values[c] + f64::from(*epsilon)).sqrt();
                (value - mean.values[c]) / deviation * gamma.values[c] + beta.values[c]
            };
            Map { values: x.values.iter().enumerate().map(value).collect(), dims: x.dims }
        }
        RawOp::Clip { min, max } => x.each(|v| v.max((*min).into()).min((*max).into())),
        RawOp::Tanh => x.each(f64::tanh),
        RawOp::Sigmoid => x.each(|v| 1.0 / (1.0 + (-v).exp())),
        RawOp::HardSwish => x.each(|v| v * (v + 3.0).clamp(0.0, 6.0) / 6.0),
        RawOp::HardSigmoid { slope, offset } => {
            x.each(|v| (f64::from(*slope) * v + f64::from(*offset)).clamp(0.0, 1.0))
        }
        RawOp::Add => {
            assert_eq!(x.dims, others[0].dims);
            Map { values: x.values.iter().zip(&others[0].values).map(|(a, b)| a + b).collect(), dims: x.dims }
        }
        RawOp::Mul => {
            // One factor for each channel.
            assert_eq!(others[0].dims, [1, x.dims[1], 1, 1]);
            let pixels = x.dims[2] * x.dims[3];
            let value = |(i, value): (usize, &f64)| value * others[0].values[i / pixels];
            Map { values: x.values.iter().enumerate().map(value).collect(), dims: x.dims }
        }
        RawOp::Mean { axes, keep } => {
            assert_eq!(axes, &[2, 3]);
            let pixels = x.dims[2] * x.dims[3];
            let values = x.values.chunks(pixels).map(|map| map.iter().sum::<f64>() / pixels as f64).collect();
            let rest: &[usize] = if *keep { &[1, 1] } else { &[] };
            Map { dims: [&x.dims[..2], rest].concat(), values }
        }
        RawOp::MaxPool(window) => pool(&x, window, |values| values.iter().copied().fold(f64::MIN, f64::max)),
        RawOp::AvgPool { window, counts_pads: false } => {
            pool(&x, window, |values| values.iter().sum::<f64>() / values.len() as f64)
        }
        other => panic!("{other:?} is not computed here"),
    }
}

/// Places of a window's pixels along an axis, by those of the result; `None` is beside the map.
fn places(size: usize, [kernel, stride, dilation, pad]: [usize; 4]) -> Vec<Vec<Option<usize>>> {
    let count = (size + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
    let place = |at: usize| at.checked_sub(pad).filter(|&at| at < size);
    (0..count).map(|y| (0..kernel).map(|k| place(y * stride + k * dilation)).collect()).collect()
}

fn pads(padding: RawPadding) -> [usize; 2] {
    let RawPadding::Explicit([top, left, bottom, right]) = padding else { panic!("{padding:?}") };
    assert_eq!((top, left), (bottom, right));
    [top, left]
}

fn conv(
    x: &Map,
    kernel: &Map,
    bias: Option<&[f64]>,
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: RawPadding,
    groups: usize,
) -> Map {
    let [outputs, rows, columns, inputs] = kernel.dims[..] else { panic!("{:?}", kernel.dims) };
    assert_eq!(x.dims[1], inputs * groups);
    let [top, left] = pads(padding);
    let ys = places(x.dims[2], [rows, stride[0], dilation[0], top]);
    let xs = places(x.dims[3], [columns, stride[1], dilation[1], left]);
    let mut values = Vec::with_capacity(outputs * ys.len() * xs.len());
    for out in 0..outputs {
        let first = out / (outputs / groups) * inputs;
        for y in &ys {
            for column in &xs {
                let mut sum = bias.map_or(0.0, |bias| bias[out]);
                for (ky, row) in y.iter().enumerate() {
                    for (kx, column) in column.iter().enumerate() {
                        let (Some(row), Some(column)) = (row, column) else { continue };
                        let weights = &kernel.values[((out * rows + ky) * columns + kx) * inputs..][..inputs];
                        sum +=
                            weights.iter().zip(first..).map(|(w, c)| w * x.at(c, *row, *column)).sum::<f64>();
                    }
                }
                values.push(sum);
            }
        }
    }
    Map { dims: vec![1, outputs, ys.len(), xs.len()], values }
}

fn pool(x: &Map, window: &RawWindow, reduce: impl Fn(&[f64]) -> f64) -> Map {
    assert!(!window.ceil);
    let [top, left] = pads(window.padding);
    let ys = places(x.dims[2], [window.kernel[0], window.stride[0], 1, top]);
    let xs = places(x.dims[3], [window.kernel[1], window.stride[1], 1, left]);
    let mut values = Vec::new();
    for channel in 0..x.dims[1] {
        for y in &ys {
            for column in &xs {
                let pixels = y.iter().flatten().flat_map(|&y| column.iter().flatten().map(move |&x| (y, x)));
                let seen: Vec<f64> = pixels.map(|(row, column)| x.at(channel, row, column)).collect();
                values.push(reduce(&seen));
            }
        }
    }
    Map { dims: vec![1, x.dims[1], ys.len(), xs.len()], values }
}
