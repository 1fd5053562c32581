//! Matrix products and batch normalization.

use super::{Layer, Trouble, activations, convolution::outputs_first, unsupported, vector};
use crate::import::keras::builder::{Builder, Shape};
use crate::import::raw::RawOp;

/// `Dense`.
pub fn dense(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let units = layer.setting(layer.config.count("units"))?;
    let parts: &[&str] =
        if layer.setting(layer.config.flag("use_bias", true))? { &["kernel", "bias"] } else { &["kernel"] };
    let input = layer.input()?;
    let weight = layer.weights(builder, parts, 0, |dims, values| match *dims {
        [inputs, outputs] if outputs == units => Ok((vec![outputs, inputs], outputs_first(&values, outputs))),
        _ => Err(format!("[inputs, {units}]")),
    })?;
    let shape = builder.shape(&input).map(|mut dims| {
        if let Some(last) = dims.last_mut() {
            *last = Some(units);
        }
        dims
    });
    let mut inputs = vec![input, weight];
    if parts.len() > 1 {
        inputs.push(layer.weights(builder, parts, 1, vector(units))?);
    }
    let output = layer.node(builder, RawOp::Dense, inputs, shape)?;
    Ok(activations::of(builder, layer, output)?)
}

/// `BatchNormalization`. Without scale or centre, gamma is one and beta zero.
pub fn batch_norm(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let input = layer.input()?;
    let shape = builder.shape(&input);
    let axes = layer.setting(layer.config.integers("axis"))?.unwrap_or_else(|| vec![-1]);
    if !is_last(&axes, &shape) {
        return unsupported(format!("it normalizes along axis {}, not the channels", list(&axes)));
    }
    let epsilon = layer.setting(layer.config.real("epsilon", 1e-3))? as f32;
    let mut parts = Vec::new();
    for (part, has) in [("gamma", "scale"), ("beta", "center")] {
        if layer.setting(layer.config.flag(has, true))? {
            parts.push(part);
        }
    }
    parts.extend(["moving_mean", "moving_variance"]);
    let any = |dims: &[usize], values: Vec<f32>| match *dims {
        [channels] => Ok((vec![channels], values)),
        _ => Err("[channels]".into()),
    };
    let mean = layer.weights(builder, &parts, parts.len() - 2, any)?;
    let channels = builder.constant_dims(&mean).and_then(|dims| dims.first().copied()).unwrap_or_default();
    let variance = layer.weights(builder, &parts, parts.len() - 1, vector(channels))?;
    let mut inputs = vec![input];
    for (part, value) in [("gamma", 1.0), ("beta", 0.0)] {
        inputs.push(match parts.iter().position(|found| *found == part) {
            Some(index) => layer.weights(builder, &parts, index, vector(channels))?,
            None => builder.weights(&format!("{}/{part}", layer.place.name()), |_| {
                Ok((vec![channels], vec![value; channels]))
            })?,
        });
    }
    inputs.extend([mean, variance]);
    Ok(layer.node(builder, RawOp::BatchNorm { epsilon }, inputs, shape)?)
}

/// Whether axes are the last one alone. Of a tensor of unknown size it is that of a map.
pub fn is_last(axes: &[i64], shape: &Shape) -> bool {
    let rank = shape.as_ref().map_or(4, Vec::len) as i64;
    matches!(*axes, [axis] if axis == -1 || axis + 1 == rank)
}

fn list(axes: &[i64]) -> String {
    axes.iter().take(8).map(i64::to_string).collect::<Vec<_>>().join(", ")
}
