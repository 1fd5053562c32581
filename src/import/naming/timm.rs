//! `timm`: MobileNetV1, MobileNetV2 and MNasNet, all built of the same blocks.

use super::place::{Modules, Place, stage};
use crate::net::Family;

pub(super) fn modules(family: Family, place: Place) -> Modules {
    // A block without expansion has two convolutions, another three; normalizations are counted.
    let separable = |block| family == Family::MobileNetV1 || block == 1;
    let (block, conv, norm) = match place {
        Place::Stem => return Modules::new("conv_stem", "bn1"),
        Place::Head => return Modules::new("conv_head", "bn2"),
        Place::Depthwise(block) if separable(block) => (block, "conv_dw", "bn1"),
        Place::Project(block) if separable(block) => (block, "conv_pw", "bn2"),
        Place::Expand(block) => (block, "conv_pw", "bn1"),
        Place::Depthwise(block) => (block, "conv_dw", "bn2"),
        Place::Project(block) => (block, "conv_pwl", "bn3"),
    };
    let (stage, index) = stage(family, block);
    let block = format!("blocks.{stage}.{index}");
    Modules::new(format!("{block}.{conv}"), format!("{block}.{norm}"))
}
