//! A model as the bytes of a `.safetensors` file that [`import`](super::import()) reads again.

use super::layout;
use super::naming::{Part, candidates};
use super::{Naming, quantizers};
use crate::net::{Affine, Graph, Layer, LayerWeights, Model, Normalization, Padding};
use crate::quant::Grids;
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::collections::HashMap;

/// Why a model cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// A layer has no parameters.
    #[error("layer {0} has no weights to write: train or load the whole network")]
    Missing(String),
    /// The container cannot be made.
    #[error("the weights cannot be written as safetensors: {0}")]
    Container(String),
}

/// Writes a model with the names of `timm`, which has all families, and its trained quantizers if there are any.
///
/// The same model gives the same bytes. Only its batch normalizations' common epsilon and the normalizations that
/// [`Normalization`] names can be expressed in the metadata.
///
/// # Errors
/// If a layer has no parameters.
pub fn save(model: &Model, grids: Option<&Grids>) -> Result<Vec<u8>, SaveError> {
    let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (id, layer) in model.graph.weighted_layers() {
        let parameters = model.layer(id).ok_or_else(|| SaveError::Missing(layer.name.clone()))?;
        for (part, values) in tensors(parameters, &model.graph, layer) {
            let name = candidates(Naming::Timm, model.spec.family, layer, part, "classifier").swap_remove(0);
            let shape = super::naming::shapes(Naming::Timm, &model.graph, layer, part).swap_remove(0);
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            parts.push((name, Dtype::F32, shape, bytes));
        }
    }
    for (name, dtype, bytes) in grids.map_or_else(Vec::new, |grids| quantizers::write(&model.graph, grids)) {
        let elements = bytes.len() / if dtype == Dtype::F64 { 8 } else { 1 };
        parts.push((name, dtype, vec![elements], bytes));
    }
    let fail = |error: safetensors::SafeTensorError| SaveError::Container(error.to_string());
    let views: Result<Vec<_>, _> = parts
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect();
    serialize(views.map_err(fail)?, Some(metadata(model))).map_err(fail)
}

/// The tensors of a layer in the order of the file's axes.
fn tensors(parameters: &LayerWeights, graph: &Graph, layer: &Layer) -> Vec<(Part, Vec<f32>)> {
    let shape = graph.weight_shape(layer).unwrap_or_default();
    let axes = layout::axes(Naming::Timm, layer.op);
    let mut tensors = vec![(Part::Weight, layout::store(&parameters.weight, shape, axes))];
    match &parameters.affine {
        Affine::Bias(bias) => tensors.push((Part::Bias, bias.clone())),
        Affine::BatchNorm(bn) => {
            tensors.push((Part::Gamma, bn.gamma.clone()));
            tensors.push((Part::Beta, bn.beta.clone()));
            tensors.push((Part::Mean, bn.mean.clone()));
            tensors.push((Part::Variance, bn.variance.clone()));
        }
    }
    tensors
}

/// What the tensors do not say. A `HashMap` as the container wants it; it is written in the order of the keys.
fn metadata(model: &Model) -> HashMap<String, String> {
    let epsilon = model.weights.iter().flatten().find_map(|parameters| match &parameters.affine {
        Affine::BatchNorm(bn) => Some(bn.epsilon),
        Affine::Bias(_) => None,
    });
    let preprocessing = match model.normalization {
        Normalization::SIGNED => Some("x/127.5 - 1"),
        Normalization::UNIT => Some("x/255"),
        Normalization::IMAGENET => Some("ImageNet mean and deviation"),
        _ => None,
    };
    let padding = match model.spec.padding {
        Padding::TensorFlow => "TensorFlow SAME",
        Padding::PyTorch => "PyTorch symmetric",
    };
    let labels = model.labels.as_ref().and_then(|labels| serde_json::to_string(labels).ok());
    let entries = [
        ("model", Some(model.spec.to_string())),
        ("width", Some(model.spec.width.factor().to_string())),
        ("resolution", Some(model.spec.side.to_string())),
        ("padding", Some(padding.into())),
        ("preprocessing", preprocessing.map(String::from)),
        ("bn_eps", epsilon.map(|epsilon| epsilon.to_string())),
        ("labels", labels),
    ];
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
