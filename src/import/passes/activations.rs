//! Activations that a file computes in several steps.
//!
//! Tools write hard-swish as x * (clip(x + 3, 0, 6) / 6), x / 6 * clip(x + 3, 0, 6), x * hardsigmoid(x) and in other ways,
//! and a clip as a minimum of a maximum. Instead of a list of forms, what a group of nodes makes of a single tensor is
//! tried with some numbers and compared with the functions that are known.

use super::draft::Draft;
use super::wires::Wires;
use crate::import::raw::{RawGraph, RawNode, RawOp};
use std::collections::{BTreeSet, HashMap};

/// Nodes of the largest group.
const MOST_NODES: usize = 12;

/// Relative difference of results that are the same function. Constants are rounded to f32 and sometimes to float16,
/// which only counts where the function has none of its own to take them up.
const TOLERANCE: f64 = 1e-3;
const TIGHT: f64 = 1e-5;

/// A number beyond all bends.
const FAR: f64 = 1e6;

/// Replaces each group by one node, the largest groups first.
pub(super) fn recognize(draft: &mut Draft) {
    let wires = draft.wires();
    let graph = &mut draft.graph;
    let scalars: HashMap<String, f64> = graph
        .constants
        .iter()
        .filter_map(|(name, constant)| Some((name.clone(), f64::from(constant.scalar()?))))
        .collect();
    let mut gone: BTreeSet<usize> = BTreeSet::new();
    for last in (0..graph.nodes.len()).rev() {
        if gone.contains(&last) {
            continue;
        }
        let Some(found) = group(graph, &scalars, &wires, last) else { continue };
        gone.extend(found.inner);
        if let Some(node) = graph.nodes.get_mut(last) {
            node.op = found.op;
            node.inputs = vec![found.root];
        }
    }
    let mut position = 0;
    graph.nodes.retain(|_| {
        position += 1;
        !gone.contains(&(position - 1))
    });
}

/// Nodes that together are one function.
struct Group {
    /// The tensor that it is of.
    root: String,
    /// The function.
    op: RawOp,
    /// Its nodes without the last.
    inner: Vec<usize>,
}

/// The largest group that ends with a node and is a known function.
fn group(graph: &RawGraph, scalars: &HashMap<String, f64>, wires: &Wires, last: usize) -> Option<Group> {
    let mut nodes = BTreeSet::new();
    let mut open = BTreeSet::new();
    let mut best = None;
    let mut next = last;
    loop {
        let node = graph.nodes.get(next).filter(|node| is_elementwise(node))?;
        nodes.insert(next);
        open.extend(node.inputs.iter().filter(|input| !graph.constants.contains_key(*input)).cloned());
        for output in &node.outputs {
            open.remove(output);
        }
        if let (1, Some(root)) = (open.len(), open.first())
            && let Some(op) = function(graph, scalars, &nodes, root)
        {
            let inner = nodes.iter().copied().filter(|&position| position != last).collect();
            best = Some(Group { root: root.clone(), op, inner });
        }
        // The tensor that was written last: nothing else that is open can depend on it.
        let latest = open.iter().filter_map(|tensor| wires.producer(tensor)).max();
        let Some(latest) = latest.filter(|_| nodes.len() < MOST_NODES) else { return best };
        let closed = graph.nodes.get(latest).is_some_and(|node| {
            is_elementwise(node)
                && node.outputs.iter().all(|output| {
                    !wires.is_output(output)
                        && wires.readers(output).iter().all(|reader| nodes.contains(reader))
                })
        });
        if !closed {
            return best;
        }
        next = latest;
    }
}

fn is_elementwise(node: &RawNode) -> bool {
    matches!(
        node.op,
        RawOp::Clip { .. }
            | RawOp::LeakyRelu { .. }
            | RawOp::Sigmoid
            | RawOp::HardSigmoid { .. }
            | RawOp::HardSwish
            | RawOp::Swish
            | RawOp::Tanh
            | RawOp::Add
            | RawOp::Sub
            | RawOp::Mul
            | RawOp::Div
            | RawOp::Identity
    )
}

/// Something that a step reads.
#[derive(Clone, Copy)]
enum Operand {
    Number(f64),
    /// The root is 0, the result of the first step 1.
    Result(usize),
}

/// The nodes of a group as steps of a calculation with one number.
fn steps<'a>(
    graph: &'a RawGraph,
    scalars: &HashMap<String, f64>,
    nodes: &BTreeSet<usize>,
    root: &'a str,
) -> Option<Vec<(&'a RawOp, Operand, Option<Operand>)>> {
    let mut results: HashMap<&str, usize> = HashMap::from([(root, 0)]);
    let mut steps = Vec::with_capacity(nodes.len());
    for node in nodes.iter().filter_map(|&position| graph.nodes.get(position)) {
        let mut operands = node.inputs.iter().map(|input| match results.get(input.as_str()) {
            Some(&result) => Some(Operand::Result(result)),
            None => scalars.get(input).copied().map(Operand::Number),
        });
        let first = operands.next()??;
        let second = match operands.next() {
            Some(operand) => Some(operand?),
            None => None,
        };
        steps.push((&node.op, first, second));
        results.insert(node.outputs.first()?, steps.len());
    }
    Some(steps)
}

/// The known function that a group is; `None` also for a single node that says so itself.
fn function(
    graph: &RawGraph,
    scalars: &HashMap<String, f64>,
    nodes: &BTreeSet<usize>,
    root: &str,
) -> Option<RawOp> {
    let steps = steps(graph, scalars, nodes, root)?;
    let apply = |x: f64| -> Option<f64> {
        let mut results = vec![x];
        for &(op, first, second) in &steps {
            let number = |operand: Operand| match operand {
                Operand::Number(number) => Some(number),
                Operand::Result(result) => results.get(result).copied(),
            };
            let result = apply(op, number(first)?, second.and_then(number))?;
            results.push(result);
        }
        results.last().copied()
    };
    let known = candidates(&apply)?.into_iter().find(|op| {
        let tolerance = if matches!(op, RawOp::HardSwish | RawOp::Swish) { TOLERANCE } else { TIGHT };
        let mut points: Vec<f64> = (-48..=48).map(|step| f64::from(step) * 0.25).collect();
        points.extend([-FAR, FAR, -100.0, 100.0, -2.9, 2.9, 0.01, -0.01]);
        if let RawOp::Clip { min, max } = op {
            points.extend([*min, *max].map(f64::from).into_iter().filter(|bend| bend.is_finite()).flat_map(
                |bend| {
                    let near = 0.01 * bend.abs().max(0.01);
                    [bend - near, bend, bend + near]
                },
            ));
        }
        points.into_iter().all(|x| match (apply(x), self::apply(op, x, None)) {
            (Some(found), Some(expected)) => (found - expected).abs() <= tolerance * expected.abs().max(0.1),
            _ => false,
        })
    })?;
    // One node that is what it says.
    let mut only = nodes.iter().filter_map(|&position| graph.nodes.get(position));
    let says_so = matches!((only.next(), only.next()), (Some(node), None) if !is_arithmetic(node)
        && std::mem::discriminant(&node.op) == std::mem::discriminant(&known));
    (!says_so).then_some(known)
}

fn is_arithmetic(node: &RawNode) -> bool {
    matches!(node.op, RawOp::Add | RawOp::Sub | RawOp::Mul | RawOp::Div)
}

/// Functions that have the values of `f` at the ends and near zero.
fn candidates(f: &impl Fn(f64) -> Option<f64>) -> Option<Vec<RawOp>> {
    let (low, high, zero) = (f(-FAR)?, f(FAR)?, f(0.0)?);
    let near = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * b.abs().max(TOLERANCE);
    let mut list = Vec::new();
    if near(low, -FAR) && near(high, FAR) {
        list.push(RawOp::Identity);
    }
    let bound = |value: f64, far: f64, open: f32| if near(value, far) { open } else { rounded(value) };
    let (min, max) = (bound(low, -FAR, f32::NEG_INFINITY), bound(high, FAR, f32::INFINITY));
    if min < max && (min.is_finite() || max.is_finite()) {
        list.push(RawOp::Clip { min, max });
    }
    if near(high, FAR) && near(zero, 0.0) {
        list.push(RawOp::HardSwish);
        list.push(RawOp::Swish);
        list.push(RawOp::LeakyRelu { slope: rounded(-f(-1.0)?) });
    }
    if near(low, 0.0) && near(high, 1.0) {
        list.push(RawOp::Sigmoid);
        let slope = (f(0.125)? - zero) / 0.125;
        list.push(RawOp::HardSigmoid { slope: slope as f32, offset: zero as f32 });
    }
    Some(list)
}

/// A whole number if one is meant: 6 may come as 0.99999 of 6.
fn rounded(value: f64) -> f32 {
    let whole = value.round();
    let value = if (value - whole).abs() < 1e-5 * whole.abs().max(1e-3) { whole } else { value };
    // No negative zero.
    value as f32 + 0.0
}

/// The function of an elementwise operation.
pub(super) fn apply(op: &RawOp, a: f64, b: Option<f64>) -> Option<f64> {
    let hard = |slope: f64, offset: f64| (slope * a + offset).clamp(0.0, 1.0);
    let sigmoid = || 1.0 / (1.0 + (-a).exp());
    Some(match *op {
        // As the operation is defined, also where the bounds have changed places.
        RawOp::Clip { min, max } => a.max(f64::from(min)).min(f64::from(max)),
        RawOp::LeakyRelu { slope } => {
            if a > 0.0 {
                a
            } else {
                a * f64::from(slope)
            }
        }
        RawOp::Sigmoid => sigmoid(),
        RawOp::HardSigmoid { slope, offset } => hard(f64::from(slope), f64::from(offset)),
        RawOp::HardSwish => a * hard(1.0 / 6.0, 0.5),
        RawOp::Swish => a * sigmoid(),
        RawOp::Tanh => a.tanh(),
        RawOp::Identity => a,
        RawOp::Add => a + b?,
        RawOp::Sub => a - b?,
        RawOp::Mul => a * b?,
        RawOp::Div => a / b?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, operators};
    use super::*;
    use crate::import::raw::Layout;

    /// A step: an operation with a constant, or of the last result and the first.
    enum Step {
        By(RawOp, f32),
        From(f32, RawOp),
        Of(RawOp),
        WithFirst(RawOp),
    }

    fn built(steps: &[Step]) -> RawGraph {
        let mut builder = Builder::new(Layout::ChannelsLast, [1, 4, 4, 3]);
        let first = builder.conv("image", 4, [1, 1], [1, 1]);
        let mut x = first.clone();
        for step in steps {
            x = match step {
                Step::By(op, value) => builder.binary(&x, op.clone(), *value),
                Step::From(value, op) => builder.binary_reversed(*value, op.clone(), &x),
                Step::Of(op) => builder.unary(&x, op.clone()),
                Step::WithFirst(op) => builder.node(op.clone(), &[&first, &x]),
            };
        }
        builder.finish()
    }

    #[test]
    fn all_forms_are_one_node() {
        use RawOp::{Add, Div, HardSwish, Mul, Sigmoid, Sub, Swish};
        use Step::{By, From, Of, WithFirst};
        let clip = |min, max| Of(RawOp::Clip { min, max });
        let relu6 = || clip(0.0, 6.0);
        let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
        let hard = || RawOp::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 };
        for (steps, expected) in [
            (&[By(Add, 3.0), relu6(), By(Mul, 1.0 / 6.0), WithFirst(Mul)][..], &["Conv", "HardSwish"][..]),
            (&[By(Add, 3.0), relu6(), By(Div, 6.0), WithFirst(Mul)], &["Conv", "HardSwish"]),
            (&[By(Add, 3.0), relu6(), WithFirst(Mul), By(Div, 6.0)], &["Conv", "HardSwish"]),
            (
                &[From(3.0, Add), clip(0.0, high), clip(low, 6.0), WithFirst(Mul), By(Mul, 0.166_667)],
                &["Conv", "HardSwish"],
            ),
            (&[Of(hard()), WithFirst(Mul)], &["Conv", "HardSwish"]),
            (&[Of(HardSwish)], &["Conv", "HardSwish"]),
            (&[Of(Sigmoid), WithFirst(Mul)], &["Conv", "Swish"]),
            (&[Of(Swish)], &["Conv", "Swish"]),
            (&[By(Add, 3.0), relu6(), By(Div, 6.0)], &["Conv", "HardSigmoid(0.16666667, 0.5)"]),
            (&[clip(0.0, high), clip(low, 6.0)], &["Conv", "Clip(0, 6)"]),
            (&[clip(low, 6.0), clip(0.0, high)], &["Conv", "Clip(0, 6)"]),
            (&[clip(0.0, high), clip(0.0, high)], &["Conv", "Clip(0, inf)"]),
            (&[Of(RawOp::LeakyRelu { slope: 0.0 })], &["Conv", "Clip(0, inf)"]),
            (&[By(Mul, 2.0), By(Mul, 0.5), clip(0.0, high)], &["Conv", "Clip(0, inf)"]),
            (&[By(Mul, 1.0)], &["Conv", "Identity"]),
            // Not the same.
            (
                &[By(Add, 2.9), relu6(), By(Div, 6.0), WithFirst(Mul)],
                &["Conv", "HardSigmoid(0.16666667, 0.48333335)", "Mul"],
            ),
            (&[By(Mul, 2.0)], &["Conv", "Mul"]),
            (&[By(Mul, 1.0005)], &["Conv", "Mul"]),
            (&[By(Mul, 1.0005), clip(0.0, high)], &["Conv", "Mul", "Clip(0, inf)"]),
            (&[By(Sub, 0.5)], &["Conv", "Sub"]),
            (&[By(Mul, 0.0)], &["Conv", "Mul"]),
            (&[Of(RawOp::Tanh), WithFirst(Mul)], &["Conv", "Tanh", "Mul"]),
        ] {
            let mut draft = Draft::new(built(steps), Default::default());
            recognize(&mut draft);
            assert_eq!(operators(&draft.graph), expected);
        }
    }

    #[test]
    fn what_others_read_stays() {
        let mut builder = Builder::new(Layout::ChannelsLast, [1, 4, 4, 3]);
        let x = builder.conv("image", 4, [1, 1], [1, 1]);
        let sigmoid = builder.unary(&x, RawOp::Sigmoid);
        let swish = builder.node(RawOp::Mul, &[&x, &sigmoid]);
        builder.node(RawOp::Add, &[&swish, &sigmoid]);
        let mut draft = Draft::new(builder.finish(), Default::default());
        recognize(&mut draft);
        assert_eq!(operators(&draft.graph), ["Conv", "Sigmoid", "Mul", "Add"]);
    }
}
