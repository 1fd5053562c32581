//! Integers with a scale: pairs of `QuantizeLinear` and `DequantizeLinear`, and operators of ONNX and ONNX Runtime on
//! integers. A tensor of integers is here the real tensor that it stands for, with a quantizer.

use super::window::{self, KERNEL_ORDER};
use crate::import::onnx::constants::Constants;
use crate::import::onnx::error::Trouble;
use crate::import::onnx::fold::permuted;
use crate::import::onnx::fold::quantization::{quantizer, real};
use crate::import::onnx::node::Node;
use crate::import::onnx::reader::{Made, Reader};
use crate::import::onnx::tensor::{Data, Tensor};
use crate::import::raw::{RawOp, RawQuantizer};

/// `DequantizeLinear` of an activation.
pub fn dequantize(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let name = node.needs(0)?;
    let own = quantizer(node, 1, &mut reader.constants)?;
    let (real, stated) = reader.integers(name).ok_or("of integers whose scale is not known")?;
    same(own, stated)?;
    let input = match real {
        Some(real) => real,
        None => reader.activation(name)?,
    };
    Ok(Made { op: RawOp::Identity, inputs: vec![input], quantizer: Some(stated) })
}

/// Checks that integers are read as they were written.
fn same(own: RawQuantizer, stated: RawQuantizer) -> Result<(), Trouble> {
    if (own.scale, own.zero_point) == (stated.scale, stated.zero_point) {
        return Ok(());
    }
    let RawQuantizer { scale, zero_point, .. } = stated;
    Err(format!(
        "a scale of {} and a zero point of {} for integers with {scale} and {zero_point}",
        own.scale, own.zero_point
    )
    .into())
}

/// A tensor of integers with its scale and zero point at the inputs behind it.
fn input(node: &Node, at: usize, reader: &mut Reader) -> Result<String, Trouble> {
    let name = node.needs(at)?;
    if reader.constants.contains(name) {
        let names = [Some(node.needs(at + 1)?), node.input(at + 2)];
        let form = format!("scaled by {}", names.into_iter().flatten().collect::<Vec<_>>().join(" and "));
        return reader.constants.keep(name, &form, |constants| real(name, names, 1, constants));
    }
    let own = quantizer(node, at + 1, &mut reader.constants)?;
    if let Some((_, stated)) = reader.integers(name) {
        same(own, stated)?;
    }
    reader.activation(name)
}

/// Operators that read integers and write integers.
pub fn converted(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    // The place of the scale of what it writes.
    let (op, inputs, at) = match node.proto.op_type.as_str() {
        "QLinearConv" => {
            let weights = node.needs(3)?;
            window::constant_weights(weights, reader)?;
            let op = window::conv_op(node, &reader.constants.dims(weights)?)?;
            (op, product(node, "kernel", &KERNEL_ORDER, 8, reader)?, 6)
        }
        "QLinearMatMul" => (RawOp::Dense, product(node, "matrix", &[1, 0], usize::MAX, reader)?, 6),
        "QGemm" => {
            if node.int("transA", 0) != 0 || node.float("alpha", 1.0) != 1.0 {
                return Err("with transA or alpha".into());
            }
            let turned = node.int("transB", 0) != 0;
            let form = if turned { "turned" } else { "matrix" };
            let order = if turned { [0, 1] } else { [1, 0] };
            (RawOp::Dense, product(node, form, &order, 6, reader)?, 7)
        }
        name @ ("QLinearAdd" | "QLinearMul") => {
            let op = if name == "QLinearAdd" { RawOp::Add } else { RawOp::Mul };
            (op, vec![input(node, 0, reader)?, input(node, 3, reader)?], 6)
        }
        "QLinearGlobalAveragePool" | "QLinearAveragePool" => {
            if node.int("channels_last", 0) != 0 {
                return Err("with channels in the last axis".into());
            }
            let op = match node.proto.op_type.as_str() {
                "QLinearAveragePool" => window::average_pool_op(node)?,
                _ => window::global_average_pool_op(node.needs(0)?, reader)?,
            };
            (op, vec![input(node, 0, reader)?], 3)
        }
        "QLinearLeakyRelu" => {
            (RawOp::LeakyRelu { slope: node.float("alpha", 0.01) }, vec![input(node, 0, reader)?], 3)
        }
        "QLinearSigmoid" => (RawOp::Sigmoid, vec![input(node, 0, reader)?], 3),
        "QLinearConcat" => {
            let axis = node.attribute("axis").and_then(|attribute| attribute.i).ok_or("without an axis")?;
            let mut inputs = Vec::new();
            for at in (2..node.proto.input.len()).step_by(3) {
                inputs.push(input(node, at, reader)?);
            }
            (RawOp::Concat { axis }, inputs, 0)
        }
        other => return Err(super::unknown(other)),
    };
    // ONNX Runtime's matrix product may write real numbers.
    let quantizer = match node.input(at) {
        Some(_) => Some(quantizer(node, at, &mut reader.constants)?),
        None => None,
    };
    Ok(Made { op, inputs, quantizer })
}

/// Inputs of a product: the activation, the weights in real numbers and our order, and the bias, whose scale is that of
/// both, if there is one at the place `bias`.
fn product(
    node: &Node,
    form: &str,
    order: &[usize],
    bias: usize,
    reader: &mut Reader,
) -> Result<Vec<String>, Trouble> {
    let activation = input(node, 0, reader)?;
    let weights = node.needs(3)?;
    window::constant_weights(weights, reader)?;
    let names = [Some(node.needs(4)?), node.input(5)];
    // Output channels of a matrix that is not transposed are its columns.
    let axis = if form == "matrix" { 1 } else { 0 };
    let form = format!("{form} scaled by {}", names.into_iter().flatten().collect::<Vec<_>>().join(" and "));
    let kept = reader.constants.keep(weights, &form, |constants| {
        let tensor = real(weights, names, axis, constants)?;
        // There is room for one; now there are two.
        constants.allow(&tensor.dims, 2)?;
        permuted(&tensor, order)
    })?;
    let mut inputs = vec![activation, kept];
    if let Some(name) = node.input(bias) {
        window::constant_weights(name, reader)?;
        let scales = [node.needs(1)?, node.needs(4)?];
        let form = format!("scaled by {} times {}", scales[0], scales[1]);
        inputs.push(
            reader
                .constants
                .keep(name, &form, |constants| scaled_bias(constants.floats(name)?, scales, constants))?,
        );
    }
    Ok(inputs)
}

/// A bias in integers as real numbers.
fn scaled_bias(
    mut tensor: Tensor,
    [input, weights]: [&str; 2],
    constants: &mut Constants,
) -> Result<Tensor, Trouble> {
    let input = constants.get(input)?.number()?;
    let weights = constants.floats(weights)?.as_floats()?;
    if let Data::Floats(values) = &mut tensor.data {
        if weights.len() > 1 && weights.len() != values.len() {
            return Err(format!("a bias of {} with {} scales", values.len(), weights.len()).into());
        }
        for (value, scale) in values.iter_mut().zip(weights.iter().cycle()) {
            *value *= input * scale;
        }
    }
    Ok(tensor)
}
