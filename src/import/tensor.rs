//! A tensor as a weights file holds it, whatever the container.

use half::{bf16, f16};
use safetensors::Dtype;
use std::borrow::Cow;

/// Numbers with a size. Their type has the name that safetensors gives it, in other containers as well.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor<'a> {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// As many little-endian elements as `shape` says, the last index fastest: part of the file where it lies there like
    /// this.
    pub data: Cow<'a, [u8]>,
}

impl Tensor<'_> {
    /// Whether elements can be weights. Integers are counters, such as PyTorch's `num_batches_tracked`.
    pub fn is_float(&self) -> bool {
        matches!(self.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64)
    }

    /// Elements as f32, rounded to nearest; `None` if the type is not one of floats.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        fn convert<const N: usize>(data: &[u8], element: fn([u8; N]) -> f32) -> Vec<f32> {
            data.as_chunks().0.iter().map(|&bytes| element(bytes)).collect()
        }
        let data = &self.data;
        match self.dtype {
            Dtype::F32 => Some(convert(data, f32::from_le_bytes)),
            Dtype::F16 => Some(convert(data, |bytes| f16::from_le_bytes(bytes).to_f32())),
            Dtype::BF16 => Some(convert(data, |bytes| bf16::from_le_bytes(bytes).to_f32())),
            Dtype::F64 => Some(convert(data, |bytes| f64::from_le_bytes(bytes) as f32)),
            _ => None,
        }
    }
}
