//! Matrix products, batch normalization, and what is done to two tensors.

use super::window::constant_weights;
use crate::import::onnx::constants::{Constants, PLAIN};
use crate::import::onnx::error::Trouble;
use crate::import::onnx::node::Node;
use crate::import::onnx::reader::{Made, Reader};
use crate::import::onnx::tensor::{Data, Tensor};
use crate::import::raw::RawOp;

/// `Gemm`: alpha A' B' + beta C.
pub fn gemm(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    if node.int("transA", 0) != 0 {
        return Err("with transA; only weights may be transposed".into());
    }
    let weights = node.needs(1)?;
    constant_weights(weights, reader)?;
    let mut inputs = vec![reader.activation(node.needs(0)?)?];
    let (turned, alpha) = (node.int("transB", 0) != 0, node.float("alpha", 1.0));
    let (kept, outputs) = matrix(weights, turned, alpha, &mut reader.constants)?;
    inputs.push(kept);
    if let Some(bias) = node.input(2) {
        constant_weights(bias, reader)?;
        inputs.push(kept_bias(bias, outputs, node.float("beta", 1.0), &mut reader.constants)?);
    }
    Ok(Made::new(RawOp::Dense, inputs))
}

/// Keeps weights times a factor as `[outputs, inputs]`; also says how many outputs. `turned` if they are stored so.
fn matrix(
    name: &str,
    turned: bool,
    factor: f32,
    constants: &mut Constants,
) -> Result<(String, usize), Trouble> {
    let dims = constants.dims(name)?;
    let &[first, second] = dims.as_slice() else {
        return Err(format!("a product with weights of {dims:?}, where a matrix is expected").into());
    };
    let form = match (turned, factor == 1.0) {
        (true, true) => PLAIN.to_owned(),
        (false, true) => "matrix".to_owned(),
        _ => format!("matrix times {factor}{}", if turned { "" } else { ", transposed" }),
    };
    let kept = constants.keep(name, &form, |constants| {
        let tensor = if turned { constants.floats(name)? } else { constants.permuted(name, &[1, 0])? };
        Ok(scaled(tensor, factor))
    })?;
    Ok((kept, if turned { first } else { second }))
}

fn scaled(mut tensor: Tensor, factor: f32) -> Tensor {
    if let Data::Floats(values) = &mut tensor.data
        && factor != 1.0
    {
        values.iter_mut().for_each(|value| *value *= factor);
    }
    tensor
}

/// Keeps a bias times a factor as `[outputs]`.
fn kept_bias(name: &str, outputs: usize, factor: f32, constants: &mut Constants) -> Result<String, Trouble> {
    let dims = constants.dims(name)?;
    let form =
        if factor == 1.0 && dims == [outputs] { PLAIN.to_owned() } else { format!("bias times {factor}") };
    constants.keep(name, &form, |constants| {
        let tensor = constants.floats(name)?;
        let Data::Floats(values) = &tensor.data else { return Ok(tensor) };
        let values = match *values.as_slice() {
            [value] => {
                constants.allow(&[outputs], 1)?;
                vec![value; outputs]
            }
            // One row for all of the batch.
            _ if values.len() == outputs && dims.last() == Some(&outputs) => values.clone(),
            _ => return Err(format!("a bias of {dims:?} for {outputs} outputs").into()),
        };
        Ok(scaled(Tensor::floats(vec![outputs], values), factor))
    })
}

/// `MatMul` with weights on the right.
pub fn mat_mul(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let (left, right) = (node.needs(0)?, node.needs(1)?);
    if reader.constants.contains(left) {
        return Err("a product with weights on the left; only those on the right are supported".into());
    }
    if !reader.constants.contains(right) {
        return Err("a product of two computed tensors, as in attention".into());
    }
    let (kept, _) = matrix(right, false, 1.0, &mut reader.constants)?;
    Ok(Made::new(RawOp::Dense, vec![reader.activation(left)?, kept]))
}

/// `BatchNormalization`.
pub fn batch_norm(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    if node.int("training_mode", 0) != 0 {
        return Err(
            "batch normalization in training; export the network for inference, in PyTorch after eval()"
                .into(),
        );
    }
    if node.int("spatial", 1) == 0 {
        return Err("a normalization of each pixel by itself".into());
    }
    let mut inputs = vec![reader.activation(node.needs(0)?)?];
    for at in 1..5 {
        let name = node.needs(at)?;
        constant_weights(name, reader)?;
        inputs.push(reader.constants.keep_plain(name)?);
    }
    Ok(Made::new(RawOp::BatchNorm { epsilon: node.float("epsilon", 1e-5) }, inputs))
}

/// `Add`, `Sub`, `Mul`, `Div`, and `Sum` of one or two.
pub fn two(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let op = match (node.proto.op_type.as_str(), node.proto.input.len()) {
        ("Sum", 1) => RawOp::Identity,
        ("Sum", 2) | ("Add", _) => RawOp::Add,
        ("Sub", _) => RawOp::Sub,
        ("Mul", _) => RawOp::Mul,
        ("Div", _) => RawOp::Div,
        (_, count) => return Err(format!("a sum of {count} tensors; only two are supported").into()),
    };
    let count = if op == RawOp::Identity { 1 } else { 2 };
    let mut inputs = Vec::new();
    for at in 0..count {
        inputs.push(reader.operand(node.needs(at)?)?);
    }
    Ok(Made::new(op, inputs))
}
