//! Operations that are called between layers: `x / 127.5` in Keras 2 is a layer `TFOpLambda` of the function
//! `math.truediv`, in Keras 3 one of the class `TrueDivide`.

use super::{
    Layer, Trouble, activations,
    affine::is_last,
    merging::{self, scalar},
    shapes, unsupported,
};
use crate::import::keras::{
    builder::Builder,
    calls::Operand,
    config::{brief, integers, snake_case},
};
use crate::import::raw::RawOp;
use serde_json::Value;

/// Adds the node of an operation; `name` is its function or class.
pub fn call(builder: &mut Builder, layer: &Layer, name: &str) -> Result<String, Trouble> {
    let function = name.rsplit('.').next().unwrap_or(name);
    let operation = snake_case(function);
    match operation.as_str() {
        "add" | "add_v2" => merging::chain(builder, layer, RawOp::Add),
        "sub" | "subtract" => merging::two(builder, layer, RawOp::Sub),
        "mul" | "multiply" => merging::chain(builder, layer, RawOp::Mul),
        "truediv" | "true_divide" | "divide" | "div" | "realdiv" => merging::two(builder, layer, RawOp::Div),
        "maximum" => bounded(builder, layer, |min| (min, f32::INFINITY)),
        "minimum" => bounded(builder, layer, |max| (f32::NEG_INFINITY, max)),
        "clip" | "clip_by_value" => clip(builder, layer),
        "mean" | "reduce_mean" => mean(builder, layer),
        "reshape" => {
            let dims = setting(layer, 1, &["shape", "newshape"]).and_then(integers);
            match dims {
                Some(dims) => shapes::to(builder, layer, dims),
                None => unsupported("its shape is not in the file"),
            }
        }
        "transpose" => match setting(layer, 1, &["perm", "axes"]).and_then(integers) {
            Some(order) => shapes::transpose(builder, layer, order),
            None => unsupported("its order of axes is not in the file"),
        },
        "concat" => merging::concatenate(builder, layer),
        "identity" | "cast" | "stop_gradient" => {
            let input = layer.input()?;
            let shape = builder.shape(&input);
            Ok(layer.node(builder, RawOp::Identity, vec![input], shape)?)
        }
        "leaky_relu" => {
            let slope = setting(layer, 1, &["alpha", "negative_slope"]);
            let slope = slope.map_or(Ok(0.2), |slope| scalar(layer, slope, "slope"))?;
            let input = layer.input()?;
            let shape = builder.shape(&input);
            Ok(layer.node(builder, RawOp::LeakyRelu { slope }, vec![input], shape)?)
        }
        "softmax" => {
            let axes = setting(layer, 1, &["axis"]).and_then(integers).unwrap_or_else(|| vec![-1]);
            if !is_last(&axes, &builder.shape(&layer.input()?)) {
                return unsupported("a softmax that is not over the last axis");
            }
            activations::operation(builder, layer, "softmax")
        }
        other => activations::operation(builder, layer, other),
    }
}

/// A value that an operation is called with, or that its settings hold.
fn setting<'a>(layer: &Layer<'a>, position: usize, names: &[&str]) -> Option<&'a Value> {
    let called = layer.call.operand(position, &[]).and_then(|operand| match operand {
        Operand::Value(value) if !value.is_null() => Some(*value),
        _ => None,
    });
    let set = || names.iter().find_map(|name| layer.config.get(name));
    called.or_else(|| layer.call.value(names)).or_else(set)
}

/// The larger or the smaller of a tensor and a number.
fn bounded(builder: &mut Builder, layer: &Layer, bounds: fn(f32) -> (f32, f32)) -> Result<String, Trouble> {
    let numbers = |operand: &Operand<'_, String>| match operand {
        Operand::Value(value) => merging::numbers(value).filter(|(_, values)| values.len() == 1),
        Operand::Tensor(_) => None,
    };
    let operands = layer.call.operands.iter().chain(layer.call.named.iter().map(|(_, operand)| operand));
    let Some((_, values)) = operands.into_iter().find_map(numbers) else {
        return unsupported("it compares two tensors");
    };
    let (min, max) = bounds(values.first().copied().unwrap_or_default());
    let input = layer.input()?;
    let shape = builder.shape(&input);
    Ok(layer.node(builder, RawOp::Clip { min, max }, vec![input], shape)?)
}

fn clip(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let bound = |position, names: &[&str]| match setting(layer, position, names) {
        Some(value) => scalar(layer, value, names[0]).map(Some),
        None => Ok(None),
    };
    let (min, max) = (bound(1, &["x_min", "clip_value_min"])?, bound(2, &["x_max", "clip_value_max"])?);
    let (Some(min), Some(max)) = (min, max) else { return unsupported("its bounds are not in the file") };
    let input = layer.input()?;
    let shape = builder.shape(&input);
    Ok(layer.node(builder, RawOp::Clip { min, max }, vec![input], shape)?)
}

fn mean(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let Some(axes) = setting(layer, 1, &["axis"]) else { return unsupported("a mean over the batch") };
    let axes =
        integers(axes).ok_or_else(|| layer.error(format!("axis: expected axes, found {}", brief(axes))))?;
    let keep = setting(layer, 2, &["keepdims", "keep_dims"]).and_then(Value::as_bool).unwrap_or(false);
    let input = layer.input()?;
    let shape = builder.shape(&input).map(|dims| {
        let rank = dims.len() as i64;
        let is_gone = |at: usize| axes.iter().any(|axis| axis.rem_euclid(rank.max(1)) == at as i64);
        let sizes = dims.into_iter().enumerate();
        match keep {
            true => sizes.map(|(at, size)| if is_gone(at) { Some(1) } else { size }).collect(),
            false => sizes.filter(|(at, _)| !is_gone(*at)).map(|(_, size)| size).collect(),
        }
    });
    Ok(layer.node(builder, RawOp::Mean { axes, keep }, vec![input], shape)?)
}
