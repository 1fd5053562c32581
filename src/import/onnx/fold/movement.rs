//! Constants whose values stand in another order: transposed, sliced, joined, spread out.

use crate::import::onnx::constants::Constants;
use crate::import::onnx::error::Trouble;
use crate::import::onnx::node::Node;
use crate::import::onnx::shapes::place;
use crate::import::onnx::tensor::{Data, Tensor, product};
use crate::onnx_proto::DataType;

/// What a node that only moves values makes of constants; `None` for other nodes.
pub fn moved(node: &Node, constants: &mut Constants) -> Result<Option<Tensor>, Trouble> {
    if node.proto.op_type == "ConstantOfShape" {
        return filled(node, constants).map(Some);
    }
    let known =
        ["Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Slice", "Gather", "Concat", "Expand"];
    if !known.contains(&node.proto.op_type.as_str()) {
        return Ok(None);
    }
    let tensor = constants.get(node.needs(0)?)?;
    let with_dims = |dims: Vec<usize>| Tensor { dims, ..(*tensor).clone() };
    Ok(Some(match node.proto.op_type.as_str() {
        "Reshape" => {
            let dims = constants.get(node.needs(1)?)?;
            with_dims(reshaped(&tensor.dims, dims.as_integers()?, node.int("allowzero", 0) != 0)?)
        }
        "Squeeze" => with_dims(squeezed(&tensor.dims, axes(node, constants)?.as_deref())?),
        "Unsqueeze" => {
            let axes = axes(node, constants)?.ok_or("without axes")?;
            with_dims(unsqueezed(&tensor.dims, &axes)?)
        }
        "Flatten" => {
            let axis = node.int("axis", 1);
            let rank = tensor.dims.len();
            let at = if usize::try_from(axis) == Ok(rank) { Some(rank) } else { place(axis, rank) };
            let (before, after) = tensor.dims.split_at(at.ok_or("over an axis that is not there")?);
            with_dims(vec![product(before).unwrap_or(0), product(after).unwrap_or(0)])
        }
        "Transpose" => {
            let order = order(node, tensor.dims.len())?;
            constants.allow(&tensor.dims, tensor.data.unit())?;
            permuted(&tensor, &order)?
        }
        "Slice" => sliced(&tensor, node, constants)?,
        "Gather" => gathered(&tensor, node, constants)?,
        "Concat" => joined(node, constants)?,
        _ => {
            let wanted = constants.get(node.needs(1)?)?;
            let wanted = sizes(wanted.as_integers()?)?;
            // A size of 1 keeps what is there.
            let rank = wanted.len().max(tensor.dims.len());
            let size = |dims: &[usize], at: usize| {
                (at + dims.len()).checked_sub(rank).and_then(|at| dims.get(at)).copied().unwrap_or(1)
            };
            let dims: Vec<usize> = (0..rank)
                .map(|at| match size(&wanted, at) {
                    1 => size(&tensor.dims, at),
                    wanted => wanted,
                })
                .collect();
            constants.allow(&dims, tensor.data.unit())?;
            expanded(&tensor, &dims)?
        }
    }))
}

/// Axes as an attribute, or as an input since version 13.
pub fn axes(node: &Node, constants: &mut Constants) -> Result<Option<Vec<i64>>, Trouble> {
    if let Some(axes) = node.ints("axes") {
        return Ok(Some(axes.to_vec()));
    }
    match node.input(1) {
        Some(name) => Ok(Some(constants.get(name)?.as_integers()?.to_vec())),
        None => Ok(None),
    }
}

/// The order of a `Transpose`.
pub fn order(node: &Node, rank: usize) -> Result<Vec<usize>, Trouble> {
    let Some(order) = node.ints("perm").filter(|order| !order.is_empty()) else {
        return Ok((0..rank).rev().collect());
    };
    let axes: Option<Vec<usize>> = order.iter().map(|&axis| place(axis, order.len())).collect();
    let complete = |axes: &Vec<usize>| (0..rank).all(|axis| axes.contains(&axis)) && axes.len() == rank;
    axes.filter(complete).ok_or_else(|| format!("with {order:?}, which is no order of {rank} axes").into())
}

/// A tensor with its axes in another order, which must be a permutation.
pub fn permuted(tensor: &Tensor, order: &[usize]) -> Result<Tensor, Trouble> {
    let steps = steps(&tensor.dims);
    let axes: Option<Vec<(usize, isize)>> =
        order.iter().map(|&axis| Some((*tensor.dims.get(axis)?, *steps.get(axis)?))).collect();
    view(tensor, 0, &axes.ok_or("over axes that are not there")?)
}

/// A tensor spread out to a size with which it matches.
pub fn expanded(tensor: &Tensor, dims: &[usize]) -> Result<Tensor, Trouble> {
    let steps = steps(&tensor.dims);
    let missing = dims.len().checked_sub(tensor.dims.len()).ok_or("to fewer axes")?;
    let axis = |(at, &size): (usize, &usize)| {
        let Some(own) = at.checked_sub(missing) else { return Some((size, 0)) };
        match *tensor.dims.get(own)? {
            1 => Some((size, 0)),
            there => (there == size).then_some((size, *steps.get(own)?)),
        }
    };
    let axes: Option<Vec<(usize, isize)>> = dims.iter().enumerate().map(axis).collect();
    view(tensor, 0, &axes.ok_or_else(|| format!("of {:?} to {dims:?}, which do not match", tensor.dims))?)
}

/// Values between neighbours along each axis.
fn steps(dims: &[usize]) -> Vec<isize> {
    let mut steps = vec![0; dims.len()];
    let mut step = 1_usize;
    for (slot, &size) in steps.iter_mut().zip(dims).rev() {
        *slot = isize::try_from(step).unwrap_or(isize::MAX);
        step = step.saturating_mul(size.max(1));
    }
    steps
}

/// The values at `start` plus steps along axes, each with a size and the distance of its neighbours.
fn view(tensor: &Tensor, start: usize, axes: &[(usize, isize)]) -> Result<Tensor, Trouble> {
    let dims: Vec<usize> = axes.iter().map(|&(size, _)| size).collect();
    let count = product(&dims).ok_or("larger than can be counted")?;
    let mut index = vec![0_usize; axes.len()];
    let mut at = isize::try_from(start).unwrap_or(isize::MAX);
    let places = (0..count).map(|_| {
        let here = usize::try_from(at).unwrap_or(usize::MAX);
        for (place, &(size, step)) in index.iter_mut().zip(axes).rev() {
            *place += 1;
            at = at.wrapping_add(step);
            if *place < size {
                break;
            }
            at = at.wrapping_sub(step.wrapping_mul(isize::try_from(*place).unwrap_or_default()));
            *place = 0;
        }
        here
    });
    let data = tensor.data.pick(places).ok_or("of values that are not there")?;
    Ok(Tensor { dims, data, element: tensor.element })
}

/// Sizes that are all known and not negative.
fn sizes(values: &[i64]) -> Result<Vec<usize>, Trouble> {
    let sizes: Option<Vec<usize>> = values.iter().map(|&size| usize::try_from(size).ok()).collect();
    sizes.ok_or_else(|| format!("to the size {values:?}").into())
}

fn reshaped(from: &[usize], to: &[i64], zero_is_size: bool) -> Result<Vec<usize>, Trouble> {
    let failed = || Trouble::Reason(format!("of constants {from:?} to {to:?}"));
    let count = product(from).ok_or_else(failed)?;
    let mut dims = Vec::with_capacity(to.len());
    for (at, &size) in to.iter().enumerate() {
        dims.push(match size {
            0 if !zero_is_size => *from.get(at).ok_or_else(failed)?,
            -1 => 1,
            size => usize::try_from(size).map_err(|_| failed())?,
        });
    }
    let others = product(&dims).ok_or_else(failed)?;
    let mut rests = to.iter().zip(&mut dims).filter(|(size, _)| **size == -1);
    if let Some((_, rest)) = rests.next() {
        *rest = count.checked_div(others).ok_or_else(failed)?;
        if rests.next().is_some() {
            return Err(failed());
        }
    }
    if product(&dims) == Some(count) { Ok(dims) } else { Err(failed()) }
}

fn squeezed(dims: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>, Trouble> {
    let Some(axes) = axes else { return Ok(dims.iter().copied().filter(|&size| size != 1).collect()) };
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| place(axis, dims.len())).collect();
    let axes = axes.ok_or("over axes that are not there")?;
    if axes.iter().any(|&axis| dims.get(axis) != Some(&1)) {
        return Err("of axes that are not of size 1".into());
    }
    Ok(dims.iter().enumerate().filter(|(at, _)| !axes.contains(at)).map(|(_, &size)| size).collect())
}

fn unsqueezed(dims: &[usize], axes: &[i64]) -> Result<Vec<usize>, Trouble> {
    let rank = dims.len() + axes.len();
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| place(axis, rank)).collect();
    let axes = axes.ok_or("over axes that are not there")?;
    let mut old = dims.iter().copied();
    let size = |at: usize| if axes.contains(&at) { Some(1) } else { old.next() };
    let result: Option<Vec<usize>> = (0..rank).map(size).collect();
    result.filter(|_| old.next().is_none()).ok_or_else(|| "over one axis twice".into())
}

fn sliced(tensor: &Tensor, node: &Node, constants: &mut Constants) -> Result<Tensor, Trouble> {
    let mut list = |attribute: &str, input: usize| -> Result<Option<Vec<i64>>, Trouble> {
        match (node.ints(attribute), node.input(input)) {
            (Some(values), _) => Ok(Some(values.to_vec())),
            (None, Some(name)) => Ok(Some(constants.get(name)?.as_integers()?.to_vec())),
            (None, None) => Ok(None),
        }
    };
    let starts = list("starts", 1)?.ok_or("without starts")?;
    let ends = list("ends", 2)?.ok_or("without ends")?;
    let axes = list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let by = list("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    let mut view_axes: Vec<(usize, isize)> = tensor.dims.iter().copied().zip(steps(&tensor.dims)).collect();
    let mut first = 0_isize;
    for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&by) {
        let at = place(axis, tensor.dims.len()).ok_or("over an axis that is not there")?;
        let slot = view_axes.get_mut(at).ok_or("over an axis that is not there")?;
        let size = i64::try_from(slot.0).map_err(|_| "of a tensor that is too large")?;
        let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
        let (start, count) = if step > 0 {
            let (start, end) = (from_end(start).clamp(0, size), from_end(end).clamp(0, size));
            (start, (end - start).max(0).unsigned_abs().div_ceil(step.unsigned_abs()))
        } else if step < 0 && size > 0 {
            let (start, end) = (from_end(start).clamp(0, size - 1), from_end(end).clamp(-1, size - 1));
            (start, (start - end).max(0).unsigned_abs().div_ceil(step.unsigned_abs()))
        } else {
            return Err(format!("by steps of {step}").into());
        };
        let start = isize::try_from(start).unwrap_or_default();
        first = first.wrapping_add(start.wrapping_mul(slot.1));
        let step = isize::try_from(step.clamp(-size.max(1), size.max(1))).unwrap_or(1);
        *slot = (usize::try_from(count).unwrap_or_default(), slot.1.wrapping_mul(step));
    }
    let dims: Vec<usize> = view_axes.iter().map(|&(size, _)| size).collect();
    constants.allow(&dims, tensor.data.unit())?;
    view(tensor, usize::try_from(first).map_err(|_| "of values that are not there")?, &view_axes)
}

fn gathered(tensor: &Tensor, node: &Node, constants: &mut Constants) -> Result<Tensor, Trouble> {
    let indices = constants.get(node.needs(1)?)?;
    let axis = place(node.int("axis", 0), tensor.dims.len()).ok_or("over an axis that is not there")?;
    let (before, rest) = tensor.dims.split_at(axis);
    let (&size, after) = rest.split_first().ok_or("of a single number")?;
    let dims = [before, &indices.dims, after].concat();
    constants.allow(&dims, tensor.data.unit())?;
    let chosen: Option<Vec<usize>> = indices.as_integers()?.iter().map(|&index| place(index, size)).collect();
    let chosen = chosen.ok_or("of values that are not there")?;
    let [outer, inner] = [before, after].map(|dims| product(dims).unwrap_or(0));
    let places = (0..outer).flat_map(|at| {
        chosen.iter().flat_map(move |index| {
            let start = (at * size + index) * inner;
            start..start + inner
        })
    });
    let data = tensor.data.pick(places).ok_or("of values that are not there")?;
    Ok(Tensor { dims, data, element: tensor.element })
}

fn joined(node: &Node, constants: &mut Constants) -> Result<Tensor, Trouble> {
    let mut parts = Vec::new();
    for name in node.proto.input.iter().filter(|name| !name.is_empty()) {
        parts.push(constants.get(name)?);
    }
    let first = parts.first().ok_or("of nothing")?;
    let axis = place(node.int("axis", 0), first.dims.len()).ok_or("over an axis that is not there")?;
    let (mut dims, element) = (first.dims.clone(), first.element);
    let alike = |dims: &[usize]| {
        dims.len() == first.dims.len()
            && dims.iter().zip(&first.dims).enumerate().all(|(at, (a, b))| at == axis || a == b)
    };
    if !parts.iter().all(|part| alike(&part.dims)) {
        return Err("of constants whose sizes do not match".into());
    }
    let sum = parts
        .iter()
        .filter_map(|part| part.dims.get(axis))
        .try_fold(0_usize, |sum, size| sum.checked_add(*size));
    if let (Some(slot), Some(sum)) = (dims.get_mut(axis), sum) {
        *slot = sum;
    }
    let real = parts.iter().all(|part| matches!(part.data, Data::Floats(_)));
    let count = constants.allow(&dims, if real { 1 } else { 4 })?;
    let outer = product(dims.get(..axis).unwrap_or_default()).unwrap_or(0);
    let runs: Vec<usize> = parts.iter().map(|part| part.data.len().checked_div(outer).unwrap_or(0)).collect();
    let places = || {
        (0..outer)
            .flat_map(|at| parts.iter().zip(&runs).map(move |(part, &run)| (part, at * run..(at + 1) * run)))
    };
    if real {
        let mut values: Vec<f32> = Vec::with_capacity(count);
        for (part, range) in places() {
            if let Data::Floats(own) = &part.data {
                values.extend(own.get(range).unwrap_or_default());
            }
        }
        return Ok(Tensor { dims, data: Data::Floats(values), element });
    }
    let mut values: Vec<Option<i64>> = Vec::with_capacity(count);
    for (part, range) in places() {
        match &part.data {
            Data::Integers(own) => {
                values.extend(own.get(range).unwrap_or_default().iter().copied().map(Some))
            }
            Data::Sizes(own) => values.extend(own.get(range).unwrap_or_default()),
            Data::Floats(_) => return Err("of integers and real numbers together".into()),
        }
    }
    Ok(Tensor { element, ..Tensor::sizes(dims, values) })
}

fn filled(node: &Node, constants: &mut Constants) -> Result<Tensor, Trouble> {
    let dims = constants.get(node.needs(0)?)?;
    let dims = sizes(dims.as_integers()?)?;
    let count = constants.allow(&dims, 2)?;
    let zero = Tensor::floats(vec![1], vec![0.0]);
    let value = match node.tensor("value") {
        Some(proto) => {
            let header = crate::import::onnx::tensor::header(proto)?;
            constants.allow(&header.dims, 2)?;
            crate::import::onnx::tensor::decode(proto, header, false)?
        }
        None => zero,
    };
    let element = if matches!(value.data, Data::Floats(_)) { DataType::Float } else { value.element };
    let data = match value.data {
        Data::Floats(values) => Data::Floats(vec![values.first().copied().unwrap_or_default(); count]),
        Data::Integers(values) => Data::Integers(vec![values.first().copied().unwrap_or_default(); count]),
        Data::Sizes(_) => return Err("filled with what is not known".into()),
    };
    Ok(Tensor { dims, data, element })
}
