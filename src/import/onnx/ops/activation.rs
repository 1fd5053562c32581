//! Functions of each value, and softmax.

use super::{RELU, unknown};
use crate::import::onnx::error::Trouble;
use crate::import::onnx::node::Node;
use crate::import::onnx::reader::{Made, Reader};
use crate::import::onnx::shapes::place;
use crate::import::onnx::tensor::Data;
use crate::import::raw::RawOp;

/// Any activation.
pub fn converted(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let op = match node.proto.op_type.as_str() {
        "Relu" => RELU,
        "Clip" => clip(node, reader)?,
        "Max" | "Min" => return bound(node, reader),
        "LeakyRelu" => RawOp::LeakyRelu { slope: node.float("alpha", 0.01) },
        "PRelu" => RawOp::LeakyRelu { slope: slope(node, reader)? },
        "Sigmoid" => RawOp::Sigmoid,
        "HardSigmoid" => {
            RawOp::HardSigmoid { slope: node.float("alpha", 0.2), offset: node.float("beta", 0.5) }
        }
        "HardSwish" => RawOp::HardSwish,
        "Swish" if node.float("alpha", 1.0) == 1.0 => RawOp::Swish,
        "Tanh" => RawOp::Tanh,
        // The logarithm changes no order of classes either.
        "Softmax" | "LogSoftmax" => softmax(node, reader)?,
        other => return Err(unknown(other)),
    };
    let name = node.needs(0)?;
    Ok(Made::new(op, vec![reader.activation(name)?]))
}

/// `Clip`, with attributes before version 11 and inputs since.
fn clip(node: &Node, reader: &mut Reader) -> Result<RawOp, Trouble> {
    let mut end = |input: usize, attribute: &str, default: f32| match node.input(input) {
        Some(name) => reader.constants.get(name)?.number(),
        None => Ok(node.float(attribute, default)),
    };
    let (min, max) = (end(1, "min", f32::NEG_INFINITY)?, end(2, "max", f32::INFINITY)?);
    // Before version 11 the defaults are the largest finite numbers.
    let min = if min <= f32::MIN { f32::NEG_INFINITY } else { min };
    let max = if max >= f32::MAX { f32::INFINITY } else { max };
    if min.is_nan() || max.is_nan() || min > max {
        return Err(format!("a clip from {min} to {max}").into());
    }
    Ok(RawOp::Clip { min, max })
}

/// `Max` and `Min` of a tensor and a number.
fn bound(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let only = "of two tensors; only a tensor and a number are supported";
    let [a, b] = node.proto.input.as_slice() else { return Err(only.into()) };
    let (name, number) = if reader.constants.contains(b) { (a, b) } else { (b, a) };
    if !reader.constants.contains(number) || reader.constants.contains(name) {
        return Err(only.into());
    }
    let value = reader.constants.get(number)?.number().map_err(|_| only)?;
    let op = match node.proto.op_type.as_str() {
        "Max" => RawOp::Clip { min: value, max: f32::INFINITY },
        _ => RawOp::Clip { min: f32::NEG_INFINITY, max: value },
    };
    if value.is_nan() {
        return Err("with a bound that is no number".into());
    }
    Ok(Made::new(op, vec![reader.activation(name)?]))
}

/// The slope of a `PRelu` that has one for all channels.
fn slope(node: &Node, reader: &mut Reader) -> Result<f32, Trouble> {
    let name = node.needs(1)?;
    let tensor = reader.constants.get(name)?;
    match &tensor.data {
        Data::Floats(values) => match values.split_first() {
            Some((&first, rest)) if rest.iter().all(|&value| value == first) => Ok(first),
            _ => Err("a slope for each channel; only one for all is supported".into()),
        },
        _ => Err("a slope that is no real number".into()),
    }
}

/// `Softmax` over the classes, which stand in the last axis or in that of the channels.
fn softmax(node: &Node, reader: &mut Reader) -> Result<RawOp, Trouble> {
    let axis = node.int("axis", if node.opset < 13 { 1 } else { -1 });
    let shape = reader.shape(node.needs(0)?);
    let over_classes = match shape {
        Some(shape) => place(axis, shape.len()).is_some_and(|axis| axis == 1 || axis + 1 == shape.len()),
        None => axis == 1 || axis == -1,
    };
    if over_classes { Ok(RawOp::Softmax) } else { Err(format!("a softmax over axis {axis}").into()) }
}
