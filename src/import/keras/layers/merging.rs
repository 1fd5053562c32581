//! Layers and operations that join several tensors, or a tensor and numbers.

use super::{Layer, Trouble, unsupported};
use crate::import::keras::{
    KerasError,
    builder::{Arranged, Builder, Shape},
    calls::Operand,
    config::brief,
};
use crate::import::raw::RawOp;
use serde_json::Value;

/// `Add`, `Subtract` and `Multiply` of layers (two or more tensors) and of operations (two, one of which may be numbers).
pub fn chain(builder: &mut Builder, layer: &Layer, op: RawOp) -> Result<String, Trouble> {
    let named = layer.call.named.iter().filter(|(name, _)| matches!(*name, "x1" | "x2" | "x" | "y"));
    let operands: Vec<_> = layer.call.operands.iter().chain(named.map(|(_, operand)| operand)).collect();
    if !operands.iter().any(|operand| matches!(operand, Operand::Tensor(_))) {
        return unsupported("it reads no tensor");
    }
    let mut tensors = Vec::with_capacity(operands.len());
    for operand in operands {
        tensors.push(tensor(builder, layer, operand)?);
    }
    joined(builder, layer, op, tensors)
}

/// Joins tensors by an operation of two.
fn joined(builder: &mut Builder, layer: &Layer, op: RawOp, tensors: Vec<String>) -> Result<String, Trouble> {
    let count = tensors.len();
    if count < 2 || (count > 2 && op == RawOp::Sub) {
        return Err(layer.error(format!("expected two tensors or more, found {count}")).into());
    }
    let mut tensors = tensors.into_iter();
    let mut sum = tensors.next().unwrap_or_default();
    for (at, next) in tensors.enumerate() {
        let shape = broadcast(builder.shape(&sum), builder.shape(&next));
        let inputs = vec![sum, next];
        sum = match at + 2 == count {
            true => layer.node(builder, op.clone(), inputs, shape)?,
            false => layer.part(builder, "part", op.clone(), inputs, shape)?,
        };
    }
    Ok(sum)
}

/// `Average`: a sum and a factor.
pub fn average(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let tensors: Vec<String> = layer.call.tensors().cloned().collect();
    let share = 1.0 / tensors.len().max(1) as f32;
    let sum = joined(builder, layer, RawOp::Add, tensors)?;
    let shape = builder.shape(&sum);
    let share = builder.constant(&format!("{}/share", layer.name), Vec::new(), vec![share])?;
    Ok(layer.part(builder, "mean", RawOp::Mul, vec![sum, share], shape)?)
}

/// `Concatenate`.
pub fn concatenate(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let given = layer.call.value(&["axis"]).and_then(Value::as_i64);
    let axis = match layer.setting(layer.config.integers("axis"))?.as_deref() {
        Some([axis]) => *axis,
        _ => given.unwrap_or(-1),
    };
    let tensors: Vec<String> = layer.call.tensors().cloned().collect();
    let shape = builder.shape(&layer.input()?).map(|dims| vec![None; dims.len()]);
    Ok(layer.node(builder, RawOp::Concat { axis }, tensors, shape)?)
}

/// A quotient, or another operation of exactly two operands.
pub fn two(builder: &mut Builder, layer: &Layer, op: RawOp) -> Result<String, Trouble> {
    let (first, second) = (layer.call.operand(0, &["x", "x1"]), layer.call.operand(1, &["y", "x2"]));
    let (Some(first), Some(second)) = (first, second) else {
        return unsupported("it is not called with two operands");
    };
    let inputs = vec![tensor(builder, layer, first)?, tensor(builder, layer, second)?];
    if layer.call.tensors().next().is_none() {
        return unsupported("it reads no tensor");
    }
    joined(builder, layer, op, inputs)
}

/// The name of an operand: of a tensor, or of a constant with the numbers.
fn tensor(builder: &mut Builder, layer: &Layer, operand: &Operand<String>) -> Result<String, Trouble> {
    match operand {
        Operand::Tensor(tensor) => Ok(tensor.clone()),
        Operand::Value(value) => {
            let (dims, values) = numbers(value).ok_or_else(|| {
                layer.error(format!("expected a tensor or numbers, found {}", brief(value)))
            })?;
            Ok(builder.constant(&format!("{}/constant", layer.name), dims, values)?)
        }
    }
}

/// A number, lists of them, or an array as Keras 3 writes it.
pub fn numbers(value: &Value) -> Option<Arranged> {
    if let Some(class) = value.get("class_name").and_then(Value::as_str) {
        let is_array = matches!(class, "__numpy__" | "__tensor__");
        return is_array.then(|| numbers(value.get("config")?.get("value")?))?;
    }
    match value {
        Value::Number(number) => Some((Vec::new(), vec![number.as_f64()? as f32])),
        Value::Array(list) => {
            let mut parts = list.iter().map(numbers);
            let (mut dims, mut values) = parts.next()??;
            for part in parts {
                let (more, part) = part?;
                if more != dims {
                    return None;
                }
                values.extend(part);
            }
            dims.insert(0, list.len());
            Some((dims, values))
        }
        _ => None,
    }
}

/// Size of what two tensors give, axes matched from the last.
fn broadcast(first: Shape, second: Shape) -> Shape {
    let (long, short) = match (first, second) {
        (Some(first), Some(second)) if first.len() >= second.len() => (first, second),
        (Some(first), Some(second)) => (second, first),
        _ => return None,
    };
    let skipped = long.len() - short.len();
    let size =
        |(at, &size): (usize, &Option<usize>)| match (size, at.checked_sub(skipped).map(|at| short[at])) {
            (size, None | Some(Some(1))) => size,
            (Some(1), Some(other)) => other,
            (size, Some(other)) if size == other => size,
            _ => None,
        };
    Some(long.iter().enumerate().map(size).collect())
}

/// One number.
pub fn scalar(layer: &Layer, value: &Value, what: &str) -> Result<f32, KerasError> {
    match numbers(value) {
        Some((_, values)) if values.len() == 1 => Ok(values.first().copied().unwrap_or_default()),
        _ => Err(layer.error(format!("{what}: expected one number, found {}", brief(value)))),
    }
}
