//! Graphs that come from outside: a layer is appended only if it can be computed and counted.

use super::{Activation, Graph, Layer, Op, Shape, Tensor, TensorId, Window};

/// Most layers of a graph.
pub const MOST_LAYERS: usize = 1_000;
/// Most elements of a tensor, and most weights of a graph.
pub const MOST_ELEMENTS: usize = 1 << 26;
/// Most tensors that a layer reads.
pub const MOST_INPUTS: usize = 16;
/// The largest side and step of a window.
const LARGEST_WINDOW: usize = 11;

/// A graph that holds only an image; `None` if it has no pixels, or too many.
pub fn image(shape: Shape) -> Option<Graph> {
    is_bounded([shape.height, shape.width, shape.channels]).then(|| Graph::new(shape))
}

impl Graph {
    /// Appends a layer that reads `inputs` and, if it is a convolution or linear, has `channels` outputs. `None`, and no
    /// layer, if it cannot be computed from them, or is too large for any use.
    pub fn append(
        &mut self,
        name: String,
        op: Op,
        activation: Activation,
        inputs: &[TensorId],
        channels: usize,
    ) -> Option<TensorId> {
        let (&first, rest) = inputs.split_first()?;
        let shape = self.tensors.get(first)?.shape;
        let shapes = |tensors: &[TensorId]| -> Option<Vec<Shape>> {
            tensors.iter().map(|&tensor| Some(self.tensors.get(tensor)?.shape)).collect()
        };
        let fits = match op {
            Op::Conv(window) => {
                slides(window, shape) && is_bounded([window.kernel * window.kernel, shape.channels, channels])
            }
            Op::Depthwise(window) => slides(window, shape),
            Op::Linear => is_bounded([1, shape.elements(), channels]) && activation == Activation::Linear,
            Op::GlobalAvgPool => activation == Activation::Linear,
            // The image has a quantizer for each colour, which no tensor behind it can share.
            Op::MaxPool(window) | Op::AvgPool(window) => {
                slides(window, shape) && activation == Activation::Linear && first != 0
            }
            Op::Add => shapes(rest)?.iter().all(|&other| other == shape),
            Op::Lookup(_) => activation == Activation::Linear && first != 0,
            Op::Multiply => {
                let gate = Shape::new(1, 1, shape.channels);
                activation == Activation::Linear
                    && !inputs.contains(&0)
                    && shapes(rest)?.first() == Some(&gate)
            }
            Op::Concat => {
                let joins = |other: &Shape| (other.height, other.width) == (shape.height, shape.width);
                activation == Activation::Linear && !inputs.contains(&0) && shapes(rest)?.iter().all(joins)
            }
        };
        let others = match op {
            Op::Add | Op::Multiply => 1..=1,
            Op::Concat => 1..=MOST_INPUTS - 1,
            _ => 0..=0,
        };
        if !fits || !others.contains(&rest.len()) || self.layers.len() >= MOST_LAYERS {
            return None;
        }
        let output = match op {
            Op::Conv(window) => self.conv(name, first, channels, window, activation),
            Op::Depthwise(window) => self.depthwise(name, first, window, activation),
            Op::Linear => self.linear(name, first, channels),
            Op::GlobalAvgPool => self.global_avg_pool(name, first),
            Op::MaxPool(window) => self.max_pool(name, first, window),
            Op::AvgPool(window) => self.avg_pool(name, first, window),
            Op::Add => self.add(name, first, *rest.first()?, activation),
            Op::Lookup(function) => self.lookup(name, first, function),
            Op::Multiply => self.multiply(name, first, *rest.first()?),
            Op::Concat => self.concat(name, inputs.to_vec()),
        };
        let Shape { height, width, channels } = self.tensors[output].shape;
        let weights: u64 = self.layers.iter().map(|layer| self.weight_elements(layer) as u64).sum();
        if is_bounded([height, width, channels]) && weights <= MOST_ELEMENTS as u64 {
            return Some(output);
        }
        self.tensors.pop();
        self.layers.pop();
        None
    }

    /// Whether its layers could have been appended one by one, and its tensors are what they give.
    pub fn is_sound(&self) -> bool {
        let Some((first, tensors)) = self.tensors.split_first() else { return false };
        let Some(mut built) = image(first.shape) else { return false };
        let gives = |(layer, tensor): (&Layer, &Tensor)| {
            let Layer { name, op, activation, inputs, output } = layer;
            let given = built.append(name.clone(), *op, *activation, inputs, tensor.shape.channels);
            given == Some(*output) && built.tensors[*output].shape == tensor.shape
        };
        self.layers.len() == tensors.len()
            && self.layers.iter().zip(tensors).all(gives)
            && self.ends_in_logits()
    }

    /// Whether it ends in logits: a linear layer, which is no other, or a global average pool.
    pub fn ends_in_logits(&self) -> bool {
        let Some((last, before)) = self.layers.split_last() else { return false };
        matches!(last.op, Op::Linear | Op::GlobalAvgPool) && before.iter().all(|layer| layer.op != Op::Linear)
    }
}

/// Whether a window slides over a map.
fn slides(Window { kernel, stride, pads }: Window, shape: Shape) -> bool {
    let sizes = 1..=LARGEST_WINDOW;
    let pads_fit = [pads.top, pads.left, pads.bottom, pads.right].iter().all(|&pad| pad < kernel);
    sizes.contains(&kernel)
        && sizes.contains(&stride)
        && pads_fit
        && shape.height + pads.top + pads.bottom >= kernel
        && shape.width + pads.left + pads.right >= kernel
}

/// Whether there are elements, and not too many.
fn is_bounded(sizes: [usize; 3]) -> bool {
    let elements = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    elements.is_some_and(|elements| (1..=MOST_ELEMENTS).contains(&elements))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Function, Pads};

    #[test]
    fn what_cannot_be_computed_is_not_appended() {
        let window = |kernel, stride, pads| Window { kernel, stride, pads: Pads::symmetric(pads) };
        let (relu, linear) = (Activation::Relu, Activation::Linear);
        for (op, activation, inputs, channels) in [
            (Op::Conv(window(3, 0, 1)), relu, &[0][..], 8),
            (Op::Conv(window(0, 1, 0)), relu, &[0], 8),
            (Op::Conv(window(12, 1, 4)), relu, &[0], 8),
            (Op::Conv(window(3, 1, 3)), relu, &[0], 8),
            (Op::Conv(window(11, 1, 0)), relu, &[0], 8),
            (Op::Conv(window(3, 1, 1)), relu, &[0], 0),
            (Op::Conv(window(3, 1, 1)), relu, &[0], usize::MAX),
            (Op::Conv(window(3, 1, 1)), relu, &[0], MOST_ELEMENTS / 27 + 1),
            (Op::Conv(window(3, 1, 1)), relu, &[2], 8),
            (Op::Conv(window(3, 1, 1)), relu, &[0, 0], 8),
            (Op::Linear, relu, &[0], 8),
            (Op::GlobalAvgPool, relu, &[0], 8),
            (Op::MaxPool(window(3, 1, 1)), relu, &[1], 0),
            (Op::MaxPool(window(3, 1, 3)), linear, &[1], 0),
            (Op::MaxPool(window(9, 1, 0)), linear, &[1], 0),
            (Op::MaxPool(window(3, 1, 1)), linear, &[0], 0),
            (Op::AvgPool(window(3, 1, 1)), relu, &[1], 0),
            (Op::AvgPool(window(2, 0, 0)), linear, &[1], 0),
            (Op::AvgPool(window(2, 12, 0)), linear, &[1], 0),
            (Op::AvgPool(window(12, 1, 5)), linear, &[1], 0),
            (Op::AvgPool(window(2, 2, 0)), linear, &[1, 1], 0),
            (Op::Add, relu, &[0], 8),
            (Op::Add, relu, &[0, 7], 8),
            (Op::Add, relu, &[], 8),
            (Op::Lookup(Function::Tanh), relu, &[1], 0),
            (Op::Lookup(Function::Tanh), linear, &[0], 0),
            (Op::Lookup(Function::Tanh), linear, &[1, 1], 0),
            (Op::Multiply, linear, &[1, 1], 0),
            (Op::Multiply, linear, &[1], 0),
            (Op::Concat, linear, &[1], 0),
            (Op::Concat, linear, &[1, 0], 0),
            (Op::Concat, linear, &[1, 9], 0),
            (Op::Concat, relu, &[1, 1], 0),
            (Op::Concat, linear, &[1; 17], 0),
        ] {
            let mut graph = image(Shape::new(8, 8, 3)).expect("an image");
            graph.conv("first", 0, 3, window(1, 1, 0), relu);
            let before = graph.clone();
            assert_eq!(graph.append("x".into(), op, activation, inputs, channels), None, "{op:?} {inputs:?}");
            assert_eq!(graph, before, "{op:?}");
        }
        assert_eq!(image(Shape::new(0, 8, 3)), None);
        assert_eq!(image(Shape::new(1 << 20, 1 << 20, 3)), None);
    }

    #[test]
    fn what_can_be_computed_is_as_the_builder_has_it() {
        let window = Window { kernel: 3, stride: 2, pads: Pads::symmetric(1) };
        let mut ours = Graph::new(Shape::new(8, 8, 3));
        let x = ours.conv("a", 0, 4, window, Activation::Relu);
        let y = ours.add("b", x, x, Activation::Relu6);
        let y = ours.max_pool("max", y, window);
        let y = ours.avg_pool("mean", y, Window { kernel: 2, stride: 1, pads: Pads::same(2, 2, 1) });
        let y = ours.lookup("f", y, Function::Swish);
        let gate = ours.global_avg_pool("gate", y);
        let z = ours.multiply("product", y, gate);
        let y = ours.concat("both", vec![y, z]);
        let y = ours.global_avg_pool("c", y);
        ours.linear("d", y, 2);
        let mut theirs = image(Shape::new(8, 8, 3)).expect("an image");
        for (id, layer) in ours.layers.iter().enumerate() {
            let channels = ours.output_shape(layer).channels;
            let output =
                theirs.append(layer.name.clone(), layer.op, layer.activation, &layer.inputs, channels);
            assert_eq!(output, Some(id + 1));
            let is_last = id + 1 == ours.layers.len();
            assert_eq!(theirs.ends_in_logits(), is_last || layer.op == Op::GlobalAvgPool);
        }
        assert_eq!(ours, theirs);
    }
}
