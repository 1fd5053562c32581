//! Memory of burn's processor backend.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Tensor, TensorData};
use std::ops::{Deref, DerefMut};

/// Single-precision numbers in a tensor of burn-flex. It grows as needed and keeps its memory when it shrinks.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    tensor: FlexTensor,
    len: usize,
}

impl Buffer {
    /// Sets the number of elements; what they hold is not said.
    pub fn resize(&mut self, len: usize) {
        if len > self.tensor.storage::<f32>().len() {
            self.tensor = tensor(vec![0.0; len]);
        }
        self.len = len;
    }

    /// Elements that there is memory for.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.tensor.storage::<f32>().len()
    }

    /// The elements as a tensor of burn on the processor; memory is shared until either is written.
    pub fn tensor<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        let tensor = Tensor::<1>::from_primitive::<Flex>(self.tensor.clone());
        tensor.narrow(0, 0, self.len).reshape(shape)
    }
}

fn tensor(values: Vec<f32>) -> FlexTensor {
    let len = values.len();
    FlexTensor::from_data(TensorData::new(values, [len]))
}

impl Default for Buffer {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(values: Vec<f32>) -> Self {
        Self { len: values.len(), tensor: tensor(values) }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.tensor.storage()[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.tensor.storage_mut()[..self.len]
    }
}
