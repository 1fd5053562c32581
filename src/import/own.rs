//! Weights of a network that is not of the zoo, as [`save`](super::save()) writes them: `graph` in the metadata holds its
//! layers, and its tensors are called after these.

use super::metadata::Metadata;
use super::naming::{Part, shapes};
use super::weights::values;
use super::{
    Format, ImportError, ImportOptions, Imported, Naming, Origin, Problem, Problems, SILENT, SettingKind,
    Settings, file::File, layout, quantizers,
};
use crate::net::{
    Affine, BatchNorm, Graph, Layer, LayerWeights, Model, Network, Normalization, code, supports,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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

/// Entry of the metadata that holds the layers.
pub(super) const ENTRY: &str = "graph";

/// Why the entry is not used.
const DAMAGED: &str = "it does not describe layers that can be computed";

/// Whether a file is one of these.
pub(super) fn is_own(file: &File) -> bool {
    file.metadata.contains_key(ENTRY)
}

/// The network of a file.
///
/// # Errors
/// If the entry `graph` is damaged or for images of another size than `options` say, or if tensors are missing, of another
/// shape, or not finite.
pub(super) fn read(file: &File, options: &ImportOptions) -> Result<Imported, ImportError> {
    let mut metadata = Metadata::new(&file.metadata);
    let (graph, epsilons) = file.metadata.get(ENTRY).and_then(|text| described(text)).ok_or_else(|| {
        let value = "...".to_owned();
        ImportError::Setting { key: ENTRY, value, reason: DAMAGED.into(), setting: SettingKind::Head }
    })?;
    if let Some(expected) = options.network {
        let found = Network::own(file.metadata.get("model").map_or("", String::as_str), graph);
        return Err(ImportError::OtherNetwork {
            expected: Network::from(expected).in_words(),
            found: found.in_words(),
        });
    }
    let mut problems = Vec::new();
    let weights = graph.layers.iter().zip(&epsilons);
    let weights: Vec<_> =
        weights.map(|(layer, epsilon)| parameters(file, &graph, layer, *epsilon, &mut problems)).collect();
    if !problems.is_empty() {
        let network = file.metadata.get("model").cloned().unwrap_or_default();
        return Err(Problems { network, naming: None, list: problems }.into());
    }
    let mut settings = Settings { list: Vec::new() };
    settings.fix_side(graph.image().shape.height, options)?;
    let why = Origin::Assumed(format!("{SILENT}; networks of torchvision and timm have it"));
    let normalization = settings.choose(
        SettingKind::Normalization,
        options.normalization,
        || metadata.normalization(),
        (Normalization::IMAGENET, why),
    )?;
    let grids = quantizers::read(file, &graph, &normalization)?;
    let labels = metadata.labels(graph.classes());
    let resize = metadata.resize();
    let name = file.metadata.get("model").map_or("", String::as_str);
    let network = Network::own(name, graph);
    let (notes, remarks) = (std::mem::take(&mut metadata.notes), Vec::new());
    let model = Model { network, weights, normalization, labels };
    let format = Format::Tensors;
    Ok(Imported {
        model,
        format,
        grids,
        ranges: None,
        naming: None,
        settings: settings.list,
        resize,
        remarks,
        notes,
    })
}

/// The graph with its names, and an epsilon for each layer with batch normalization; `None` if the text is damaged.
fn described(text: &str) -> Option<(Graph, Vec<Option<f32>>)> {
    let Described { layers, names, epsilons } = serde_json::from_str(text).ok()?;
    let bytes = STANDARD.decode(layers).ok()?;
    let (mut graph, rest) = code::read(&bytes)?;
    let count = graph.layers.len();
    let unique: BTreeSet<&String> = names.iter().collect();
    let whole = rest.is_empty() && names.len() == count && unique.len() == count && epsilons.len() == count;
    if !whole || graph.layers.iter().any(|layer| supports(&graph, layer).is_err()) {
        return None;
    }
    for (layer, name) in graph.layers.iter_mut().zip(names) {
        graph.tensors[layer.output].name.clone_from(&name);
        layer.name = name;
    }
    Some((graph, epsilons))
}

/// The parameters of a layer; `None` if it has none, or if something is wrong with them, which is noted.
fn parameters(
    file: &File,
    graph: &Graph,
    layer: &Layer,
    epsilon: Option<f32>,
    problems: &mut Vec<Problem>,
) -> Option<LayerWeights> {
    let shape = graph.weight_shape(layer)?;
    let mut tensor = |part| {
        let name = name(layer, part);
        let shapes = shapes(Naming::Timm, shape, layer, part);
        let Some(tensor) = file.tensors.get(&name) else {
            problems.push(Problem::Missing { name, expected: shapes[0].clone() });
            return None;
        };
        values(&name, tensor, &shapes, part).map_err(|problem| problems.push(problem)).ok()
    };
    let weight = tensor(Part::Weight);
    let affine = match epsilon {
        None => tensor(Part::Bias).map(Affine::Bias),
        Some(epsilon) => {
            let (gamma, beta) = (tensor(Part::Gamma), tensor(Part::Beta));
            let (mean, variance) = (tensor(Part::Mean), tensor(Part::Variance));
            gamma.zip(beta).zip(mean).zip(variance).map(|(((gamma, beta), mean), variance)| {
                Affine::BatchNorm(BatchNorm { gamma, beta, mean, variance, epsilon })
            })
        }
    };
    let axes = layout::axes(Naming::Timm, layer.op);
    Some(LayerWeights { weight: layout::reorder(&weight?, shape, axes), affine: affine? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{import, save};
    use crate::net::Op;
    use std::path::Path;

    /// Of files that `tests/networks/make.py` makes.
    #[test]
    fn functions_products_and_concatenations_are_kept() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/networks");
        for name in ["mobile_dynamo.onnx", "swish_script.onnx", "squeeze.tflite"] {
            let bytes = std::fs::read(folder.join(name)).expect("a file of the repository");
            let read = |bytes: &[u8]| {
                import(bytes, &ImportOptions::default())
                    .unwrap_or_else(|error| panic!("{name}: {error}"))
                    .model
            };
            let model = read(&bytes);
            let own = |op: Op| matches!(op, Op::Lookup(_) | Op::Multiply | Op::Concat);
            assert!(model.graph().layers.iter().any(|layer| own(layer.op)), "{name}");
            let saved = save(&model, None).expect("a whole network");
            let again = read(&saved);
            assert_eq!(again.graph(), model.graph(), "{name}");
            assert_eq!(again.weights, model.weights, "{name}");
        }
    }
}
