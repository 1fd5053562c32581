//! Cross-entropy with smoothed labels, and distillation, on burn's operators and its autodiff.

use super::super::recipe::{Distillation, Recipe};
use super::super::stepper::Metrics;
use super::buffer::Buffer;
use crate::infer::argmax;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

/// Loss and right answers of a batch, and the gradient of the mean loss by the logits, `[n, classes]`.
///
/// loss = (1 - w) CE(targets smoothed by e, softmax(logits)) + w T^2 KL(softmax(teacher / T) | softmax(logits / T)),
/// Hinton, Vinyals and Dean 2015 (arXiv 1503.02531), eq. 3 and 4.
pub(super) fn loss(
    logits: &Buffer,
    targets: &[u16],
    teacher: Option<&Buffer>,
    recipe: &Recipe,
) -> (Metrics, Vec<f32>) {
    let images = targets.len();
    let classes = logits.len() / images;
    let correct = logits.chunks_exact(classes).zip(targets);
    let correct = correct.filter(|(logits, target)| argmax(logits) == usize::from(**target)).count() as u64;

    let device = Device::flex().autodiff();
    let shape = [images, classes];
    let answers = Tensor::from_inner(logits.tensor(shape)).require_grad();
    let wanted = Tensor::from_data(
        TensorData::new(smoothed(targets, classes, recipe.label_smoothing), shape),
        &device,
    );
    let mut total = -(log_softmax(answers.clone(), 1) * wanted).sum();
    if let Some((Distillation { weight, temperature }, teacher)) = recipe.distillation.zip(teacher) {
        let wanted = log_softmax(Tensor::from_inner(teacher.tensor(shape)) / temperature, 1);
        let found = log_softmax(answers.clone() / temperature, 1);
        let divergence = (wanted.clone().exp() * (wanted - found)).sum();
        total = total * (1.0 - weight) + divergence * (weight * temperature * temperature);
    }
    let loss = total.clone().into_scalar::<f32>();
    let gradients = (total / images as f32).backward();
    let gradient = answers.grad(&gradients).map(|gradient| gradient.into_data().try_to_vec::<f32>());
    // Every logit takes part in the loss, in single precision.
    let gradient = gradient.and_then(Result::ok).unwrap_or_else(|| vec![0.0; logits.len()]);
    (Metrics { loss: loss.into(), correct, images: images as u64 }, gradient)
}

/// What the softmax should be, `[n, classes]`.
fn smoothed(targets: &[u16], classes: usize, smoothing: f32) -> Vec<f32> {
    let mut wanted = vec![smoothing / classes as f32; targets.len() * classes];
    for (wanted, &target) in wanted.chunks_exact_mut(classes).zip(targets) {
        wanted[usize::from(target)] += 1.0 - smoothing;
    }
    wanted
}
