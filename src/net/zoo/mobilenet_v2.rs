//! MobileNetV2 (arXiv 1801.04381, table 2).

use super::{InvertedResidual, classify, round_channels};
use crate::net::{Activation, Graph, Spec};

/// Expansion factor, channels at width 1.0, number of blocks, stride of the first.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

pub(in crate::net) fn mobilenet_v2(mut graph: Graph, spec: &Spec) -> Graph {
    let width = spec.width.factor();
    let scale = |channels: usize| round_channels(channels as f64 * width);
    let activation = Activation::Relu6;
    let side = graph.image().shape.height;

    let mut x = graph.conv("conv1", 0, scale(32), spec.padding.window(side, 3, 2), activation);
    let mut block = 0;
    for (factor, channels, blocks, stride) in STAGES {
        let channels = scale(channels);
        for i in 0..blocks {
            block += 1;
            let stride = if i == 0 { stride } else { 1 };
            let input = graph.tensors[x].shape.channels;
            x = InvertedResidual {
                kernel: 3,
                stride,
                expanded: (factor > 1).then_some(input * factor),
                channels,
                residual: stride == 1 && input == channels,
                activation,
            }
            .append(&mut graph, spec, &format!("b{block}"), x);
        }
    }
    let side = graph.tensors[x].shape.height;
    // The head keeps its width below 1.0.
    let head = scale(1280).max(1280);
    x = graph.conv("head", x, head, spec.padding.window(side, 1, 1), activation);
    classify(&mut graph, spec, x);
    graph
}
