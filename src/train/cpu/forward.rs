//! The way forward through a plan.

use super::super::batch::Batch;
use super::super::plan::{AffinePlan, KernelPlan, Plan, Unit, UnitOp};
use super::super::stepper::{HALVES_UP, Norm};
use super::buffer::Buffer;
use super::held::Held;
use super::norm::{Bounds, Coefficients, activate, moments};
use super::pool::{self, Windowed};
use super::{conv, depthwise, images, joins, weights};
use crate::net::{Activation, TensorId, Window};

/// What the way back needs of the way forward. Memory is kept from step to step.
#[derive(Debug)]
pub(super) struct Forward {
    /// Weights as they are multiplied, in the places of the parameters.
    pub weights: Buffer,
    /// Values of tensors by id; the image's are padded.
    pub tensors: Vec<Buffer>,
    /// What each unit computes before normalization and activation.
    pub sums: Vec<Buffer>,
    /// What is done to them.
    pub coefficients: Vec<Coefficients>,
}

impl Forward {
    pub fn new(plan: &Plan) -> Self {
        Self {
            weights: vec![0.0; plan.parameters].into(),
            tensors: vec![Buffer::default(); plan.graph.tensors.len()],
            sums: vec![Buffer::default(); plan.units.len()],
            coefficients: vec![Coefficients::default(); plan.units.len()],
        }
    }

    /// Quantizes the weights of a state.
    pub fn quantize(&mut self, plan: &Plan, state: &Held) {
        weights::quantize(plan, &state.parameters, &mut self.weights);
    }

    /// Logits of the last run.
    pub fn logits(&self, plan: &Plan) -> &Buffer {
        &self.tensors[plan.graph.logits()]
    }

    /// Runs a batch with the weights that were quantized last.
    pub fn run(&mut self, plan: &Plan, state: &mut Held, batch: &Batch, norm: Norm) {
        let mut image = std::mem::take(&mut self.tensors[0]);
        image.resize(batch.len() * plan.image.padded().elements());
        images::prepare(&plan.image, batch, &mut image);
        self.tensors[0] = image;
        for (id, unit) in plan.units.iter().enumerate() {
            let len = batch.len() * unit.shape.elements();
            let mut sums = std::mem::take(&mut self.sums[id]);
            sums.resize(len);
            self.sum(plan, unit, &mut sums);
            let coefficients = match &unit.op {
                UnitOp::Kernel(kernel) => self.affine(plan, unit, kernel, state, &sums, norm),
                _ => integer_bias(plan, unit, state),
            };
            let mut out = std::mem::take(&mut self.tensors[unit.output]);
            out.resize(len);
            activate(&sums, &coefficients, bounds(unit, &state.parameters), &mut out);
            self.tensors[unit.output] = out;
            self.sums[id] = sums;
            self.coefficients[id] = coefficients;
        }
    }

    fn sum(&self, plan: &Plan, unit: &Unit, out: &mut [f32]) {
        let x = &self.tensors[unit.inputs[0]];
        match &unit.op {
            UnitOp::Kernel(kernel) => {
                let weights = &self.weights[kernel.weight.clone()];
                if kernel.geometry.depthwise {
                    depthwise::forward(&kernel.geometry, x, weights, out);
                } else {
                    conv::forward(&kernel.geometry, x, weights, out);
                }
            }
            UnitOp::Pool => {
                let shape = plan.graph.tensors[unit.inputs[0]].shape;
                pool::average(shape, x, out);
            }
            &UnitOp::MaxPool(window) => windowed(plan, unit, window).largest(x, out),
            &UnitOp::AvgPool(window) => windowed(plan, unit, window).mean(x, out),
            UnitOp::Add => {
                let y = &self.tensors[unit.inputs[1]];
                for ((out, x), y) in out.iter_mut().zip(x.iter()).zip(y.iter()) {
                    *out = x + y;
                }
            }
            &UnitOp::Lookup(function) => joins::lookup(function, x, out),
            UnitOp::Multiply => joins::gated(unit.shape, x, &self.tensors[unit.inputs[1]], out, false),
            UnitOp::Concat => {
                for (part, &input) in plan.parts(unit).into_iter().zip(&unit.inputs) {
                    joins::copy(part, unit.shape.channels, &self.tensors[input], out);
                }
            }
        }
    }

    /// What follows a kernel's sums.
    fn affine(
        &self,
        plan: &Plan,
        unit: &Unit,
        kernel: &KernelPlan,
        state: &mut Held,
        sums: &[f32],
        norm: Norm,
    ) -> Coefficients {
        let Held { parameters, running, .. } = state;
        let weights = &self.weights[kernel.weight.clone()];
        let (gamma, beta, epsilon, places) = match &kernel.affine {
            AffinePlan::Bias(bias) => {
                let mut coefficients = Coefficients::offset(&parameters[bias.clone()]);
                round_biases(plan, unit, kernel, parameters, weights, &mut coefficients);
                return coefficients;
            }
            AffinePlan::Norm { gamma, beta, mean, variance, epsilon } => (
                &parameters[gamma.clone()],
                &parameters[beta.clone()],
                *epsilon,
                (mean.clone(), variance.clone()),
            ),
        };
        let (mean, variance) = match norm {
            Norm::Frozen => (running[places.0].to_vec(), running[places.1].to_vec()),
            Norm::Batch { momentum } => {
                let (mean, variance) = moments(sums, gamma.len());
                let follow = |running: &mut [f32], batch: &[f32]| {
                    running.iter_mut().zip(batch).for_each(|(r, b)| *r += momentum * (b - *r));
                };
                follow(&mut running[places.0], &mean);
                follow(&mut running[places.1], &variance);
                (mean, variance)
            }
        };
        let inverse: Vec<f32> = variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
        let slope: Vec<f32> = gamma.iter().zip(&inverse).map(|(gamma, inverse)| gamma * inverse).collect();
        let offset = (0..slope.len()).map(|c| beta[c] - slope[c] * mean[c]).collect();
        let of_batch = norm != Norm::Frozen;
        let mut coefficients = Coefficients { slope, offset, mean, inverse, of_batch };
        if !of_batch {
            round_biases(plan, unit, kernel, parameters, weights, &mut coefficients);
        }
        coefficients
    }
}

/// On the device a bias is a whole number of accumulator steps, of slope * input scale * weight scale each. With few bits
/// on both sides and many in the output these are wide.
fn round_biases(
    plan: &Plan,
    unit: &Unit,
    kernel: &KernelPlan,
    parameters: &[f32],
    weights: &[f32],
    coefficients: &mut Coefficients,
) {
    let (Some(output), Some(grid)) = (unit.grid, &kernel.grid) else { return };
    let output = parameters[output.scale].exp();
    let input = plan.tensor_grid(unit.inputs[0]).map(|input| parameters[input.scale].exp());
    let depth = kernel.geometry.depth();
    let real = parameters[kernel.weight.clone()].chunks_exact(depth);
    for (c, (real, weights)) in real.zip(weights.chunks_exact(depth)).enumerate() {
        let scale = grid.scale(c, real, parameters);
        let step = coefficients.slope[c] * input.unwrap_or(1.0 / plan.image.deviation) * scale / output;
        // The means of the colours, which the bias takes back, need not be whole numbers.
        let means = plan.image.mean.iter().cycle();
        let zeros = match input {
            Some(_) => 0.0,
            None => weights.iter().zip(means).map(|(weight, mean)| weight / scale * mean).sum(),
        };
        coefficients.offset[c] = round_bias(coefficients.offset[c], step, zeros, output);
    }
}

/// The nearest offset for which offset / scale + 1/2 lies a whole number of steps above `zeros`.
fn round_bias(offset: f32, step: f32, zeros: f32, scale: f32) -> f32 {
    if step.abs() < 1e-6 {
        // Batch normalization switches the channel off.
        return offset;
    }
    let steps = ((offset / scale + 0.5) / step - zeros).round() + zeros;
    (step * steps - 0.5) * scale
}

/// The window of a pool over its input.
pub(super) fn windowed(plan: &Plan, unit: &Unit, window: Window) -> Windowed {
    Windowed { window, input: plan.graph.tensors[unit.inputs[0]].shape, output: unit.shape }
}

/// The half step of global pools and products is a whole number of their accumulator's steps; halves of windowed averages
/// are rounded up; nothing for all others.
fn integer_bias(plan: &Plan, unit: &Unit, state: &Held) -> Coefficients {
    let scale = |tensor: TensorId| plan.tensor_grid(tensor).map(|grid| state.parameters[grid.scale].exp());
    let input = scale(unit.inputs[0]);
    let offset = unit.grid.map_or(0.0, |grid| {
        let output = state.parameters[grid.scale].exp();
        let half = |step: Option<f32>| step.map_or(0.0, |step| round_bias(0.0, step / output, 0.0, output));
        match &unit.op {
            UnitOp::Pool => {
                let pixels = plan.graph.tensors[unit.inputs[0]].shape.pixels() as f32;
                half(input.map(|input| input / pixels))
            }
            UnitOp::Multiply => half(input.zip(scale(unit.inputs[1])).map(|(map, gate)| map * gate)),
            UnitOp::AvgPool(_) => HALVES_UP * output,
            _ => 0.0,
        }
    });
    Coefficients::offset(&vec![offset; unit.shape.channels])
}

/// Activation or quantization of a unit's output.
pub(super) fn bounds(unit: &Unit, parameters: &[f32]) -> Bounds {
    let clip = |low, high| Bounds::Clip { low, high };
    match (unit.grid, unit.activation) {
        (Some(grid), _) => Bounds::Codes {
            scale: parameters[grid.scale].exp(),
            zero: f32::from(grid.zero_point),
            max: f32::from(grid.max_code),
        },
        (None, Activation::Linear) => clip(f32::NEG_INFINITY, f32::INFINITY),
        (None, Activation::Relu) => clip(0.0, f32::INFINITY),
        (None, Activation::Relu6) => clip(0.0, 6.0),
    }
}
