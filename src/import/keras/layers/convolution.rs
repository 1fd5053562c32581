//! Convolutions.

use super::{Layer, Trouble, activations, unsupported, vector};
use crate::import::keras::builder::{Builder, Shape};
use crate::import::raw::{RawOp, RawPadding};

/// `Conv2D`.
pub fn conv(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let filters = layer.setting(layer.config.count("filters"))?;
    let groups = match layer.config.get("groups") {
        None => 1,
        Some(_) => layer.setting(layer.config.count("groups"))?,
    };
    let op = op(layer, groups)?;
    let parts = parts(layer, &["kernel"])?;
    let kernel = layer.setting(layer.config.pair("kernel_size", [0; 2]))?;
    let input = layer.input()?;
    let weight = layer.weights(builder, &parts, 0, |dims, values| match *dims {
        [rows, columns, inputs, outputs] if outputs == filters && [rows, columns] == kernel => {
            Ok((vec![outputs, rows, columns, inputs], outputs_first(&values, outputs)))
        }
        _ => Err(format!("[{}, {}, inputs, {filters}]", kernel[0], kernel[1])),
    })?;
    let mut inputs = vec![input, weight];
    if parts.len() > 1 {
        inputs.push(layer.weights(builder, &parts, 1, vector(filters))?);
    }
    let output = layer.node(builder, op, inputs, map_of(Some(filters)))?;
    Ok(activations::of(builder, layer, output)?)
}

/// `DepthwiseConv2D`.
pub fn depthwise(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let parts = parts(layer, &["depthwise_kernel"])?;
    let input = layer.input()?;
    let (weight, channels) = depthwise_kernel(builder, layer, &parts)?;
    let op = op(layer, channels.0)?;
    let mut inputs = vec![input, weight];
    if parts.len() > 1 {
        inputs.push(layer.weights(builder, &parts, 1, vector(channels.1))?);
    }
    let output = layer.node(builder, op, inputs, map_of(Some(channels.1)))?;
    Ok(activations::of(builder, layer, output)?)
}

/// `SeparableConv2D`: a depthwise and a 1x1 convolution.
pub fn separable(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let filters = layer.setting(layer.config.count("filters"))?;
    let parts = parts(layer, &["depthwise_kernel", "pointwise_kernel"])?;
    let input = layer.input()?;
    let (weight, (groups, channels)) = depthwise_kernel(builder, layer, &parts)?;
    let depthwise = op(layer, groups)?;
    let middle = layer.part(builder, "depthwise", depthwise, vec![input, weight], map_of(Some(channels)))?;
    let weight = layer.weights(builder, &parts, 1, |dims, values| match *dims {
        [1, 1, inputs, outputs] if outputs == filters && inputs == channels => {
            Ok((vec![outputs, 1, 1, inputs], outputs_first(&values, outputs)))
        }
        _ => Err(format!("[1, 1, {channels}, {filters}]")),
    })?;
    let mut inputs = vec![middle, weight];
    if parts.len() > 2 {
        inputs.push(layer.weights(builder, &parts, 2, vector(filters))?);
    }
    let pointwise = RawOp::Conv { stride: [1, 1], dilation: [1, 1], padding: RawPadding::VALID, groups: 1 };
    let output = layer.node(builder, pointwise, inputs, map_of(Some(filters)))?;
    Ok(activations::of(builder, layer, output)?)
}

/// Name of a depthwise kernel, and how many channels it reads and writes.
fn depthwise_kernel(
    builder: &mut Builder,
    layer: &Layer,
    parts: &[&str],
) -> Result<(String, (usize, usize)), Trouble> {
    let kernel = layer.setting(layer.config.pair("kernel_size", [0; 2]))?;
    let multiplier = match layer.config.get("depth_multiplier") {
        None => 1,
        Some(_) => layer.setting(layer.config.count("depth_multiplier"))?,
    };
    let name = layer.weights(builder, parts, 0, |dims, values| match *dims {
        [rows, columns, channels, multiple] if multiple == multiplier && [rows, columns] == kernel => {
            // Channel and multiple are one index already.
            let outputs = channels * multiple;
            Ok((vec![outputs, rows, columns, 1], outputs_first(&values, outputs)))
        }
        _ => Err(format!("[{}, {}, channels, {multiplier}]", kernel[0], kernel[1])),
    })?;
    let outputs = builder.constant_dims(&name).and_then(|dims| dims.first().copied()).unwrap_or_default();
    Ok((name, (outputs.checked_div(multiplier).unwrap_or_default(), outputs)))
}

/// The tensors that a layer has: these, and a bias unless it has none.
fn parts(layer: &Layer, kernels: &[&'static str]) -> Result<Vec<&'static str>, Trouble> {
    let mut parts = kernels.to_vec();
    if layer.setting(layer.config.flag("use_bias", true))? {
        parts.push("bias");
    }
    Ok(parts)
}

fn op(layer: &Layer, groups: usize) -> Result<RawOp, Trouble> {
    let stride = layer.setting(layer.config.pair("strides", [1; 2]))?;
    let dilation = layer.setting(layer.config.pair("dilation_rate", [1; 2]))?;
    Ok(RawOp::Conv { stride, dilation, padding: padding(layer)?, groups })
}

/// `valid` or `same`.
pub fn padding(layer: &Layer) -> Result<RawPadding, Trouble> {
    match layer.config.text("padding").unwrap_or("valid") {
        word if word.eq_ignore_ascii_case("valid") => Ok(RawPadding::VALID),
        word if word.eq_ignore_ascii_case("same") => Ok(RawPadding::Same),
        other => unsupported(format!("its padding is '{}'", other.chars().take(40).collect::<String>())),
    }
}

/// A map of unknown size.
pub fn map_of(channels: Option<usize>) -> Shape {
    Some(vec![None, None, None, channels])
}

/// Elements whose index of outputs is the fastest, with it as the slowest.
pub fn outputs_first(values: &[f32], outputs: usize) -> Vec<f32> {
    (0..outputs).flat_map(|output| values.iter().skip(output).step_by(outputs).copied()).collect()
}
