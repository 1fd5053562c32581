//! Batch normalization and activation behind a pool, as in `relu(max_pool(conv(x)))`: they go before it, where they join
//! the convolution.

use super::draft::Draft;
use super::norm;
use super::wires::Wires;
use crate::import::raw::{RawGraph, RawOp, RawPadding};

/// Puts pools last.
pub(super) fn last(draft: &mut Draft) {
    let wires = draft.wires();
    for position in 0..draft.graph.nodes.len() {
        if let Some(behind) = movable(draft, &wires, position) {
            swap(&mut draft.graph, position, behind);
        }
    }
}

/// The node behind a pool that may go before it.
fn movable(draft: &Draft, wires: &Wires, position: usize) -> Option<usize> {
    let nodes = &draft.graph.nodes;
    let pool = nodes.get(position)?;
    let ([input], [output]) = (pool.inputs.as_slice(), pool.outputs.as_slice()) else { return None };
    // Before the pool it must join something, or it would be more work there.
    let source = nodes.get(wires.producer(input)?)?;
    let joins = matches!(source.op, RawOp::Conv { .. } | RawOp::Dense | RawOp::BatchNorm { .. });
    if !joins || wires.only_reader(input) != Some(position) {
        return None;
    }
    let behind = wires.only_reader(output)?;
    let node = nodes.get(behind)?;
    let commutes = match (&pool.op, &node.op) {
        // The largest stays the largest.
        (RawOp::MaxPool(_), RawOp::Clip { .. }) => true,
        (RawOp::MaxPool(_), RawOp::BatchNorm { .. }) => {
            norm::read(draft, node)?.gamma.iter().all(|gamma| *gamma >= 0.0)
        }
        // A mean of a x + b is a times the mean, plus b, unless zeros are among them.
        (RawOp::Mean { .. }, RawOp::BatchNorm { .. }) => true,
        (RawOp::AvgPool { window, counts_pads }, RawOp::BatchNorm { .. }) => {
            !counts_pads || window.padding == RawPadding::VALID
        }
        _ => false,
    };
    commutes.then_some(behind)
}

/// Lets two nodes, one of which alone reads the other, change places; their tensors stay where they are.
fn swap(graph: &mut RawGraph, first: usize, second: usize) {
    let Ok([a, b]) = graph.nodes.get_disjoint_mut([first, second]) else { return };
    std::mem::swap(a, b);
    std::mem::swap(&mut a.outputs, &mut b.outputs);
    if let (Some(input), Some(other)) = (a.inputs.first_mut(), b.inputs.first_mut()) {
        std::mem::swap(input, other);
    }
    // What was between them has other values now.
    for tensor in &a.outputs {
        graph.quantizers.remove(tensor);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, operators};
    use super::*;
    use crate::import::raw::{Layout, RawWindow};

    #[test]
    fn what_joins_the_convolution_goes_before_the_pool() {
        let window = RawWindow { kernel: [2; 2], stride: [2; 2], padding: RawPadding::VALID, ceil: false };
        let padded = RawWindow { padding: RawPadding::Explicit([1; 4]), ..window.clone() };
        let maximum = RawOp::MaxPool(window.clone());
        let average = RawOp::AvgPool { window, counts_pads: true };
        let counted = RawOp::AvgPool { window: padded, counts_pads: true };
        for (pool, gamma, relu, expected) in [
            (&maximum, None, true, &["Conv", "Clip(0, inf)", "MaxPool"][..]),
            (&maximum, Some(2.0), true, &["Conv", "BatchNorm", "Clip(0, inf)", "MaxPool"]),
            (&maximum, Some(-2.0), true, &["Conv", "MaxPool", "BatchNorm", "Clip(0, inf)"]),
            (&average, None, true, &["Conv", "AvgPool", "Clip(0, inf)"]),
            (&average, Some(-2.0), true, &["Conv", "BatchNorm", "AvgPool", "Clip(0, inf)"]),
            (&counted, Some(2.0), false, &["Conv", "AvgPool", "BatchNorm"]),
        ] {
            let mut builder = Builder::new(Layout::ChannelsLast, [1, 8, 8, 3]);
            let x = builder.conv("image", 4, [3, 3], [1, 1]);
            let mut x = builder.unary(&x, pool.clone());
            if let Some(gamma) = gamma {
                x = builder.norm(&x, 4, gamma);
            }
            if relu {
                x = builder.relu(&x);
            }
            builder.conv_of(&x, 4, 2, [1, 1], [1, 1]);
            let mut draft = Draft::new(builder.finish(), Default::default());
            last(&mut draft);
            let mut expected = expected.to_vec();
            expected.push("Conv");
            assert_eq!(operators(&draft.graph), expected);
            // Still in execution order.
            let mut known = vec!["image".to_owned()];
            for node in &draft.graph.nodes {
                assert!(known.contains(&node.inputs[0]), "{node:?}");
                known.extend(node.outputs.clone());
            }
        }
    }
}
