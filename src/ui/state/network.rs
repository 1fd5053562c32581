//! The network on the screen.

use crate::net::{Graph, Layer, Network, Op};
use crate::ui::format;

/// What a layer is, in the words of people who build networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Convolution over all channels with a window above 1x1.
    Conv,
    /// Convolution of each channel by itself.
    Depthwise,
    /// 1x1 convolution.
    Pointwise,
    /// The classifier.
    Linear,
    /// Global average pool.
    Pool,
    /// Residual add.
    Add,
    /// Max pool with a window.
    MaxPool,
    /// Average pool with a window.
    AvgPool,
    /// Function of each element.
    Lookup,
    /// Product of a map and a number for each channel.
    Multiply,
    /// Channels of several maps.
    Concat,
}

impl Kind {
    /// Kinds with weights.
    pub const WITH_WEIGHTS: [Kind; 4] = [Kind::Conv, Kind::Depthwise, Kind::Pointwise, Kind::Linear];

    /// The kind of an operation.
    pub fn of(op: Op) -> Self {
        match op {
            Op::Conv(window) if window.kernel == 1 => Kind::Pointwise,
            Op::Conv(..) => Kind::Conv,
            Op::Depthwise(..) => Kind::Depthwise,
            Op::Linear => Kind::Linear,
            Op::GlobalAvgPool => Kind::Pool,
            Op::Add => Kind::Add,
            Op::MaxPool(..) => Kind::MaxPool,
            Op::AvgPool(..) => Kind::AvgPool,
            Op::Lookup(_) => Kind::Lookup,
            Op::Multiply => Kind::Multiply,
            Op::Concat => Kind::Concat,
        }
    }

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Conv => "conv",
            Kind::Depthwise => "depthwise",
            Kind::Pointwise => "pointwise",
            Kind::Linear => "linear",
            Kind::Pool => "pool",
            Kind::Add => "add",
            Kind::MaxPool => "max pool",
            Kind::AvgPool => "average pool",
            Kind::Lookup => "function",
            Kind::Multiply => "product",
            Kind::Concat => "concatenation",
        }
    }
}

/// The outline of a layer's dot in the drawing of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outline {
    /// It has weights.
    Square,
    /// It joins tensors, or is a function of each element.
    Disc,
    /// It makes less of what it reads.
    Funnel,
}

impl Kind {
    /// How it is drawn: an outline with a letter in it, so that nothing is told by colour alone.
    pub const fn mark(self) -> (Outline, &'static str) {
        match self {
            Kind::Conv => (Outline::Square, "C"),
            Kind::Depthwise => (Outline::Square, "D"),
            Kind::Pointwise => (Outline::Square, "P"),
            Kind::Linear => (Outline::Square, "L"),
            Kind::Pool => (Outline::Funnel, "G"),
            Kind::MaxPool => (Outline::Funnel, "M"),
            Kind::AvgPool => (Outline::Funnel, "A"),
            Kind::Add => (Outline::Disc, "+"),
            Kind::Multiply => (Outline::Disc, "×"),
            Kind::Concat => (Outline::Disc, "="),
            Kind::Lookup => (Outline::Disc, "f"),
        }
    }
}

/// Name of a layer's kind, of a function its own.
fn title(layer: &Layer) -> &'static str {
    match layer.op {
        Op::Lookup(function) => function.name(),
        op => Kind::of(op).title(),
    }
}

/// Kind and window of a layer in few letters: `depthwise 3x3/2`.
pub fn operator(layer: &Layer) -> String {
    let title = title(layer);
    match layer.window() {
        Some(w) if w.stride > 1 => format!("{title} {0}x{0}/{1}", w.kernel, w.stride),
        Some(w) if w.kernel > 1 => format!("{title} {0}x{0}", w.kernel),
        _ => title.into(),
    }
}

/// What a layer reads, by the names of the tensors: `b2.add and b3.project`.
pub fn reads(graph: &Graph, layer: &Layer) -> String {
    let names = layer.inputs.iter().filter_map(|&tensor| graph.tensors.get(tensor));
    format::list(&names.map(|tensor| tensor.name.as_str()).collect::<Vec<_>>())
}

/// A network in words: `MobileNetV1 0.25 at 128x128`, or what one of its own is made of.
pub fn network_in_words(network: &Network) -> String {
    match network.zoo() {
        Some(spec) => format!("{} {} at {2}x{2}", spec.family.title(), spec.width, spec.side),
        None => format!("a network of its own: {}", parts(network.graph())),
    }
}

/// Layers by kind, in the order in which they first come: `7 conv, 3 add, 1 pool and 1 linear`.
fn parts(graph: &Graph) -> String {
    let mut counts: Vec<(Kind, usize)> = Vec::new();
    for kind in graph.layers.iter().map(|layer| Kind::of(layer.op)) {
        match counts.iter_mut().find(|(counted, _)| *counted == kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((kind, 1)),
        }
    }
    format::list(&counts.iter().map(|(kind, count)| format!("{count} {}", kind.title())).collect::<Vec<_>>())
}

/// Kind and window of a layer: `depthwise 3x3, stride 2`.
pub fn describe(layer: &Layer) -> String {
    let title = title(layer);
    match layer.window() {
        Some(w) if w.stride > 1 => format!("{title} {0}x{0}, stride {1}", w.kernel, w.stride),
        Some(w) if w.kernel > 1 => format!("{title} {0}x{0}", w.kernel),
        _ => title.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Activation, Pads, Shape, Spec, Window};

    fn graph() -> Graph {
        let window = |kernel, stride| Window { kernel, stride, pads: Pads::symmetric(kernel / 2) };
        let mut graph = Graph::new(Shape::new(16, 16, 3));
        let x = graph.conv("conv", 0, 8, window(3, 2), Activation::Relu);
        let y = graph.depthwise("dw", x, window(5, 1), Activation::Relu);
        let y = graph.conv("pw", y, 8, window(1, 1), Activation::Linear);
        let x = graph.add("add", x, y, Activation::Relu);
        let x = graph.max_pool("max", x, window(3, 2));
        let x = graph.conv("down", x, 8, window(1, 2), Activation::Relu);
        let x = graph.global_avg_pool("pool", x);
        graph.linear("fc", x, 10);
        graph
    }

    #[test]
    fn layers_are_told_in_few_letters() {
        let graph = graph();
        let told: Vec<_> = graph.layers.iter().map(|layer| [operator(layer), reads(&graph, layer)]).collect();
        let expected = [
            ["conv 3x3/2", "image"],
            ["depthwise 5x5", "conv"],
            ["pointwise", "dw"],
            ["add", "conv and pw"],
            ["max pool 3x3/2", "add"],
            ["pointwise 1x1/2", "max"],
            ["pool", "down"],
            ["linear", "pool"],
        ];
        assert_eq!(told, expected.map(|told| told.map(String::from)));
    }

    #[test]
    fn networks_are_told_in_words() {
        let zoo = "mobilenet-v1-0.25-128".parse::<Spec>().expect("a name");
        assert_eq!(network_in_words(&zoo.into()), "MobileNetV1 0.25 at 128x128");
        assert_eq!(
            network_in_words(&Network::own("mine", graph())),
            "a network of its own: 1 conv, 1 depthwise, 2 pointwise, 1 add, 1 max pool, 1 pool and 1 linear"
        );
    }

    #[test]
    fn no_two_kinds_are_drawn_alike() {
        let kinds = [
            Kind::Conv,
            Kind::Depthwise,
            Kind::Pointwise,
            Kind::Linear,
            Kind::Pool,
            Kind::MaxPool,
            Kind::AvgPool,
            Kind::Add,
        ];
        let letters: std::collections::BTreeSet<_> = kinds.iter().map(|kind| kind.mark().1).collect();
        assert_eq!(letters.len(), kinds.len());
    }
}
