//! A model as the bytes of a `.safetensors` file that [`import`](super::import()) reads again.

use super::layout;
use super::naming::{Part, candidates, shapes};
use super::{Naming, own, quantizers};
use crate::net::{Affine, Graph, Layer, LayerWeights, Model, Normalization};
use crate::quant::Grids;
use half::f16;
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::collections::BTreeMap;

/// Bytes of which a header takes a multiple, so that tensors are aligned.
const ALIGNMENT: usize = 8;

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

/// A number is too large for float16.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("layer {layer} has the number {value}, but float16 ends at {}: keep float32", f16::MAX)]
pub struct TooLarge {
    layer: String,
    value: f32,
}

/// A model with all numbers rounded to float16, as which [`save`] then writes them.
///
/// # Errors
/// If a number is too large for float16.
pub fn rounded_to_half(model: &Model) -> Result<Model, TooLarge> {
    let mut model = model.clone();
    let network = model.network.clone();
    for (layer, parameters) in network.graph().layers.iter().zip(&mut model.weights) {
        for value in parameters.iter_mut().flat_map(numbers) {
            let rounded = f16::from_f32(*value);
            if !rounded.is_finite() {
                return Err(TooLarge { layer: layer.name.clone(), value: *value });
            }
            *value = rounded.to_f32();
        }
    }
    Ok(model)
}

/// All numbers of a layer that a file holds.
fn numbers(parameters: &mut LayerWeights) -> impl Iterator<Item = &mut f32> {
    let affine = match &mut parameters.affine {
        Affine::Bias(bias) => vec![bias],
        Affine::BatchNorm(bn) => vec![&mut bn.gamma, &mut bn.beta, &mut bn.mean, &mut bn.variance],
    };
    parameters.weight.iter_mut().chain(affine.into_iter().flatten())
}

/// Writes a model with the names of `timm`, which has all families, or those of its own layers, and its trained quantizers if there are any. Numbers
/// take four bytes each, or two if they are all the same as float16.
///
/// The same model gives the same bytes. Of the batch normalizations' epsilons only a common one can be expressed in the metadata.
///
/// # Errors
/// If a layer has no parameters.
pub fn save(model: &Model, grids: Option<&Grids>) -> Result<Vec<u8>, SaveError> {
    let half = rounded_to_half(model).is_ok_and(|rounded| rounded.weights == model.weights);
    let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (id, layer) in model.graph().weighted_layers() {
        let parameters = model.layer(id).ok_or_else(|| SaveError::Missing(layer.name.clone()))?;
        for (part, values) in tensors(parameters, model.graph(), layer) {
            let shape = model.graph().weight_shape(layer).unwrap_or_default();
            let name = match model.network.zoo() {
                Some(spec) => candidates(Naming::Timm, spec.family, layer, part, "classifier").swap_remove(0),
                None => own::name(layer, part),
            };
            let shape = shapes(Naming::Timm, shape, layer, part).swap_remove(0);
            let (dtype, bytes) = if half {
                (Dtype::F16, values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect())
            } else {
                (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            };
            parts.push((name, dtype, shape, bytes));
        }
    }
    for (name, dtype, bytes) in grids.map_or_else(Vec::new, |grids| quantizers::write(model.graph(), grids)) {
        let elements = bytes.len() / if dtype == Dtype::F64 { 8 } else { 1 };
        parts.push((name, dtype, vec![elements], bytes));
    }
    let fail = |error: safetensors::SafeTensorError| SaveError::Container(error.to_string());
    let views: Result<Vec<_>, _> = parts
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect();
    with_metadata(&serialize(views.map_err(fail)?, None).map_err(fail)?, &metadata(model))
}

/// Puts metadata before the tensors of a file's header. The container would write them in an order of chance.
fn with_metadata(file: &[u8], metadata: &BTreeMap<&str, String>) -> Result<Vec<u8>, SaveError> {
    let damaged = || SaveError::Container("its header is damaged".into());
    let (length, rest) = file.split_first_chunk().ok_or_else(damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let tensors = header.trim_ascii_end().strip_prefix(b"{").ok_or_else(damaged)?;
    let metadata =
        serde_json::to_string(metadata).map_err(|error| SaveError::Container(error.to_string()))?;
    let mut header = [format!("{{\"__metadata__\":{metadata},").as_bytes(), tensors].concat();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    Ok([&(header.len() as u64).to_le_bytes()[..], &header, data].concat())
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

/// What the tensors do not say.
fn metadata(model: &Model) -> BTreeMap<&'static str, String> {
    let epsilon = model.epsilon();
    let preprocessing = match model.normalization {
        Normalization::IMAGENET => "ImageNet mean and deviation".into(),
        other => other.to_string(),
    };
    let labels = model.labels.as_ref().and_then(|labels| serde_json::to_string(labels).ok());
    let entries = [
        ("model", Some(model.network.to_string())),
        ("graph", model.network.zoo().is_none().then(|| own::graph(model))),
        ("width", model.network.zoo().map(|spec| spec.width.factor().to_string())),
        ("resolution", Some(model.network.side().to_string())),
        ("padding", model.network.zoo().map(|spec| spec.padding.title().into())),
        ("preprocessing", Some(preprocessing)),
        ("bn_eps", epsilon.map(|epsilon| epsilon.to_string())),
        ("labels", labels),
    ];
    entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Spec;
    use crate::train::fresh;

    #[test]
    fn what_float16_does_not_hold_is_named() {
        let spec = "mobilenet-v1-0.25-32".parse::<Spec>().expect("a name");
        let mut model = fresh(spec, Normalization::SIGNED, 1);
        rounded_to_half(&model).expect("small numbers");
        let Some(Affine::Bias(bias)) =
            model.weights.iter_mut().flatten().next_back().map(|layer| &mut layer.affine)
        else {
            panic!("the classifier has a bias");
        };
        bias[3] = 70_000.0;
        let error = rounded_to_half(&model).expect_err("too large").to_string();
        assert!(error.contains("layer fc") && error.contains("70000") && error.contains("65504"), "{error}");
    }
}
