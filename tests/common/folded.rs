//! Networks as most files hold them: batch normalization folded into weights and biases.

use bitsmith::net::{Affine, Model, Network};

/// The same network with biases in the place of batch normalization, as files of TensorFlow Lite have it.
pub fn folded(model: &Model) -> Model {
    let network = Network::own("folded", model.graph().clone());
    let mut folded = Model { network, ..model.clone() };
    for parameters in folded.weights.iter_mut().flatten() {
        let lines = parameters.affine.slope_offset();
        let depth = parameters.weight.len() / lines.len();
        for (weights, (slope, _)) in parameters.weight.chunks_exact_mut(depth).zip(&lines) {
            weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * slope) as f32);
        }
        parameters.affine = Affine::Bias(lines.iter().map(|(_, offset)| *offset as f32).collect());
    }
    folded
}

/// The same network for colours from 0 to 255 about their mean: the first layer's weights are smaller.
pub fn of_bytes(mut model: Model) -> Model {
    let deviation = std::mem::replace(&mut model.normalization.deviation, [1.0; 3]);
    if let Some(first) = &mut model.weights[0] {
        let deviations = deviation.iter().cycle();
        first.weight.iter_mut().zip(deviations).for_each(|(weight, deviation)| *weight /= deviation);
    }
    model
}
