//! Values of constant tensors as real numbers in our order, and what the integers of the others stand for.

use super::TfliteError;
use super::budget::Budget;
use super::model::{MOST_AXES, Tensor};
use super::ops::{Stop, Taken};
use crate::import::raw::{Constant, RawQuantizer, Values};
use half::f16;

/// Names of the types of elements, by number (`TensorType` of the schema).
#[rustfmt::skip]
const TYPES: [&str; 23] = [
    "FLOAT32", "FLOAT16", "INT32", "UINT8", "INT64", "STRING", "BOOL", "INT16", "COMPLEX64", "INT8",
    "FLOAT64", "COMPLEX128", "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4", "BFLOAT16",
    "INT2", "UINT4", "FLOAT8_E4M3FN", "FLOAT8_E5M2",
];

/// Order of the elements of a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// As in the file.
    Same,
    /// From `[1, rows, columns, channels]` to `[channels, rows, columns, 1]`.
    Depthwise,
}

/// Steps of integers, and the axis along which there is one for each index.
struct Steps {
    scales: Vec<f32>,
    zero_points: Vec<i64>,
    axis: usize,
}

impl Tensor<'_> {
    /// The name of its type.
    pub fn type_name(&self) -> String {
        let known = usize::try_from(self.kind).ok().and_then(|kind| TYPES.get(kind));
        known.map_or_else(|| format!("type {}", self.kind), |name| (*name).to_owned())
    }

    /// Whether it has values in the file.
    pub fn is_constant(&self) -> bool {
        !self.bytes.is_empty() || self.foreign.is_some()
    }

    /// What its integers stand for; `None` if it holds real numbers.
    pub fn quantizer(&self) -> Taken<Option<RawQuantizer>> {
        let range = match self.type_name().as_str() {
            "FLOAT32" | "FLOAT16" => return Ok(None),
            "INT8" => (-128, 127),
            "UINT8" => (0, 255),
            "INT16" => (-32_768, 32_767),
            other => return Err(Stop::refused(format!("a tensor of type {other} that is computed"))),
        };
        if self.scales.len() > 1 {
            return Err(Stop::refused("a tensor that is computed, with a scale for each channel"));
        }
        let (Some(scale), None) = (self.scales.iter().next(), self.foreign) else {
            let reason = format!("a tensor of type {} without a scale", self.type_name());
            return Err(Stop::refused(reason));
        };
        let zero_point = self.zero_points.iter().next().unwrap_or(0);
        if !scale.is_finite() || scale <= 0.0 || !(range.0..=range.1).contains(&zero_point) {
            let expected = format!("a scale above 0 and a zero point from {} to {}", range.0, range.1);
            return Err(self.wrong(expected, format!("{scale} and {zero_point}")).into());
        }
        Ok(Some(RawQuantizer { scale, zero_point, range }))
    }

    fn steps(&self) -> Taken<Option<Steps>> {
        let count = self.scales.len();
        if count == 0 {
            return Ok(None);
        }
        let along = usize::try_from(self.axis).ok().filter(|axis| *axis < self.dims.len());
        let channels = along.and_then(|axis| self.dims.get(axis).copied().flatten());
        if count > 1 && channels != Some(count) {
            let expected = format!("one scale, or one for each index of axis {}", self.axis);
            return Err(self.wrong(expected, format!("{count}")).into());
        }
        if let Some(scale) = self.scales.iter().find(|scale| !scale.is_finite() || *scale < 0.0) {
            return Err(self.wrong("scales that are numbers from 0 on".to_owned(), scale.to_string()).into());
        }
        let zero_points = self.zero_points.len();
        if zero_points > 1 && zero_points != count {
            let expected = format!("as many zero points as scales, which are {count}");
            return Err(self.wrong(expected, zero_points.to_string()).into());
        }
        let (scales, zero_points) = (self.scales.iter().collect(), self.zero_points.iter().collect());
        Ok(Some(Steps { scales, zero_points, axis: along.unwrap_or(0) }))
    }

    /// Its values as real numbers. `scales` stand for those of integers that have none of their own.
    pub fn reals(&self, order: Order, scales: Option<&[f32]>, budget: &mut Budget) -> Taken<Constant> {
        if let Some(reason) = self.foreign {
            return Err(Stop::refused(reason));
        }
        let name = self.type_name();
        let size = match name.as_str() {
            "INT8" | "UINT8" => 1,
            "FLOAT16" | "INT16" => 2,
            "FLOAT32" | "INT32" => 4,
            "FLOAT64" | "INT64" => 8,
            _ => return Err(Stop::refused(format!("constants of type {name}"))),
        };
        let (dims, count) = self.size(size)?;
        let steps = match (self.steps()?, scales) {
            (None, Some(scales)) if scales.len() == 1 || dims == [scales.len()] => {
                Some(Steps { scales: scales.to_vec(), zero_points: Vec::new(), axis: 0 })
            }
            (steps, _) => steps,
        };
        if !name.starts_with("FLOAT") && steps.is_none() {
            return Err(Stop::refused(format!("constants of type {name} without a scale")));
        }
        budget.charge(count.saturating_mul(size_of::<f32>()))?;
        let b = self.bytes;
        let integers = steps.map(|steps| Integers::new(steps, &dims));
        let floats = match (name.as_str(), &integers) {
            ("FLOAT16", _) => ordered(&dims, order, |i| f16::from_le_bytes(element(b, i)).to_f32()),
            ("FLOAT64", _) => ordered(&dims, order, |i| f64::from_le_bytes(element(b, i)) as f32),
            ("INT8", Some(of)) => ordered(&dims, order, |i| of.real(i, i8::from_le_bytes(element(b, i)))),
            ("UINT8", Some(of)) => ordered(&dims, order, |i| of.real(i, u8::from_le_bytes(element(b, i)))),
            ("INT16", Some(of)) => ordered(&dims, order, |i| of.real(i, i16::from_le_bytes(element(b, i)))),
            ("INT32", Some(of)) => ordered(&dims, order, |i| of.real(i, i32::from_le_bytes(element(b, i)))),
            ("INT64", Some(of)) => ordered(&dims, order, |i| of.real(i, i64::from_le_bytes(element(b, i)))),
            _ => ordered(&dims, order, |i| f32::from_le_bytes(element(b, i))),
        };
        let dims = match (order, &dims[..]) {
            (Order::Depthwise, &[_, rows, columns, channels]) => vec![channels, rows, columns, 1],
            _ => dims,
        };
        Ok(Constant { dims, values: Values::Floats(floats) })
    }

    /// Its values as sizes, axes and the like: a few integers.
    pub fn sizes(&self) -> Taken<Vec<i64>> {
        if let Some(reason) = self.foreign {
            return Err(Stop::refused(reason));
        }
        let wide = match self.type_name().as_str() {
            "INT32" => false,
            "INT64" => true,
            other => return Err(Stop::refused(format!("sizes of type {other}"))),
        };
        let (_, count) = self.size(if wide { 8 } else { 4 })?;
        if count > 2 * MOST_AXES {
            return Err(Stop::refused(format!("sizes of {count} axes")));
        }
        let b = self.bytes;
        let element = |i| {
            if wide { i64::from_le_bytes(element(b, i)) } else { i32::from_le_bytes(element(b, i)).into() }
        };
        Ok((0..count).map(element).collect())
    }

    /// Its dims and the number of its elements, which must be in the file.
    fn size(&self, element: usize) -> Result<(Vec<usize>, usize), TfliteError> {
        let dims: Option<Vec<usize>> = self.dims.iter().copied().collect();
        let count = dims.as_deref().and_then(|dims| dims.iter().try_fold(1_usize, |n, d| n.checked_mul(*d)));
        match (dims, count) {
            (Some(dims), Some(count)) if count.checked_mul(element) == Some(self.bytes.len()) => {
                Ok((dims, count))
            }
            (Some(dims), _) => {
                let expected = format!("{} values of shape {dims:?}", self.type_name());
                Err(self.wrong(expected, format!("{} bytes", self.bytes.len())))
            }
            (None, _) => Err(self.wrong("a shape".to_owned(), "an open one".to_owned())),
        }
    }

    fn wrong(&self, expected: String, found: String) -> TfliteError {
        TfliteError::Tensor { name: self.name.clone(), expected, found }
    }
}

/// Integers of a tensor in the file's order.
struct Integers {
    steps: Steps,
    /// Elements from one index of the axis to the next.
    apart: usize,
}

impl Integers {
    fn new(steps: Steps, dims: &[usize]) -> Self {
        let apart = dims.iter().skip(steps.axis + 1).product::<usize>().max(1);
        Self { steps, apart }
    }

    /// What integer number `index` stands for.
    fn real(&self, index: usize, integer: impl Into<i64>) -> f32 {
        let of = |count: usize| if count > 1 { index / self.apart % count } else { 0 };
        let Steps { scales, zero_points, .. } = &self.steps;
        let scale = scales.get(of(scales.len())).copied().unwrap_or(0.0);
        let zero_point = zero_points.get(of(zero_points.len())).copied().unwrap_or(0);
        // In f64: 32-bit integers of biases are exact there.
        (f64::from(scale) * integer.into().saturating_sub(zero_point) as f64) as f32
    }
}

/// Values in another order; `value` takes places in the file's.
fn ordered(dims: &[usize], order: Order, value: impl Fn(usize) -> f32) -> Vec<f32> {
    match (order, dims) {
        (Order::Depthwise, &[_, rows, columns, channels]) => {
            let pixels = rows * columns;
            let places = (0..channels).flat_map(|c| (0..pixels).map(move |pixel| pixel * channels + c));
            let mut floats = Vec::with_capacity(channels * pixels);
            floats.extend(places.map(value));
            floats
        }
        _ => (0..dims.iter().product()).map(value).collect(),
    }
}

/// Element number `index`; zeros behind the end, which [`Tensor::size`] has ruled out.
fn element<const N: usize>(bytes: &[u8], index: usize) -> [u8; N] {
    bytes.get(index * N..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}
