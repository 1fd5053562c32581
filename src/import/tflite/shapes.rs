//! Sizes that a network computes of the sizes of its maps, as the converter writes them where the batch is open.

use super::graph::Builder;
use super::model::{MOST_AXES, Operator};
use super::ops::Taken;

/// Sizes; `None` is one that is open.
type Sizes = Vec<Option<i64>>;

/// What an operator of sizes gives, if it is one and its inputs are known.
pub fn fold(builder: &Builder, operator: &Operator) -> Taken<Option<Sizes>> {
    match operator.name.as_str() {
        "SHAPE" => Ok(shape(builder, operator)),
        "STRIDED_SLICE" => slice(builder, operator),
        "PACK" => pack(builder, operator),
        _ => Ok(None),
    }
}

fn shape(builder: &Builder, operator: &Operator) -> Option<Sizes> {
    let &[Some(input)] = &operator.inputs[..] else { return None };
    let size = |size: &Option<usize>| size.and_then(|size| i64::try_from(size).ok());
    Some(builder.dims(input).iter().map(size).collect())
}

/// Some of a list, or one of them.
fn slice(builder: &Builder, operator: &Operator) -> Taken<Option<Sizes>> {
    let &[Some(input), Some(begin), Some(end), Some(step)] = &operator.inputs[..] else { return Ok(None) };
    // Slices of maps are layers.
    if !builder.is_size(input) {
        return Ok(None);
    }
    let one = |tensor| match builder.sizes(tensor)?.as_deref() {
        Some(&[Some(value)]) => Ok(Some(value)),
        _ => Taken::Ok(None),
    };
    let (Some(sizes), Some(begin), Some(end), Some(1)) =
        (builder.sizes(input)?, one(begin)?, one(end)?, one(step)?)
    else {
        return Ok(None);
    };
    let masks = [0, 1, 2, 3, 4].map(|field| operator.option(field, 0_i32));
    let [Ok(begin_mask), Ok(end_mask), Ok(0), Ok(0), Ok(shrink)] = masks else { return Ok(None) };
    let count = sizes.len() as i64;
    // As in Python: from the end below zero, never out of the list.
    let place = |index: i64| (if index < 0 { index.saturating_add(count) } else { index }).clamp(0, count);
    let first = if begin_mask & 1 == 0 { place(begin) } else { 0 };
    let last = match (shrink & 1 == 0, end_mask & 1 == 0) {
        (false, _) => (first + 1).min(count),
        (true, true) => place(end),
        (true, false) => count,
    };
    let range = usize::try_from(first).unwrap_or(0)..usize::try_from(last).unwrap_or(0);
    Ok(sizes.get(range).map(<[_]>::to_vec))
}

/// Single numbers as a list.
fn pack(builder: &Builder, operator: &Operator) -> Taken<Option<Sizes>> {
    if operator.inputs.is_empty()
        || operator.inputs.len() > MOST_AXES
        || operator.option(1, 0_i32)? != 0
        || !operator.inputs.iter().flatten().any(|input| builder.is_size(*input))
    {
        return Ok(None);
    }
    let mut packed = Vec::new();
    for input in &operator.inputs {
        let Some(input) = *input else { return Ok(None) };
        let Some(&[size]) = builder.sizes(input)?.as_deref() else { return Ok(None) };
        packed.push(size);
    }
    Ok(Some(packed))
}
