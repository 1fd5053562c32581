//! A network out of a file that holds its graph: ONNX, TFLite, Keras, or JSON with weights beside it.

use super::metadata::Metadata;
use super::passes::{LowerOptions, Lowered, Refusal, Refusals, lower};
use super::raw::{Layout, RawGraph};
use super::{
    DEFAULT_SIDE, Format, ImportError, ImportOptions, Imported, Note, Origin, Setting, SettingKind, Settings,
    luma,
};
use crate::net::{Affine, BatchNorm, Graph, LayerWeights, Model, Network, Normalization, Shape, Spec};

/// Makes a network of ours of a file's graph, and says what it had to assume.
///
/// # Errors
/// If the graph has something that cannot be taken (all of it at once), or is another network than `options` expects.
pub(super) fn import(
    mut raw: RawGraph,
    format: Format,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    let stated = std::mem::take(&mut raw.metadata);
    let (producer, layout) = (std::mem::take(&mut raw.producer), raw.layout);
    let open = raw.inputs.first().is_none_or(|input| input.dims.iter().skip(1).any(Option::is_none));
    let mut metadata = Metadata::new(&stated);
    let given = options.side.or(options.network.map(|network| network.side));
    let wanted = match given {
        None if open => metadata.side()?,
        given => given,
    };
    let input = wanted.map(|side| (usize::from(side), usize::from(side)));
    let mut lowered = lower(raw, &LowerOptions { input })?;
    check_image(lowered.graph.image().shape)?;
    let gray = lowered.graph.image().shape.channels == 1;
    if gray {
        luma::to_colours(&mut lowered);
    }
    let Lowered { name, graph, mut weights, normalization, labels, ranges: _, remarks } = lowered;
    let network = match Spec::of(&graph) {
        Some(spec) => {
            unfold(&graph, &mut weights);
            spec.into()
        }
        None => Network::own(&name, graph),
    };
    check(options.network, &network)?;

    let mut settings = Settings { list: Vec::new() };
    let side = network.side() as u16;
    let in_file = (!open).then_some(side);
    settings.choose(
        SettingKind::Side,
        given.map(|_| side),
        || Ok(in_file.or(wanted)),
        side,
        |_| format!("the file leaves it open; ImageNet's published weights have {DEFAULT_SIDE}"),
    )?;
    let (usual, whose) = usual_normalization(&network, &producer, layout);
    let in_file = || Ok(normalization.or(metadata.normalization()?));
    let normalization =
        settings.choose(SettingKind::Normalization, options.normalization, in_file, usual, |_| {
            format!("the file does not say; {whose} have it")
        })?;
    if gray {
        settings.list.push(luma::setting());
    }
    let labels = labels.or_else(|| metadata.labels(network.classes()));
    let mut notes: Vec<Note> = std::mem::take(&mut metadata.notes);
    notes.retain(|note| note.key != "model");
    let resize = metadata.resize();
    let model = Model { network, weights, normalization, labels };
    Ok(Imported { model, format, grids: None, naming: None, settings: settings.list, resize, remarks, notes })
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
