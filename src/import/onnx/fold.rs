//! What follows from constants is a constant: exporters leave sums of sizes, transposed kernels, casts.

mod arithmetic;
mod movement;
pub mod quantization;

use super::constants::Constants;
use super::error::Trouble;
use super::node::Node;
use super::shapes::Shape;
use super::tensor::{Data, Tensor};
use crate::onnx_proto::DataType;

pub use movement::{axes, order, permuted};

/// The value of a node that follows from constants, `None` if it does not. `shape_of` is for [`Shape`] nodes.
///
/// # Errors
/// If it follows from constants but cannot be computed.
pub fn value(
    node: &Node,
    constants: &mut Constants,
    shape_of: impl Fn(&str) -> Option<Shape>,
) -> Result<Option<Tensor>, Trouble> {
    let op = node.proto.op_type.as_str();
    match op {
        "Constant" => return constant(node, constants).map(Some),
        "Shape" => {
            let name = node.needs(0)?;
            let shape = match constants.contains(name) {
                true => Some(constants.dims(name)?.into_iter().map(Some).collect()),
                false => shape_of(name),
            };
            return Ok(shape.map(|shape| size(node, &shape)));
        }
        // Activations are real numbers.
        "CastLike" => {
            let (name, like) = (node.needs(0)?, node.needs(1)?);
            if !constants.contains(name) {
                return Ok(None);
            }
            let like = if constants.contains(like) { constants.get(like)?.element } else { DataType::Float };
            return arithmetic::cast(name, like as i64, constants).map(Some);
        }
        _ => {}
    }
    let mut inputs = node.proto.input.iter().filter(|name| !name.is_empty());
    if node.proto.input.is_empty() || !inputs.all(|name| constants.contains(name)) {
        return Ok(None);
    }
    match op {
        "Identity" | "Dropout" => Ok(Some((*constants.get(node.needs(0)?)?).clone())),
        "Cast" => arithmetic::cast(node.needs(0)?, node.int("to", 1), constants).map(Some),
        "Add" | "Sub" | "Mul" | "Div" => arithmetic::two(node, constants).map(Some),
        "Sqrt" | "Reciprocal" | "Neg" => arithmetic::one(node, constants).map(Some),
        "DequantizeLinear" => quantization::dequantized(node, constants).map(Some),
        "QuantizeLinear" => quantization::quantized(node, constants).map(Some),
        _ => movement::moved(node, constants),
    }
}

/// The value of a `Constant` node.
fn constant(node: &Node, constants: &mut Constants) -> Result<Tensor, Trouble> {
    let name = node.output();
    if let Some(proto) = node.tensor("value") {
        // From here on as a tensor of the file.
        let proto = crate::onnx_proto::TensorProto { name: name.to_owned(), ..proto.clone() };
        constants.add(name.to_owned(), proto)?;
        return Ok((*constants.get(name)?).clone());
    }
    let integers = |dims: Vec<usize>, values: Vec<i64>| Tensor {
        dims,
        data: Data::Integers(values),
        element: DataType::Int64,
    };
    for attribute in &node.proto.attribute {
        match (attribute.name.as_str(), attribute.f, attribute.i) {
            ("value_float", Some(value), _) => return Ok(Tensor::floats(vec![], vec![value])),
            ("value_int", _, Some(value)) => return Ok(integers(vec![], vec![value])),
            ("value_floats", ..) => {
                return Ok(Tensor::floats(vec![attribute.floats.len()], attribute.floats.clone()));
            }
            ("value_ints", ..) => return Ok(integers(vec![attribute.ints.len()], attribute.ints.clone())),
            _ => {}
        }
    }
    Err("a constant that is neither numbers nor a tensor of them".into())
}

/// The value of a `Shape` node.
fn size(node: &Node, shape: &Shape) -> Tensor {
    let rank = i64::try_from(shape.len()).unwrap_or(i64::MAX);
    let bound = |name: &str, default: i64| {
        let at = node.int(name, default);
        let at = if at < 0 { at.saturating_add(rank) } else { at };
        usize::try_from(at.clamp(0, rank)).unwrap_or_default()
    };
    let (start, end) = (bound("start", 0), bound("end", rank));
    let sizes = shape.get(start..end.max(start)).unwrap_or_default();
    let sizes: Vec<Option<i64>> =
        sizes.iter().map(|size| size.and_then(|size| i64::try_from(size).ok())).collect();
    Tensor::sizes(vec![sizes.len()], sizes)
}
