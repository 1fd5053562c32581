//! MobileNetV1 (arXiv 1704.04861, table 1).

use super::classify;
use crate::net::{Activation, Graph, Spec};

/// Output channels at width 1.0 and stride of each depthwise separable block.
const BLOCKS: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];

pub(in crate::net) fn mobilenet_v1(mut graph: Graph, spec: &Spec) -> Graph {
    // The reference code truncates; hundredths keep the product exact.
    let scale = |channels: usize| (channels * usize::from(spec.width.0) / 100).max(1);
    let relu6 = Activation::Relu6;
    let side = graph.image().shape.height;

    let mut x = graph.conv("conv1", 0, scale(32), spec.padding.window(side, 3, 2), relu6);
    for (block, (channels, stride)) in (1..).zip(BLOCKS) {
        let side = graph.tensors[x].shape.height;
        x = graph.depthwise(format!("dw{block}"), x, spec.padding.window(side, 3, stride), relu6);
        let side = graph.tensors[x].shape.height;
        let pointwise = spec.padding.window(side, 1, 1);
        x = graph.conv(format!("pw{block}"), x, scale(channels), pointwise, relu6);
    }
    classify(&mut graph, spec, x);
    graph
}
