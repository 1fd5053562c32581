//! Layers with weights.

use super::super::graph::Builder;
use super::super::model::Operator;
use super::super::values::Order;
use super::{Step, Stop, Taken};
use crate::import::raw::RawOp;

/// `CONV_2D`: its kernel is `[outputs, rows, columns, inputs of one group]`, as ours.
pub fn conv(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let [_, _, _, inputs] = kernel(builder, operator)?;
    let channels = channels(builder, operator)?;
    if inputs == 0 || !channels.is_multiple_of(inputs) {
        return Err(Stop::refused(format!("a kernel of {inputs} channels over a map of {channels}")));
    }
    let op = RawOp::Conv {
        stride: [operator.count(2, 0, "stride")?, operator.count(1, 0, "stride")?],
        dilation: [operator.count(5, 1, "dilation")?, operator.count(4, 1, "dilation")?],
        padding: operator.padding(0)?,
        groups: channels / inputs,
    };
    finish(builder, operator, op, Order::Same, 3)
}

/// `DEPTHWISE_CONV_2D`: its kernel is `[1, rows, columns, outputs]`; outputs of one channel lie side by side, as those of
/// a group do.
pub fn depthwise(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let [one, _, _, outputs] = kernel(builder, operator)?;
    let channels = channels(builder, operator)?;
    if one != 1 || channels == 0 || !outputs.is_multiple_of(channels) {
        return Err(Stop::refused(format!("{one} kernels of {outputs} channels over a map of {channels}")));
    }
    let op = RawOp::Conv {
        stride: [operator.count(2, 0, "stride")?, operator.count(1, 0, "stride")?],
        dilation: [operator.count(6, 1, "dilation")?, operator.count(5, 1, "dilation")?],
        padding: operator.padding(0)?,
        groups: channels,
    };
    finish(builder, operator, op, Order::Depthwise, 4)
}

/// `FULLY_CONNECTED`: its matrix is `[outputs, inputs]`. Unless it keeps the axes of its input, it reads rows of
/// `inputs` values, whatever the axes are.
pub fn dense(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    if operator.option(1, 0_i8)? != 0 {
        return Err(Stop::refused("weights in an order for one kind of processor"));
    }
    let &[outputs, inputs] = weights(builder, operator)? else {
        return Err(Stop::refused("weights that are no matrix"));
    };
    let (Some(inputs), Some(_)) = (inputs, outputs) else {
        return Err(Stop::refused("a matrix of an open size"));
    };
    let (input, keeps) = (operator.input(0)?, operator.flag(2)?);
    let dims = builder.dims(input);
    let is_rows = dims.last() == Some(&Some(inputs));
    let steps = finish(builder, operator, RawOp::Dense, Order::Same, 0)?;
    match (is_rows, keeps, builder.dims(input).len()) {
        (true, true, _) | (true, false, 2) => Ok(steps),
        (false, true, _) => Err(Stop::refused(format!("a matrix of {inputs} inputs over another last axis"))),
        (_, false, _) => {
            let rows = i64::try_from(inputs).unwrap_or(i64::MAX);
            let op = RawOp::Reshape { dims: vec![-1, rows] };
            let operator = "RESHAPE".to_owned();
            let flat = Step { operator, op, inputs: vec![builder.operand(input)?], is_main: false };
            Ok([flat].into_iter().chain(steps).collect())
        }
    }
}

/// Size of the weights, which must be in the file.
fn weights<'b>(builder: &'b Builder, operator: &Operator) -> Taken<&'b [Option<usize>]> {
    let weights = builder.constant(operator.input(1)?);
    weights.map(|weights| &weights.dims[..]).ok_or_else(|| Stop::refused("weights that the network computes"))
}

/// Size of a convolution's kernel.
fn kernel(builder: &Builder, operator: &Operator) -> Taken<[usize; 4]> {
    match weights(builder, operator)? {
        &[Some(a), Some(b), Some(c), Some(d)] => Ok([a, b, c, d]),
        other => Err(Stop::refused(format!("a kernel of {} axes or of an open size", other.len()))),
    }
}

fn channels(builder: &Builder, operator: &Operator) -> Taken<usize> {
    let last = builder.dims(operator.input(0)?).last().copied().flatten();
    last.ok_or_else(|| Stop::refused("a map whose number of channels is open"))
}

/// The layer with its weights, its bias, and the activation behind it.
fn finish(
    builder: &mut Builder,
    operator: &Operator,
    op: RawOp,
    order: Order,
    fused: usize,
) -> Taken<Vec<Step>> {
    let (input, weights) = (operator.input(0)?, operator.input(1)?);
    let mut inputs = vec![builder.operand(input)?, builder.place(weights, order, None)?];
    if let Some(bias) = operator.optional(2) {
        let Some(found) = builder.constant(bias) else {
            return Err(Stop::refused("a bias that the network computes"));
        };
        let has_scales = found.scales.len() > 0;
        let scales = if has_scales { None } else { builder.product_scales(input, weights)? };
        inputs.push(builder.place(bias, Order::Same, scales.as_deref())?);
    }
    Ok([operator.step(op, inputs)].into_iter().chain(operator.fused(fused)?).collect())
}
