//! Sums, products and casts of constants.

use super::movement::expanded;
use crate::import::onnx::constants::Constants;
use crate::import::onnx::error::Trouble;
use crate::import::onnx::node::Node;
use crate::import::onnx::tensor::{Data, Tensor};
use crate::onnx_proto::DataType;

/// A sum, difference, product or quotient of two constants whose sizes are matched as in NumPy.
pub fn two(node: &Node, constants: &mut Constants) -> Result<Tensor, Trouble> {
    let (a, b) = (constants.get(node.needs(0)?)?, constants.get(node.needs(1)?)?);
    let dims = common(&a.dims, &b.dims)?;
    // Both, spread out, and the result.
    constants.allow(&dims, 3 * a.data.unit().max(b.data.unit()))?;
    let element = a.element;
    let (a, b) = (expanded(&a, &dims)?, expanded(&b, &dims)?);
    let op = node.proto.op_type.as_str();
    let data = match (&a.data, &b.data) {
        (Data::Floats(a), Data::Floats(b)) => {
            let apply = |(&a, &b): (&f32, &f32)| match op {
                "Add" => a + b,
                "Sub" => a - b,
                "Mul" => a * b,
                _ => a / b,
            };
            Data::Floats(a.iter().zip(b).map(apply).collect())
        }
        (Data::Floats(_), _) | (_, Data::Floats(_)) => {
            return Err("of integers and real numbers together".into());
        }
        _ => {
            let apply = |(a, b): (Option<i64>, Option<i64>)| {
                let Some((a, b)) = a.zip(b) else { return Ok(None) };
                let result = match op {
                    "Add" => a.checked_add(b),
                    "Sub" => a.checked_sub(b),
                    "Mul" => a.checked_mul(b),
                    _ => a.checked_div(b),
                };
                result
                    .map(Some)
                    .ok_or_else(|| format!("with the integers {a} and {b}, of which it has no result"))
            };
            let pairs = a.as_sizes()?.into_iter().zip(b.as_sizes()?);
            let values: Result<Vec<Option<i64>>, String> = pairs.map(apply).collect();
            return Ok(Tensor { element, ..Tensor::sizes(dims, values?) });
        }
    };
    Ok(Tensor { dims, data, element })
}

/// The size of two tensors together.
fn common(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Trouble> {
    let rank = a.len().max(b.len());
    let size = |dims: &[usize], at: usize| match (at + dims.len()).checked_sub(rank) {
        Some(at) => dims.get(at).copied().unwrap_or(1),
        None => 1,
    };
    let sizes = (0..rank).map(|at| match (size(a, at), size(b, at)) {
        (1, other) | (other, 1) => Some(other),
        (a, b) => (a == b).then_some(a),
    });
    let sizes: Option<Vec<usize>> = sizes.collect();
    sizes.ok_or_else(|| format!("of tensors {a:?} and {b:?}, which do not match").into())
}

/// A function of each real number.
pub fn one(node: &Node, constants: &mut Constants) -> Result<Tensor, Trouble> {
    let tensor = constants.get(node.needs(0)?)?;
    constants.allow(&tensor.dims, 1)?;
    let op = node.proto.op_type.as_str();
    let Data::Floats(values) = &tensor.data else { return Err("of integers".into()) };
    let apply = |value: &f32| match op {
        "Sqrt" => value.sqrt(),
        "Reciprocal" => value.recip(),
        _ => -value,
    };
    let data = Data::Floats(values.iter().map(apply).collect());
    Ok(Tensor { dims: tensor.dims.clone(), data, element: tensor.element })
}

/// A constant in another type.
pub fn cast(name: &str, to: i64, constants: &mut Constants) -> Result<Tensor, Trouble> {
    let element = i32::try_from(to).ok().and_then(|to| DataType::try_from(to).ok());
    match element {
        Some(DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16) => {
            let Tensor { dims, data, .. } = constants.floats(name)?;
            Ok(Tensor { dims, data, element: element.unwrap_or(DataType::Float) })
        }
        Some(element @ (DataType::Int32 | DataType::Int64)) => {
            let tensor = constants.get(name)?;
            constants.allow(&tensor.dims, 2)?;
            let data = match &tensor.data {
                Data::Floats(values) => Data::Integers(values.iter().map(|&value| value as i64).collect()),
                other => other.clone(),
            };
            Ok(Tensor { dims: tensor.dims.clone(), data, element })
        }
        _ => Err(format!("a cast of constants to ONNX's type {to}").into()),
    }
}
