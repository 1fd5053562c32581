//! The same values in another shape or order, joined, or as they are.

use super::window::axes;
use crate::import::onnx::error::Trouble;
use crate::import::onnx::fold;
use crate::import::onnx::node::Node;
use crate::import::onnx::reader::{Made, Reader};
use crate::import::onnx::shapes::{self, Shape, place};
use crate::import::raw::RawOp;
use crate::onnx_proto::DataType;

/// A node that moves values; integers stay what they were.
fn moved(node: &Node, op: RawOp, reader: &mut Reader) -> Result<Made, Trouble> {
    let name = node.needs(0)?;
    let quantizer = reader.integers(name).map(|(_, quantizer)| quantizer);
    Ok(Made { op, inputs: vec![reader.activation(name)?], quantizer })
}

/// `Reshape`, with a constant shape or one that names the batch's size.
pub fn reshape(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let wanted = node.needs(1)?;
    if !reader.constants.contains(wanted) {
        return Err("a shape that is known only when it runs".into());
    }
    let sizes = reader.constants.get(wanted)?.as_sizes()?;
    if node.int("allowzero", 0) != 0 && sizes.contains(&Some(0)) {
        return Err("a shape without elements".into());
    }
    let from = reader.shape(node.needs(0)?);
    let mut dims = Vec::with_capacity(sizes.len());
    for (at, size) in sizes.iter().enumerate() {
        let copies = || from.as_ref().is_none_or(|from| from.get(at) == Some(&None));
        dims.push(match size {
            Some(size) if *size >= -1 => *size,
            Some(size) => return Err(format!("a shape with a size of {size}").into()),
            None if copies() => 0,
            None => -1,
        });
    }
    if dims.iter().filter(|&&size| size == -1).count() > 1 {
        return Err("a shape with two open sizes".into());
    }
    moved(node, RawOp::Reshape { dims }, reader)
}

/// Moves values to a shape of which all is known that must be.
fn reshaped(node: &Node, from: &Shape, to: &Shape, reader: &mut Reader) -> Result<Made, Trouble> {
    let dims = shapes::reshape(from, to).ok_or("a shape with two open sizes")?;
    moved(node, RawOp::Reshape { dims }, reader)
}

/// The size of the first input.
fn size(node: &Node, reader: &Reader) -> Result<Shape, Trouble> {
    reader
        .shape(node.needs(0)?)
        .ok_or_else(|| "of a tensor of which not even the number of axes is known".into())
}

/// `Expand`, to a shape of which only the batch's size may be open.
pub fn expand(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let wanted = node.needs(1)?;
    if !reader.constants.contains(wanted) {
        return Err("a shape that is known only when it runs".into());
    }
    let sizes = reader.constants.get(wanted)?.as_sizes()?;
    let dims: Vec<i64> = sizes.iter().map(|size| size.unwrap_or(-1)).collect();
    moved(node, RawOp::Expand { dims }, reader)
}

/// `Flatten`.
pub fn flatten(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let axis = node.int("axis", 1);
    if axis == 1 {
        return moved(node, RawOp::Reshape { dims: vec![0, -1] }, reader);
    }
    let from = size(node, reader)?;
    let at = if usize::try_from(axis) == Ok(from.len()) { Some(from.len()) } else { place(axis, from.len()) };
    let (before, after) = from.split_at(at.ok_or("over an axis that is not there")?);
    let product = |sizes: &[Option<usize>]| {
        sizes.iter().try_fold(1_usize, |product, size| product.checked_mul((*size)?)).filter(|&size| size > 0)
    };
    let dims = match (before.len(), product(before), product(after)) {
        (0, ..) => vec![1, -1],
        (1, ..) => vec![0, -1],
        (_, Some(before), _) => vec![i64::try_from(before).map_err(|_| "too large")?, -1],
        (_, _, Some(after)) => vec![-1, i64::try_from(after).map_err(|_| "too large")?],
        _ => return Err("a shape with two open sizes".into()),
    };
    moved(node, RawOp::Reshape { dims }, reader)
}

/// `Squeeze`.
pub fn squeeze(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let from = size(node, reader)?;
    let removed: Vec<usize> = match axes(node, reader)? {
        Some(axes) => {
            let places: Option<Vec<usize>> = axes.iter().map(|&axis| place(axis, from.len())).collect();
            places.ok_or("over an axis that is not there")?
        }
        None if from.contains(&None) => return Err("of all axes of size 1, where some sizes are open".into()),
        None => (0..from.len()).filter(|&at| from.get(at) == Some(&Some(1))).collect(),
    };
    if removed.iter().any(|&at| from.get(at).is_some_and(|size| size.is_some_and(|size| size != 1))) {
        return Err("of an axis that is not of size 1".into());
    }
    let to = from.iter().enumerate().filter(|(at, _)| !removed.contains(at)).map(|(_, size)| *size).collect();
    reshaped(node, &from, &to, reader)
}

/// `Unsqueeze`.
pub fn unsqueeze(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let from = size(node, reader)?;
    let axes = axes(node, reader)?.ok_or("without axes")?;
    let rank = from.len() + axes.len();
    let places: Option<Vec<usize>> = axes.iter().map(|&axis| place(axis, rank)).collect();
    let places = places.ok_or("over an axis that is not there")?;
    let mut old = from.iter().copied();
    let to: Option<Shape> =
        (0..rank).map(|at| if places.contains(&at) { Some(Some(1)) } else { old.next() }).collect();
    let to = to.filter(|_| old.next().is_none()).ok_or("over one axis twice")?;
    reshaped(node, &from, &to, reader)
}

/// `Transpose`.
pub fn transpose(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let rank = match node.ints("perm") {
        Some(order) if !order.is_empty() => order.len(),
        _ => size(node, reader)?.len(),
    };
    let order = fold::order(node, rank)?;
    if reader.shape(node.needs(0)?).is_some_and(|shape| shape.len() != rank) {
        return Err(format!("of {rank} axes, which are not those of the tensor").into());
    }
    moved(node, RawOp::Transpose { order }, reader)
}

/// `Concat`.
pub fn concat(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let mut inputs = Vec::new();
    for name in node.proto.input.iter().filter(|name| !name.is_empty()) {
        inputs.push(reader.operand(name)?);
    }
    let axis = node.attribute("axis").and_then(|attribute| attribute.i).ok_or("without an axis")?;
    let op = if inputs.len() == 1 { RawOp::Identity } else { RawOp::Concat { axis } };
    Ok(Made::new(op, inputs))
}

/// `Identity`, `Dropout`, and casts between real numbers.
pub fn identity(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    match node.proto.op_type.as_str() {
        "Cast" => {
            let to = node.int("to", 0);
            let real = [DataType::Float, DataType::Double, DataType::Float16, DataType::Bfloat16];
            if !real.iter().any(|&real| real as i64 == to) {
                return Err(format!(
                    "a cast to integers (ONNX's type {to}); only real numbers are supported"
                )
                .into());
            }
        }
        "Dropout" => {
            let trains = match node.input(2) {
                Some(name) => reader.constants.get(name)?.number()? != 0.0,
                None => false,
            };
            if trains {
                return Err(
                    "dropout in training; export the network for inference, in PyTorch after eval()".into()
                );
            }
        }
        _ => {}
    }
    moved(node, RawOp::Identity, reader)
}
