//! The image: its size, and which of its axes is which.

use super::axes::{Atom, View, order};
use super::draft::Draft;
use super::{DEFAULT_SIDE, Refusal};
use crate::import::raw::{Layout, RawGraph, RawInput, RawOp, Values};
use crate::net::{IMAGE_CHANNELS, Shape, supports_image};

/// The network's input, or what is wrong with it.
pub(super) fn image(draft: &mut Draft) -> Result<(String, View), Vec<Refusal>> {
    read_reshaped(draft);
    let refusal =
        |name: &str, reason: String| Refusal { name: name.into(), operator: "input".into(), reason };
    let input = match draft.graph.inputs.as_slice() {
        [input] => input.clone(),
        [] => {
            return Err(vec![refusal(
                &draft.graph.name,
                "the network reads no image: expected one input".into(),
            )]);
        }
        inputs => {
            let reason = format!(
                "one of {} inputs: expected one, the image; export the network without the others",
                inputs.len()
            );
            return Err(inputs.iter().map(|input| refusal(&input.name, reason.clone())).collect());
        }
    };
    match view(draft, &input) {
        Ok(view) => Ok((input.name, view)),
        Err(reason) => Err(vec![refusal(&input.name, reason)]),
    }
}

/// An image that comes as one long row, or without its channel: the first reshape says what it is.
fn read_reshaped(draft: &mut Draft) {
    let wires = draft.wires();
    let RawGraph { inputs, nodes, outputs, .. } = &mut draft.graph;
    let [input] = inputs.as_mut_slice() else { return };
    if input.dims.len() == 4 || outputs.contains(&input.name) {
        return;
    }
    let [reader] = wires.readers(&input.name) else { return };
    let Some(node) = nodes.get_mut(*reader) else { return };
    let RawOp::Reshape { dims } = &node.op else { return };
    let known = dims.iter().skip(1).all(|&dim| dim > 0);
    if !known || dims.len() != 4 {
        return;
    }
    // A batch of another size goes with the elements.
    input.dims =
        std::iter::once(None).chain(dims.iter().skip(1).map(|&dim| usize::try_from(dim).ok())).collect();
    node.op = RawOp::Identity;
}

fn view(draft: &mut Draft, input: &RawInput) -> Result<View, String> {
    let axes = axes(&draft.graph, input)?;
    let stated = |atom: Atom| -> Option<usize> {
        let position = axes.iter().position(|axis| *axis == atom)?;
        input.dims.get(position).copied().flatten()
    };
    let has = |atom: Atom| axes.contains(&atom);
    let channels = match stated(Atom::Channel) {
        Some(channels) => channels,
        None if has(Atom::Channel) => first_channels(&draft.graph).ok_or_else(|| {
            "the number of its channels is open: export the network with fixed sizes".to_owned()
        })?,
        None => 1,
    };
    let (rows, columns) = (stated(Atom::Row), stated(Atom::Column));
    let (height, width) = match (rows, columns) {
        (Some(rows), Some(columns)) => (rows, columns),
        // One of them open: as long as the other.
        (Some(side), None) | (None, Some(side)) => (side, side),
        (None, None) => {
            draft.is_open = true;
            draft.options.input.unwrap_or((DEFAULT_SIDE, DEFAULT_SIDE))
        }
    };
    let shape = Shape::new(height, width, channels);
    supports_image(shape).map_err(|reason| reason.to_string())?;
    View::new(stated(Atom::Batch).unwrap_or(1).max(1), shape, &axes)
}

/// What each axis of the image is.
fn axes(graph: &RawGraph, input: &RawInput) -> Result<Vec<Atom>, String> {
    let own = order(graph.layout);
    let dims = &input.dims;
    match dims.len() {
        4 => {
            let other = match graph.layout {
                Layout::ChannelsLast => Layout::ChannelsFirst,
                Layout::ChannelsFirst => Layout::ChannelsLast,
            };
            let candidates: Vec<[Atom; 4]> =
                first_transposition(graph, input).into_iter().chain([own, order(other)]).collect();
            let channels = |axes: &[Atom; 4]| {
                let position = axes.iter().position(|atom| *atom == Atom::Channel);
                position.and_then(|position| dims.get(position).copied().flatten())
            };
            let sure =
                candidates.iter().find(|axes| channels(axes).is_some_and(|c| IMAGE_CHANNELS.contains(&c)));
            let open = candidates.iter().find(|axes| channels(axes).is_none());
            Ok(sure.or(open).unwrap_or(&own).to_vec())
        }
        // Without a channel, or without the batch.
        3 if matches!(dims.first(), Some(None | Some(1))) => Ok(vec![Atom::Batch, Atom::Row, Atom::Column]),
        3 => Ok(own.into_iter().filter(|atom| *atom != Atom::Batch).collect()),
        2 => Err(format!(
            "it is a row of {} numbers: expected an image",
            dims.last().copied().flatten().unwrap_or(0)
        )),
        count => Err(format!("it has {count} axes: expected an image, [batch, rows, columns, channels]")),
    }
}

/// The order that a transposition between image and first layer undoes: tools that convert networks put it there.
fn first_transposition(graph: &RawGraph, input: &RawInput) -> Option<[Atom; 4]> {
    let mut at = &input.name;
    for node in &graph.nodes {
        if !node.inputs.contains(at) {
            continue;
        }
        match &node.op {
            RawOp::Transpose { order: moved } => {
                let mut axes = [Atom::Batch; 4];
                for (&from, atom) in moved.iter().zip(order(graph.layout)) {
                    *axes.get_mut(from)? = atom;
                }
                let complete = order(graph.layout).iter().all(|atom| axes.contains(atom));
                return complete.then_some(axes);
            }
            RawOp::Add | RawOp::Sub | RawOp::Mul | RawOp::Div | RawOp::Pad { .. } | RawOp::Identity => {
                at = node.outputs.first()?;
            }
            _ => return None,
        }
    }
    None
}

/// Channels that the first convolution reads.
fn first_channels(graph: &RawGraph) -> Option<usize> {
    graph.nodes.iter().find_map(|node| {
        let RawOp::Conv { groups, .. } = node.op else { return None };
        let kernel = graph.constants.get(node.inputs.get(1)?)?;
        matches!(kernel.values, Values::Floats(_)).then_some(())?;
        kernel.dims.get(3)?.checked_mul(groups)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Builder;
    use super::*;
    use Layout::{ChannelsFirst as First, ChannelsLast as Last};

    #[test]
    fn sizes_and_axes_are_found() {
        const NCHW: &[usize] = &[0, 3, 1, 2];
        const NHWC: &[usize] = &[0, 2, 3, 1];
        struct Case {
            layout: Layout,
            dims: &'static [usize],
            transposition: Option<&'static [usize]>,
            given: Option<(usize, usize)>,
            expected: Result<(usize, usize, usize), &'static str>,
            first: usize,
        }
        let case = |layout, dims, transposition, given, expected, first| Case {
            layout,
            dims,
            transposition,
            given,
            expected,
            first,
        };
        // Zero stands for a size that is open. `first`: size of the file's second axis.
        for c in [
            case(Last, &[1, 96, 64, 3], None, None, Ok((96, 64, 3)), 96),
            case(First, &[1, 3, 96, 64], None, None, Ok((96, 64, 3)), 3),
            case(First, &[1, 96, 64, 3], Some(NCHW), None, Ok((96, 64, 3)), 96),
            case(First, &[1, 96, 64, 3], None, None, Ok((96, 64, 3)), 96),
            case(Last, &[1, 3, 96, 64], Some(NHWC), None, Ok((96, 64, 3)), 3),
            case(First, &[1, 3, 96, 64], Some(NHWC), None, Ok((96, 64, 3)), 3),
            case(First, &[0, 3, 0, 0], None, None, Ok((224, 224, 3)), 3),
            case(First, &[0, 3, 0, 64], None, None, Ok((64, 64, 3)), 3),
            case(First, &[0, 0, 0, 0], None, Some((32, 48)), Ok((32, 48, 3)), 3),
            case(First, &[0, 0, 0, 3], Some(NCHW), Some((32, 48)), Ok((32, 48, 3)), 32),
            case(First, &[0, 3, 0, 64], None, Some((32, 32)), Ok((64, 64, 3)), 3),
            case(First, &[1, 3, 96, 96], None, Some((32, 48)), Ok((96, 96, 3)), 3),
            case(First, &[8, 1, 28, 28], None, None, Ok((28, 28, 1)), 1),
            case(Last, &[0, 28, 28], None, None, Ok((28, 28, 1)), 28),
            case(First, &[3, 28, 29], None, None, Ok((28, 29, 3)), 28),
            case(Last, &[28, 29, 3], None, None, Ok((28, 29, 3)), 29),
            case(First, &[1, 5, 28, 28], None, None, Err("5 input channels: 1 to 4"), 0),
            case(First, &[1, 3, 2000, 28], None, None, Err("2000x28x3: 1 to 1024"), 0),
            case(First, &[0, 3, 0, 0], None, Some((0, 28)), Err("0x28x3: 1 to 1024"), 0),
            case(First, &[0, 784], None, None, Err("784 numbers"), 0),
            case(First, &[], None, None, Err("0 axes"), 0),
        ] {
            let mut builder = Builder::new(c.layout, [1; 4]);
            let dims = c.dims.iter().map(|&dim| (dim > 0).then_some(dim)).collect();
            builder.graph.inputs = vec![RawInput { name: "image".into(), dims }];
            let x = match c.transposition {
                Some(order) => builder.unary("image", RawOp::Transpose { order: order.to_vec() }),
                None => "image".into(),
            };
            builder.conv_of(&x, 3, 4, [1, 1], [1, 1]);
            let options = super::super::LowerOptions { input: c.given };
            let mut draft = Draft::new(builder.finish(), options);
            let found = image(&mut draft);
            match c.expected {
                Ok((height, width, channels)) => {
                    let is_open = c.dims.iter().filter(|&&dim| dim > 3).count() == 0;
                    assert_eq!(draft.is_open, is_open, "{:?}", c.dims);
                    let view = found.unwrap_or_else(|e| panic!("{:?}: {e:?}", c.dims)).1;
                    assert_eq!(view.shape, Shape::new(height, width, channels), "{:?}", c.dims);
                    assert_eq!(view.dims().get(1), Some(&c.first), "{:?}", c.dims);
                }
                Err(reason) => {
                    let reasons = found.expect_err(reason);
                    assert!(reasons[0].reason.contains(reason), "{reasons:?}");
                }
            }
        }
    }

    #[test]
    fn a_row_that_is_reshaped_first_is_an_image() {
        let mut builder = Builder::new(Last, [1; 4]);
        builder.graph.inputs = vec![RawInput { name: "image".into(), dims: vec![None, Some(784)] }];
        let x = builder.unary("image", RawOp::Reshape { dims: vec![-1, 28, 28, 1] });
        builder.conv_of(&x, 1, 4, [3, 3], [1, 1]);
        let (_, view) = image(&mut Draft::new(builder.finish(), Default::default())).expect("an image");
        assert_eq!(view.shape, Shape::new(28, 28, 1));
    }

    #[test]
    fn several_inputs_are_all_named() {
        let mut builder = Builder::new(Last, [1, 8, 8, 3]);
        builder.graph.inputs.push(RawInput { name: "mask".into(), dims: vec![Some(1)] });
        builder.conv("image", 4, [3, 3], [1, 1]);
        let refusals = image(&mut Draft::new(builder.finish(), Default::default())).expect_err("two inputs");
        assert_eq!(refusals.len(), 2);
        assert!(refusals[0].reason.contains("one of 2 inputs"), "{refusals:?}");
    }
}
