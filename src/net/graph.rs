//! The graph: layers in execution order, and the tensors between them.

use super::Function;
use super::shape::{Pads, Shape, covered};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Position of a tensor in [`Graph::tensors`]; 0 is the image.
pub type TensorId = usize;

/// Position of a layer in [`Graph::layers`].
pub type LayerId = usize;

/// A feature map between layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// Name of the layer that writes it; `image` for the input.
    pub name: String,
    /// Its size.
    pub shape: Shape,
    /// Whether it may hold values below zero: outputs of linear bottlenecks and residual adds.
    pub signed: bool,
}

/// A square window that slides over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Side of the window in pixels.
    pub kernel: usize,
    /// Step in pixels, the same in both directions.
    pub stride: usize,
    /// Real zeros around the input.
    pub pads: Pads,
}

impl Window {
    /// Rows and columns of a map that the window at an output's row and column covers, pads left out.
    pub fn covered(&self, [y, x]: [usize; 2], map: Shape) -> [Range<usize>; 2] {
        let Window { kernel, stride, pads } = *self;
        [covered(y * stride, pads.top, kernel, map.height), covered(x * stride, pads.left, kernel, map.width)]
    }
}

/// The non-linearity at the end of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// None: linear bottlenecks, logits.
    Linear,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
}

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Convolution over all input channels, batch normalization. Weights `[c_out, k, k, c_in]`.
    Conv(Window),
    /// Convolution of each channel by itself, batch normalization. Weights `[c, k, k, 1]`.
    Depthwise(Window),
    /// Matrix product over all elements of the input, with bias; gives the logits. Weights `[c_out, h, w, c_in]`, held as
    /// one long pixel `[c_out, 1, 1, h * w * c_in]`.
    Linear,
    /// Mean over all pixels of each channel; gives the logits if it is the last.
    GlobalAvgPool,
    /// Sum of two maps of the same shape.
    Add,
    /// A function of each element.
    Lookup(Function),
    /// Product of a map and one number for each of its channels: the second input has one pixel.
    Multiply,
    /// Channels of any number of maps of the same rows and columns, one behind the other.
    Concat,
    /// Largest value of each channel under a window. Pads are left out.
    MaxPool(Window),
    /// Mean of each channel under a window. Pads are left out: it is divided by the pixels that lie inside of the map.
    AvgPool(Window),
}

/// One step of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Unique name, e.g. `pw13` or `b2.expand`.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// The non-linearity at its end.
    pub activation: Activation,
    /// Tensors read: two for [`Op::Add`] and [`Op::Multiply`], any number for [`Op::Concat`], else one.
    pub inputs: Vec<TensorId>,
    /// Tensor written.
    pub output: TensorId,
}

impl Layer {
    /// Whether the layer has a weight tensor.
    pub fn has_weights(&self) -> bool {
        matches!(self.op, Op::Conv(..) | Op::Depthwise(..) | Op::Linear)
    }

    /// The window, for convolutions and pools that have one.
    pub fn window(&self) -> Option<Window> {
        match self.op {
            Op::Conv(window) | Op::Depthwise(window) | Op::MaxPool(window) | Op::AvgPool(window) => {
                Some(window)
            }
            Op::Linear | Op::GlobalAvgPool | Op::Add | Op::Lookup(_) | Op::Multiply | Op::Concat => None,
        }
    }

    /// Whether codes of the output stand for the same numbers as those of the input: both share one quantizer.
    pub fn keeps_quantizer(&self) -> bool {
        matches!(self.op, Op::MaxPool(..) | Op::AvgPool(..))
    }
}

/// A network without its weights. Layers stand in execution order; each writes a tensor of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// All tensors; the first is the image.
    pub tensors: Vec<Tensor>,
    /// All layers in execution order.
    pub layers: Vec<Layer>,
}

impl Graph {
    /// A graph that holds only its input image.
    pub fn new(image: Shape) -> Self {
        Self {
            tensors: vec![Tensor { name: "image".into(), shape: image, signed: true }],
            layers: Vec::new(),
        }
    }

    /// The input image.
    pub fn image(&self) -> &Tensor {
        &self.tensors[0]
    }

    /// Id of the last layer's output: the logits.
    pub fn logits(&self) -> TensorId {
        self.tensors.len() - 1
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.tensors[self.logits()].shape.channels
    }

    /// Shape of a layer's first input as the layer sees it: a linear layer sees one long pixel.
    pub fn input_shape(&self, layer: &Layer) -> Shape {
        let shape = self.tensors[layer.inputs[0]].shape;
        if layer.op == Op::Linear { Shape::new(1, 1, shape.elements()) } else { shape }
    }

    /// Shape of a layer's output.
    pub fn output_shape(&self, layer: &Layer) -> Shape {
        self.tensors[layer.output].shape
    }

    /// Shape of a layer's weight tensor as `[c_out, k, k, c_in]` (`c_in` is 1 for depthwise), if it has one.
    pub fn weight_shape(&self, layer: &Layer) -> Option<[usize; 4]> {
        let c_in = self.input_shape(layer).channels;
        let c_out = self.output_shape(layer).channels;
        match layer.op {
            Op::Conv(w) => Some([c_out, w.kernel, w.kernel, c_in]),
            Op::Depthwise(w) => Some([c_out, w.kernel, w.kernel, 1]),
            Op::Linear => Some([c_out, 1, 1, c_in]),
            Op::GlobalAvgPool
            | Op::Add
            | Op::MaxPool(..)
            | Op::AvgPool(..)
            | Op::Lookup(_)
            | Op::Multiply
            | Op::Concat => None,
        }
    }

    /// Elements in a layer's weight tensor; 0 if it has none.
    pub fn weight_elements(&self, layer: &Layer) -> usize {
        self.weight_shape(layer).map_or(0, |s| s.iter().product())
    }

    /// Multiply-accumulates of one layer for one image, padding included.
    pub fn layer_macs(&self, layer: &Layer) -> u64 {
        let pixels = self.output_shape(layer).pixels() as u64;
        pixels * self.weight_elements(layer) as u64
    }

    /// What a layer costs a processor for one image, in multiply-accumulates: an estimate that counts each code read
    /// or written as a dozen of them.
    pub fn layer_work(&self, layer: &Layer) -> u64 {
        let inputs = layer.inputs.iter().map(|&tensor| self.tensors[tensor].shape.elements());
        let moved = inputs.sum::<usize>() + self.output_shape(layer).elements();
        self.layer_macs(layer) + 12 * moved as u64
    }

    /// Multiply-accumulates of the network for one image.
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(|l| self.layer_macs(l)).sum()
    }

    /// Layers with weights, in order, with their ids.
    pub fn weighted_layers(&self) -> impl Iterator<Item = (LayerId, &Layer)> {
        self.layers.iter().enumerate().filter(|(_, l)| l.has_weights())
    }

    /// The layer that writes a tensor; `None` for the image.
    pub fn producer(&self, tensor: TensorId) -> Option<LayerId> {
        self.layers.iter().position(|l| l.output == tensor)
    }

    /// The tensor whose quantizer a tensor has: its own, or that of what windowed pools have made it of.
    pub fn quantized_as(&self, mut tensor: TensorId) -> TensorId {
        // Layers write tensors in order, the first one behind the image.
        while let Some(layer) = tensor.checked_sub(1).and_then(|id| self.layers.get(id)) {
            match layer.inputs.first() {
                Some(&input) if layer.keeps_quantizer() && input < tensor => tensor = input,
                _ => break,
            }
        }
        tensor
    }

    /// The last layer that reads a tensor; `None` for the logits.
    pub fn last_reader(&self, tensor: TensorId) -> Option<LayerId> {
        self.layers.iter().rposition(|l| l.inputs.contains(&tensor))
    }

    /// Id of the layer with this name.
    pub fn layer_named(&self, name: &str) -> Option<LayerId> {
        self.layers.iter().position(|l| l.name == name)
    }

    /// Appends a convolution with `channels` outputs.
    pub fn conv(
        &mut self,
        name: impl Into<String>,
        input: TensorId,
        channels: usize,
        window: Window,
        activation: Activation,
    ) -> TensorId {
        let shape = slide(self.tensors[input].shape, window, channels);
        self.push(name, Op::Conv(window), activation, vec![input], shape)
    }

    /// Appends a depthwise convolution.
    pub fn depthwise(
        &mut self,
        name: impl Into<String>,
        input: TensorId,
        window: Window,
        activation: Activation,
    ) -> TensorId {
        let shape = self.tensors[input].shape;
        let shape = slide(shape, window, shape.channels);
        self.push(name, Op::Depthwise(window), activation, vec![input], shape)
    }

    /// Appends a fully connected layer.
    pub fn linear(&mut self, name: impl Into<String>, input: TensorId, channels: usize) -> TensorId {
        self.push(name, Op::Linear, Activation::Linear, vec![input], Shape::new(1, 1, channels))
    }

    /// Appends a global average pool.
    pub fn global_avg_pool(&mut self, name: impl Into<String>, input: TensorId) -> TensorId {
        let shape = Shape::new(1, 1, self.tensors[input].shape.channels);
        self.push(name, Op::GlobalAvgPool, Activation::Linear, vec![input], shape)
    }

    /// Appends a max pool.
    pub fn max_pool(&mut self, name: impl Into<String>, input: TensorId, window: Window) -> TensorId {
        self.window_pool(name, Op::MaxPool(window), input, window)
    }

    /// Appends an average pool.
    pub fn avg_pool(&mut self, name: impl Into<String>, input: TensorId, window: Window) -> TensorId {
        self.window_pool(name, Op::AvgPool(window), input, window)
    }

    fn window_pool(&mut self, name: impl Into<String>, op: Op, input: TensorId, window: Window) -> TensorId {
        let shape = self.tensors[input].shape;
        self.push(name, op, Activation::Linear, vec![input], slide(shape, window, shape.channels))
    }

    /// Appends a residual add; both inputs have the same shape.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        a: TensorId,
        b: TensorId,
        activation: Activation,
    ) -> TensorId {
        let shape = self.tensors[a].shape;
        debug_assert_eq!(shape, self.tensors[b].shape, "a residual add needs equal shapes");
        self.push(name, Op::Add, activation, vec![a, b], shape)
    }

    /// Appends a function of each element.
    pub fn lookup(&mut self, name: impl Into<String>, input: TensorId, function: Function) -> TensorId {
        let shape = self.tensors[input].shape;
        self.push(name, Op::Lookup(function), Activation::Linear, vec![input], shape)
    }

    /// Appends the product of a map and a `gate` of one pixel with as many channels.
    pub fn multiply(&mut self, name: impl Into<String>, map: TensorId, gate: TensorId) -> TensorId {
        let shape = self.tensors[map].shape;
        debug_assert_eq!(
            Shape::new(1, 1, shape.channels),
            self.tensors[gate].shape,
            "a number for each channel"
        );
        self.push(name, Op::Multiply, Activation::Linear, vec![map, gate], shape)
    }

    /// Appends the concatenation of the channels of maps of the same rows and columns.
    pub fn concat(&mut self, name: impl Into<String>, inputs: Vec<TensorId>) -> TensorId {
        let channels = inputs.iter().map(|&input| self.tensors[input].shape.channels).sum();
        let shape = Shape { channels, ..self.tensors[inputs[0]].shape };
        self.push(name, Op::Concat, Activation::Linear, inputs, shape)
    }

    fn push(
        &mut self,
        name: impl Into<String>,
        op: Op,
        activation: Activation,
        inputs: Vec<TensorId>,
        shape: Shape,
    ) -> TensorId {
        let name = name.into();
        let output = self.tensors.len();
        let sums = matches!(op, Op::Conv(_) | Op::Depthwise(_) | Op::Linear);
        let may_fall = match op {
            Op::Lookup(function) => function.is_signed(),
            _ => sums || inputs.iter().any(|&input| self.tensors[input].signed),
        };
        let signed = activation == Activation::Linear && may_fall;
        self.tensors.push(Tensor { name: name.clone(), shape, signed });
        self.layers.push(Layer { name, op, activation, inputs, output });
        output
    }
}

/// Size of the map that a window leaves of `input`.
fn slide(input: Shape, window: Window, channels: usize) -> Shape {
    let Window { kernel, stride, pads } = window;
    Shape {
        height: (input.height + pads.top + pads.bottom - kernel) / stride + 1,
        width: (input.width + pads.left + pads.right - kernel) / stride + 1,
        channels,
    }
}
