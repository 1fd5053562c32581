//! Random networks compute the same before and after.

mod steps;

use super::super::testing::{Builder, Tensor, close, evaluate, evaluate_lowered, image};
use super::super::{LowerOptions, lower};
use crate::import::raw::{Layout, RawGraph, RawOp, RawPadding, RawWindow};
use crate::net::WINDOW_SIDES;
use proptest::prelude::*;
use steps::{End, FUNCTIONS, Step, ends, steps};

/// A network in the making.
struct Maker {
    builder: Builder,
    layout: Layout,
    x: String,
    size: [usize; 2],
    channels: usize,
}

impl Maker {
    fn dims(&self, rows: usize, columns: usize, channels: usize) -> Vec<usize> {
        match self.layout {
            Layout::ChannelsLast => vec![1, rows, columns, channels],
            Layout::ChannelsFirst => vec![1, channels, rows, columns],
        }
    }

    fn spatial(&self) -> Vec<i64> {
        if self.layout == Layout::ChannelsLast { vec![1, 2] } else { vec![-2, -1] }
    }

    /// Pads that are smaller than the kernel.
    fn padding(&self, choice: usize, kernel: [usize; 2]) -> RawPadding {
        let [rows, columns] = kernel.map(|side| side - 1);
        match choice {
            0 => RawPadding::VALID,
            1 => RawPadding::Same,
            2 => RawPadding::SameLower,
            _ => RawPadding::Explicit([rows, columns.min(1), rows.min(1), columns]),
        }
    }

    /// Takes over what a window leaves; whether it fits.
    fn slide(&mut self, kernel: [usize; 2], stride: [usize; 2], padding: RawPadding, ceil: bool) -> bool {
        let mut size = self.size;
        for axis in 0..2 {
            size[axis] = match padding {
                RawPadding::Explicit(pads) => {
                    let padded = size[axis] + pads[axis] + pads[axis + 2];
                    if padded < kernel[axis] {
                        return false;
                    }
                    let free = padded - kernel[axis];
                    let more = ceil && !free.is_multiple_of(stride[axis]) && {
                        (free / stride[axis] + 1) * stride[axis] < size[axis] + pads[axis]
                    };
                    free / stride[axis] + 1 + usize::from(more)
                }
                _ => size[axis].div_ceil(stride[axis]),
            };
        }
        self.size = size;
        true
    }

    fn conv(
        &mut self,
        outputs: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: RawPadding,
        bias: bool,
    ) {
        if self.slide(kernel, stride, padding, false) {
            let dims = [outputs, kernel[0], kernel[1], self.channels];
            self.x = self.builder.any_conv(&self.x, dims, stride, padding, 1, bias);
            self.channels = outputs;
        }
    }

    fn norm(&mut self) {
        let gamma = if self.channels.is_multiple_of(2) { 0.7 } else { -0.7 };
        self.x = self.builder.norm(&self.x, self.channels, gamma);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Conv { outputs, kernel, stride, padding, bias } => {
                let padding = self.padding(padding, kernel);
                self.conv(outputs, kernel, [stride; 2], padding, bias);
            }
            Step::Depthwise { kernel, padding } => {
                let padding = self.padding(padding, [kernel; 2]);
                if self.slide([kernel; 2], [1, 1], padding, false) {
                    let dims = [self.channels, kernel, kernel, 1];
                    self.x = self.builder.any_conv(&self.x, dims, [1, 1], padding, self.channels, false);
                }
            }
            Step::Norm => self.norm(),
            Step::Arithmetic { op, per_channel, first } => {
                let op = [RawOp::Add, RawOp::Sub, RawOp::Mul, RawOp::Div][op].clone();
                let dims = if per_channel { self.dims(1, 1, self.channels) } else { vec![1] };
                let constant = self.builder.positive(&dims);
                self.x = match first && op != RawOp::Div {
                    true => self.builder.node(op, &[&constant, &self.x]),
                    false => self.builder.node(op, &[&self.x, &constant]),
                };
            }
            Step::Relu => self.x = self.builder.relu(&self.x),
            Step::MinMax => {
                self.x = self.builder.unary(&self.x, RawOp::Clip { min: f32::NEG_INFINITY, max: 6.0 });
                self.x = self.builder.relu(&self.x);
            }
            Step::MaxPool { padding, ceil } => {
                let padding = self.padding(padding, [2; 2]);
                if self.slide([2; 2], [2; 2], padding, ceil) {
                    let window = RawWindow { kernel: [2; 2], stride: [2; 2], padding, ceil };
                    self.x = self.builder.unary(&self.x, RawOp::MaxPool(window));
                }
            }
            Step::AvgPool { padding, ceil, counts_pads } => {
                let padding = self.padding(padding, [3; 2]);
                let ceil = ceil && !counts_pads;
                if self.slide([3; 2], [2; 2], padding, ceil) {
                    let window = RawWindow { kernel: [3; 2], stride: [2; 2], padding, ceil };
                    self.x = self.builder.unary(&self.x, RawOp::AvgPool { window, counts_pads });
                }
            }
            Step::PaddedConv => {
                let mut pads = vec![[0; 2]; 4];
                let first = if self.layout == Layout::ChannelsLast { 1 } else { 2 };
                (pads[first], pads[first + 1]) = ([0, 1], [1, 2]);
                self.x = self.builder.unary(&self.x, RawOp::Pad { pads, value: 0.0 });
                self.size = [self.size[0] + 1, self.size[1] + 3];
                let kernel = [3.min(self.size[0]), 3.min(self.size[1])];
                self.conv(3, kernel, [1, 1], RawPadding::VALID, true);
            }
            Step::Pad { before, after, relu } => {
                let mut pads = vec![[0; 2]; 4];
                let first = if self.layout == Layout::ChannelsLast { 1 } else { 2 };
                let [small, large] = [before, after].map(|number| number as i64);
                (pads[first], pads[first + 1]) = ([small, large], [large, 0]);
                self.x = self.builder.unary(&self.x, RawOp::Pad { pads, value: 0.0 });
                self.size = [self.size[0] + before + after, self.size[1] + after];
                if relu {
                    self.x = self.builder.relu(&self.x);
                }
            }
            Step::Residual { norm, relu } => {
                let before = self.x.clone();
                self.conv(self.channels, [3, 3], [1, 1], RawPadding::Same, false);
                if norm {
                    self.norm();
                }
                self.x = self.builder.node(RawOp::Add, &[&before, &self.x]);
                if relu {
                    self.x = self.builder.relu(&self.x);
                }
            }
            Step::Function { function, slope } => {
                self.x = self.builder.unary(&self.x, FUNCTIONS[function].clone());
                if function == 0 {
                    let [slope, offset] = slope;
                    self.x = self.builder.unary(&self.x, RawOp::HardSigmoid { slope, offset });
                }
            }
            Step::Gate { dense, function, first, expand } => {
                let (map, size, channels) = (self.x.clone(), self.size, self.channels);
                self.mean(!dense);
                for outputs in [2, channels] {
                    if dense {
                        self.x = self.builder.dense(&self.x, self.channels, outputs);
                    } else {
                        self.conv(outputs, [1, 1], [1, 1], RawPadding::VALID, true);
                    }
                    self.channels = outputs;
                    if outputs == 2 {
                        self.x = self.builder.relu(&self.x);
                    }
                }
                self.x = self.builder.unary(&self.x, FUNCTIONS[function].clone());
                let whole = |dims: Vec<usize>| dims.into_iter().map(|dim| dim as i64).collect();
                if dense {
                    let dims = whole(self.dims(1, 1, channels));
                    self.x = self.builder.unary(&self.x, RawOp::Reshape { dims });
                }
                if expand {
                    let dims = whole(self.dims(size[0], size[1], channels));
                    self.x = self.builder.unary(&self.x, RawOp::Expand { dims });
                }
                let inputs = if first { [&self.x, &map] } else { [&map, &self.x] };
                self.x = self.builder.node(RawOp::Mul, &inputs.map(String::as_str));
                self.size = size;
            }
            Step::Concat { others, repeated, negative } => {
                let mut inputs = vec![self.x.clone(); repeated];
                let mut channels = repeated * self.channels;
                for outputs in 1..=others {
                    let dims = [outputs, 1, 1, self.channels];
                    let other = self.builder.any_conv(&self.x, dims, [1, 1], RawPadding::VALID, 1, true);
                    inputs.insert(outputs % inputs.len(), other);
                    channels += outputs;
                }
                let axis = match (self.layout, negative) {
                    (Layout::ChannelsLast, true) => -1,
                    (Layout::ChannelsLast, false) => 3,
                    (Layout::ChannelsFirst, true) => -3,
                    (Layout::ChannelsFirst, false) => 1,
                };
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                self.x = self.builder.node(RawOp::Concat { axis }, &inputs);
                self.channels = channels;
            }
            Step::Transposed => {
                let (there, back) = match self.layout {
                    Layout::ChannelsLast => (vec![0, 3, 1, 2], vec![0, 2, 3, 1]),
                    Layout::ChannelsFirst => (vec![0, 2, 3, 1], vec![0, 3, 1, 2]),
                };
                self.x = self.builder.unary(&self.x, RawOp::Transpose { order: there });
                self.x = self.builder.relu(&self.x);
                self.x = self.builder.unary(&self.x, RawOp::Transpose { order: back });
            }
            Step::Reshaped => {
                let dims = self.dims(self.size[0], self.size[1], self.channels);
                let flat = vec![1, dims[1] as i64, -1];
                self.x = self.builder.unary(&self.x, RawOp::Reshape { dims: flat });
                let dims = dims.iter().map(|&dim| dim as i64).collect();
                self.x = self.builder.unary(&self.x, RawOp::Reshape { dims });
            }
            Step::Identity => self.x = self.builder.unary(&self.x, RawOp::Identity),
        }
    }

    fn mean(&mut self, keep: bool) {
        let axes = self.spatial();
        self.x = self.builder.unary(&self.x, RawOp::Mean { axes, keep });
        self.size = [1, 1];
    }

    fn flatten(&mut self) -> usize {
        self.x = self.builder.unary(&self.x, RawOp::Reshape { dims: vec![1, -1] });
        self.size[0] * self.size[1] * self.channels
    }

    /// Three classes.
    fn end(mut self, end: End) -> RawGraph {
        match end {
            End::Flatten => {
                let inputs = self.flatten();
                self.x = self.builder.dense(&self.x, inputs, 3);
                self.x = self.builder.unary(&self.x, RawOp::Softmax);
            }
            End::FlattenInOtherOrder => {
                let order =
                    if self.layout == Layout::ChannelsLast { vec![0, 3, 2, 1] } else { vec![0, 3, 1, 2] };
                self.x = self.builder.unary(&self.x, RawOp::Transpose { order });
                let inputs = self.flatten();
                self.x = self.builder.dense(&self.x, inputs, 3);
            }
            End::MeanThenDense => {
                self.mean(false);
                self.x = self.builder.dense(&self.x, self.channels, 3);
            }
            End::MeanThenConv => {
                self.mean(true);
                self.conv(4, [1, 1], [1, 1], RawPadding::VALID, true);
                self.x = self.builder.relu(&self.x);
                self.conv(3, [1, 1], [1, 1], RawPadding::VALID, true);
                self.flatten();
            }
            End::ConvThenMean => {
                self.conv(3, [1, 1], [1, 1], RawPadding::VALID, true);
                self.norm();
                self.mean(false);
            }
            End::DenseThenMean => {
                // The product is over the last axis, which must be that of the channels.
                if self.layout == Layout::ChannelsFirst {
                    self.x = self.builder.unary(&self.x, RawOp::Transpose { order: vec![0, 2, 3, 1] });
                }
                self.x = self.builder.dense(&self.x, self.channels, 4);
                self.x = self.builder.relu(&self.x);
                self.x = self.builder.unary(&self.x, RawOp::Mean { axes: vec![1, 2], keep: false });
                self.x = self.builder.dense(&self.x, 4, 3);
            }
            End::ReluThenMean => {
                self.conv(3, [1, 1], [1, 1], RawPadding::VALID, true);
                self.x = self.builder.relu(&self.x);
                self.mean(false);
            }
            End::PoolThenFlatten => {
                let window =
                    RawWindow { kernel: self.size, stride: [1, 1], padding: RawPadding::VALID, ceil: false };
                self.x = self.builder.unary(&self.x, RawOp::AvgPool { window, counts_pads: true });
                self.size = [1, 1];
                let inputs = self.flatten();
                self.x = self.builder.dense(&self.x, inputs, 3);
            }
            // Inside of a network a dense layer reads a map as large as a window.
            End::TwoDense if self.size.iter().any(|side| !WINDOW_SIDES.contains(side)) => {
                return self.end(End::MeanThenDense);
            }
            End::TwoDense => {
                let inputs = self.flatten();
                self.x = self.builder.dense(&self.x, inputs, 5);
                self.channels = 5;
                self.norm();
                self.x = self.builder.relu(&self.x);
                self.x = self.builder.dense(&self.x, 5, 3);
            }
        }
        self.builder.finish()
    }
}

/// A network of these steps. It begins with a convolution, so that no step is preprocessing.
fn network(
    layout: Layout,
    transposed: bool,
    size: [usize; 2],
    seed: u32,
    steps: &[Step],
    end: End,
) -> RawGraph {
    let channels = 3;
    // What the file declares: in the other order if a transposition follows.
    let dims = match (layout, transposed) {
        (Layout::ChannelsLast, false) | (Layout::ChannelsFirst, true) => [1, size[0], size[1], channels],
        _ => [1, channels, size[0], size[1]],
    };
    let mut builder = Builder::new(layout, dims);
    builder.seed(seed);
    let mut x = "image".to_owned();
    if transposed {
        let order = if layout == Layout::ChannelsLast { vec![0, 2, 3, 1] } else { vec![0, 3, 1, 2] };
        x = builder.unary(&x, RawOp::Transpose { order });
    }
    let mut maker = Maker { builder, layout, x, size, channels };
    maker.conv(3, [3, 3], [1, 1], RawPadding::Same, true);
    for step in steps {
        maker.step(step);
    }
    maker.end(end)
}

/// An image in our order, from one in the file's.
fn ours(image: &Tensor, channels_first: bool) -> Vec<f64> {
    if !channels_first {
        return image.values.clone();
    }
    let [_, channels, rows, columns] = image.dims[..] else { panic!("4 axes") };
    let pixels = rows * columns;
    (0..pixels).flat_map(|pixel| (0..channels).map(move |c| image.values[c * pixels + pixel])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_network_computes_the_same_before_and_after(
        first: bool,
        transposed: bool,
        size in [5..=9_usize, 5..=9_usize],
        seed in 1..u32::MAX,
        steps in steps(),
        end in ends(),
    ) {
        let layout = if first { Layout::ChannelsFirst } else { Layout::ChannelsLast };
        let graph = network(layout, transposed, size, seed, &steps, end);
        let dims: Vec<usize> = graph.inputs[0].dims.iter().flatten().copied().collect();
        let image = image(&dims, seed);
        let expected = evaluate(&graph, &image);
        let lowered = lower(graph.clone(), &LowerOptions::default())
            .map_err(|refusals| TestCaseError::fail(format!("{refusals}\n{graph:#?}")))?;
        let found = evaluate_lowered(&lowered, &ours(&image, first != transposed));
        close(&found, &expected.values, &format!("{graph:#?}\n{lowered:#?}"));
        prop_assert_eq!(lowered.weights.len(), lowered.graph.layers.len());
        for (layer, weights) in lowered.graph.layers.iter().zip(&lowered.weights) {
            let expected = lowered.graph.weight_shape(layer).map(|shape| shape.iter().product::<usize>());
            prop_assert_eq!(weights.as_ref().map(|weights| weights.weight.len()), expected);
        }
    }
}
