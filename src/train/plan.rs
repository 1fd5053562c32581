//! What one step computes, laid out once: units in execution order and the places of their parameters.

use crate::net::{
    Activation, Affine, Function, Graph, Layer, LayerId, Model, Normalization, Op, Pads, Shape, TensorId,
    Window,
};
use crate::quant::{Grids, Quantizer};
use std::collections::HashMap;
use std::ops::Range;

/// How a convolution slides. All maps are `[batch, height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Size of the input; that of the first layer includes its padding.
    pub input: Shape,
    /// Size of the output.
    pub output: Shape,
    /// Kernel side, stride, zeros around the input.
    pub window: Window,
    /// Whether each channel is convolved by itself.
    pub depthwise: bool,
}

impl Geometry {
    /// Whether it is a matrix product over pixels: a window of one pixel that neither skips nor pads.
    pub fn is_pointwise(&self) -> bool {
        !self.depthwise
            && self.window.kernel == 1
            && self.window.stride == 1
            && self.input == { Shape { channels: self.input.channels, ..self.output } }
    }

    /// Weights of one output channel.
    pub fn depth(&self) -> usize {
        let channels = if self.depthwise { 1 } else { self.input.channels };
        self.window.kernel * self.window.kernel * channels
    }

    /// Multiply-accumulates for one image.
    pub fn macs(&self) -> usize {
        self.output.elements() * self.depth()
    }
}

/// How the scale of a channel's weights is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum WeightScales {
    /// Learned (LSQ, arXiv 1902.08153), one per output channel.
    Learned,
    /// From the smallest and the largest weight of the channel at every step.
    MinMax,
}

/// Quantization of a layer's weights.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightGrid {
    /// Places of ln(scale), one per output channel; `None` for [`WeightScales::MinMax`].
    pub scales: Option<Range<usize>>,
    /// Code of zero, one per output channel; unused for [`WeightScales::MinMax`].
    pub zero_points: Vec<u8>,
    /// Largest code.
    pub max_code: u8,
}

/// Quantization of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorGrid {
    /// Place of ln(scale).
    pub scale: usize,
    /// Code of zero.
    pub zero_point: u8,
    /// Largest code.
    pub max_code: u8,
}

/// What follows a layer's sums.
#[derive(Clone, Debug, PartialEq)]
pub enum AffinePlan {
    /// Batch normalization.
    Norm {
        /// Places of gamma.
        gamma: Range<usize>,
        /// Places of beta.
        beta: Range<usize>,
        /// Places of the mean among the running statistics.
        mean: Range<usize>,
        /// Places of the variance among the running statistics.
        variance: Range<usize>,
        /// Added to the variance.
        epsilon: f32,
    },
    /// A bias.
    Bias(Range<usize>),
}

/// A layer with weights.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelPlan {
    /// How it slides.
    pub geometry: Geometry,
    /// Places of the weights, `[c_out, k, k, c_in]`.
    pub weight: Range<usize>,
    /// Their quantization, if any.
    pub grid: Option<WeightGrid>,
    /// What follows the sums.
    pub affine: AffinePlan,
}

/// What a unit computes before its activation.
#[allow(clippy::large_enum_variant, reason = "most units are kernels")]
#[derive(Clone, Debug, PartialEq)]
pub enum UnitOp {
    /// Convolution, depthwise convolution or linear layer with what follows it.
    Kernel(KernelPlan),
    /// Mean over all pixels; without a grid where it gives the logits.
    Pool,
    /// Sum of two tensors.
    Add,
    /// A function of each element.
    Lookup(Function),
    /// Product of a map and a gate with a number for each of its channels.
    Multiply,
    /// Channels of several maps, one behind the other.
    Concat,
    /// Largest value under a window: on the input's grid as it is.
    MaxPool(Window),
    /// Mean under a window, rounded to the input's grid.
    AvgPool(Window),
}

impl UnitOp {
    /// Whether its values are between the grid's before they are rounded: not so for the largest of some.
    const fn rounds(&self) -> bool {
        !matches!(self, Self::MaxPool(..))
    }

    /// Whether it shares the grid of its input, whose step learns nothing from it.
    pub const fn borrows_grid(&self) -> bool {
        matches!(self, Self::MaxPool(..) | Self::AvgPool(..))
    }
}

/// One layer of the graph with its activation and the quantization of its output.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// What it computes.
    pub op: UnitOp,
    /// Tensors read.
    pub inputs: Vec<TensorId>,
    /// Tensor written.
    pub output: TensorId,
    /// Size of the output.
    pub shape: Shape,
    /// Activation, if the output is not quantized; else the grid bounds it.
    pub activation: Activation,
    /// Quantization of the output.
    pub grid: Option<TensorGrid>,
}

impl Unit {
    /// Quantization of the output, if its step learns from it: a pool with a window borrows the grid of its input.
    pub fn learned_grid(&self) -> Option<TensorGrid> {
        self.grid.filter(|_| !self.op.borrows_grid())
    }
}

/// How an image becomes the first layer's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImagePlan {
    /// Size of the network's image, without padding.
    pub shape: Shape,
    /// Pixels around it.
    pub pads: Pads,
    /// Mean of each colour in codes.
    pub mean: [f32; 3],
    /// Codes per unit, the same for all colours: what differs is in the first layer's weights.
    pub deviation: f32,
    /// Value of a pixel outside the image.
    pub outside: [f32; 3],
}

impl ImagePlan {
    /// Size of the image with its padding.
    pub fn padded(&self) -> Shape {
        let Pads { top, left, bottom, right } = self.pads;
        let Shape { height, width, channels } = self.shape;
        Shape { height: height + top + bottom, width: width + left + right, channels }
    }
}

/// All that a step needs to know besides numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The network.
    pub graph: Graph,
    /// The image.
    pub image: ImagePlan,
    /// Layers by [`LayerId`].
    pub units: Vec<Unit>,
    /// Parameters in all.
    pub parameters: usize,
    /// Running statistics in all.
    pub running: usize,
    /// Parameters that weight decay acts on: weights.
    pub decayed: Vec<Range<usize>>,
    /// Parameters that are logarithms of scales.
    pub scales: Vec<Range<usize>>,
}

impl Plan {
    /// A network in real numbers, or with the quantization `grids`.
    ///
    /// The model's weights must fit its graph ([`FloatNetwork::new`](crate::float::FloatNetwork::new) says if not).
    pub fn new(model: &Model, grids: Option<&Grids>, scales: WeightScales) -> Self {
        let graph = model.graph();
        let mut places = Places::default();
        let units = graph.layers.iter().enumerate();
        let units = units.map(|(id, layer)| places.unit(model, id, layer, grids, scales)).collect();
        let Places { parameters, running, decayed, scales, .. } = places;
        let image = image_plan(graph, &model.normalization, grids.is_some());
        Self { graph: graph.clone(), image, units, parameters, running, decayed, scales }
    }

    /// The layers with weights and their ids.
    pub fn kernels(&self) -> impl Iterator<Item = (LayerId, &KernelPlan)> {
        self.units.iter().enumerate().filter_map(|(id, unit)| match &unit.op {
            UnitOp::Kernel(kernel) => Some((id, kernel)),
            _ => None,
        })
    }

    /// The channels of a concatenation's output that each of its inputs becomes.
    pub fn parts(&self, unit: &Unit) -> Vec<Range<usize>> {
        let mut end = 0;
        let part = |&input: &TensorId| {
            let first = end;
            end += self.graph.tensors[input].shape.channels;
            first..end
        };
        unit.inputs.iter().map(part).collect()
    }

    /// Quantization of a tensor; `None` for the image and in real numbers.
    pub fn tensor_grid(&self, tensor: TensorId) -> Option<TensorGrid> {
        let tensor = self.graph.quantized_as(tensor);
        self.units.iter().find(|unit| unit.output == tensor).and_then(|unit| unit.grid)
    }
}

/// The first layer pads its image itself.
fn image_plan(graph: &Graph, normalization: &Normalization, quantized: bool) -> ImagePlan {
    let Normalization { mean, deviation } = *normalization;
    let pads = graph.layers.first().and_then(Layer::window).map_or(Pads::default(), |window| window.pads);
    // The integers pad with the code that is nearest to real zero.
    let outside = if quantized { mean.map(|mean| (mean.round() - mean) / deviation[0]) } else { [0.0; 3] };
    ImagePlan { shape: graph.image().shape, pads, mean, deviation: deviation[0], outside }
}

/// Hands out places of parameters.
#[derive(Default)]
struct Places {
    parameters: usize,
    running: usize,
    decayed: Vec<Range<usize>>,
    scales: Vec<Range<usize>>,
    /// Of tensors that have one of their own.
    grids: HashMap<TensorId, TensorGrid>,
}

impl Places {
    fn take(&mut self, count: usize) -> Range<usize> {
        let start = self.parameters;
        self.parameters += count;
        start..self.parameters
    }

    fn take_running(&mut self, count: usize) -> Range<usize> {
        let start = self.running;
        self.running += count;
        start..self.running
    }

    fn take_scales(&mut self, count: usize) -> Range<usize> {
        let range = self.take(count);
        self.scales.push(range.clone());
        range
    }

    fn unit(
        &mut self,
        model: &Model,
        id: LayerId,
        layer: &Layer,
        grids: Option<&Grids>,
        scales: WeightScales,
    ) -> Unit {
        let graph = model.graph();
        let op = match layer.op {
            Op::MaxPool(window) => UnitOp::MaxPool(window),
            Op::AvgPool(window) => UnitOp::AvgPool(window),
            Op::GlobalAvgPool => UnitOp::Pool,
            Op::Add => UnitOp::Add,
            Op::Lookup(function) => UnitOp::Lookup(function),
            Op::Multiply => UnitOp::Multiply,
            Op::Concat => UnitOp::Concat,
            Op::Conv(..) | Op::Depthwise(..) | Op::Linear => {
                let quantizers = grids.and_then(|grids| grids.weights[id].as_deref());
                UnitOp::Kernel(self.kernel(model, id, layer, quantizers, scales))
            }
        };
        let grid = match grids {
            Some(_) if layer.keeps_quantizer() => {
                self.grids.get(&graph.quantized_as(layer.output)).copied().filter(|_| op.rounds())
            }
            Some(grids) if layer.output != graph.logits() => {
                let Quantizer { zero_point, bits, .. } = grids.tensors[layer.output];
                let scale = self.take_scales(1).start;
                let grid = TensorGrid { scale, zero_point, max_code: bits.max_code() };
                self.grids.insert(layer.output, grid);
                Some(grid)
            }
            _ => None,
        };
        Unit {
            op,
            inputs: layer.inputs.clone(),
            output: layer.output,
            shape: graph.output_shape(layer),
            activation: layer.activation,
            grid,
        }
    }

    fn kernel(
        &mut self,
        model: &Model,
        id: LayerId,
        layer: &Layer,
        quantizers: Option<&[Quantizer]>,
        scales: WeightScales,
    ) -> KernelPlan {
        let graph = model.graph();
        let channels = graph.output_shape(layer).channels;
        let mut window = layer.window().unwrap_or(Window { kernel: 1, stride: 1, pads: Pads::default() });
        let mut input = graph.input_shape(layer);
        if layer.inputs[0] == 0 {
            input = image_plan(graph, &model.normalization, false).padded();
            window.pads = Pads::default();
        }
        let geometry = Geometry {
            input,
            output: graph.output_shape(layer),
            window,
            depthwise: matches!(layer.op, Op::Depthwise(..)),
        };
        let weight = self.take(graph.weight_elements(layer));
        self.decayed.push(weight.clone());
        let epsilon = match model.layer(id).map(|parameters| &parameters.affine) {
            Some(Affine::BatchNorm(bn)) => Some(bn.epsilon),
            _ => None,
        };
        let affine = match epsilon {
            Some(epsilon) => AffinePlan::Norm {
                gamma: self.take(channels),
                beta: self.take(channels),
                mean: self.take_running(channels),
                variance: self.take_running(channels),
                epsilon,
            },
            None => AffinePlan::Bias(self.take(channels)),
        };
        let grid = quantizers.map(|quantizers| WeightGrid {
            scales: (scales == WeightScales::Learned).then(|| self.take_scales(channels)),
            zero_points: quantizers.iter().map(|q| q.zero_point).collect(),
            max_code: quantizers.first().map_or(0, |q| q.bits.max_code()),
        });
        KernelPlan { geometry, weight, grid, affine }
    }
}
