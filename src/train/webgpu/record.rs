//! What the kernels are told of a layer: the uniform `Layer` of `shaders/layer.wgsl`.

use super::layout::{Layout, fours};
use crate::net::{Activation, LayerId, Pads, Shape, Window};
use crate::train::plan::{AffinePlan, Geometry, Plan, UnitOp};
use crate::train::stepper::HALVES_UP;
use std::ops::Range;

/// Bytes between two records: what the alignment of uniform bindings asks for.
pub const STRIDE: usize = 256;

/// Words in a record.
pub const WORDS: usize = 34;

/// Position of the number of images in a record.
const IMAGES: usize = 10;

/// Position of the input's channels in fours.
const INPUTS: usize = 4;

/// Position of first and number of the channels that an input becomes in a concatenation.
const PART: usize = 32;

/// Marks layers that are no products.
const NO_GRID: u32 = u32::MAX;

/// Invocations that a reduction should have, so that a GPU is busy.
const REDUCERS: usize = 4096;

/// Numbers that one invocation of a reduction adds up at least.
const SHORTEST: usize = 16;

/// Pixels of all images up to which one workgroup has all pixels of four channels.
const SMALL: usize = 1024;

/// How sums over pixels are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// Pixels or rows in a span.
    pub length: usize,
    /// Number of spans.
    pub count: usize,
}

impl Spans {
    /// Divides `pixels` so that `others` invocations for each span make [`REDUCERS`].
    pub fn new(pixels: usize, others: usize, shortest: usize) -> Self {
        let count = (REDUCERS / others.max(1)).clamp(1, pixels.div_ceil(shortest));
        let length = pixels.div_ceil(count);
        Self { length, count: pixels.div_ceil(length) }
    }
}

/// A unit's sizes and divisions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// How the layer slides; a window of the whole map for global pools, of one pixel for adds and all of their kind.
    pub geometry: Geometry,
    /// Division of sums over all pixels.
    pub spans: Spans,
    /// Division of weight gradients.
    pub weight_spans: Spans,
}

impl Sizes {
    /// Of a unit, for batches of `images`.
    pub fn new(plan: &Plan, id: LayerId, images: usize) -> Self {
        let unit = &plan.units[id];
        let input = plan.graph.tensors[unit.inputs[0]].shape;
        let window = |kernel| Window { kernel, stride: 1, pads: Pads::default() };
        let geometry = match &unit.op {
            UnitOp::Kernel(kernel) => kernel.geometry,
            UnitOp::Pool => {
                Geometry { input, output: unit.shape, window: window(input.height), depthwise: true }
            }
            UnitOp::Add | UnitOp::Lookup(_) | UnitOp::Multiply | UnitOp::Concat => {
                Geometry { input, output: unit.shape, window: window(1), depthwise: true }
            }
            &UnitOp::MaxPool(window) | &UnitOp::AvgPool(window) => {
                Geometry { input, output: unit.shape, window, depthwise: true }
            }
        };
        let outputs = fours(geometry.output.channels);
        let taps = geometry.window.kernel.pow(2);
        let pixels = images * geometry.output.pixels();
        let weight_spans = if geometry.depthwise {
            Spans::new(images * geometry.output.height, taps * outputs, 1)
        } else {
            Spans::new(pixels, taps * outputs * fours(geometry.input.channels), SHORTEST)
        };
        Self { geometry, spans: Spans::new(pixels, outputs, SHORTEST), weight_spans }
    }

    /// Whether what follows the sums is done by one kernel each way.
    pub fn is_small(&self, images: usize) -> bool {
        images * self.geometry.output.pixels() <= SMALL
    }

    /// The uniform's words for `images` images.
    pub fn words(
        &self,
        plan: &Plan,
        layout: &Layout,
        id: LayerId,
        images: usize,
        accumulate: bool,
    ) -> [u32; WORDS] {
        let unit = &plan.units[id];
        let Geometry { input, output, window, .. } = self.geometry;
        let place = &layout.places[id];
        let grid = |tensor| plan.tensor_grid(tensor).map_or(0, |grid| layout.parameter(grid.scale));
        let (normalized, epsilon, weights_quantized) = match &unit.op {
            UnitOp::Kernel(kernel) => match kernel.affine {
                AffinePlan::Norm { epsilon, .. } => (true, epsilon, kernel.grid.is_some()),
                AffinePlan::Bias(_) => (false, 0.0, kernel.grid.is_some()),
            },
            UnitOp::Pool | UnitOp::Multiply => (false, 0.0, true),
            _ => (false, 0.0, false),
        };
        let gate_grid = match unit.op {
            UnitOp::Multiply => grid(unit.inputs[1]) as u32,
            _ => NO_GRID,
        };
        let function = if let UnitOp::Lookup(function) = unit.op { function.code().into() } else { 0 };
        let first = unit.inputs[0] == 0;
        let has_steps = first || plan.tensor_grid(unit.inputs[0]).is_some();
        let integer_bias = weights_quantized && has_steps && unit.grid.is_some();
        let in_step = if first { 1.0 / plan.image.deviation } else { 0.0 };
        let nudge = if matches!(unit.op, UnitOp::AvgPool(_)) { HALVES_UP } else { 0.0 };
        let (low, high) = match unit.activation {
            Activation::Linear => (f32::MIN, f32::MAX),
            Activation::Relu => (0.0, f32::MAX),
            Activation::Relu6 => (0.0, 6.0),
        };
        let (levels, zero) = unit.grid.map_or((0, 0), |grid| (grid.max_code, grid.zero_point));
        let shape = |Shape { height, width, .. }: Shape| (height as u32, width as u32);
        let ((in_height, in_width), (out_height, out_width)) = (shape(input), shape(output));
        let mut words = [
            in_height,
            in_width,
            out_height,
            out_width,
            fours(input.channels) as u32,
            fours(output.channels) as u32,
            window.kernel as u32,
            window.stride as u32,
            window.pads.top as u32,
            window.pads.left as u32,
            0,
            output.channels as u32,
            self.spans.length as u32,
            self.spans.count as u32,
            self.weight_spans.length as u32,
            self.weight_spans.count as u32,
            u32::from(accumulate),
            u32::from(normalized),
            u32::from(integer_bias),
            (place.factors.start / 4) as u32,
            (place.steps.start / 4) as u32,
            grid(unit.output) as u32,
            grid(unit.inputs[0]) as u32,
            epsilon.to_bits(),
            low.to_bits(),
            high.to_bits(),
            f32::from(levels).to_bits(),
            f32::from(zero).to_bits(),
            in_step.to_bits(),
            nudge.to_bits(),
            gate_grid,
            function,
            0,
            input.channels as u32,
        ];
        set_images(&mut words, images);
        words
    }
}

/// The words of a concatenation for one of its inputs.
pub fn with_part(mut words: [u32; WORDS], part: &Range<usize>) -> [u32; WORDS] {
    words[INPUTS] = fours(part.len()) as u32;
    words[PART..].copy_from_slice(&[part.start as u32, part.len() as u32]);
    words
}

/// Writes the number of images into a record.
pub fn set_images(words: &mut [u32; WORDS], images: usize) {
    words[IMAGES] = images as u32;
}
