//! A convolution of 1x1 whose mean over the map is the result: the mean goes first, which is the same and less work, and
//! leaves a fully connected layer at the end.

use super::draft::Draft;
use super::wires::Wires;
use crate::import::raw::{RawGraph, RawOp, RawPadding};

/// Puts the pool first.
pub(super) fn pool_first(draft: &mut Draft) {
    let wires = draft.wires();
    let Some([conv, before, pool]) = chain(&draft.graph, &wires) else { return };
    let Some(reads) = draft.graph.nodes.get(conv).and_then(|node| node.inputs.first()).cloned() else {
        return;
    };
    let pooled = draft.fresh(&reads);
    let nodes = &mut draft.graph.nodes;
    // The pool stands behind the other two.
    let mut node = nodes.remove(pool);
    let result = std::mem::replace(&mut node.outputs, vec![pooled.clone()]);
    node.inputs = vec![reads];
    if let Some(last) = nodes.get_mut(before) {
        last.outputs = result;
    }
    if let Some(input) = nodes.get_mut(conv).and_then(|node| node.inputs.first_mut()) {
        *input = pooled;
    }
    nodes.insert(conv, node);
}

/// Positions of the convolution, of what the pool reads (it, or its batch normalization), and of the pool.
fn chain(graph: &RawGraph, wires: &Wires) -> Option<[usize; 3]> {
    let [output] = graph.outputs.as_slice() else { return None };
    let pool = wires.producer(output)?;
    let node = graph.nodes.get(pool)?;
    if !matches!(node.op, RawOp::Mean { .. }) || !wires.readers(output).is_empty() {
        return None;
    }
    let source = |position: usize| {
        let input = graph.nodes.get(position)?.inputs.first()?;
        wires.producer(input).filter(|_| wires.only_reader(input) == Some(position))
    };
    let before = source(pool)?;
    let conv = match graph.nodes.get(before)?.op {
        RawOp::BatchNorm { .. } => source(before)?,
        _ => before,
    };
    let node = graph.nodes.get(conv)?;
    let plain = matches!(node.op, RawOp::Conv { stride: [1, 1], padding: RawPadding::VALID, groups: 1, .. });
    let kernel = graph.constants.get(node.inputs.get(1)?)?;
    (plain && matches!(kernel.dims.as_slice(), [_, 1, 1, _])).then_some([conv, before, pool])
}

#[cfg(test)]
mod tests {
    use super::super::layout::global_mean;
    use super::super::testing::{Builder, assert_same, operators};
    use super::*;
    use crate::import::raw::Layout;

    #[test]
    fn the_mean_goes_before_a_last_convolution() {
        for (kernel, norm, relu, expected) in [
            ([1, 1], false, false, &["Conv", "Mean", "Conv"][..]),
            ([1, 1], true, false, &["Conv", "Mean", "Conv", "BatchNorm"]),
            ([1, 1], false, true, &["Conv", "Conv", "Clip(0, inf)", "Mean"]),
            ([3, 3], false, false, &["Conv", "Conv", "Mean"]),
        ] {
            let mut builder = Builder::new(Layout::ChannelsLast, [1, 6, 6, 3]);
            let x = builder.conv("image", 4, [3, 3], [1, 1]);
            let mut x = builder.conv_of(&x, 4, 4, kernel, [1, 1]);
            if norm {
                x = builder.norm(&x, 4, 0.5);
            }
            if relu {
                x = builder.relu(&x);
            }
            builder.unary(&x, global_mean());
            let graph = builder.finish();
            let mut draft = Draft::new(graph.clone(), Default::default());
            pool_first(&mut draft);
            assert_eq!(operators(&draft.graph), expected);
            assert_same(&graph, &draft.graph);
        }
    }
}
