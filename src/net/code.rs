//! A graph as a few bytes: what links carry, and what tells graphs apart. Names are left out.
//!
//! Rows, columns and channels of the image, the number of layers, then each layer: a byte with its operation (low four
//! bits), its activation (two bits) and whether it reads the tensor before its own (one bit); else how many tensors
//! further back; of a concatenation the number of inputs; how far back the other inputs are; channels of convolutions and
//! linear layers; the window of convolutions and pools as 0 for one pixel, else side and step in half a byte each and two
//! bytes of pads (top and left, bottom and right, half a byte each); the number of a function. Numbers are unsigned LEB128.

use super::{Activation, Function, Graph, Op, Pads, Shape, Window, checked};

/// The bit of a layer that reads the tensor before its own.
const FOLLOWS: u8 = 1 << 6;

/// The bytes of a graph.
pub fn write(graph: &Graph) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Shape { height, width, channels } = graph.image().shape;
    for size in [height, width, channels, graph.layers.len()] {
        number(&mut bytes, size);
    }
    for layer in &graph.layers {
        let before = layer.output - 1;
        let follows = layer.inputs[0] == before;
        let follows_bit = if follows { FOLLOWS } else { 0 };
        bytes.push(op(layer.op) | (activation(layer.activation) << 4) | follows_bit);
        for (at, &input) in layer.inputs.iter().enumerate() {
            if at == 1 && layer.op == Op::Concat {
                number(&mut bytes, layer.inputs.len());
            }
            if at > 0 || !follows {
                number(&mut bytes, before - input);
            }
        }
        if let Op::Lookup(function) = layer.op {
            bytes.push(function.code());
        }
        if matches!(layer.op, Op::Conv(_) | Op::Linear) {
            number(&mut bytes, graph.output_shape(layer).channels);
        }
        if let Some(Window { kernel, stride, pads }) = layer.window() {
            if (kernel, stride, pads) == (1, 1, Pads::default()) {
                bytes.push(0);
            } else {
                let half = |high: usize, low: usize| ((high << 4) | low) as u8;
                bytes.extend([
                    half(kernel, stride),
                    half(pads.top, pads.left),
                    half(pads.bottom, pads.right),
                ]);
            }
        }
    }
    bytes
}

/// The graph at the beginning of some bytes, with names made of its layers' kinds and numbers, and what follows it;
/// `None` if there is none that computes logits.
pub fn read(bytes: &[u8]) -> Option<(Graph, &[u8])> {
    let mut reader = Reader(bytes);
    let mut graph = checked::image(Shape::new(reader.size()?, reader.size()?, reader.size()?))?;
    let layers = reader.size().filter(|layers| (1..=checked::MOST_LAYERS).contains(layers))?;
    for number in 1..=layers {
        reader.layer(&mut graph, number)?;
    }
    graph.ends_in_logits().then_some((graph, reader.0))
}

/// The number of an operation, here and in `model.bin`; none is ever given to another.
pub const fn op(op: Op) -> u8 {
    match op {
        Op::Conv(_) => 1,
        Op::Depthwise(_) => 2,
        Op::Linear => 3,
        Op::GlobalAvgPool => 4,
        Op::Add => 5,
        Op::MaxPool(_) => 6,
        Op::AvgPool(_) => 7,
        Op::Lookup(_) => 8,
        Op::Multiply => 9,
        Op::Concat => 10,
    }
}

/// The number of an activation, here and in `model.bin`.
pub const fn activation(activation: Activation) -> u8 {
    match activation {
        Activation::Linear => 0,
        Activation::Relu => 1,
        Activation::Relu6 => 2,
    }
}

fn number(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let (value, rest) = postcard::take_from_bytes(self.0).ok()?;
        self.0 = rest;
        Some(value)
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// A tensor that is there: so many before the last.
    fn input(&mut self, graph: &Graph) -> Option<usize> {
        graph.logits().checked_sub(self.size()?)
    }

    fn window(&mut self) -> Option<Window> {
        let sizes = self.byte()?;
        if sizes == 0 {
            return Some(Window { kernel: 1, stride: 1, pads: Pads::default() });
        }
        let halves = |byte: u8| (usize::from(byte >> 4), usize::from(byte & 15));
        let (kernel, stride) = halves(sizes);
        let ((top, left), (bottom, right)) = (halves(self.byte()?), halves(self.byte()?));
        Some(Window { kernel, stride, pads: Pads { top, left, bottom, right } })
    }

    fn layer(&mut self, graph: &mut Graph, number: usize) -> Option<()> {
        let code = self.byte()?;
        let activation = match (code >> 4) & 3 {
            0 => Activation::Linear,
            1 => Activation::Relu,
            2 => Activation::Relu6,
            _ => return None,
        };
        let mut inputs = vec![if code & FOLLOWS != 0 { graph.logits() } else { self.input(graph)? }];
        let mut channels = 0;
        let (kind, op) = match code & !((3 << 4) | FOLLOWS) {
            1 => {
                channels = self.size()?;
                ("conv", Op::Conv(self.window()?))
            }
            2 => ("dw", Op::Depthwise(self.window()?)),
            3 => {
                channels = self.size()?;
                ("fc", Op::Linear)
            }
            4 => ("pool", Op::GlobalAvgPool),
            5 => {
                inputs.push(self.input(graph)?);
                ("add", Op::Add)
            }
            6 => ("max", Op::MaxPool(self.window()?)),
            7 => ("mean", Op::AvgPool(self.window()?)),
            8 => {
                let function = Function::of_code(self.byte()?)?;
                ("function", Op::Lookup(function))
            }
            9 => {
                inputs.push(self.input(graph)?);
                ("product", Op::Multiply)
            }
            10 => {
                let count = self.size()?;
                if !(2..=checked::MOST_INPUTS).contains(&count) {
                    return None;
                }
                for _ in 1..count {
                    inputs.push(self.input(graph)?);
                }
                ("concat", Op::Concat)
            }
            _ => return None,
        };
        graph.append(format!("{kind}{number}"), op, activation, &inputs, channels)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Spec;
    use proptest::prelude::*;

    /// A graph without its names.
    fn nameless(graph: &Graph) -> Graph {
        let mut graph = graph.clone();
        graph.tensors.iter_mut().for_each(|tensor| tensor.name.clear());
        graph.layers.iter_mut().for_each(|layer| layer.name.clear());
        graph
    }

    #[test]
    fn graphs_come_back_in_few_bytes() {
        for name in ["mobilenet-v1-0.25-128", "mobilenet-v2-0.35-96", "mnasnet-1.0-224"] {
            let graph = name.parse::<Spec>().expect(name).build();
            let bytes = write(&graph);
            assert!(bytes.len() <= 5 * graph.layers.len() + 10, "{name}: {} bytes", bytes.len());
            let (read, rest) = read(&bytes).expect(name);
            assert_eq!((nameless(&read), rest), (nameless(&graph), &[][..]), "{name}");
        }
    }

    #[test]
    fn pools_come_back() {
        let mut graph = Graph::new(Shape::new(9, 7, 3));
        let pads = Pads { top: 0, left: 1, bottom: 2, right: 1 };
        let x = graph.conv("conv1", 0, 4, Window { kernel: 3, stride: 2, pads }, Activation::Relu);
        let y = graph.max_pool("max2", x, Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) });
        let z = graph.avg_pool("mean3", y, Window { kernel: 1, stride: 1, pads: Pads::default() });
        let z = graph.add("add4", z, x, Activation::Linear);
        let z = graph.avg_pool("mean5", z, Window { kernel: 3, stride: 1, pads });
        graph.linear("fc6", z, 2);
        assert_eq!(read(&write(&graph)), Some((graph, &[][..])));
    }

    #[test]
    fn functions_products_and_concatenations_come_back() {
        let mut graph = Graph::new(Shape::new(4, 4, 3));
        let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
        let x = graph.conv("conv1", 0, 4, one, Activation::Linear);
        let x = graph.lookup("function2", x, Function::HardSwish);
        let gate = graph.global_avg_pool("pool3", x);
        let gate = graph.lookup("function4", gate, Function::Sigmoid);
        let y = graph.multiply("product5", x, gate);
        let z = graph.concat("concat6", vec![x, y, x]);
        let z = graph.concat("concat7", vec![z, y]);
        graph.global_avg_pool("pool8", z);
        assert_eq!(read(&write(&graph)), Some((graph, &[][..])));
    }

    #[test]
    fn a_graph_ends_in_its_logits() {
        let graph = "mobilenet-v1-0.25-32".parse::<Spec>().expect("a name").build();
        let bytes = write(&graph);
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_none(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_graph_or_none(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some((graph, rest)) = read(&bytes) {
                prop_assert!(graph.classes() > 0 && rest.len() < bytes.len());
                prop_assert_eq!(read(&write(&graph)).map(|(graph, _)| graph), Some(graph));
            }
        }
    }
}
