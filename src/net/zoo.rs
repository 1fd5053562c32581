//! Builders of the three families, layer by layer, as their reference implementations have them.

mod mnasnet;
mod mobilenet_v1;
mod mobilenet_v2;

pub(super) use mnasnet::mnasnet;
pub(super) use mobilenet_v1::mobilenet_v1;
pub(super) use mobilenet_v2::mobilenet_v2;

use super::{Activation, Graph, Spec, TensorId};

/// One inverted residual block: expand by 1x1, filter depthwise, project linearly by 1x1.
struct InvertedResidual {
    kernel: usize,
    stride: usize,
    /// Channels between the 1x1 convolutions; `None` leaves the expansion out.
    expanded: Option<usize>,
    channels: usize,
    /// Add the input to the output. Only where shapes agree.
    residual: bool,
    activation: Activation,
}

impl InvertedResidual {
    fn append(&self, graph: &mut Graph, spec: &Spec, block: &str, input: TensorId) -> TensorId {
        let side = graph.tensors[input].shape.height;
        let pointwise = spec.padding.window(side, 1, 1);
        let mut x = input;
        if let Some(expanded) = self.expanded {
            x = graph.conv(format!("{block}.expand"), x, expanded, pointwise, self.activation);
        }
        let window = spec.padding.window(side, self.kernel, self.stride);
        x = graph.depthwise(format!("{block}.dw"), x, window, self.activation);
        x = graph.conv(format!("{block}.project"), x, self.channels, pointwise, Activation::Linear);
        if self.residual {
            x = graph.add(format!("{block}.add"), input, x, Activation::Linear);
        }
        x
    }
}

/// Global average pool and classifier.
fn classify(graph: &mut Graph, spec: &Spec, input: TensorId) {
    let pooled = graph.global_avg_pool("pool", input);
    graph.linear("fc", pooled, usize::from(spec.classes));
}

/// Rounds a scaled channel count to a multiple of 8, never below nine tenths of it nor below 8: the rule of
/// MobileNetV2's and MNasNet's reference code.
fn round_channels(scaled: f64) -> usize {
    let rounded = (((scaled + 4.0) / 8.0).floor() as usize * 8).max(8);
    if (rounded as f64) < 0.9 * scaled { rounded + 8 } else { rounded }
}

#[cfg(test)]
mod tests;
