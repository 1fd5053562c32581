//! The trainer's networks in burn's own operators, with burn's own gradients.

use bitsmith::net::{Activation, Function, Pads, TensorId, Window};
use bitsmith::train::{AffinePlan, Geometry, KernelPlan, Plan, State, Unit, UnitOp};
use burn::tensor::activation::{log_softmax, sigmoid};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData, s};
use std::collections::BTreeMap;
use std::ops::Range;

/// Parameters as leaves of burn's graph, by the start of their range.
pub struct Oracle<'a> {
    plan: &'a Plan,
    state: &'a State,
    device: Device,
    leaves: BTreeMap<usize, (Range<usize>, Tensor<1>)>,
    batch_norm: bool,
}

impl<'a> Oracle<'a> {
    pub fn new(plan: &'a Plan, state: &'a State, batch_norm: bool) -> Self {
        let device = Device::flex().autodiff();
        Self { plan, state, device, leaves: BTreeMap::new(), batch_norm }
    }

    fn constant<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    fn leaf(&mut self, range: Range<usize>) -> Tensor<1> {
        let values = self.state.parameters[range.clone()].to_vec();
        let count = values.len();
        let leaf = self.constant(values, [count]).require_grad();
        self.leaves.insert(range.start, (range, leaf.clone()));
        leaf
    }

    /// Logits, `[n, classes]`.
    #[allow(dead_code, reason = "benchmarks infer, tests train")]
    pub fn infer(mut self, image: &[f32], count: usize) -> Vec<f32> {
        self.logits(image, count).into_data().try_to_vec::<f32>().expect("f32")
    }

    /// Mean loss without smoothing, and the gradients of all parameters.
    pub fn differentiate(mut self, image: &[f32], targets: &[u16]) -> (f32, Vec<f32>) {
        let logits = self.logits(image, targets.len());
        let classes = self.plan.graph.classes();
        let mut wanted = vec![0.0; targets.len() * classes];
        for (i, &target) in targets.iter().enumerate() {
            wanted[i * classes + usize::from(target)] = 1.0;
        }
        let wanted = self.constant(wanted, [targets.len(), classes]);
        let loss = -(log_softmax(logits, 1) * wanted).sum() / targets.len() as f32;
        let gradients = loss.backward();
        let mut all = vec![0.0; self.plan.parameters];
        for (range, leaf) in self.leaves.values() {
            if let Some(gradient) = leaf.grad(&gradients) {
                let values = gradient.into_data().try_to_vec::<f32>().expect("f32");
                all[range.clone()].copy_from_slice(&values);
            }
        }
        (loss.into_scalar::<f32>(), all)
    }

    /// `image` is the padded input, `[n, h, w, 3]`.
    fn logits(&mut self, image: &[f32], count: usize) -> Tensor<2> {
        let plan = self.plan;
        let shape = plan.image.padded();
        let image = self.constant(image.to_vec(), [count, shape.height, shape.width, 3]);
        let mut tensors = vec![image.permute([0, 3, 1, 2])];
        let mut scales = vec![Some(self.constant(vec![1.0 / plan.image.deviation], [1]))];
        for unit in &plan.units {
            let sums = match &unit.op {
                UnitOp::Kernel(kernel) => self.kernel(unit, kernel, &tensors, &scales),
                UnitOp::Pool => {
                    let pixels = plan.graph.tensors[unit.inputs[0]].shape.pixels() as f32;
                    let step = self.grid_scale(unit.inputs[0]).map(|input| input / pixels);
                    tensors[unit.inputs[0]].clone().mean_dim(3).mean_dim(2) + self.half_step(unit, step)
                }
                UnitOp::Multiply => {
                    let [map, gate] = [0, 1].map(|at| unit.inputs[at]);
                    let step = self.grid_scale(map).zip(self.grid_scale(gate)).map(|(map, gate)| map * gate);
                    tensors[map].clone() * tensors[gate].clone() + self.half_step(unit, step)
                }
                &UnitOp::Lookup(function) => looked_up(function, tensors[unit.inputs[0]].clone()),
                UnitOp::Concat => {
                    Tensor::cat(unit.inputs.iter().map(|&input| tensors[input].clone()).collect(), 1)
                }
                UnitOp::Add => tensors[unit.inputs[0]].clone() + tensors[unit.inputs[1]].clone(),
                &UnitOp::MaxPool(window) => {
                    windowed(&tensors[unit.inputs[0]], window, f32::MIN, |x| x.max_dim(4))
                }
                &UnitOp::AvgPool(window) => {
                    let x = &tensors[unit.inputs[0]];
                    let ones = windowed(&x.ones_like(), window, 0.0, |x| x.sum_dim(4));
                    // Halves are rounded up.
                    let scale = unit.grid.map_or(0.0, |grid| self.state.parameters[grid.scale].exp());
                    windowed(x, window, 0.0, |x| x.sum_dim(4)) / ones + scale / 1024.0
                }
            };
            let (out, scale) = self.activate(unit, sums);
            let scale = if unit.op.borrows_grid() { scales[unit.inputs[0]].clone() } else { scale };
            tensors.push(out);
            scales.push(scale);
        }
        tensors.swap_remove(plan.graph.logits()).reshape([count, plan.graph.classes()])
    }

    fn grid_scale(&self, tensor: TensorId) -> Option<f32> {
        self.plan.tensor_grid(tensor).map(|grid| self.state.parameters[grid.scale].exp())
    }

    /// What half a step, as a whole number of an accumulator's steps, is more than half a step.
    fn half_step(&self, unit: &Unit, accumulator: Option<f32>) -> f32 {
        let steps = unit.grid.map(|grid| self.state.parameters[grid.scale].exp()).zip(accumulator);
        steps.map_or(0.0, |(output, accumulator)| {
            let step = accumulator / output;
            (step * (0.5 / step).round() - 0.5) * output
        })
    }

    fn kernel(
        &mut self,
        unit: &Unit,
        kernel: &KernelPlan,
        tensors: &[Tensor<4>],
        scales: &[Option<Tensor<1>>],
    ) -> Tensor<4> {
        let Geometry { input, output, window, depthwise } = kernel.geometry;
        let (c, k) = (output.channels, window.kernel);
        let read = if depthwise { 1 } else { input.channels };
        let weights = self.leaf(kernel.weight.clone()).reshape([c, k * k * read]);
        let (weights, weight_scales) = match &kernel.grid {
            None => (weights, None),
            Some(grid) => {
                let zeros = grid.zero_points.iter().map(|&z| f32::from(z)).collect();
                let zeros = self.constant(zeros, [c]).reshape([c, 1]);
                let places = grid.scales.clone().expect("learned scales");
                let elements = (k * k * read) as f32;
                let scale = damped(self.leaf(places).exp(), elements, grid.max_code);
                let rows = scale.clone().reshape([c, 1]);
                let codes = straight(weights / rows.clone(), |x| x.round());
                let codes = bounded(codes + zeros.clone(), grid.max_code) - zeros;
                (codes * rows, Some(scale))
            }
        };
        // What the means of the colours add to each channel's sum in codes.
        let means: Vec<f32> = self.plan.image.mean.iter().copied().cycle().take(k * k * read).collect();
        let means = self.constant(means, [1, k * k * read]);
        let zeros = match (&weight_scales, unit.inputs[0]) {
            (Some(scale), 0) => (weights.clone() * means).sum_dim(1).reshape([c]) / scale.clone(),
            _ => self.constant(vec![0.0; c], [c]),
        };
        let weights = weights.reshape([c, k, k, read]).permute([0, 3, 1, 2]);
        let Pads { top, left, bottom, right } = window.pads;
        let mut x = tensors[unit.inputs[0]].clone();
        if top + left + bottom + right > 0 {
            x = x.pad((left, right, top, bottom), 0.0);
        }
        let groups = if depthwise { c } else { 1 };
        let options = ConvOptions::new([window.stride; 2], [0, 0], [1, 1], groups);
        let sums = conv2d(x, weights, None, options);
        let channels = |tensor: Tensor<1>| tensor.reshape([1, c, 1, 1]);
        match &kernel.affine {
            AffinePlan::Bias(bias) => sums + channels(self.leaf(bias.clone())),
            AffinePlan::Norm { gamma, beta, mean, variance, epsilon } => {
                let (gamma, beta) = (channels(self.leaf(gamma.clone())), channels(self.leaf(beta.clone())));
                if self.batch_norm {
                    let mean = sums.clone().mean_dim(0).mean_dim(2).mean_dim(3);
                    let centred = sums - mean;
                    let variance = (centred.clone() * centred.clone()).mean_dim(0).mean_dim(2).mean_dim(3);
                    return centred / (variance + *epsilon).sqrt() * gamma + beta;
                }
                let running = |range: &Range<usize>| self.state.running[range.clone()].to_vec();
                let mean = channels(self.constant(running(mean), [c]));
                let variance = channels(self.constant(running(variance), [c]));
                let slope = gamma / (variance + *epsilon).sqrt();
                let mut offset = beta - slope.clone() * mean;
                if let (Some(input), Some(scale), Some(grid)) =
                    (&scales[unit.inputs[0]], &weight_scales, unit.grid)
                {
                    let output = self.state.parameters[grid.scale].exp();
                    let step = slope.clone() * channels(input.clone() * scale.clone()) / output;
                    let zeros = channels(zeros);
                    let whole =
                        ((offset.clone() / output + 0.5) / step.clone() - zeros.clone()).round() + zeros;
                    let rounded = (whole * step - 0.5) * output;
                    offset = offset.clone() + (rounded - offset).detach();
                }
                sums * slope + offset
            }
        }
    }

    fn activate(&mut self, unit: &Unit, sums: Tensor<4>) -> (Tensor<4>, Option<Tensor<1>>) {
        let Some(grid) = unit.grid else {
            return match unit.activation {
                Activation::Linear => (sums, None),
                Activation::Relu => (burn::tensor::activation::relu(sums), None),
                Activation::Relu6 => (sums.clamp(0.0, 6.0), None),
            };
        };
        let scale = if unit.op.borrows_grid() {
            self.constant(vec![self.state.parameters[grid.scale].exp()], [1])
        } else {
            let scale = self.leaf(grid.scale..grid.scale + 1).exp();
            damped(scale, unit.shape.elements() as f32, grid.max_code)
        };
        let one = scale.clone().reshape([1, 1, 1, 1]);
        let zero = f32::from(grid.zero_point);
        // A little more than a half: an accumulator of zero is rounded up, as integers are.
        let codes = straight(sums / one.clone() + zero, |x| {
            let reached = x + (0.5 + 1.0 / 131_072.0);
            // The gradient passes a little below the lowest code, too.
            let below = reached.clone().lower_elem(0.0).float()
                * reached.clone().greater_equal_elem(-1.0 / 4096.0).float();
            reached.floor() * (below * -1.0 + 1.0)
        });
        ((bounded(codes, grid.max_code) - zero) * one, Some(scale))
    }
}

/// A function of each element.
fn looked_up(function: Function, x: Tensor<4>) -> Tensor<4> {
    match function {
        Function::HardSwish => x.clone() * ((x + 3.0).clamp(0.0, 6.0) / 6.0),
        Function::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Function::Sigmoid => sigmoid(x),
        Function::Swish => x.clone() * sigmoid(x),
        Function::Tanh => x.tanh(),
    }
}

/// The values under each window on a fifth axis, joined; `outside` stands for what lies outside the map.
fn windowed(
    x: &Tensor<4>,
    Window { kernel, stride, pads }: Window,
    outside: f32,
    join: impl Fn(Tensor<5>) -> Tensor<5>,
) -> Tensor<4> {
    let Pads { top, left, bottom, right } = pads;
    let x = x.clone().pad((left, right, top, bottom), outside);
    let [n, c, height, width] = x.dims();
    let [rows, columns] = [height, width].map(|side| (side - kernel) / stride + 1);
    let mut taps = Vec::new();
    for (ky, kx) in (0..kernel).flat_map(|ky| (0..kernel).map(move |kx| (ky, kx))) {
        let reach = |first: usize, count: usize| first as i64..(first + (count - 1) * stride + 1) as i64;
        let (rows, columns) = (reach(ky, rows), reach(kx, columns));
        let step = stride as i64;
        taps.push(x.clone().slice(s![.., .., rows; step, columns; step]));
    }
    let taps: Tensor<5> = Tensor::stack(taps, 4);
    join(taps).reshape([n, c, rows, columns])
}

/// The same value with LSQ's part of the gradient.
fn damped(scale: Tensor<1>, elements: f32, max_code: u8) -> Tensor<1> {
    let part = 1.0 / (elements * f32::from(max_code)).sqrt();
    scale.clone() * part + scale.detach() * (1.0 - part)
}

/// Rounded, with the gradient of what was not.
fn straight<const D: usize>(x: Tensor<D>, round: impl Fn(Tensor<D>) -> Tensor<D>) -> Tensor<D> {
    x.clone() + (round(x.clone()) - x).detach()
}

/// Clamped to the codes; the gradient passes where nothing was clamped, bounds included.
fn bounded<const D: usize>(codes: Tensor<D>, max_code: u8) -> Tensor<D> {
    let bounds = codes.clone().detach().clamp(0.0, f32::from(max_code));
    let inside = bounds.clone().equal(codes.clone().detach()).float();
    let outside = inside.clone() * -1.0 + 1.0;
    codes * inside + bounds * outside
}
