//! Layers that compute nothing: padding, flattening, other shapes.

use super::{Layer, Trouble, convolution::map_of, unsupported};
use crate::import::keras::{
    builder::Builder,
    config::{number, pair, wrong},
};
use crate::import::raw::RawOp;
use serde_json::Value;

/// Most axes of a shape.
const MAX_RANK: usize = 8;

/// `ZeroPadding2D`: one number, one for rows and one for columns, or two for each.
pub fn zero_padding(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let value = layer.config.get("padding").unwrap_or(&Value::Null);
    let sides = number(value)
        .map(|all| [[all; 2]; 2])
        .or_else(|| pair(value).map(|[rows, columns]| [[rows; 2], [columns; 2]]))
        .or_else(|| match value.as_array()?.as_slice() {
            [rows, columns] => Some([pair(rows)?, pair(columns)?]),
            _ => None,
        });
    let sides = sides.ok_or_else(|| layer.error(wrong("padding", "counts for rows and columns", value)))?;
    let [rows, columns] = sides.map(|side| side.map(|count| count as i64));
    let input = layer.input()?;
    let channels = builder.shape(&input).and_then(|dims| dims.last().copied()).flatten();
    let op = RawOp::Pad { pads: vec![[0; 2], rows, columns, [0; 2]], value: 0.0 };
    Ok(layer.node(builder, op, vec![input], map_of(channels))?)
}

/// `Flatten`.
pub fn flatten(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let input = layer.input()?;
    Ok(layer.node(builder, RawOp::Reshape { dims: vec![0, -1] }, vec![input], Some(vec![None; 2]))?)
}

/// `Reshape`, whose shape does not have the batch.
pub fn reshape(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let target = layer.setting(layer.config.integers("target_shape"))?.unwrap_or_default();
    let dims: Vec<i64> = [0].into_iter().chain(target).collect();
    to(builder, layer, dims)
}

/// A node that gives its input another shape, the batch first.
pub fn to(builder: &mut Builder, layer: &Layer, dims: Vec<i64>) -> Result<String, Trouble> {
    if dims.len() > MAX_RANK {
        return unsupported(format!("it has {} axes", dims.len()));
    }
    if dims.iter().filter(|size| **size == -1).count() > 1 || dims.iter().any(|size| *size < -1) {
        return Err(layer.error("expected a shape with at most one -1").into());
    }
    let shape = dims.iter().map(|&size| usize::try_from(size).ok().filter(|size| *size > 0)).collect();
    let input = layer.input()?;
    Ok(layer.node(builder, RawOp::Reshape { dims }, vec![input], Some(shape))?)
}

/// `Permute`, which counts axes from one behind the batch.
pub fn permute(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let order = layer.setting(layer.config.integers("dims"))?.unwrap_or_default();
    let order = [0].into_iter().chain(order).collect();
    transpose(builder, layer, order)
}

/// A node that brings axes into another order.
pub fn transpose(builder: &mut Builder, layer: &Layer, order: Vec<i64>) -> Result<String, Trouble> {
    if order.len() > MAX_RANK {
        return unsupported(format!("it has {} axes", order.len()));
    }
    let order: Vec<usize> = order.iter().filter_map(|&axis| usize::try_from(axis).ok()).collect();
    if order.is_empty() || (0..order.len()).any(|axis| !order.contains(&axis)) {
        return Err(layer.error("expected each axis once").into());
    }
    let input = layer.input()?;
    let shape = builder.shape(&input);
    let shape = shape.map(|dims| order.iter().map(|&axis| dims.get(axis).copied().flatten()).collect());
    Ok(layer.node(builder, RawOp::Transpose { order }, vec![input], shape)?)
}
