//! Convolutions, pools and what stands around maps.

use crate::import::onnx::error::Trouble;
use crate::import::onnx::fold;
use crate::import::onnx::node::Node;
use crate::import::onnx::reader::{Made, Reader};
use crate::import::onnx::shapes::place;
use crate::import::raw::{RawOp, RawPadding, RawWindow};

/// Our order of a kernel's axes, by theirs: outputs, inputs, rows, columns.
pub const KERNEL_ORDER: [usize; 4] = [0, 2, 3, 1];

/// `Conv`.
pub fn conv(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let weights = node.needs(1)?;
    constant_weights(weights, reader)?;
    let dims = reader.constants.dims(weights)?;
    let op = conv_op(node, &dims)?;
    let mut inputs = vec![reader.activation(node.needs(0)?)?];
    inputs.push(
        reader.constants.keep(weights, "kernel", |constants| constants.permuted(weights, &KERNEL_ORDER))?,
    );
    if let Some(bias) = node.input(2) {
        constant_weights(bias, reader)?;
        inputs.push(reader.constants.keep_plain(bias)?);
    }
    Ok(Made::new(op, inputs))
}

/// The operation of a convolution with weights of a size.
pub fn conv_op(node: &Node, dims: &[usize]) -> Result<RawOp, Trouble> {
    let &[_, _, rows, columns] = dims else {
        return Err(format!(
            "a convolution over {} axes; only two, rows and columns, are supported",
            dims.len().saturating_sub(2)
        )
        .into());
    };
    let stated = node.ints("kernel_shape").unwrap_or_default();
    if !stated.is_empty() && node.pair("kernel_shape", 1)? != [rows, columns] {
        return Err(format!("a kernel of {stated:?} with weights of {dims:?}").into());
    }
    let groups = node.int("group", 1);
    let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
    Ok(RawOp::Conv {
        stride: node.pair("strides", 1)?,
        dilation: node.pair("dilations", 1)?,
        padding: padding(node)?,
        groups: groups.ok_or("with a number of groups below 1")?,
    })
}

/// Refuses weights that the network computes.
pub fn constant_weights(name: &str, reader: &Reader) -> Result<(), Trouble> {
    if reader.constants.contains(name) {
        Ok(())
    } else {
        Err(format!("its weights '{name}' are no constants").into())
    }
}

fn padding(node: &Node) -> Result<RawPadding, Trouble> {
    match node.text("auto_pad") {
        "SAME_UPPER" => return Ok(RawPadding::Same),
        "SAME_LOWER" => return Ok(RawPadding::SameLower),
        "VALID" => return Ok(RawPadding::VALID),
        "" | "NOTSET" => {}
        other => return Err(format!("with the padding '{other}'").into()),
    }
    let pads = match node.ints("pads") {
        None | Some([]) => return Ok(RawPadding::VALID),
        Some(pads) => pads,
    };
    let sizes: Option<Vec<usize>> =
        pads.iter().map(|&pad| usize::try_from(pad).ok().filter(|&pad| pad < 1 << 31)).collect();
    match sizes.as_deref() {
        Some(&[top, left, bottom, right]) => Ok(RawPadding::Explicit([top, left, bottom, right])),
        _ => Err(format!("with pads {pads:?}, where four sizes of at least 0 are expected").into()),
    }
}

fn window(node: &Node) -> Result<RawWindow, Trouble> {
    if node.ints("kernel_shape").is_none_or(<[i64]>::is_empty) {
        return Err("without a kernel_shape".into());
    }
    if node.pair("dilations", 1)? != [1, 1] {
        return Err("a pool with dilation".into());
    }
    Ok(RawWindow {
        kernel: node.pair("kernel_shape", 1)?,
        stride: node.pair("strides", 1)?,
        padding: padding(node)?,
        ceil: node.int("ceil_mode", 0) != 0,
    })
}

/// `MaxPool`.
pub fn max_pool(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let op = RawOp::MaxPool(window(node)?);
    let name = node.needs(0)?;
    let quantizer = reader.integers(name).map(|(_, quantizer)| quantizer);
    Ok(Made { op, inputs: vec![reader.activation(name)?], quantizer })
}

/// The operation of an `AveragePool`.
pub fn average_pool_op(node: &Node) -> Result<RawOp, Trouble> {
    Ok(RawOp::AvgPool { window: window(node)?, counts_pads: node.int("count_include_pad", 0) != 0 })
}

/// `AveragePool`.
pub fn average_pool(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    Ok(Made::new(average_pool_op(node)?, vec![reader.activation(node.needs(0)?)?]))
}

/// The operation of a `GlobalAveragePool` of a tensor.
pub fn global_average_pool_op(name: &str, reader: &Reader) -> Result<RawOp, Trouble> {
    match reader.shape(name).map(|shape| shape.len()) {
        None | Some(4) => Ok(RawOp::Mean { axes: vec![2, 3], keep: true }),
        Some(rank) => Err(format!("a pool over a tensor of {rank} axes, where 4 are expected").into()),
    }
}

/// `GlobalAveragePool`.
pub fn global_average_pool(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let name = node.needs(0)?;
    let op = global_average_pool_op(name, reader)?;
    Ok(Made::new(op, vec![reader.activation(name)?]))
}

/// `ReduceMean`.
pub fn mean(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let name = node.needs(0)?;
    let axes = axes(node, reader)?.unwrap_or_default();
    let input = reader.activation(name)?;
    if axes.is_empty() && node.int("noop_with_empty_axes", 0) != 0 {
        return Ok(Made::new(RawOp::Identity, vec![input]));
    }
    let axes = match (axes.as_slice(), reader.shape(name)) {
        ([], Some(shape)) => (0..shape.len() as i64).collect(),
        ([], None) => return Err("a mean over all axes of a tensor of unknown size".into()),
        (_, Some(shape)) if axes.iter().any(|&axis| place(axis, shape.len()).is_none()) => {
            return Err(format!("a mean over axes {axes:?} of a tensor of {} axes", shape.len()).into());
        }
        _ => axes,
    };
    Ok(Made::new(RawOp::Mean { axes, keep: node.int("keepdims", 1) != 0 }, vec![input]))
}

/// `Pad`.
pub fn pad(node: &Node, reader: &mut Reader) -> Result<Made, Trouble> {
    let mode = node.text("mode");
    if !matches!(mode, "" | "constant") {
        return Err(format!("padding by '{mode}'; only constant values are supported").into());
    }
    let name = node.needs(0)?;
    let listed = match node.ints("pads") {
        Some(pads) => pads.to_vec(),
        None => reader.constants.get(node.needs(1)?)?.as_integers()?.to_vec(),
    };
    let value = match node.input(2) {
        Some(value) => reader.constants.get(value)?.number()?,
        None => node.float("value", 0.0),
    };
    let axes = match node.input(3) {
        Some(axes) => Some(reader.constants.get(axes)?.as_integers()?.to_vec()),
        None => None,
    };
    let half = listed.len() / 2;
    let (before, after) = listed.split_at(half);
    let pairs = || before.iter().zip(after).map(|(&before, &after)| [before, after]);
    let pads = match axes {
        None => pairs().collect(),
        Some(axes) => {
            let shape = reader.shape(name).ok_or("over some axes of a tensor of unknown size")?;
            let mut pads = vec![[0, 0]; shape.len()];
            for (axis, pair) in axes.iter().zip(pairs()) {
                let slot = place(*axis, shape.len()).and_then(|at| pads.get_mut(at));
                *slot.ok_or("over an axis that is not there")? = pair;
            }
            pads
        }
    };
    if reader.shape(name).is_some_and(|shape| shape.len() != pads.len()) || after.len() != half {
        return Err(format!("with {} pads, which do not fit the axes", listed.len()).into());
    }
    Ok(Made::new(RawOp::Pad { pads, value }, vec![reader.activation(name)?]))
}

/// Axes as an attribute, or as an input since version 13.
pub fn axes(node: &Node, reader: &mut Reader) -> Result<Option<Vec<i64>>, Trouble> {
    fold::axes(node, &mut reader.constants)
}
