//! A quantized tensor whose smallest integer stands for zero cuts off what is below: a ReLU. Tools leave the ReLU out of
//! the file where this makes it superfluous (ONNX Runtime's quantizer does).

use super::draft::Draft;
use crate::import::raw::{RawNode, RawOp, RawQuantizer};
use std::collections::HashSet;

/// Largest distance of the largest value of a range to 6 where a ReLU6 was meant.
const NEAR_SIX: f32 = 0.01;

/// Puts the ReLU in where values may be below zero.
pub(super) fn insert(draft: &mut Draft) {
    let mut nonnegative: HashSet<String> = HashSet::new();
    let nodes = std::mem::take(&mut draft.graph.nodes);
    let mut kept = Vec::with_capacity(nodes.len());
    for mut node in nodes {
        let stays = keeps_sign(&node, &nonnegative);
        let cut = match node.outputs.as_slice() {
            [output] if !stays && !draft.graph.outputs.contains(output) => {
                draft.graph.quantizers.get(output).and_then(cut).map(|clip| (output.clone(), clip))
            }
            _ => None,
        };
        if stays || cut.is_some() {
            nonnegative.extend(node.outputs.iter().cloned());
        }
        match cut {
            Some((_, clip)) if node.op == RawOp::Identity => {
                node.op = clip;
                kept.push(node);
            }
            Some((output, op)) => {
                let inner = draft.fresh(&output);
                let name = format!("{}/saturation", node.name);
                node.outputs = vec![inner.clone()];
                kept.push(node);
                let operator = "range of integers".into();
                kept.push(RawNode { name, operator, op, inputs: vec![inner], outputs: vec![output] });
            }
            None => kept.push(node),
        }
    }
    draft.graph.nodes = kept;
}

/// The ReLU that a quantizer is.
fn cut(quantizer: &RawQuantizer) -> Option<RawOp> {
    let RawQuantizer { scale, zero_point, range: (low, high) } = *quantizer;
    if zero_point != low || !(scale > 0.0 && scale.is_finite()) {
        return None;
    }
    let most = scale * high.checked_sub(low)? as f32;
    Some(RawOp::Clip { min: 0.0, max: if (most - 6.0).abs() < NEAR_SIX { 6.0 } else { f32::INFINITY } })
}

/// Whether the output cannot be below zero.
fn keeps_sign(node: &RawNode, nonnegative: &HashSet<String>) -> bool {
    match node.op {
        RawOp::Clip { min, .. } if min >= 0.0 => true,
        RawOp::Sigmoid | RawOp::HardSigmoid { .. } | RawOp::Softmax => true,
        RawOp::Clip { .. }
        | RawOp::LeakyRelu { .. }
        | RawOp::HardSwish
        | RawOp::Swish
        | RawOp::Tanh
        | RawOp::Add
        | RawOp::Mul
        | RawOp::MaxPool(_)
        | RawOp::AvgPool { .. }
        | RawOp::Mean { .. }
        | RawOp::Reshape { .. }
        | RawOp::Transpose { .. }
        | RawOp::Concat { .. }
        | RawOp::Identity => node.inputs.iter().all(|input| nonnegative.contains(input)),
        RawOp::Pad { value, .. } => {
            value >= 0.0 && node.inputs.first().is_some_and(|input| nonnegative.contains(input))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, operators};
    use super::*;
    use crate::import::raw::Layout;

    #[test]
    fn a_range_from_zero_is_a_relu() {
        struct Case {
            scale: f32,
            zero_point: i64,
            relu_before: bool,
            expected: &'static [&'static str],
        }
        let case =
            |scale, zero_point, relu_before, expected| Case { scale, zero_point, relu_before, expected };
        for c in [
            case(0.1, -128, false, &["Conv", "Clip(0, inf)", "Conv"]),
            case(6.0 / 255.0, -128, false, &["Conv", "Clip(0, 6)", "Conv"]),
            case(0.1, -127, false, &["Conv", "Conv"]),
            case(f32::NAN, -128, false, &["Conv", "Conv"]),
            case(0.1, -128, true, &["Conv", "Clip(0, inf)", "Conv"]),
        ] {
            let mut builder = Builder::new(Layout::ChannelsLast, [1, 4, 4, 3]);
            let mut x = builder.conv("image", 4, [1, 1], [1, 1]);
            if c.relu_before {
                x = builder.relu(&x);
            }
            builder.conv(&x, 2, [1, 1], [1, 1]);
            let quantizer = RawQuantizer { scale: c.scale, zero_point: c.zero_point, range: (-128, 127) };
            builder.graph.quantizers.insert(x, quantizer);
            let mut draft = Draft::new(builder.finish(), Default::default());
            insert(&mut draft);
            assert_eq!(operators(&draft.graph), c.expected, "{} {}", c.scale, c.zero_point);
        }
    }
}
