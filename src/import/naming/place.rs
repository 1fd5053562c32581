//! Where a layer stands in its network.

use crate::net::{Family, Layer};

/// The place of a layer with batch normalization. Blocks count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// First convolution.
    Stem,
    /// 1x1 convolution into a block.
    Expand(usize),
    /// Depthwise convolution of a block.
    Depthwise(usize),
    /// 1x1 convolution out of a block.
    Project(usize),
    /// Last convolution of MobileNetV2 and MNasNet.
    Head,
}

/// Names of the two modules of a layer.
pub(super) struct Modules {
    pub conv: String,
    pub norm: String,
}

impl Modules {
    pub fn new(conv: impl Into<String>, norm: impl Into<String>) -> Self {
        Self { conv: conv.into(), norm: norm.into() }
    }
}

impl Place {
    /// Reads the place off the layer's name in the zoo; `None` for layers without batch normalization.
    pub fn of(layer: &Layer) -> Option<Place> {
        let number = |text: &str| text.parse().ok();
        match layer.name.as_str() {
            "conv1" => Some(Place::Stem),
            "head" => Some(Place::Head),
            name => {
                if let Some(block) = name.strip_prefix("dw") {
                    return number(block).map(Place::Depthwise);
                }
                if let Some(block) = name.strip_prefix("pw") {
                    return number(block).map(Place::Project);
                }
                let (block, role) = name.strip_prefix('b')?.split_once('.')?;
                let block = number(block)?;
                match role {
                    "expand" => Some(Place::Expand(block)),
                    "dw" => Some(Place::Depthwise(block)),
                    "project" => Some(Place::Project(block)),
                    _ => None,
                }
            }
        }
    }
}

/// Blocks in each stage of a family; a stage ends where the channels change.
const fn stages(family: Family) -> &'static [usize] {
    match family {
        Family::MobileNetV1 => &[1, 2, 2, 6, 2],
        Family::MobileNetV2 => &[1, 2, 3, 4, 3, 3, 1],
        Family::MNasNet => &[1, 3, 3, 3, 2, 4, 1],
    }
}

/// Stage of a block and its position in the stage, both from 0.
pub(super) fn stage(family: Family, block: usize) -> (usize, usize) {
    let mut index = block - 1;
    for (stage, &blocks) in stages(family).iter().enumerate() {
        if index < blocks {
            return (stage, index);
        }
        index -= blocks;
    }
    unreachable!("the zoo's {family:?} has no block {block}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Op, Spec};

    #[test]
    fn every_layer_of_the_zoo_has_a_place() {
        for name in ["mobilenet-v1-0.25-128", "mobilenet-v2-1.0-224", "mnasnet-0.5-128"] {
            let spec: Spec = name.parse().expect(name);
            let graph = spec.build();
            let mut last = 0;
            for (_, layer) in graph.weighted_layers() {
                match Place::of(layer) {
                    None => assert_eq!(layer.op, Op::Linear, "{name} {}", layer.name),
                    Some(Place::Stem | Place::Head) => {}
                    Some(Place::Expand(block) | Place::Depthwise(block) | Place::Project(block)) => {
                        stage(spec.family, block);
                        last = block;
                    }
                }
            }
            assert_eq!(last, stages(spec.family).iter().sum::<usize>(), "{name}");
        }
    }
}
