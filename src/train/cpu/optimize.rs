//! One optimizer step over all parameters.

use super::super::plan::Plan;
use super::super::recipe::{Optimizer, Recipe};
use super::held::Held;
use pulp::{Arch, Simd};
use std::ops::Range;

/// Parameters that are treated alike.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    range: Range<usize>,
    /// Whether weight decay acts on them.
    decayed: bool,
    /// Whether they are logarithms of scales.
    scales: bool,
}

/// All parameters in order.
pub(super) fn groups(plan: &Plan) -> Vec<Group> {
    let decayed = plan.decayed.iter().map(|range| (range.clone(), true, false));
    let scales = plan.scales.iter().map(|range| (range.clone(), false, true));
    let mut marked: Vec<_> = decayed.chain(scales).collect();
    marked.sort_by_key(|(range, ..)| range.start);
    let mut groups = Vec::new();
    let mut end = 0;
    let last = (plan.parameters..plan.parameters, false, false);
    for (range, decayed, scales) in marked.into_iter().chain([last]) {
        if range.start > end {
            groups.push(Group { range: end..range.start, decayed: false, scales: false });
        }
        end = range.end;
        groups.push(Group { range, decayed, scales });
    }
    groups
}

/// Takes one step along the gradients.
pub(super) fn step(state: &mut Held, gradients: &[f32], groups: &[Group], recipe: &Recipe, rate: f32) {
    state.steps += 1;
    let factor = clip_factor(gradients, recipe.clip);
    for Group { range, decayed, scales } in groups {
        let rate = if *scales { rate * recipe.scale_rate } else { rate };
        let decay = if *decayed { recipe.decay } else { 0.0 };
        let gradients = &gradients[range.clone()];
        let (parameters, first) = (&mut state.parameters[range.clone()], &mut state.first[range.clone()]);
        match recipe.optimizer {
            Optimizer::Adam { beta1, beta2 } => {
                let steps = state.steps.min(1 << 30) as i32;
                let unbias = [beta1, beta2].map(|beta| 1.0 / (1.0 - beta.powi(steps)));
                let second = &mut state.second[range.clone()];
                adam(parameters, first, second, gradients, factor, [beta1, beta2], unbias, rate, decay);
            }
            Optimizer::Sgd { momentum } => sgd(parameters, first, gradients, factor, momentum, rate, decay),
        }
    }
}

/// What all gradients are multiplied with so that their Euclidean norm is at most `clip`.
fn clip_factor(gradients: &[f32], clip: f32) -> f32 {
    if clip == 0.0 {
        return 1.0;
    }
    let square: f64 = gradients.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
    let norm = square.sqrt() as f32;
    if norm > clip { clip / norm } else { 1.0 }
}

/// Keeps the square root away from zero.
const EPSILON: f32 = 1e-8;

#[pulp::with_simd(adam = Arch::new())]
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn adam_with_simd<'a, S: Simd>(
    _simd: S,
    parameters: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradients: &'a [f32],
    factor: f32,
    betas: [f32; 2],
    unbias: [f32; 2],
    rate: f32,
    decay: f32,
) {
    let moments = first.iter_mut().zip(second.iter_mut());
    for ((parameter, gradient), (first, second)) in parameters.iter_mut().zip(gradients).zip(moments) {
        let gradient = gradient * factor;
        *first += (1.0 - betas[0]) * (gradient - *first);
        *second += (1.0 - betas[1]) * (gradient * gradient - *second);
        let step = *first * unbias[0] / ((*second * unbias[1]).sqrt() + EPSILON);
        *parameter -= rate * (step + decay * *parameter);
    }
}

#[pulp::with_simd(sgd = Arch::new())]
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn sgd_with_simd<'a, S: Simd>(
    _simd: S,
    parameters: &'a mut [f32],
    velocities: &'a mut [f32],
    gradients: &'a [f32],
    factor: f32,
    momentum: f32,
    rate: f32,
    decay: f32,
) {
    for ((parameter, gradient), velocity) in parameters.iter_mut().zip(gradients).zip(velocities.iter_mut()) {
        *velocity = momentum * *velocity + gradient * factor + decay * *parameter;
        *parameter -= rate * *velocity;
    }
}
