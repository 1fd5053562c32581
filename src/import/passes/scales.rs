//! Sums, differences, products and quotients of a map and one number per channel: exporters write a folded batch
//! normalization like this. They become batch normalizations, so that later passes know one form.

use super::draft::{Draft, refuse};
use super::norm;
use crate::import::raw::{RawNode, RawOp};

/// Replaces them.
pub(super) fn to_norms(draft: &mut Draft) {
    let mut nodes = std::mem::take(&mut draft.graph.nodes);
    for node in &mut nodes {
        if let Err(reason) = replace(draft, node) {
            refuse(node, reason);
        }
    }
    draft.graph.nodes = nodes;
}

fn replace(draft: &mut Draft, node: &mut RawNode) -> Result<(), String> {
    let ([a, b], RawOp::Add | RawOp::Sub | RawOp::Mul | RawOp::Div) = (node.inputs.as_slice(), &node.op)
    else {
        return Ok(());
    };
    let (input, values, constant_first) = match (draft.floats(a), draft.floats(b)) {
        (None, Some((dims, values))) if dims.len() == 1 => (a.clone(), values.to_vec(), false),
        (Some((dims, values)), None) if dims.len() == 1 => (b.clone(), values.to_vec(), true),
        _ => return Ok(()),
    };
    let ones = || vec![1.0; values.len()];
    let negated = || values.iter().map(|value| -value).collect();
    let (slope, offset) = match (&node.op, constant_first) {
        (RawOp::Add, _) => (ones(), values),
        (RawOp::Sub, false) => (ones(), negated()),
        (RawOp::Sub, true) => (vec![-1.0; values.len()], values),
        (RawOp::Mul, _) => (values.clone(), vec![0.0; values.len()]),
        (_, false) if values.contains(&0.0) => return Err("it divides by zero".into()),
        (_, false) => (values.iter().map(|value| 1.0 / value).collect(), vec![0.0; values.len()]),
        (_, true) => return Err("it divides by a map".into()),
    };
    norm::write(draft, node, norm::affine(slope, offset), input)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, reasons};
    use super::*;
    use crate::import::raw::Layout;

    #[test]
    fn arithmetic_with_numbers_is_a_batch_normalization() {
        use RawOp::{Add, Div, Mul, Sub};
        for (op, constant_first, expected) in [
            (Add, false, Ok((1.0, 4.0))),
            (Add, true, Ok((1.0, 4.0))),
            (Sub, false, Ok((1.0, -4.0))),
            (Sub, true, Ok((-1.0, 4.0))),
            (Mul, false, Ok((4.0, 0.0))),
            (Mul, true, Ok((4.0, 0.0))),
            (Div, false, Ok((0.25, 0.0))),
            (Div, true, Err("divides by a map")),
        ] {
            let mut builder = Builder::new(Layout::ChannelsLast, [1, 8, 8, 1]);
            match constant_first {
                false => builder.binary("image", op.clone(), 4.0),
                true => builder.binary_reversed(4.0, op.clone(), "image"),
            };
            let mut draft = Draft::new(builder.finish(), Default::default());
            to_norms(&mut draft);
            let node = draft.graph.nodes[0].clone();
            match expected {
                Ok(pair) => {
                    let norm = norm::read(&draft, &node).expect("a batch normalization");
                    assert_eq!(norm::slope_offset(&norm), [pair], "{op:?} {constant_first}");
                    assert_eq!(node.inputs[0], "image");
                }
                Err(reason) => assert!(reasons(&draft.graph).contains(reason), "{op:?}"),
            }
        }
    }
}
