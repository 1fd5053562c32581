//! Operators that know of nothing but axes and sizes.

use super::super::graph::Builder;
use super::super::model::{MOST_AXES, Operator};
use super::{Step, Stop, Taken};
use crate::import::raw::RawOp;

/// `MEAN` over axes that are in the file.
pub fn mean(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let op = RawOp::Mean { axes: fixed(builder, operator.input(1)?)?, keep: operator.flag(0)? };
    one(builder, operator, op)
}

/// `PAD`, `PADV2`: `[before, after]` for each axis; the value is zero or a third input.
pub fn pad(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let counts = fixed(builder, operator.input(1)?)?;
    if counts.len() % 2 != 0 || counts.iter().any(|count| *count < 0) {
        return Err(Stop::refused(format!("padding of {counts:?}")));
    }
    let pads = counts.chunks_exact(2).filter_map(|pair| pair.first_chunk().copied()).collect();
    let value = operator.optional(2).map(|value| builder.number(value)).transpose()?.unwrap_or(0.0);
    one(builder, operator, RawOp::Pad { pads, value })
}

/// `RESHAPE` to a shape that is an input, or an option in old files.
pub fn reshape(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let wanted = match (operator.optional(1), operator.options) {
        (Some(shape), _) => builder.sizes(shape)?,
        (None, Some(options)) => {
            let shape = options.scalars::<i32>(0)?;
            if shape.len() > MOST_AXES {
                return Err(Stop::refused(format!("a shape of {} axes", shape.len())));
            }
            Some(shape.iter().map(|size| Some(size.into())).collect())
        }
        (None, None) => None,
    };
    let wanted = wanted.ok_or_else(|| Stop::refused("a shape that the network computes"))?;
    let op = shape(wanted.into_iter().map(|size| size.filter(|size| *size != -1)))?;
    one(builder, operator, op)
}

/// `SQUEEZE`: takes axes of size 1 away, all of them if none are named.
pub fn squeeze(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let dims = builder.dims(operator.input(0)?).to_vec();
    let named = match operator.options {
        Some(options) => options.scalars::<i32>(0)?,
        None => Default::default(),
    };
    let mut gone = [false; MOST_AXES];
    if named.len() > MOST_AXES {
        return Err(Stop::refused(format!("{} axes to squeeze", named.len())));
    }
    for axis in named.iter() {
        let place = axis_of(axis.into(), dims.len())?;
        match (gone.get_mut(place), dims.get(place)) {
            (Some(gone), Some(Some(1))) => *gone = true,
            _ => return Err(Stop::refused(format!("axis {axis} to squeeze, which is not of size 1"))),
        }
    }
    if named.len() == 0 {
        gone.iter_mut().zip(&dims).for_each(|(gone, size)| *gone = *size == Some(1));
    }
    let left = dims.iter().zip(gone).filter(|(_, gone)| !gone);
    let op = shape(left.map(|(size, _)| size.and_then(|size| i64::try_from(size).ok())))?;
    one(builder, operator, op)
}

/// `EXPAND_DIMS`: another axis of size 1.
pub fn expand(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let dims = builder.dims(operator.input(0)?).to_vec();
    let &[axis] = &fixed(builder, operator.input(1)?)?[..] else {
        return Err(Stop::refused("more than one axis"));
    };
    let place = axis_of(axis, dims.len() + 1)?;
    let mut sizes: Vec<_> = dims.iter().map(|size| size.and_then(|size| i64::try_from(size).ok())).collect();
    sizes.insert(place, Some(1));
    one(builder, operator, shape(sizes.into_iter())?)
}

/// `BROADCAST_TO` a shape of which only the batch's size may be open.
pub fn broadcast(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let sizes = builder.sizes(operator.input(1)?)?;
    let sizes = sizes.ok_or_else(|| Stop::refused("a shape that the network computes"))?;
    let dims = sizes.into_iter().map(|size| size.unwrap_or(-1)).collect();
    one(builder, operator, RawOp::Expand { dims })
}

/// `TRANSPOSE` to an order that is in the file.
pub fn transpose(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let listed = fixed(builder, operator.input(1)?)?;
    let order = listed.iter().map(|axis| axis_of(*axis, listed.len())).collect::<Taken<Vec<_>>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted.iter().enumerate().any(|(axis, found)| axis != *found) {
        return Err(Stop::refused(format!("axes {listed:?}, of which one comes twice")));
    }
    one(builder, operator, RawOp::Transpose { order })
}

/// A node that reads the operator's first input.
fn one(builder: &mut Builder, operator: &Operator, op: RawOp) -> Taken<Vec<Step>> {
    let input = builder.operand(operator.input(0)?)?;
    Ok(vec![operator.step(op, vec![input])])
}

/// Integers that must be known.
fn fixed(builder: &Builder, tensor: usize) -> Taken<Vec<i64>> {
    let sizes = builder.sizes(tensor)?.and_then(|sizes| sizes.into_iter().collect());
    sizes.ok_or_else(|| Stop::refused("axes or sizes that the network computes"))
}

/// A shape of which at most one size is open.
fn shape(sizes: impl Iterator<Item = Option<i64>>) -> Taken<RawOp> {
    let dims: Vec<i64> = sizes.map(|size| size.unwrap_or(-1)).collect();
    let open = dims.iter().filter(|size| **size == -1).count();
    if dims.is_empty() || open > 1 || dims.iter().any(|size| *size == 0 || *size < -1) {
        return Err(Stop::refused(format!("a shape of {dims:?}")));
    }
    Ok(RawOp::Reshape { dims })
}

/// An axis out of `axes`; counted from the end below zero.
fn axis_of(axis: i64, axes: usize) -> Taken<usize> {
    let count = i64::try_from(axes).unwrap_or(i64::MAX);
    let place = if axis < 0 { axis.saturating_add(count) } else { axis };
    let place = usize::try_from(place).ok().filter(|place| *place < axes);
    place.ok_or_else(|| Stop::refused(format!("axis {axis} of {axes}")))
}
