//! HAQ's `models/mobilenet.py` and `models/mobilenetv2.py` (github.com/mit-han-lab/haq): plain sequences of
//! convolution, normalization and activation, each of which takes a number. tonylins' pytorch-mobilenet-v2 and others
//! have the same.

use super::place::{Modules, Place};

pub(super) fn mobilenet_v1(place: Place) -> Modules {
    match place {
        Place::Depthwise(block) => numbered(&format!("features.{}", block - 1), 0),
        Place::Project(block) => numbered(&format!("features.{}", block - 1), 3),
        // The family has no expansion and no head.
        Place::Stem | Place::Expand(_) | Place::Head => numbered("conv1", 0),
    }
}

pub(super) fn mobilenet_v2(place: Place) -> Modules {
    let (block, number) = match place {
        Place::Stem => return numbered("features.0", 0),
        Place::Head => return numbered("features.18", 0),
        Place::Depthwise(1) => (1, 0),
        Place::Project(1) => (1, 3),
        Place::Expand(block) => (block, 0),
        Place::Depthwise(block) => (block, 3),
        Place::Project(block) => (block, 6),
    };
    numbered(&format!("features.{block}.conv"), number)
}

/// A convolution and the normalization after it.
fn numbered(sequence: &str, convolution: usize) -> Modules {
    Modules::new(format!("{sequence}.{convolution}"), format!("{sequence}.{}", convolution + 1))
}
