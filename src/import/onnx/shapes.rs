//! Sizes of tensors that are computed, as far as they follow from those of the inputs.

use crate::import::raw::{RawOp, RawPadding, RawWindow};

/// Sizes, the batch first; `None` for one that is open.
pub type Shape = Vec<Option<usize>>;

/// Size of what an operation writes; `None` if nothing is known of it. `inputs` are in the order of the node's.
pub fn written(op: &RawOp, inputs: &[Option<Shape>]) -> Option<Shape> {
    let first = || inputs.first().cloned().flatten();
    match op {
        RawOp::Conv { stride, dilation, padding, .. } => {
            let [batch, _, rows, columns] = <[_; 4]>::try_from(first()?).ok()?;
            let [outputs, high, wide, _] = <[_; 4]>::try_from(inputs.get(1).cloned().flatten()?).ok()?;
            let size = |size: Option<usize>, kernel: Option<usize>, axis: usize| {
                let (stride, dilation) = (*stride.get(axis)?, *dilation.get(axis)?);
                let reach = kernel?.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
                slid(size?, reach, stride, *padding, axis, false)
            };
            Some(vec![batch, outputs, size(rows, high, 0), size(columns, wide, 1)])
        }
        RawOp::MaxPool(window) | RawOp::AvgPool { window, .. } => {
            let [batch, channels, rows, columns] = <[_; 4]>::try_from(first()?).ok()?;
            let RawWindow { kernel, stride, padding, ceil } = window;
            let size = |size: Option<usize>, axis: usize| {
                slid(size?, *kernel.get(axis)?, *stride.get(axis)?, *padding, axis, *ceil)
            };
            Some(vec![batch, channels, size(rows, 0), size(columns, 1)])
        }
        RawOp::Dense => {
            let mut shape = first()?;
            let matrix = inputs.get(1).cloned().flatten()?;
            *shape.last_mut()? = *matrix.first()?;
            Some(shape)
        }
        RawOp::Add | RawOp::Sub | RawOp::Mul | RawOp::Div => {
            matched(&first()?, &inputs.get(1).cloned().flatten()?)
        }
        RawOp::Mean { axes, keep } => {
            let shape = first()?;
            let axes: Option<Vec<usize>> = axes.iter().map(|&axis| place(axis, shape.len())).collect();
            let axes = axes?;
            let kept = |(at, size): (usize, Option<usize>)| match axes.contains(&at) {
                true => keep.then_some(Some(1)),
                false => Some(size),
            };
            Some(shape.into_iter().enumerate().filter_map(kept).collect())
        }
        RawOp::Pad { pads, .. } => {
            let sizes = first()?.into_iter().zip(pads);
            let padded = |(size, [before, after]): (Option<usize>, &[i64; 2])| {
                i64::try_from(size?).ok()?.checked_add(*before)?.checked_add(*after)?.try_into().ok()
            };
            Some(sizes.map(padded).collect())
        }
        RawOp::Reshape { dims } => reshaped(inputs.first()?.as_deref(), dims),
        RawOp::Expand { dims } => {
            let open = |&size: &i64| if size == -1 { Some(1) } else { usize::try_from(size).ok() };
            matched(&first()?, &dims.iter().map(open).collect())
        }
        RawOp::Transpose { order } => {
            let shape = first()?;
            order.iter().map(|&axis| shape.get(axis).copied()).collect()
        }
        RawOp::Concat { axis } => {
            let shapes: Option<Vec<&Shape>> = inputs.iter().map(Option::as_ref).collect();
            let shapes = shapes?;
            let mut shape = first()?;
            let at = place(*axis, shape.len())?;
            let sizes = shapes.iter().map(|other| other.get(at).copied().flatten());
            let sum = sizes.reduce(|sum, size| sum?.checked_add(size?)).flatten();
            *shape.get_mut(at)? = sum;
            Some(shape)
        }
        RawOp::Unsupported { .. } => None,
        _ => first(),
    }
}

/// An axis that may count from the end.
pub fn place(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis.checked_add(i64::try_from(rank).ok()?)? } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// Places of a window along an axis.
fn slid(
    size: usize,
    reach: usize,
    stride: usize,
    padding: RawPadding,
    axis: usize,
    ceil: bool,
) -> Option<usize> {
    let pads = match padding {
        RawPadding::Explicit(pads) => pads.get(axis)?.checked_add(*pads.get(axis + 2)?)?,
        RawPadding::Same | RawPadding::SameLower => return Some(size.div_ceil(stride.max(1))),
    };
    let steps = size.checked_add(pads)?.checked_sub(reach)?;
    let steps = if ceil { steps.div_ceil(stride.max(1)) } else { steps / stride.max(1) };
    steps.checked_add(1)
}

/// Sizes matched from the last, as in NumPy.
fn matched(a: &Shape, b: &Shape) -> Option<Shape> {
    let rank = a.len().max(b.len());
    let size = |shape: &Shape, at: usize| match (at + shape.len()).checked_sub(rank) {
        Some(at) => shape.get(at).copied().flatten(),
        None => Some(1),
    };
    (0..rank)
        .map(|at| match (size(a, at), size(b, at)) {
            (Some(1), other) | (other, Some(1)) => Some(other),
            (None, other) | (other, None) => Some(other),
            (Some(a), Some(b)) => (a == b).then_some(Some(a)),
        })
        .collect()
}

/// What a reshape makes of a size, which may be unknown.
fn reshaped(shape: Option<&[Option<usize>]>, dims: &[i64]) -> Option<Shape> {
    let size = |(at, &size): (usize, &i64)| match size {
        0 => shape?.get(at).copied().flatten(),
        -1 => None,
        size => usize::try_from(size).ok(),
    };
    let mut result: Shape = dims.iter().enumerate().map(size).collect();
    let Some(rest) = dims.iter().position(|&size| size == -1) else { return Some(result) };
    let Some(shape) = shape else { return Some(result) };
    // What is open on both sides at the same place is the same and cancels out.
    let copied = |at: usize| dims.get(at) == Some(&0);
    let mut rests = shape.iter().enumerate().filter(|(at, _)| !copied(*at)).map(|(_, size)| *size);
    let all = rests.try_fold(1_usize, |product, size| product.checked_mul(size?));
    let mut others = dims.iter().filter(|&&size| size > 0).map(|&size| usize::try_from(size).ok());
    let others = others.try_fold(1_usize, |product, size| product.checked_mul(size?));
    if let (Some(all), Some(others), Some(slot)) = (all, others, result.get_mut(rest)) {
        *slot = all.checked_div(others).filter(|quotient| quotient.checked_mul(others) == Some(all));
    }
    Some(result)
}

/// The dims of a [`RawOp::Reshape`] from one size to another.
///
/// `None` if they do not say it: two sizes are open that are not those of the input at their place.
pub fn reshape(from: &[Option<usize>], to: &[Option<usize>]) -> Option<Vec<i64>> {
    let mut rest = false;
    let mut dims = Vec::with_capacity(to.len());
    for (at, size) in to.iter().enumerate() {
        dims.push(match size {
            Some(size) if *size > 0 => i64::try_from(*size).ok()?,
            Some(_) => return None,
            None if from.get(at) == Some(&None) => 0,
            None if !rest => {
                rest = true;
                -1
            }
            None => return None,
        });
    }
    Some(dims)
}
