//! Training on the processor: own kernels, forward and backward laid out once.
//!
//! Gradients are not recorded on a tape: the [`Plan`] is walked forwards, keeping each unit's sums, and then backwards.
//! Every kernel is tested against burn's autodiff and by finite differences (`tests/train_kernels.rs`).

mod buffer;
mod conv;
mod depthwise;
mod forward;
mod gemm;
mod held;
mod images;
mod joins;
mod loss;
mod norm;
mod optimize;
mod pool;
mod tiled;
mod weights;

use super::batch::Batch;
use super::error::TrainError;
use super::plan::{AffinePlan, Plan, Unit, UnitOp};
use super::recipe::Recipe;
use super::state::State;
use super::stepper::{Control, Metrics, Norm, Stepper};
use crate::net::TensorId;
use buffer::Buffer;
use forward::{Forward, bounds, windowed};
use held::Held;
use norm::{deactivate, denormalize};
use optimize::Group;

/// A network on the processor.
#[derive(Debug)]
pub struct CpuStepper {
    plan: Plan,
    recipe: Recipe,
    state: Held,
    forward: Forward,
    teacher: Option<Teacher>,
    groups: Vec<Group>,
    gradients: Buffer,
    /// Gradients of tensors by id; empty unless needed right now.
    tensors: Vec<Buffer>,
    /// Memory for gradients of tensors.
    free: Vec<Buffer>,
    metrics: Metrics,
}

/// The float network that is asked for its answers.
#[derive(Debug)]
struct Teacher {
    plan: Plan,
    state: Held,
    forward: Forward,
}

impl CpuStepper {
    /// A network with its parameters, and a float network to learn from.
    ///
    /// # Errors
    /// If a state does not fit its plan.
    pub fn new(
        plan: Plan,
        recipe: Recipe,
        state: &State,
        teacher: Option<(Plan, State)>,
    ) -> Result<Self, TrainError> {
        state.check(&plan)?;
        let teacher = match teacher {
            Some((plan, state)) => {
                state.check(&plan)?;
                let state = Held::new(&state);
                let mut forward = Forward::new(&plan);
                forward.quantize(&plan, &state);
                Some(Teacher { plan, state, forward })
            }
            None => None,
        };
        Ok(Self {
            forward: Forward::new(&plan),
            teacher,
            groups: optimize::groups(&plan),
            gradients: vec![0.0; plan.parameters].into(),
            tensors: vec![Buffer::default(); plan.graph.tensors.len()],
            free: Vec::new(),
            metrics: Metrics::default(),
            state: Held::new(state),
            plan,
            recipe,
        })
    }

    /// Loss of a batch and the gradients of all parameters, without a step. Of batch normalization, `norm` says where
    /// the statistics come from; running statistics are changed as in a step.
    ///
    /// # Errors
    /// If the batch does not fit the network.
    pub fn differentiate(&mut self, batch: &Batch, norm: Norm) -> Result<(Metrics, &[f32]), TrainError> {
        batch.check(&self.plan)?;
        self.forward.quantize(&self.plan, &self.state);
        self.forward.run(&self.plan, &mut self.state, batch, norm);
        let mut taught = None;
        if let Some(Teacher { plan, state, forward }) = &mut self.teacher {
            forward.run(plan, state, batch, Norm::Frozen);
            taught = Some(forward.logits(plan));
        }
        let logits = self.forward.logits(&self.plan);
        let (metrics, gradient) = loss::loss(logits, &batch.targets, taught, &self.recipe);
        // From the pool, which the way back gives every gradient to: a fresh one each step would make it grow.
        let mut held = self.free.pop().unwrap_or_default();
        held.resize(gradient.len());
        held.copy_from_slice(&gradient);
        self.tensors[self.plan.graph.logits()] = held;
        self.gradients.fill(0.0);
        for unit in (0..self.plan.units.len()).rev() {
            self.backward(unit, batch.len());
        }
        Ok((metrics, &self.gradients))
    }

    /// Values of a tensor in the last pass forward, `[n, h, w, c]`; the image's are padded.
    pub fn tensor(&self, tensor: TensorId) -> &[f32] {
        &self.forward.tensors[tensor]
    }

    /// The way back through one unit.
    fn backward(&mut self, id: usize, images: usize) {
        let Self { plan, state, forward, gradients, tensors, free, .. } = self;
        let unit = &plan.units[id];
        let mut gradient = std::mem::take(&mut tensors[unit.output]);
        if gradient.is_empty() {
            return;
        }
        let (sums, coefficients) = (&forward.sums[id], &forward.coefficients[id]);
        let totals = deactivate(&mut gradient, sums, coefficients, bounds(unit, &state.parameters));
        if let Some(grid) = unit.learned_grid() {
            let factor = weights::scale_factor(unit.shape.elements(), grid.max_code);
            gradients[grid.scale] = totals.scale as f32 * factor;
        }
        if let UnitOp::Kernel(kernel) = &unit.op {
            match &kernel.affine {
                AffinePlan::Norm { gamma, beta, .. } => {
                    gradients[beta.clone()].copy_from_slice(&totals.offset);
                    let products = totals.product.iter().zip(&coefficients.inverse);
                    for (gradient, (product, inverse)) in gradients[gamma.clone()].iter_mut().zip(products) {
                        *gradient = product * inverse;
                    }
                }
                AffinePlan::Bias(bias) => gradients[bias.clone()].copy_from_slice(&totals.offset),
            }
            denormalize(&mut gradient, sums, coefficients, &totals);
            let x = &forward.tensors[unit.inputs[0]];
            let dw = &mut gradients[kernel.weight.clone()];
            if kernel.geometry.depthwise {
                depthwise::weight_gradient(&kernel.geometry, x, &gradient, dw);
            } else {
                conv::weight_gradient(&kernel.geometry, x, &gradient, dw);
            }
            weights::differentiate(kernel, &state.parameters, gradients);
        }
        for (position, &input) in unit.inputs.iter().enumerate() {
            if input == 0 {
                continue;
            }
            let accumulate = !tensors[input].is_empty();
            if !accumulate {
                let mut fresh = free.pop().unwrap_or_default();
                fresh.resize(images * plan.graph.tensors[input].shape.elements());
                tensors[input] = fresh;
            }
            input_gradient(plan, unit, position, &gradient, forward, &mut tensors[input], accumulate);
        }
        free.push(gradient);
    }
}

/// Gradient of one of a unit's inputs.
fn input_gradient(
    plan: &Plan,
    unit: &Unit,
    position: usize,
    gradient: &[f32],
    forward: &Forward,
    out: &mut [f32],
    accumulate: bool,
) {
    match &unit.op {
        UnitOp::Kernel(kernel) => {
            let weights = &forward.weights[kernel.weight.clone()];
            if kernel.geometry.depthwise {
                depthwise::input_gradient(&kernel.geometry, gradient, weights, out, accumulate);
            } else {
                conv::input_gradient(&kernel.geometry, gradient, weights, out, accumulate);
            }
        }
        UnitOp::Pool => {
            let shape = plan.graph.tensors[unit.inputs[0]].shape;
            pool::average_gradient(shape, gradient, out, accumulate);
        }
        &UnitOp::MaxPool(window) => {
            let x = &forward.tensors[unit.inputs[0]];
            windowed(plan, unit, window).largest_gradient(x, gradient, out, accumulate);
        }
        &UnitOp::AvgPool(window) => {
            windowed(plan, unit, window).mean_gradient(gradient, out, accumulate);
        }
        UnitOp::Add if accumulate => out.iter_mut().zip(gradient).for_each(|(out, more)| *out += more),
        UnitOp::Add => out.copy_from_slice(gradient),
        &UnitOp::Lookup(function) => {
            let x = &forward.tensors[unit.inputs[0]];
            joins::lookup_gradient(function, x, gradient, out, accumulate);
        }
        UnitOp::Multiply if position == 0 => {
            let gate = &forward.tensors[unit.inputs[1]];
            joins::gated(unit.shape, gradient, gate, out, accumulate);
        }
        UnitOp::Multiply => {
            let map = &forward.tensors[unit.inputs[0]];
            joins::gate_gradient(unit.shape, map, gradient, out, accumulate);
        }
        UnitOp::Concat => {
            let part = plan.parts(unit)[position].clone();
            joins::copy_back(part, unit.shape.channels, gradient, out, accumulate);
        }
    }
}

impl Stepper for CpuStepper {
    fn step(&mut self, batch: &Batch, control: Control) -> Result<(), TrainError> {
        let (metrics, _) = self.differentiate(batch, control.norm)?;
        optimize::step(&mut self.state, &self.gradients, &self.groups, &self.recipe, control.rate);
        self.metrics.loss += metrics.loss;
        self.metrics.correct += metrics.correct;
        self.metrics.images += metrics.images;
        Ok(())
    }

    fn observe(&mut self, batch: &Batch, momentum: f32) -> Result<(), TrainError> {
        batch.check(&self.plan)?;
        self.forward.quantize(&self.plan, &self.state);
        self.forward.run(&self.plan, &mut self.state, batch, Norm::Batch { momentum });
        Ok(())
    }

    async fn metrics(&mut self) -> Result<Metrics, TrainError> {
        Ok(std::mem::take(&mut self.metrics))
    }

    async fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, TrainError> {
        batch.check(&self.plan)?;
        self.forward.quantize(&self.plan, &self.state);
        self.forward.run(&self.plan, &mut self.state, batch, Norm::Frozen);
        Ok(self.forward.logits(&self.plan).to_vec())
    }

    async fn state(&mut self) -> Result<State, TrainError> {
        Ok(self.state.to_state())
    }

    fn load(&mut self, state: &State) -> Result<(), TrainError> {
        state.check(&self.plan)?;
        self.state = Held::new(state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::Augment;
    use super::super::fresh::fresh;
    use super::super::plan::WeightScales;
    use super::*;
    use crate::net::Normalization;

    #[test]
    fn memory_does_not_grow_from_step_to_step() {
        let model = fresh(
            "mobilenet-v1-0.25-32".parse::<crate::net::Spec>().expect("a name"),
            Normalization::SIGNED,
            1,
        );
        let plan = Plan::new(&model, None, WeightScales::Learned);
        let state = State::new(&plan, &model, None).expect("complete");
        let recipe = Recipe { distillation: None, ..Recipe::finetune() };
        let mut stepper = CpuStepper::new(plan, recipe, &state, None).expect("fits");
        let pixels = (0..2 * 32 * 32 * 3).map(|i| (i * 7) as u8).collect();
        let augments = vec![Augment::crop(0, 0); 2];
        let batch = Batch { height: 32, width: 32, pixels, targets: vec![0, 1], augments };
        let control = Control { rate: 1e-3, norm: Norm::Batch { momentum: 0.1 } };
        let mut buffers = || {
            stepper.step(&batch, control).expect("a step");
            (stepper.free.len(), stepper.free.iter().map(|buffer| buffer.capacity()).sum::<usize>())
        };
        let after_two = (buffers(), buffers()).1;
        for _ in 0..4 {
            assert_eq!(buffers(), after_two);
        }
    }
}
