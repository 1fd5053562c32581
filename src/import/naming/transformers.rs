//! Hugging Face's `transformers`: `MobileNetV1ForImageClassification` and `MobileNetV2ForImageClassification`.

use super::place::{Modules, Place};

pub(super) fn mobilenet_v1(place: Place) -> Modules {
    within(&match place {
        Place::Depthwise(block) => format!("mobilenet_v1.layer.{}", 2 * (block - 1)),
        Place::Project(block) => format!("mobilenet_v1.layer.{}", 2 * (block - 1) + 1),
        // The family has no expansion and no head.
        Place::Stem | Place::Expand(_) | Place::Head => "mobilenet_v1.conv_stem".into(),
    })
}

pub(super) fn mobilenet_v2(place: Place) -> Modules {
    // The first block is a part of the stem.
    let block = |block| match block {
        1 => "conv_stem".into(),
        _ => format!("layer.{}", block - 2),
    };
    let layer = match place {
        Place::Stem => "conv_stem.first_conv".into(),
        Place::Head => "conv_1x1".into(),
        Place::Expand(number) => format!("{}.expand_1x1", block(number)),
        Place::Depthwise(number) => format!("{}.conv_3x3", block(number)),
        Place::Project(number) => format!("{}.reduce_1x1", block(number)),
    };
    within(&format!("mobilenet_v2.{layer}"))
}

fn within(layer: &str) -> Modules {
    Modules::new(format!("{layer}.convolution"), format!("{layer}.normalization"))
}
