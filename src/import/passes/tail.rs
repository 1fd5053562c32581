//! A softmax or sigmoid at the end: it changes the numbers and not which is the largest. The runtime gives logits.

use super::Remark;
use super::draft::Draft;
use crate::import::raw::RawOp;

/// Makes them identities.
pub(super) fn strip(draft: &mut Draft) {
    let wires = draft.wires();
    let Draft { graph, remarks, .. } = draft;
    for output in &graph.outputs {
        let mut at = output.clone();
        while let Some(node) = wires.producer(&at).and_then(|position| graph.nodes.get_mut(position)) {
            let what = match node.op {
                RawOp::Softmax => "softmax",
                RawOp::Sigmoid => "sigmoid",
                RawOp::Identity => "",
                _ => break,
            };
            // Somebody else may read it.
            if wires.readers(&at).iter().len() > usize::from(at != *output) {
                break;
            }
            if !what.is_empty() {
                node.op = RawOp::Identity;
                remarks.push(Remark::Recognised(format!("a {what} at the end, which changes no answer")));
            }
            match node.inputs.first() {
                Some(input) => at = input.clone(),
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, operators};
    use super::*;
    use crate::import::raw::Layout;

    #[test]
    fn what_keeps_the_order_goes_at_the_end_only() {
        use RawOp::{Identity, Sigmoid, Softmax, Tanh};
        for (ops, expected) in [
            (&[Softmax][..], &["Conv", "Identity"][..]),
            (&[Sigmoid], &["Conv", "Identity"]),
            (&[Identity, Softmax, Identity], &["Conv", "Identity", "Identity", "Identity"]),
            (&[Softmax, Tanh], &["Conv", "Softmax", "Tanh"]),
        ] {
            let mut builder = Builder::new(Layout::ChannelsLast, [1, 4, 4, 3]);
            let mut x = builder.conv("image", 4, [1, 1], [1, 1]);
            for op in ops {
                x = builder.unary(&x, op.clone());
            }
            let mut draft = Draft::new(builder.finish(), Default::default());
            strip(&mut draft);
            assert_eq!(operators(&draft.graph), expected);
        }
    }
}
