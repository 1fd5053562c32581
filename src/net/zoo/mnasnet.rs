//! MNasNet-B1 (arXiv 1807.11626), with the stem scaled by the width multiplier as in torchvision.

use super::{InvertedResidual, classify, round_channels};
use crate::net::{Activation, Graph, Spec};

/// Kernel, expansion factor, channels at width 1.0, number of blocks, stride of the first.
const STAGES: [(usize, usize, usize, usize, usize); 6] = [
    (3, 3, 24, 3, 2),
    (5, 3, 40, 3, 2),
    (5, 6, 80, 3, 2),
    (3, 6, 96, 2, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
];

/// Channels of the last convolution, whatever the width.
const HEAD: usize = 1280;

pub(in crate::net) fn mnasnet(mut graph: Graph, spec: &Spec) -> Graph {
    let width = spec.width.factor();
    let scale = |channels: usize| round_channels(channels as f64 * width);
    let activation = Activation::Relu;
    let side = graph.image().shape.height;

    let mut x = graph.conv("conv1", 0, scale(32), spec.padding.window(side, 3, 2), activation);
    let separable = InvertedResidual {
        kernel: 3,
        stride: 1,
        expanded: None,
        channels: scale(16),
        residual: false,
        activation,
    };
    x = separable.append(&mut graph, spec, "b1", x);
    let mut block = 1;
    for (kernel, factor, channels, blocks, stride) in STAGES {
        let channels = scale(channels);
        for i in 0..blocks {
            block += 1;
            let stride = if i == 0 { stride } else { 1 };
            let input = graph.tensors[x].shape.channels;
            x = InvertedResidual {
                kernel,
                stride,
                expanded: Some(input * factor),
                channels,
                residual: stride == 1 && input == channels,
                activation,
            }
            .append(&mut graph, spec, &format!("b{block}"), x);
        }
    }
    let side = graph.tensors[x].shape.height;
    x = graph.conv("head", x, HEAD, spec.padding.window(side, 1, 1), activation);
    classify(&mut graph, spec, x);
    graph
}
