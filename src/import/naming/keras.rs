//! `keras.applications`: `MobileNet` and `MobileNetV2`.

use super::place::{Modules, Place};

pub(super) fn mobilenet_v1(place: Place) -> Modules {
    let conv = match place {
        Place::Depthwise(block) => format!("conv_dw_{block}"),
        Place::Project(block) => format!("conv_pw_{block}"),
        // The family has no expansion and no head.
        Place::Stem | Place::Expand(_) | Place::Head => "conv1".into(),
    };
    let norm = format!("{conv}_bn");
    Modules { conv, norm }
}

pub(super) fn mobilenet_v2(place: Place) -> Modules {
    let (block, role) = match place {
        Place::Stem => return Modules::new("Conv1", "bn_Conv1"),
        Place::Head => return Modules::new("Conv_1", "Conv_1_bn"),
        Place::Expand(block) => (block, "expand"),
        Place::Depthwise(block) => (block, "depthwise"),
        Place::Project(block) => (block, "project"),
    };
    let conv = match block {
        1 => format!("expanded_conv_{role}"),
        _ => format!("block_{}_{role}", block - 1),
    };
    let norm = format!("{conv}_BN");
    Modules { conv, norm }
}
