//! Holds the graph to what its dialect promises: names that exist once, nodes in execution order, inputs in number,
//! constants as large as they say. Later passes rely on it.

use super::{
    Refusal,
    draft::{Draft, refuse},
};
use crate::import::raw::{RawGraph, RawNode, RawOp};
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

/// Nodes of the largest graph. The largest convolutional networks of the usual collections have a few thousand.
const MOST_NODES: usize = 20_000;

/// Marks nodes that break the promise.
pub(super) fn check(draft: &mut Draft) {
    let Draft { graph, refusals, .. } = draft;
    if graph.nodes.len() > MOST_NODES {
        let reason = format!("{} operations: at most {MOST_NODES}", graph.nodes.len());
        refusals.push(Refusal { name: graph.name.clone(), operator: "graph".into(), reason });
        graph.nodes.clear();
        graph.outputs.clear();
        return;
    }
    let damaged = damaged_constants(graph);
    graph.inputs.retain(|input| !graph.constants.contains_key(&input.name));
    let mut known: HashSet<String> = graph.constants.keys().cloned().collect();
    for input in &graph.inputs {
        if !known.insert(input.name.clone()) {
            let reason = "two inputs have this name".into();
            refusals.push(Refusal { name: input.name.clone(), operator: "input".into(), reason });
        }
    }
    for node in &mut graph.nodes {
        while node.inputs.last().is_some_and(String::is_empty) {
            node.inputs.pop();
        }
        if let Err(reason) = sound(node, &known, &damaged) {
            refuse(node, reason);
        }
        let repeated = node.outputs.iter().any(|output| known.contains(output));
        node.outputs.retain(|output| known.insert(output.clone()));
        if repeated {
            refuse(node, "it writes a tensor that is there already");
        }
    }
    if graph.outputs.is_empty() {
        let reason = "the file names no result: export it again with the class scores as output".into();
        refusals.push(Refusal { name: graph.name.clone(), operator: "graph".into(), reason });
    }
    for output in graph.outputs.extract_if(.., |output| !known.contains(output)) {
        let reason = "nothing writes this result of the network".into();
        refusals.push(Refusal { name: output, operator: "output".into(), reason });
    }
}

/// Takes out constants that are not as large as they say, with what is wrong.
fn damaged_constants(graph: &mut RawGraph) -> HashMap<String, String> {
    let mut damaged = HashMap::new();
    graph.constants.retain(|name, constant| {
        let expected = constant.dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        let fits = expected == Some(constant.len());
        if !fits {
            let reason = format!(
                "its constant '{name}' has {} values and the size {:?}",
                constant.len(),
                constant.dims
            );
            damaged.insert(name.clone(), reason);
        }
        fits
    });
    damaged
}

fn sound(node: &RawNode, known: &HashSet<String>, damaged: &HashMap<String, String>) -> Result<(), String> {
    if matches!(node.op, RawOp::Unsupported { .. }) {
        return Ok(());
    }
    let range = arity(&node.op);
    if !range.contains(&node.inputs.len()) {
        let (found, min, max) = (node.inputs.len(), range.start(), range.end());
        return Err(match min == max {
            true => format!("it reads {found} tensors: expected {min}"),
            false => format!("it reads {found} tensors: expected {min} to {max}"),
        });
    }
    if let Some(reason) = node.inputs.iter().find_map(|input| damaged.get(input)) {
        return Err(reason.clone());
    }
    if let Some(unknown) = node.inputs.iter().find(|input| !known.contains(*input)) {
        return Err(format!("it reads '{unknown}', which nothing before it writes"));
    }
    match node.outputs.as_slice() {
        [output] if !output.is_empty() => Ok(()),
        outputs => Err(format!("it writes {} tensors: expected one", outputs.len())),
    }
}

/// How many tensors an operation reads.
fn arity(op: &RawOp) -> RangeInclusive<usize> {
    match op {
        RawOp::Conv { .. } | RawOp::Dense => 2..=3,
        RawOp::BatchNorm { .. } => 5..=5,
        RawOp::Add | RawOp::Sub | RawOp::Mul | RawOp::Div => 2..=2,
        RawOp::Concat { .. } => 1..=1024,
        _ => 1..=1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, reasons};
    use super::*;
    use crate::import::raw::{Layout, RawPadding};

    #[test]
    fn broken_promises_are_named() {
        let relu = RawOp::Clip { min: 0.0, max: f32::INFINITY };
        struct Case {
            op: RawOp,
            inputs: &'static [&'static str],
            outputs: &'static [&'static str],
            reason: &'static str,
        }
        let case = |op, inputs, outputs, reason| Case { op, inputs, outputs, reason };
        let conv = || RawOp::Conv { stride: [1; 2], dilation: [1; 2], padding: RawPadding::VALID, groups: 1 };
        for Case { op, inputs, outputs, reason } in [
            case(relu.clone(), &["image"], &["y"], ""),
            case(conv(), &["image", "kernel", "", ""], &["y"], ""),
            case(relu.clone(), &[], &["y"], "reads 0 tensors: expected 1"),
            case(RawOp::Add, &["image"], &["y"], "reads 1 tensors: expected 2"),
            case(conv(), &["image"], &["y"], "expected 2 to 3"),
            case(relu.clone(), &["y"], &["y"], "'y', which nothing before it writes"),
            case(relu.clone(), &["image"], &["image"], "there already"),
            case(relu.clone(), &["image"], &["y", "z"], "writes 2 tensors"),
            case(relu, &["image"], &[""], "writes 1 tensors"),
            case(conv(), &["image", "short"], &["y"], "'short' has 1 values and the size [2]"),
        ] {
            let mut graph = Builder::new(Layout::ChannelsLast, [1, 2, 2, 1]).graph;
            let constant = |dims: Vec<usize>| crate::import::raw::Constant {
                dims,
                values: crate::import::raw::Values::Floats(vec![1.0]),
            };
            graph.constants.insert("kernel".into(), constant(vec![1, 1, 1, 1]));
            graph.constants.insert("short".into(), constant(vec![2]));
            graph.nodes.push(RawNode {
                name: "node".into(),
                operator: "Op".into(),
                op,
                inputs: inputs.iter().map(|&name| name.into()).collect(),
                outputs: outputs.iter().map(|&name| name.into()).collect(),
            });
            let mut draft = Draft::new(graph, Default::default());
            check(&mut draft);
            let found = reasons(&draft.graph);
            assert!(
                if reason.is_empty() { found.is_empty() } else { found.contains(reason) },
                "{reason}: {found}"
            );
        }
    }
}
