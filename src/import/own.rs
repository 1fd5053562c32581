//! Weights of a network that is not of the zoo, as [`save`](super::save()) writes them: `graph` in the metadata holds its
//! layers, and its tensors are called after these.

use super::naming::Part;
use crate::net::{Affine, Layer, Model, code};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// What `graph` holds.
#[derive(Serialize, Deserialize)]
struct Described {
    /// The layers, as [`code`] writes them.
    layers: String,
    /// Their names, in order.
    names: Vec<String>,
    /// Epsilon of each batch normalization by layer.
    epsilons: Vec<Option<f32>>,
}

/// Name of a layer's tensor.
pub(super) fn name(layer: &Layer, part: Part) -> String {
    let part = match part {
        Part::Weight => "weight",
        Part::Bias => "bias",
        Part::Gamma => "bn.weight",
        Part::Beta => "bn.bias",
        Part::Mean => "bn.running_mean",
        Part::Variance => "bn.running_var",
    };
    format!("{}.{part}", layer.name)
}

/// The entry `graph` of a network.
pub(super) fn graph(model: &Model) -> String {
    let epsilon = |id| match model.layer(id).map(|parameters| &parameters.affine) {
        Some(Affine::BatchNorm(bn)) => Some(bn.epsilon),
        _ => None,
    };
    let layers = &model.graph().layers;
    let described = Described {
        layers: STANDARD.encode(code::write(model.graph())),
        names: layers.iter().map(|layer| layer.name.clone()).collect(),
        epsilons: (0..layers.len()).map(epsilon).collect(),
    };
    serde_json::to_string(&described).unwrap_or_default()
}
