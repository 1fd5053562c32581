//! For tests: small graphs, and what they compute.

mod evaluate;
mod lowered;

pub(super) use evaluate::{Tensor, evaluate};
pub(super) use lowered::evaluate_lowered;

use crate::import::raw::{Constant, Layout, RawGraph, RawInput, RawNode, RawOp, RawPadding, Values};
use std::collections::HashMap;

/// Builds a graph node by node. Weights are random, the same each time.
pub(super) struct Builder {
    pub graph: RawGraph,
    channels: HashMap<String, usize>,
    state: u32,
    last: String,
}

impl Builder {
    /// With an image of this size in the order of `layout`.
    pub fn new(layout: Layout, dims: [usize; 4]) -> Self {
        let channels = if layout == Layout::ChannelsLast { dims[3] } else { dims[1] };
        let mut graph = RawGraph { layout, ..RawGraph::default() };
        graph.inputs.push(RawInput { name: "image".into(), dims: dims.map(Some).to_vec() });
        let channels = HashMap::from([("image".to_owned(), channels)]);
        Self { graph, channels, state: 1, last: "image".into() }
    }

    /// With other weights.
    pub fn seed(&mut self, seed: u32) {
        self.state = seed;
    }

    /// A number from -1 to 1.
    fn random(&mut self) -> f32 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.state >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn constant(&mut self, dims: &[usize]) -> String {
        let values = (0..dims.iter().product()).map(|_| self.random()).collect();
        self.constant_of(dims, values)
    }

    /// Numbers from 0.5 to 1.5.
    pub fn positive(&mut self, dims: &[usize]) -> String {
        let values = (0..dims.iter().product()).map(|_| 1.0 + 0.5 * self.random()).collect();
        self.constant_of(dims, values)
    }

    pub fn constant_of(&mut self, dims: &[usize], values: Vec<f32>) -> String {
        let name = format!("c{}", self.graph.constants.len());
        let constant = Constant { dims: dims.to_vec(), values: Values::Floats(values) };
        self.graph.constants.insert(name.clone(), constant);
        name
    }

    pub fn node(&mut self, op: RawOp, inputs: &[&str]) -> String {
        let count = self.graph.nodes.len();
        let output = format!("t{count}");
        let channels = inputs.iter().find_map(|input| self.channels.get(*input)).copied();
        self.channels.extend(channels.map(|channels| (output.clone(), channels)));
        self.graph.nodes.push(RawNode {
            name: format!("node{count}"),
            operator: operator(&op),
            op,
            inputs: inputs.iter().map(|&input| input.into()).collect(),
            outputs: vec![output.clone()],
        });
        self.last.clone_from(&output);
        output
    }

    pub fn unary(&mut self, x: &str, op: RawOp) -> String {
        self.node(op, &[x])
    }

    pub fn relu(&mut self, x: &str) -> String {
        self.unary(x, RawOp::Clip { min: 0.0, max: f32::INFINITY })
    }

    pub fn binary(&mut self, x: &str, op: RawOp, value: f32) -> String {
        let constant = self.constant_of(&[1], vec![value]);
        self.node(op, &[x, &constant])
    }

    pub fn binary_reversed(&mut self, value: f32, op: RawOp, x: &str) -> String {
        let constant = self.constant_of(&[1], vec![value]);
        self.node(op, &[&constant, x])
    }

    /// A convolution without pads, stride in rows and columns.
    pub fn conv(&mut self, x: &str, outputs: usize, kernel: [usize; 2], stride: [usize; 2]) -> String {
        let inputs = self.channels.get(x).copied().expect("a tensor of this graph");
        self.conv_of(x, inputs, outputs, kernel, stride)
    }

    pub fn conv_of(
        &mut self,
        x: &str,
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
    ) -> String {
        self.any_conv(x, [outputs, kernel[0], kernel[1], inputs], stride, RawPadding::VALID, 1, false)
    }

    pub fn conv_with_bias(&mut self, x: &str, outputs: usize, kernel: [usize; 2]) -> String {
        let inputs = self.channels.get(x).copied().expect("a tensor of this graph");
        self.any_conv(x, [outputs, kernel[0], kernel[1], inputs], [1, 1], RawPadding::VALID, 1, true)
    }

    pub fn conv_padded(&mut self, x: &str, outputs: usize, kernel: [usize; 2]) -> String {
        let inputs = self.channels.get(x).copied().expect("a tensor of this graph");
        let padding = RawPadding::Explicit([1, 0, 1, 1]);
        self.any_conv(x, [outputs, kernel[0], kernel[1], inputs], [1, 1], padding, 1, true)
    }

    pub fn depthwise(&mut self, x: &str, channels: usize, kernel: [usize; 2]) -> String {
        self.any_conv(x, [channels, kernel[0], kernel[1], 1], [1, 1], RawPadding::VALID, channels, false)
    }

    pub fn any_conv(
        &mut self,
        x: &str,
        dims: [usize; 4],
        stride: [usize; 2],
        padding: RawPadding,
        groups: usize,
        bias: bool,
    ) -> String {
        let kernel = self.constant(&dims);
        let op = RawOp::Conv { stride, dilation: [1; 2], padding, groups };
        let output = if bias {
            let bias = self.constant(&[dims[0]]);
            self.node(op, &[x, &kernel, &bias])
        } else {
            self.node(op, &[x, &kernel])
        };
        self.channels.insert(output.clone(), dims[0]);
        output
    }

    /// A matrix product with a bias.
    pub fn dense(&mut self, x: &str, inputs: usize, outputs: usize) -> String {
        let (matrix, bias) = (self.constant(&[outputs, inputs]), self.constant(&[outputs]));
        let output = self.node(RawOp::Dense, &[x, &matrix, &bias]);
        self.channels.insert(output.clone(), outputs);
        output
    }

    /// Batch normalization with random parameters, gamma of the sign of `gamma`.
    pub fn norm(&mut self, x: &str, channels: usize, gamma: f32) -> String {
        let values = (0..channels).map(|_| gamma * (1.5 + self.random())).collect();
        let gamma = self.constant_of(&[channels], values);
        let (beta, mean) = (self.constant(&[channels]), self.constant(&[channels]));
        let variance = self.positive(&[channels]);
        self.node(RawOp::BatchNorm { epsilon: 1e-3 }, &[x, &gamma, &beta, &mean, &variance])
    }

    /// A batch normalization that only adds.
    pub fn shift(&mut self, x: &str, channels: usize) -> String {
        let one = self.constant_of(&[channels], vec![1.0; channels]);
        let zero = self.constant_of(&[channels], vec![0.0; channels]);
        let beta = self.constant(&[channels]);
        self.node(RawOp::BatchNorm { epsilon: 0.0 }, &[x, &one, &beta, &zero, &one])
    }

    /// The graph, whose result is the last tensor.
    pub fn finish(mut self) -> RawGraph {
        self.graph.outputs = vec![self.last];
        self.graph
    }
}

/// An operation in a word, its numbers where they tell functions apart.
fn operator(op: &RawOp) -> String {
    match op {
        RawOp::Clip { min, max } => format!("Clip({min}, {max})"),
        RawOp::HardSigmoid { slope, offset } => format!("HardSigmoid({slope}, {offset})"),
        op => {
            let text = format!("{op:?}");
            text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
        }
    }
}

/// The operations of a graph.
pub(super) fn operators(graph: &RawGraph) -> Vec<String> {
    graph.nodes.iter().map(|node| operator(&node.op)).collect()
}

/// Why nodes cannot be taken.
pub(super) fn reasons(graph: &RawGraph) -> String {
    let reasons = graph.nodes.iter().filter_map(|node| match &node.op {
        RawOp::Unsupported { reason } => Some(reason.as_str()),
        _ => None,
    });
    reasons.collect::<Vec<_>>().join("; ")
}

/// An image of random numbers from -1 to 1.
pub(super) fn image(dims: &[usize], seed: u32) -> Tensor {
    let mut random = Builder::new(Layout::ChannelsLast, [1; 4]);
    random.seed(seed);
    let values = (0..dims.iter().product()).map(|_| f64::from(random.random())).collect();
    Tensor { dims: dims.to_vec(), values }
}

/// Fails unless two graphs compute the same of the same image.
pub(super) fn assert_same(a: &RawGraph, b: &RawGraph) {
    let dims: Vec<usize> = a.inputs[0].dims.iter().map(|dim| dim.expect("a fixed size")).collect();
    let image = image(&dims, 7);
    close(&evaluate(a, &image).values, &evaluate(b, &image).values, &format!("{a:#?}\n{b:#?}"));
}

/// Fails unless numbers are the same but for rounding.
pub(super) fn close(a: &[f64], b: &[f64], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let scale = a.iter().fold(1e-3_f64, |most, value| most.max(value.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 1e-4 * scale, "{a} and {b} of {scale}: {what}");
    }
}
