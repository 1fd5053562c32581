//! Safetensors files made in memory.

use bitsmith::{
    import::{Naming, names},
    net::Spec,
};
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};
use std::collections::{BTreeMap, HashMap};

/// The tensors and metadata of a file.
#[derive(Clone, Default)]
pub struct Archive {
    pub tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
    pub metadata: BTreeMap<String, String>,
}

impl Archive {
    /// All tensors of a network. Elements are small multiples of 1/64 that differ, variances are 1.
    pub fn of(network: &str, naming: Naming) -> Self {
        let spec: Spec = network.parse().expect(network);
        let mut archive = Self::default();
        for (name, shape) in names(&spec, naming) {
            let variance = name.ends_with("var") || name.ends_with("variance");
            let value = |i: usize| if variance { 1.0 } else { (i % 127) as f32 / 64.0 };
            let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
            archive.put(&name, &shape, &values);
        }
        archive
    }

    /// What a file holds.
    pub fn read(bytes: &[u8]) -> Self {
        let tensors = SafeTensors::deserialize(bytes).expect("a safetensors file");
        let (_, header) = SafeTensors::read_metadata(bytes).expect("a safetensors file");
        let tensor = |(name, view): (String, TensorView)| {
            (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        };
        Self {
            tensors: tensors.tensors().into_iter().map(tensor).collect(),
            metadata: header.metadata().clone().unwrap_or_default().into_iter().collect(),
        }
    }

    /// Adds or replaces a tensor of type F32.
    pub fn put(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensors.insert(name.into(), (Dtype::F32, shape.into(), data));
    }

    /// Elements of a tensor of type F32.
    pub fn values(&self, name: &str) -> Vec<f32> {
        self.tensors[name].2.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    /// Sets one element of a tensor of type F32.
    pub fn poke(&mut self, name: &str, index: usize, value: f32) {
        let (_, _, data) = self.tensors.get_mut(name).expect(name);
        data[index * 4..][..4].copy_from_slice(&value.to_le_bytes());
    }

    /// Writes every element anew, in another type.
    pub fn convert(&mut self, dtype: Dtype, write: impl Fn(f32) -> Vec<u8>) {
        for (name, values) in
            self.tensors.keys().map(|name| (name.clone(), self.values(name))).collect::<Vec<_>>()
        {
            let (_, shape, _) = self.tensors[&name].clone();
            self.tensors.insert(name, (dtype, shape, values.into_iter().flat_map(&write).collect()));
        }
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, (dtype, shape, data))| {
            (name, TensorView::new(*dtype, shape.clone(), data).expect("shape and data agree"))
        });
        let metadata: HashMap<_, _> = self.metadata.clone().into_iter().collect();
        serialize(views, (!metadata.is_empty()).then_some(metadata)).expect("tensors can be written")
    }
}
