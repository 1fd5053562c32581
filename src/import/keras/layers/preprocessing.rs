//! Layers at the head of a network that prepare the image.

use super::{Layer, Trouble, affine::is_last, merging::numbers, unsupported};
use crate::import::keras::{
    KerasError,
    builder::{Arranged, Builder},
    config::wrong,
};
use crate::import::raw::{RawOp, Values};

/// Smallest deviation by which Keras divides.
const SMALLEST_DEVIATION: f32 = 1e-7;

/// Whether a layer does nothing but in training.
pub fn only_trains(class: &str) -> bool {
    matches!(
        class,
        "Dropout"
            | "SpatialDropout2D"
            | "AlphaDropout"
            | "GaussianNoise"
            | "GaussianDropout"
            | "ActivityRegularization"
            | "Identity"
            | "QuantizeLayer"
            | "RandomFlip"
            | "RandomRotation"
            | "RandomZoom"
            | "RandomContrast"
            | "RandomTranslation"
            | "RandomBrightness"
            | "RandomHeight"
            | "RandomWidth"
            | "RandomShear"
            | "RandomHue"
            | "RandomSaturation"
            | "RandomSharpness"
            | "RandomGrayscale"
            | "RandomColorJitter"
            | "RandomColorDegeneration"
            | "RandomPosterization"
            | "RandomInvert"
            | "RandomErasing"
            | "RandomElasticTransform"
            | "RandomGaussianBlur"
            | "RandomPerspective"
            | "RandAugment"
            | "AugMix"
            | "MixUp"
            | "CutMix"
    )
}

/// `Rescaling`: x scale + offset, by one number each or one for each channel.
pub fn rescaling(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let setting = |key: &str, default: f32| -> Result<Arranged, KerasError> {
        let Some(value) = layer.config.get(key) else { return Ok((Vec::new(), vec![default])) };
        numbers(value).ok_or_else(|| layer.error(wrong(key, "numbers", value)))
    };
    let (scale, offset) = (setting("scale", 1.0)?, setting("offset", 0.0)?);
    let input = layer.input()?;
    let shape = builder.shape(&input);
    let scale = builder.constant(&format!("{}/scale", layer.name), scale.0, scale.1)?;
    if offset.1.iter().all(|offset| *offset == 0.0) {
        return Ok(layer.node(builder, RawOp::Mul, vec![input, scale], shape)?);
    }
    let scaled = layer.part(builder, "scaled", RawOp::Mul, vec![input, scale], shape.clone())?;
    let offset = builder.constant(&format!("{}/offset", layer.name), offset.0, offset.1)?;
    Ok(layer.node(builder, RawOp::Add, vec![scaled, offset], shape)?)
}

/// `Normalization`: (x - mean) / deviation over the last axis or over all; mean and variance are settings, or were
/// learnt and are weights.
pub fn normalization(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let input = layer.input()?;
    let shape = builder.shape(&input);
    let axes = layer.setting(layer.config.integers("axis"))?;
    if axes.is_some_and(|axes| !axes.is_empty() && !is_last(&axes, &shape)) {
        return unsupported("it normalizes along other axes than the channels");
    }
    if layer.setting(layer.config.flag("invert", false))? {
        return unsupported("it undoes a normalization");
    }
    let statistic = |builder: &mut Builder, key: &str, index: usize, map: fn(f32) -> f32| {
        let wish = |name: &str| format!("{name}/{}", ["mean", "deviation"][index]);
        let Some(value) = layer.config.get(key) else {
            let parts = ["mean", "variance", "count"];
            // Under the name of what it becomes.
            return builder.weights(&wish(&layer.place.name()), |builder| {
                let found = builder.store.read(layer.place, &parts, index, builder.budget)?;
                let Values::Floats(values) = found.values else {
                    return Err(layer.error(format!("{key}: expected real numbers")));
                };
                Ok((flat(values.len()), values.into_iter().map(map).collect()))
            });
        };
        let (_, values) = numbers(value).ok_or_else(|| layer.error(wrong(key, "numbers", value)))?;
        builder.constant(&wish(&layer.name), flat(values.len()), values.into_iter().map(map).collect())
    };
    let mean = statistic(builder, "mean", 0, |mean| mean)?;
    let deviation = statistic(builder, "variance", 1, |variance| variance.sqrt().max(SMALLEST_DEVIATION))?;
    let centred = layer.part(builder, "centred", RawOp::Sub, vec![input, mean], shape.clone())?;
    Ok(layer.node(builder, RawOp::Div, vec![centred, deviation], shape)?)
}

/// Size of statistics over all axes but the last; one number stands for all channels.
fn flat(count: usize) -> Vec<usize> {
    if count == 1 { Vec::new() } else { vec![count] }
}

/// `Resizing` and crops: nothing if the image has that size already.
pub fn resizing(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let size = [layer.setting(layer.config.count("height"))?, layer.setting(layer.config.count("width"))?];
    let input = layer.input()?;
    let shape = builder.shape(&input);
    let is_that = match shape.as_deref() {
        Some([_, rows, columns, _]) => [*rows, *columns] == size.map(Some),
        _ => false,
    };
    if is_that {
        return Ok(layer.node(builder, RawOp::Identity, vec![input], shape)?);
    }
    unsupported(format!(
        "it changes the size of the image to {} x {}; give images of that size and leave it out",
        size[0], size[1]
    ))
}
