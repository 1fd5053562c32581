//! A network out of a file that holds its graph: ONNX, TFLite, Keras, or JSON with weights beside it.

use super::metadata::Metadata;
use super::passes::{LowerOptions, Lowered, Refusal, Refusals, Remark, lower};
use super::raw::{Layout, RawGraph};
use super::torch::BLOCKS_PRODUCER;
use super::{
    ImportError, ImportOptions, Imported, Note, Origin, SILENT, Setting, SettingKind, Settings, luma,
    usual_side,
};
use crate::net::{Affine, BatchNorm, Graph, LayerWeights, Model, Network, Normalization, Shape, Spec};

/// Makes a network of ours of a file's graph, and says what it had to assume.
///
/// # Errors
/// If the graph has something that cannot be taken (all of it at once), or is another network than `options` expects, or
/// one for images of another size that the file fixes.
pub(super) fn import(mut raw: RawGraph, options: &ImportOptions) -> Result<Imported, ImportError> {
    let stated = std::mem::take(&mut raw.metadata);
    let (producer, layout) = (std::mem::take(&mut raw.producer), raw.layout);
    let mut metadata = Metadata::new(&stated);
    let given = options.given_side();
    // What is wrong with it matters only if it is used.
    let in_metadata = if given.is_some() { Ok(None) } else { metadata.side() };
    let usual = usual_side(options.linked_side, "the file leaves it open");
    let side = given.or(in_metadata.as_ref().ok().copied().flatten()).unwrap_or(usual.0).into();
    let mut lowered = lower(raw, &LowerOptions { input: Some((side, side)) })?;
    check_image(lowered.graph.image().shape)?;
    let gray = lowered.graph.image().shape.channels == 1;
    if gray {
        luma::to_colours(&mut lowered);
    }
    let Lowered { name, graph, mut weights, is_open, normalization, labels, ranges: _, remarks } = lowered;
    let network = match Spec::of(&graph) {
        Some(spec) => {
            unfold(&graph, &mut weights);
            spec.into()
        }
        None => Network::own(&name, graph),
    };
    check(options.network, &network)?;

    let mut settings = Settings { list: Vec::new() };
    if is_open {
        settings.choose(SettingKind::Side, given, || in_metadata, usual)?;
    } else {
        settings.fix_side(network.side(), options)?;
        metadata.compare_side(network.side());
    }
    let (usual, whose) = usual_normalization(&network, &producer, layout);
    let in_file = || Ok(normalization.or(metadata.normalization()?));
    let usual = (usual, Origin::Assumed(format!("{SILENT}; {whose} have it")));
    let normalization = settings.choose(SettingKind::Normalization, options.normalization, in_file, usual)?;
    if gray {
        settings.list.push(luma::setting());
    }
    let labels = labels.or_else(|| metadata.labels(network.classes()));
    let mut notes: Vec<Note> = std::mem::take(&mut metadata.notes);
    notes.retain(|note| note.key != "model");
    let remarks = remarks.iter().map(Remark::to_string).collect();
    let resize = metadata.resize();
    let model = Model { network, weights, normalization, labels };
    Ok(Imported { model, grids: None, naming: None, settings: settings.list, resize, remarks, notes })
}

/// Gives convolutions whose batch normalization was folded one that changes nothing: networks of the zoo have it, and are
/// saved with it. Its epsilon is that of the others, or one with which the deviation is exactly 1.
fn unfold(graph: &Graph, weights: &mut [Option<LayerWeights>]) {
    let others = weights.iter().flatten().find_map(|parameters| match &parameters.affine {
        Affine::BatchNorm(norm) => Some(norm.epsilon),
        Affine::Bias(_) => None,
    });
    let epsilon = others.unwrap_or(1.0 / 1024.0);
    for (layer, parameters) in graph.layers.iter().zip(weights) {
        if let (Some(_), Some(LayerWeights { affine, .. })) = (layer.window(), parameters)
            && let Affine::Bias(bias) = affine
        {
            let channels = bias.len();
            *affine = Affine::BatchNorm(BatchNorm {
                gamma: vec![1.0; channels],
                beta: std::mem::take(bias),
                mean: vec![0.0; channels],
                variance: vec![1.0 - epsilon; channels],
                epsilon,
            });
        }
    }
}

/// Whether images can be made for a network: squares of red, green and blue, or gray ones.
fn check_image(Shape { height, width, channels }: Shape) -> Result<(), Refusals> {
    let reason = if height != width {
        format!(
            "{height}x{width} pixels: expected as many rows as columns; export the network for square images"
        )
    } else if ![1, 3].contains(&channels) {
        format!("{channels} channels: expected 3, red, green and blue, or 1, gray")
    } else {
        return Ok(());
    };
    Err(Refusals { list: vec![Refusal { name: "image".into(), operator: "input".into(), reason }] })
}

/// Whether the file holds the network that the caller expects.
fn check(expected: Option<Spec>, found: &Network) -> Result<(), ImportError> {
    let Some(expected) = expected else { return Ok(()) };
    let key = |spec: Spec| (spec.family, spec.width, spec.classes);
    if found.zoo().is_some_and(|found| key(found) == key(expected)) {
        return Ok(());
    }
    Err(ImportError::OtherNetwork { expected: Network::from(expected).in_words(), found: found.in_words() })
}

/// Preprocessing with which networks of a tool are usually trained, and whose it is.
fn usual_normalization(network: &Network, producer: &str, layout: Layout) -> (Normalization, String) {
    let keras = layout == Layout::ChannelsLast || producer.contains("tf2onnx") || producer.contains("keras");
    match network.zoo() {
        _ if producer == BLOCKS_PRODUCER => (Normalization::SIGNED, "networks of MCUNet".into()),
        Some(spec) if keras => (Normalization::SIGNED, format!("Keras' {}", spec.family.title())),
        _ if keras => (Normalization::UNIT, "most networks of Keras".into()),
        _ => (Normalization::IMAGENET, "networks of torchvision and timm".into()),
    }
}

impl Setting {
    /// A setting that somebody said or that is assumed.
    pub(super) fn assumed(kind: SettingKind, value: String, why: String) -> Self {
        Self { kind, value, origin: Origin::Assumed(why) }
    }
}
