//! Parameters of a batch normalization node.

use super::draft::Draft;
use crate::import::raw::{RawNode, RawOp};
use crate::net::{Affine, BatchNorm};

/// Those of a node; `None` if it is none, or its parameters are no constants of one length.
pub(super) fn read(draft: &Draft, node: &RawNode) -> Option<BatchNorm> {
    let RawOp::BatchNorm { epsilon } = node.op else { return None };
    let mut values =
        node.inputs.iter().skip(1).map(|name| draft.floats(name).map(|(_, values)| values.to_vec()));
    let mut next = || values.next().flatten();
    let (gamma, beta, mean, variance) = (next()?, next()?, next()?, next()?);
    let count = gamma.len();
    let equal = beta.len() == count && mean.len() == count && variance.len() == count;
    equal.then_some(BatchNorm { gamma, beta, mean, variance, epsilon })
}

/// Gives a node these parameters; it becomes a batch normalization of its first input.
pub(super) fn write(
    draft: &mut Draft,
    node: &mut RawNode,
    norm: BatchNorm,
    input: String,
) -> Result<(), String> {
    let BatchNorm { gamma, beta, mean, variance, epsilon } = norm;
    draft.spend(4 * gamma.len())?;
    let dims = vec![gamma.len()];
    node.inputs = vec![input];
    for (what, values) in [("gamma", gamma), ("beta", beta), ("mean", mean), ("variance", variance)] {
        let name = draft.keep(&format!("{}/{what}", node.name), dims.clone(), values);
        node.inputs.push(name);
    }
    node.op = RawOp::BatchNorm { epsilon };
    Ok(())
}

/// y = slope x + offset.
pub(super) fn affine(slope: Vec<f32>, offset: Vec<f32>) -> BatchNorm {
    let count = slope.len();
    BatchNorm { gamma: slope, beta: offset, mean: vec![0.0; count], variance: vec![1.0; count], epsilon: 0.0 }
}

/// As a factor and an offset per channel.
pub(super) fn slope_offset(norm: &BatchNorm) -> Vec<(f64, f64)> {
    Affine::BatchNorm(norm.clone()).slope_offset()
}

/// Whether it only adds beta.
pub(super) fn is_shift(norm: &BatchNorm) -> bool {
    let all = |values: &[f32], value: f32| values.iter().all(|other| *other == value);
    all(&norm.gamma, 1.0) && all(&norm.mean, 0.0) && all(&norm.variance, 1.0) && norm.epsilon == 0.0
}
