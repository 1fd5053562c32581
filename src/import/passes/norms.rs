//! Batch normalization, joined to the convolution or fully connected layer whose output it reads.
//!
//! Its parameters are kept: they are folded into nothing that they stand behind. One that stands before a convolution
//! without pads, and behind nothing that it can join, is folded forward into its weights. All others stay.

use super::draft::Draft;
use super::norm;
use super::wires::Wires;
use crate::import::raw::{RawNode, RawOp, RawPadding};
use crate::net::BatchNorm;
use std::collections::BTreeSet;

/// Joins them.
pub(super) fn join(draft: &mut Draft) {
    let mut wires = draft.wires();
    let mut gone = BTreeSet::new();
    for position in 0..draft.graph.nodes.len() {
        if joined(draft, &mut wires, position).unwrap_or(false) {
            gone.insert(position);
        }
    }
    let mut position = 0;
    draft.graph.nodes.retain(|_| {
        position += 1;
        !gone.contains(&(position - 1))
    });
}

/// Joins one; whether its node is superfluous now. `None` if there is nothing to join.
fn joined(draft: &mut Draft, wires: &mut Wires, position: usize) -> Option<bool> {
    let node = draft.graph.nodes.get(position)?.clone();
    let count = node.inputs.get(1).and_then(|gamma| draft.floats(gamma)).map(|(_, gamma)| gamma.len())?;
    // Of what follows: parameters that thousands of nodes share must not cost time either.
    draft.spend(count).ok()?;
    let found = norm::read(draft, &node)?;
    let (input, output) = (node.inputs.first()?.clone(), node.outputs.first()?.clone());
    let source = wires.producer(&input).filter(|_| wires.only_reader(&input) == Some(position));
    let source = source.and_then(|at| draft.graph.nodes.get(at).cloned().map(|node| (at, node)));
    match source {
        Some((at, mut source)) if matches!(source.op, RawOp::Conv { .. } | RawOp::Dense) => {
            let is_gone = behind(draft, &mut source, node, found, position)?;
            if is_gone {
                source.outputs = vec![output.clone()];
                wires.written_by(&output, at);
                draft.graph.quantizers.remove(&input);
            }
            *draft.graph.nodes.get_mut(at)? = source;
            Some(is_gone)
        }
        Some((at, mut source)) if matches!(source.op, RawOp::BatchNorm { .. }) => {
            let both = composed(norm::read(draft, &source)?, &found)?;
            let before = source.inputs.first()?.clone();
            norm::write(draft, &mut source, both, before).ok()?;
            source.outputs = vec![output.clone()];
            wires.written_by(&output, at);
            draft.graph.quantizers.remove(&input);
            *draft.graph.nodes.get_mut(at)? = source;
            Some(true)
        }
        _ => forward(draft, wires, &found, position, input, &output),
    }
}

/// Joins it to the layer that it stands behind: the layer's bias goes into the mean; without a scale it is a bias.
fn behind(
    draft: &mut Draft,
    source: &mut RawNode,
    mut node: RawNode,
    mut found: BatchNorm,
    position: usize,
) -> Option<bool> {
    let bias = match source.inputs.get(2) {
        Some(name) => Some(draft.floats(name)?.1.to_vec()).filter(|bias| bias.len() == found.beta.len()),
        None => None,
    };
    if source.inputs.len() > 2 && bias.is_none() {
        return None;
    }
    if norm::is_shift(&found) {
        let bias = bias.unwrap_or_else(|| vec![0.0; found.beta.len()]);
        let sum: Vec<f32> = bias.iter().zip(&found.beta).map(|(bias, beta)| bias + beta).collect();
        draft.spend(sum.len()).ok()?;
        source.inputs.truncate(2);
        source.inputs.push(draft.keep(&format!("{}/bias", source.name), vec![sum.len()], sum));
        return Some(true);
    }
    if let Some(bias) = bias {
        source.inputs.truncate(2);
        for (mean, bias) in found.mean.iter_mut().zip(bias) {
            *mean -= bias;
        }
        let input = node.inputs.first()?.clone();
        norm::write(draft, &mut node, found, input).ok()?;
        *draft.graph.nodes.get_mut(position)? = node;
    }
    Some(false)
}

/// One batch normalization behind another, as one with the first one's mean and variance.
fn composed(first: BatchNorm, second: &BatchNorm) -> Option<BatchNorm> {
    if first.gamma.len() != second.gamma.len() {
        return None;
    }
    let lines = norm::slope_offset(second);
    let gamma =
        first.gamma.iter().zip(&lines).map(|(gamma, line)| (f64::from(*gamma) * line.0) as f32).collect();
    let beta = first.beta.iter().zip(&lines).map(|(beta, line)| (f64::from(*beta) * line.0 + line.1) as f32);
    let beta = beta.collect();
    Some(BatchNorm { gamma, beta, ..first })
}

/// Folds it into the convolution that alone reads it; zeros around the map would be other numbers there.
fn forward(
    draft: &mut Draft,
    wires: &mut Wires,
    found: &BatchNorm,
    position: usize,
    input: String,
    output: &str,
) -> Option<bool> {
    let at = wires.only_reader(output)?;
    let mut reader = draft.graph.nodes.get(at)?.clone();
    let groups = match reader.op {
        RawOp::Conv { padding: RawPadding::VALID, groups, .. } => groups,
        RawOp::Dense => 1,
        _ => return None,
    };
    let kernel = reader.inputs.get(1)?.clone();
    let (dims, weights) = draft.floats(&kernel)?;
    let (dims, elements) = (dims.to_vec(), weights.len());
    let (&outputs, &inputs) = (dims.first()?, dims.last()?);
    let channels = found.gamma.len();
    let is_depthwise = groups == channels && inputs == 1 && outputs == channels;
    if elements == 0 || !is_depthwise && (groups != 1 || inputs != channels) {
        return None;
    }
    let mut bias: Vec<f64> = match reader.inputs.get(2) {
        Some(name) => draft.floats(name)?.1.iter().map(|&bias| f64::from(bias)).collect(),
        None => vec![0.0; outputs],
    };
    draft.spend(elements.checked_add(outputs)?).ok()?;
    let lines = norm::slope_offset(found);
    let mut folded = draft.floats(&kernel)?.1.to_vec();
    for ((own, bias), depth) in folded.chunks_exact_mut(elements / outputs).zip(&mut bias).zip(0..) {
        for (weight, channel) in own.iter_mut().zip((0..inputs).cycle()) {
            let &(slope, offset) = lines.get(if is_depthwise { depth } else { channel })?;
            *bias += f64::from(*weight) * offset;
            *weight = (f64::from(*weight) * slope) as f32;
        }
    }
    reader.inputs = vec![input.clone(), draft.keep(&kernel, dims, folded)];
    let bias = bias.into_iter().map(|bias| bias as f32).collect();
    reader.inputs.push(draft.keep(&format!("{}/bias", reader.name), vec![outputs], bias));
    *draft.graph.nodes.get_mut(at)? = reader;
    wires.read_by(&input, position, at);
    draft.graph.quantizers.remove(output);
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, assert_same, operators};
    use super::*;
    use crate::import::raw::Layout;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Conv,
        ConvWithBias,
        Padded,
        Depthwise,
        Norm,
        Shift,
        Relu,
    }

    #[test]
    fn batch_normalizations_join_their_layer() {
        use Step::{Conv, ConvWithBias, Depthwise, Norm, Padded, Relu, Shift};
        for (steps, expected) in [
            (&[Conv, Norm, Relu][..], &["Conv", "BatchNorm", "Clip(0, inf)"][..]),
            (&[ConvWithBias, Norm], &["Conv", "BatchNorm"]),
            (&[Conv, Shift, Relu], &["Conv", "Clip(0, inf)"]),
            (&[ConvWithBias, Shift], &["Conv"]),
            (&[ConvWithBias, Shift, Norm], &["Conv", "BatchNorm"]),
            (&[Conv, Norm, Shift, Norm], &["Conv", "BatchNorm"]),
            (&[Depthwise, Norm], &["Conv", "BatchNorm"]),
            // Folded forward.
            (&[Conv, Relu, Norm, ConvWithBias], &["Conv", "Clip(0, inf)", "Conv"]),
            (&[Conv, Relu, Norm, Depthwise, Norm], &["Conv", "Clip(0, inf)", "Conv", "BatchNorm"]),
            // Nothing to join.
            (&[Conv, Relu, Norm, Padded], &["Conv", "Clip(0, inf)", "BatchNorm", "Conv"]),
            (&[Conv, Relu, Norm, Relu], &["Conv", "Clip(0, inf)", "BatchNorm", "Clip(0, inf)"]),
        ] {
            let mut builder = Builder::new(Layout::ChannelsLast, [1, 6, 6, 4]);
            let mut x = "image".to_owned();
            for step in steps {
                x = match step {
                    Conv => builder.conv(&x, 4, [3, 3], [1, 1]),
                    ConvWithBias => builder.conv_with_bias(&x, 4, [1, 1]),
                    Padded => builder.conv_padded(&x, 4, [3, 3]),
                    Depthwise => builder.depthwise(&x, 4, [3, 3]),
                    Norm => builder.norm(&x, 4, 0.5),
                    Shift => builder.shift(&x, 4),
                    Relu => builder.relu(&x),
                };
            }
            let graph = builder.finish();
            let mut draft = Draft::new(graph.clone(), Default::default());
            join(&mut draft);
            assert_eq!(operators(&draft.graph), expected, "{steps:?}");
            assert_same(&graph, &draft.graph);
        }
    }

    #[test]
    fn a_layer_with_other_readers_keeps_its_output() {
        let mut builder = Builder::new(Layout::ChannelsLast, [1, 6, 6, 4]);
        let x = builder.conv_with_bias("image", 4, [1, 1]);
        let y = builder.norm(&x, 4, 0.5);
        builder.node(RawOp::Add, &[&x, &y]);
        let graph = builder.finish();
        let mut draft = Draft::new(graph.clone(), Default::default());
        join(&mut draft);
        assert_eq!(operators(&draft.graph), ["Conv", "BatchNorm", "Add"]);
        assert_same(&graph, &draft.graph);
    }
}
