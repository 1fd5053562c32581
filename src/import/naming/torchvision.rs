//! `torchvision.models`: `MobileNetV2` and `MNASNet`.

use super::place::{Modules, Place, stage};
use crate::net::Family;

pub(super) fn mobilenet_v2(place: Place) -> Modules {
    let (block, conv, norm) = match place {
        Place::Stem => return Modules::new("features.0.0", "features.0.1"),
        Place::Head => return Modules::new("features.18.0", "features.18.1"),
        Place::Depthwise(1) => (1, "0.0", "0.1"),
        Place::Project(1) => (1, "1", "2"),
        Place::Expand(block) => (block, "0.0", "0.1"),
        Place::Depthwise(block) => (block, "1.0", "1.1"),
        Place::Project(block) => (block, "2", "3"),
    };
    Modules::new(format!("features.{block}.conv.{conv}"), format!("features.{block}.conv.{norm}"))
}

pub(super) fn mnasnet(place: Place) -> Modules {
    let (block, conv, norm) = match place {
        Place::Stem => return Modules::new("layers.0", "layers.1"),
        Place::Depthwise(1) => return Modules::new("layers.3", "layers.4"),
        Place::Project(1) => return Modules::new("layers.6", "layers.7"),
        Place::Head => return Modules::new("layers.14", "layers.15"),
        Place::Expand(block) => (block, 0, 1),
        Place::Depthwise(block) => (block, 3, 4),
        Place::Project(block) => (block, 6, 7),
    };
    // The stem and the first block take the layers 0 to 7.
    let (stage, index) = stage(Family::MNasNet, block);
    let block = format!("layers.{}.{index}.layers", stage + 7);
    Modules::new(format!("{block}.{conv}"), format!("{block}.{norm}"))
}
