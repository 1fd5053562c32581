//! Where numbers are on the device.
//!
//! Kernels read four channels at a time and bindings begin at multiples of 256 bytes. So channels are padded to
//! multiples of four, depthwise weights have the channel innermost, and every tensor begins at a block of its own. In the
//! gap behind the last channel weights, factors, values and gradients are zero, and stay so.

use super::kernel::WORKGROUP;
use crate::net::{LayerId, Op};
use crate::train::error::TrainError;
use crate::train::plan::{AffinePlan, KernelPlan, Plan, TensorGrid, Unit};
use std::ops::Range;

/// Parameters in a block: one workgroup of the optimizer, four to an invocation.
pub const BLOCK: usize = 4 * WORKGROUP;

/// Words of `Row` in `shaders/weights.wgsl`.
pub const ROW: usize = 16;

/// Marks a channel whose step is not a parameter.
const NO_STEP: u32 = u32::MAX;

/// Where the numbers of a layer with weights are, in single numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Weights, as the kernels read them.
    pub weight: Range<usize>,
    /// Gamma and beta, or the bias.
    pub factors: Range<usize>,
    /// Mean and variance among the running statistics.
    pub running: Range<usize>,
    /// The weights' steps, and what the image's zero adds, among the steps.
    pub steps: Range<usize>,
}

/// What a block of the optimizer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Weights of a layer.
    Weight(LayerId),
    /// Batch normalization or bias.
    Factor,
    /// Logarithms of steps.
    Step,
}

/// The device's order of one plan's numbers.
#[derive(Clone, Debug)]
pub struct Layout {
    /// By layer; empty for layers without weights.
    pub places: Vec<Place>,
    /// Tensors among the parameters, each from the start of a block.
    pub tensors: Vec<(Range<usize>, Kind)>,
    /// Numbers in the parameters, running statistics and steps.
    pub parameters: usize,
    /// Numbers in the running statistics.
    pub running: usize,
    /// Numbers in the steps of weights.
    pub steps: usize,
    /// Output channels of all layers for the weight kernels, a row of the table each, filled up to whole workgroups.
    pub rows: Vec<u32>,
    /// Place on the device of each of the plan's parameters.
    parameter_places: Vec<u32>,
    running_places: Vec<u32>,
}

/// Channels in fours.
pub fn fours(channels: usize) -> usize {
    channels.div_ceil(4)
}

impl Layout {
    /// Lays out a plan.
    ///
    /// # Errors
    /// If a linear layer reads a map of several pixels whose channels are no multiple of four.
    pub fn new(plan: &Plan) -> Result<Self, TrainError> {
        let mut layout = Self {
            places: vec![Place::default(); plan.units.len()],
            tensors: Vec::new(),
            parameters: 0,
            running: 0,
            steps: 0,
            rows: Vec::new(),
            parameter_places: vec![0; plan.parameters],
            running_places: vec![0; plan.running],
        };
        for layer in plan.graph.layers.iter().filter(|layer| layer.op == Op::Linear) {
            let map = &plan.graph.tensors[layer.inputs[0]];
            if map.shape.pixels() > 1 && !map.shape.channels.is_multiple_of(4) {
                return Err(TrainError::Device(format!(
                    "{} reads all of a map of {} channels, and the GPU's kernels take multiples of 4",
                    layer.name, map.shape.channels
                )));
            }
        }
        for (id, kernel) in plan.kernels() {
            layout.kernel(plan, id, kernel);
        }
        // Whole workgroups.
        layout.rows.resize(layout.rows.len().next_multiple_of(ROW * WORKGROUP), 0);
        let grids: Vec<TensorGrid> = plan.units.iter().filter_map(Unit::learned_grid).collect();
        let place = layout.tensor(grids.len(), Kind::Step);
        for (i, grid) in grids.iter().enumerate() {
            layout.parameter_places[grid.scale] = (place.start + i) as u32;
        }
        Ok(layout)
    }

    /// Place on the device of one of the plan's parameters.
    pub fn parameter(&self, index: usize) -> usize {
        self.parameter_places[index] as usize
    }

    /// Numbers in the plan's order to the device's.
    pub fn scatter(&self, parameters: &[f32]) -> Vec<f32> {
        scatter(&self.parameter_places, self.parameters, parameters)
    }

    /// Numbers in the device's order to the plan's.
    pub fn gather(&self, device: &[f32]) -> Vec<f32> {
        gather(&self.parameter_places, device)
    }

    /// As [`Layout::scatter`] for running statistics.
    pub fn scatter_running(&self, running: &[f32]) -> Vec<f32> {
        scatter(&self.running_places, self.running, running)
    }

    /// As [`Layout::gather`] for running statistics.
    pub fn gather_running(&self, device: &[f32]) -> Vec<f32> {
        gather(&self.running_places, device)
    }

    fn tensor(&mut self, count: usize, kind: Kind) -> Range<usize> {
        let start = self.parameters;
        self.parameters += count.next_multiple_of(BLOCK);
        self.tensors.push((start..start + count.next_multiple_of(4), kind));
        start..start + count.next_multiple_of(4)
    }

    fn kernel(&mut self, plan: &Plan, id: LayerId, kernel: &KernelPlan) {
        let first = plan.units[id].inputs[0] == 0;
        let geometry = kernel.geometry;
        let channels = geometry.output.channels;
        let all = 4 * fours(channels);
        let taps = geometry.window.kernel.pow(2);
        let inputs = if geometry.depthwise { 1 } else { geometry.input.channels };
        // Distance between taps, between inputs, between outputs.
        let (tap, output) = if geometry.depthwise {
            (all, 1)
        } else {
            let padded = 4 * fours(inputs);
            (padded, taps * padded)
        };
        let count = if geometry.depthwise { taps * all } else { all * output };
        let weight = self.tensor(count, Kind::Weight(id));
        for c in 0..channels {
            for t in 0..taps {
                for i in 0..inputs {
                    let from = kernel.weight.start + (c * taps + t) * inputs + i;
                    self.parameter_places[from] = (weight.start + c * output + t * tap + i) as u32;
                }
            }
        }
        let (factors, running) = match &kernel.affine {
            AffinePlan::Norm { gamma, beta, mean, variance, .. } => {
                let factors = self.tensor(2 * all, Kind::Factor);
                self.place(gamma, factors.start);
                self.place(beta, factors.start + all);
                let running = self.running..self.running + 2 * all;
                self.running = running.end.next_multiple_of(64);
                for c in 0..channels {
                    self.running_places[mean.start + c] = (running.start + c) as u32;
                    self.running_places[variance.start + c] = (running.start + all + c) as u32;
                }
                (factors, running)
            }
            AffinePlan::Bias(bias) => {
                let factors = self.tensor(channels, Kind::Factor);
                self.place(bias, factors.start);
                (factors, 0..0)
            }
        };
        let steps = self.steps..self.steps + 2 * all;
        self.steps = steps.end;
        let learned = kernel.grid.as_ref().and_then(|grid| grid.scales.clone());
        let learned = learned.map(|scales| {
            let place = self.tensor(channels, Kind::Step);
            self.place(&scales, place.start);
            place.start
        });
        let [colour_a, colour_b, colour_c] = if first { plan.image.mean } else { [0.0; 3] }.map(f32::to_bits);
        for c in 0..channels {
            let (length, stride) = if geometry.depthwise { (taps, all) } else { (output, 1) };
            let grid = kernel.grid.as_ref();
            let (max, zero) = grid.map_or((0, 0), |grid| (grid.max_code, grid.zero_points[c]));
            let scale = 1.0 / ((geometry.depth() * usize::from(max).max(1)) as f32).sqrt();
            self.rows.extend([
                (weight.start + c * output) as u32,
                stride as u32,
                length as u32,
                learned.map_or(NO_STEP, |start| (start + c) as u32),
                f32::from(max).to_bits(),
                f32::from(zero).to_bits(),
                scale.to_bits(),
                (steps.start + c) as u32,
                (steps.start + all + c) as u32,
                0,
                0,
                0,
                colour_a,
                colour_b,
                colour_c,
                0,
            ]);
        }
        self.places[id] = Place { weight, factors, running, steps };
    }

    fn place(&mut self, from: &Range<usize>, to: usize) {
        for (i, place) in self.parameter_places[from.clone()].iter_mut().enumerate() {
            *place = (to + i) as u32;
        }
    }
}

fn scatter(places: &[u32], length: usize, numbers: &[f32]) -> Vec<f32> {
    let mut device = vec![0.0; length];
    for (&place, &number) in places.iter().zip(numbers) {
        device[place as usize] = number;
    }
    device
}

fn gather(places: &[u32], device: &[f32]) -> Vec<f32> {
    places.iter().map(|&place| device[place as usize]).collect()
}
