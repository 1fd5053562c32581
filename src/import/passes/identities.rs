//! Nodes that change nothing.

use super::draft::Draft;
use crate::import::raw::{RawNode, RawOp};
use std::collections::BTreeMap;

/// Takes them out; who read their output reads their input.
pub(super) fn remove(draft: &mut Draft) {
    let mut renames: BTreeMap<String, String> = BTreeMap::new();
    draft.graph.nodes.retain(|node| match (node.inputs.as_slice(), node.outputs.as_slice()) {
        ([input, ..], [output]) if is_identity(node) => {
            // Nodes stand in execution order: what the input is itself replaced by is known.
            let source = renames.get(input).unwrap_or(input).clone();
            renames.insert(output.clone(), source);
            false
        }
        _ => true,
    });
    draft.rename(&renames);
}

fn is_identity(node: &RawNode) -> bool {
    match &node.op {
        RawOp::Identity => true,
        RawOp::Clip { min, max } => *min == f32::NEG_INFINITY && *max == f32::INFINITY,
        RawOp::LeakyRelu { slope } => *slope == 1.0,
        RawOp::Pad { pads, .. } => pads.iter().all(|pad| *pad == [0; 2]),
        RawOp::Concat { .. } => node.inputs.len() == 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, operators};
    use super::*;
    use crate::import::raw::Layout;

    #[test]
    fn what_changes_nothing_goes() {
        for (op, stays) in [
            (RawOp::Identity, false),
            (RawOp::Clip { min: f32::NEG_INFINITY, max: f32::INFINITY }, false),
            (RawOp::Clip { min: 0.0, max: f32::INFINITY }, true),
            (RawOp::LeakyRelu { slope: 1.0 }, false),
            (RawOp::Pad { pads: vec![[0; 2]; 4], value: 1.0 }, false),
            (RawOp::Pad { pads: vec![[0, 0], [0, 1]], value: 0.0 }, true),
            (RawOp::Concat { axis: 3 }, false),
        ] {
            let mut builder = Builder::new(Layout::ChannelsLast, [1, 4, 4, 3]);
            let x = builder.unary("image", op.clone());
            let x = builder.unary(&x, op.clone());
            builder.relu(&x);
            let mut draft = Draft::new(builder.finish(), Default::default());
            remove(&mut draft);
            assert_eq!(operators(&draft.graph).len(), if stays { 3 } else { 1 }, "{op:?}");
            assert_eq!(draft.graph.nodes[0].inputs, ["image"], "{op:?}");
        }
    }
}
