//! Zeros around a map, joined to the convolution or pool that reads them.

use super::draft::Draft;
use super::wires::Wires;
use crate::import::raw::{RawGraph, RawNode, RawOp, RawPadding};

/// Largest value that stands for minus infinity.
const LOWEST: f32 = -1e30;

/// Joins them; a pad that everybody has joined is left to nobody.
pub(super) fn join(draft: &mut Draft) {
    let wires = draft.wires();
    let graph = &mut draft.graph;
    // In execution order, so that pads of pads join one after the other.
    for position in 0..graph.nodes.len() {
        let Some((input, pads, value)) = graph.nodes.get(position).and_then(pad) else { continue };
        let nonnegative = is_nonnegative(graph, &wires, &input);
        let Some(output) = graph.nodes.get(position).and_then(|node| node.outputs.first()).cloned() else {
            continue;
        };
        for &reader in wires.readers(&output) {
            let Some(kernel) = graph.nodes.get(reader).and_then(|node| kernel(graph, node)) else { continue };
            let Some(node) = graph.nodes.get_mut(reader) else { continue };
            if node.inputs.first() == Some(&output) && joined(&mut node.op, kernel, pads, value, nonnegative)
            {
                node.inputs.splice(..1, [input.clone()]);
            }
        }
    }
    super::dead::remove(draft);
}

/// Input, pads (top, left, bottom, right) and value of a pad.
fn pad(node: &RawNode) -> Option<(String, [usize; 4], f32)> {
    let RawOp::Pad { pads, value } = &node.op else { return None };
    let [[0, 0], rows, columns, [0, 0]] = pads.as_slice() else { return None };
    let numbers = [rows[0], columns[0], rows[1], columns[1]];
    let mut pads = [0; 4];
    for (pad, number) in pads.iter_mut().zip(numbers) {
        *pad = usize::try_from(number).ok()?;
    }
    Some((node.inputs.first()?.clone(), pads, *value))
}

/// Adds pads to those of a window, if that is the same and the window stays larger than what is around the map; whether
/// it is.
fn joined(op: &mut RawOp, kernel: [usize; 2], pads: [usize; 4], value: f32, nonnegative: bool) -> bool {
    match op {
        RawOp::Conv { padding: RawPadding::Explicit(own), .. } if value == 0.0 => add(own, kernel, pads),
        RawOp::MaxPool(window) => match &mut window.padding {
            // What is around a map never is the largest. Neither is a zero where nothing is below zero.
            RawPadding::Explicit(own) if value <= LOWEST || value == 0.0 && nonnegative => {
                add(own, kernel, pads)
            }
            _ => false,
        },
        RawOp::AvgPool { window, counts_pads } if value == 0.0 => match &mut window.padding {
            RawPadding::Explicit(own) if *counts_pads || *own == [0; 4] => {
                let is_joined = add(own, kernel, pads);
                *counts_pads |= is_joined;
                is_joined
            }
            _ => false,
        },
        _ => false,
    }
}

fn add(own: &mut [usize; 4], [rows, columns]: [usize; 2], pads: [usize; 4]) -> bool {
    let mut sums = pads;
    for (sum, own) in sums.iter_mut().zip(&*own) {
        *sum = sum.saturating_add(*own);
    }
    let [top, left, bottom, right] = sums;
    let fits = top.max(bottom) < rows && left.max(right) < columns;
    if fits {
        *own = sums;
    }
    fits
}

/// Rows and columns of a node's window.
fn kernel(graph: &RawGraph, node: &RawNode) -> Option<[usize; 2]> {
    match &node.op {
        RawOp::Conv { .. } => match graph.constants.get(node.inputs.get(1)?)?.dims.as_slice() {
            [_, rows, columns, _] => Some([*rows, *columns]),
            _ => None,
        },
        RawOp::MaxPool(window) | RawOp::AvgPool { window, .. } => Some(window.kernel),
        _ => None,
    }
}

/// Whether a tensor surely has nothing below zero.
fn is_nonnegative(graph: &RawGraph, wires: &Wires, tensor: &str) -> bool {
    let producer = wires.producer(tensor).and_then(|position| graph.nodes.get(position));
    match producer.map(|node| (&node.op, node.inputs.first())) {
        Some((RawOp::Clip { min, .. }, _)) => *min >= 0.0,
        Some((RawOp::Sigmoid | RawOp::HardSigmoid { .. }, _)) => true,
        // One pool behind another is as far as it is followed.
        Some((RawOp::MaxPool(_) | RawOp::AvgPool { .. }, Some(input))) => {
            let before = wires.producer(input).and_then(|position| graph.nodes.get(position));
            matches!(before.map(|node| &node.op), Some(RawOp::Clip { min, .. }) if *min >= 0.0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, operators};
    use super::*;
    use crate::import::raw::{Layout, RawWindow};

    #[test]
    fn pads_join_where_they_mean_the_same() {
        let own = RawPadding::Explicit([1; 4]);
        let window = |padding| RawWindow { kernel: [6; 2], stride: [1; 2], padding, ceil: false };
        let conv = |padding| RawOp::Conv { stride: [1; 2], dilation: [1; 2], padding, groups: 1 };
        let average = |padding, counts_pads| RawOp::AvgPool { window: window(padding), counts_pads };
        let maximum = |padding| RawOp::MaxPool(window(padding));
        let none = RawPadding::VALID;
        let sums = RawPadding::Explicit([1, 2, 3, 4]);
        let more = RawPadding::Explicit([2, 3, 4, 5]);
        for (side, relu, value, op, expected) in [
            (6, false, 0.0, conv(none), Some(conv(sums))),
            (6, false, 0.0, conv(own), Some(conv(more))),
            (6, false, 1.0, conv(none), None),
            (6, false, 0.0, conv(RawPadding::Same), None),
            (6, false, f32::NEG_INFINITY, maximum(none), Some(maximum(sums))),
            (6, false, -3.4e38, maximum(own), Some(maximum(more))),
            (6, false, 0.0, maximum(none), None),
            (6, true, 0.0, maximum(none), Some(maximum(sums))),
            (6, true, 1.0, maximum(none), None),
            (6, false, 0.0, average(none, false), Some(average(sums, true))),
            (6, false, 0.0, average(own, true), Some(average(more, true))),
            (6, false, 0.0, average(own, false), None),
            (6, false, 1.0, average(none, true), None),
            // As many as the kernel has columns.
            (4, false, 0.0, conv(none), None),
        ] {
            let mut builder = Builder::new(Layout::ChannelsLast, [1, 8, 8, 3]);
            let x = if relu { builder.relu("image") } else { "image".into() };
            let pads = vec![[0, 0], [1, 3], [2, 4], [0, 0]];
            let padded = builder.unary(&x, RawOp::Pad { pads, value });
            match &op {
                RawOp::Conv { .. } => {
                    let kernel = builder.constant(&[2, side, side, 3]);
                    builder.node(op.clone(), &[&padded, &kernel]);
                }
                _ => {
                    builder.unary(&padded, op.clone());
                }
            }
            let mut draft = Draft::new(builder.finish(), Default::default());
            join(&mut draft);
            let last = draft.graph.nodes.last().expect("nodes");
            match expected {
                Some(expected) => {
                    assert_eq!((&last.op, &last.inputs[0]), (&expected, &x), "{op:?}");
                    assert!(!operators(&draft.graph).contains(&"Pad".to_owned()), "{op:?}");
                }
                None => assert_eq!((&last.op, &last.inputs[0]), (&op, &padded), "{op:?}"),
            }
        }
    }
}
