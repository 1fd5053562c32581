//! Constants that are integers with a scale.

use crate::import::onnx::constants::Constants;
use crate::import::onnx::error::Trouble;
use crate::import::onnx::node::Node;
use crate::import::onnx::shapes::place;
use crate::import::onnx::tensor::{Data, Tensor, product, range};
use crate::import::raw::RawQuantizer;
use crate::onnx_proto::DataType;

/// Scales and zero points along an axis: one for all, or one for each index of the axis.
struct Scales {
    scales: Vec<f32>,
    zero_points: Vec<f32>,
    /// Values between two indices of the axis.
    inner: usize,
}

impl Scales {
    /// Scale and zero point of a value.
    fn of(&self, at: usize) -> (f32, f32) {
        let pick = |values: &[f32], default: f32| match values {
            [] => default,
            [one] => *one,
            many => many.get(at / self.inner.max(1) % many.len()).copied().unwrap_or(default),
        };
        (pick(&self.scales, 1.0), pick(&self.zero_points, 0.0))
    }
}

/// Reads scales and zero points for a tensor of a size.
fn scales(
    dims: &[usize],
    axis: i64,
    [scale, zero_point]: [Option<&str>; 2],
    constants: &mut Constants,
) -> Result<Scales, Trouble> {
    let mut read = |name: Option<&str>| -> Result<Vec<f32>, Trouble> {
        let Some(name) = name else { return Ok(Vec::new()) };
        let tensor = constants.floats(name)?;
        if tensor.dims.len() > 1 {
            return Err(
                "in blocks; only a scale for the whole tensor or for each channel is supported".into()
            );
        }
        tensor.as_floats()
    };
    let (scales, zero_points) = (read(scale)?, read(zero_point)?);
    let most = scales.len().max(zero_points.len());
    let mut inner = 1;
    if most > 1 {
        let axis = place(axis, dims.len()).ok_or("along an axis that is not there")?;
        if [scales.len(), zero_points.len()].iter().any(|&count| count > 1 && dims.get(axis) != Some(&count))
        {
            return Err(
                format!("with {most} scales or zero points for a tensor {dims:?} along axis {axis}").into()
            );
        }
        inner = product(dims.get(axis + 1..).unwrap_or_default()).unwrap_or(1);
    }
    Ok(Scales { scales, zero_points, inner })
}

/// Real numbers out of integers with a scale, which may be one for each channel.
pub fn dequantized(node: &Node, constants: &mut Constants) -> Result<Tensor, Trouble> {
    whole(node)?;
    let names = [Some(node.needs(1)?), node.input(2)];
    real(node.needs(0)?, names, node.int("axis", 1), constants)
}

/// Real numbers out of the integers of a constant.
pub fn real(
    name: &str,
    names: [Option<&str>; 2],
    axis: i64,
    constants: &mut Constants,
) -> Result<Tensor, Trouble> {
    let mut tensor = constants.floats(name)?;
    let scales = scales(&tensor.dims, axis, names, constants)?;
    if let Data::Floats(values) = &mut tensor.data {
        for (at, value) in values.iter_mut().enumerate() {
            let (scale, zero_point) = scales.of(at);
            *value = (*value - zero_point) * scale;
        }
    }
    Ok(Tensor { element: DataType::Float, ..tensor })
}

/// Integers with a scale out of real numbers.
pub fn quantized(node: &Node, constants: &mut Constants) -> Result<Tensor, Trouble> {
    whole(node)?;
    let element = written(node, constants)?;
    let (low, high) = range(element).ok_or("to a type that is no integer of up to 32 bits")?;
    let tensor = constants.floats(node.needs(0)?)?;
    constants.allow(&tensor.dims, 2)?;
    let names = [Some(node.needs(1)?), node.input(2)];
    let scales = scales(&tensor.dims, node.int("axis", 1), names, constants)?;
    let code = |(at, value): (usize, f32)| {
        let (scale, zero_point) = scales.of(at);
        let code = (value / scale).round_ties_even() + zero_point;
        (code as i64).clamp(low, high)
    };
    let values = tensor.as_floats()?.into_iter().enumerate().map(code).collect();
    Ok(Tensor { dims: tensor.dims, data: Data::Integers(values), element })
}

/// The type of integers that a `QuantizeLinear` writes.
fn written(node: &Node, constants: &mut Constants) -> Result<DataType, Trouble> {
    if let Some(name) = node.input(2) {
        return Ok(constants.get(name)?.element);
    }
    Ok(stated(node))
}

/// The type that an attribute states, else the usual one.
fn stated(node: &Node) -> DataType {
    let stated =
        i32::try_from(node.int("output_dtype", 0)).ok().and_then(|stated| DataType::try_from(stated).ok());
    stated.filter(|&stated| stated != DataType::Undefined).unwrap_or(DataType::Uint8)
}

fn whole(node: &Node) -> Result<(), Trouble> {
    if node.int("block_size", 0) == 0 {
        Ok(())
    } else {
        Err("in blocks; export with a scale for each channel".into())
    }
}

/// What the integers of an activation stand for, whose scale and zero point are inputs `at` and `at + 1` of a node.
///
/// # Errors
/// If they are not single constants.
pub fn quantizer(node: &Node, at: usize, constants: &mut Constants) -> Result<RawQuantizer, Trouble> {
    whole(node)?;
    let single = "with a scale for each channel of an activation; only one for all is supported";
    let scale = constants.get(node.needs(at)?)?.number().map_err(|_| single)?;
    if !(scale.is_finite() && scale > 0.0) {
        return Err(format!("with the scale {scale}, where a number above 0 is expected").into());
    }
    let (zero_point, element) = match node.input(at + 1) {
        Some(name) => {
            let tensor = constants.get(name)?;
            let &[zero_point] = tensor.as_integers()? else { return Err(single.into()) };
            (zero_point, tensor.element)
        }
        None => (0, stated(node)),
    };
    let range = range(element).ok_or("to a type that is no integer of up to 32 bits")?;
    Ok(RawQuantizer { scale, zero_point, range })
}
