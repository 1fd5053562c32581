//! Pooling.

use super::{
    Layer, Trouble,
    convolution::{map_of, padding},
};
use crate::import::keras::builder::Builder;
use crate::import::raw::{RawOp, RawWindow};

/// `MaxPooling2D`.
pub fn max(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let window = window(layer)?;
    pool(builder, layer, RawOp::MaxPool(window))
}

/// `AveragePooling2D`: what is around the map does not count.
pub fn average(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let window = window(layer)?;
    pool(builder, layer, RawOp::AvgPool { window, counts_pads: false })
}

fn pool(builder: &mut Builder, layer: &Layer, op: RawOp) -> Result<String, Trouble> {
    let input = layer.input()?;
    let channels = builder.shape(&input).and_then(|dims| dims.last().copied()).flatten();
    Ok(layer.node(builder, op, vec![input], map_of(channels))?)
}

fn window(layer: &Layer) -> Result<RawWindow, Trouble> {
    let kernel = layer.setting(layer.config.pair("pool_size", [2; 2]))?;
    let stride = layer.setting(layer.config.pair("strides", kernel))?;
    Ok(RawWindow { kernel, stride, padding: padding(layer)?, ceil: false })
}

/// `GlobalAveragePooling2D`.
pub fn global_average(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let keep = layer.setting(layer.config.flag("keepdims", false))?;
    let input = layer.input()?;
    let channels = builder.shape(&input).and_then(|dims| dims.last().copied()).flatten();
    let shape = if keep { vec![None, Some(1), Some(1), channels] } else { vec![None, channels] };
    Ok(layer.node(builder, RawOp::Mean { axes: vec![1, 2], keep }, vec![input], Some(shape))?)
}
