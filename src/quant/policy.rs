//! The width of every tensor of a network.

use super::Bits;
use crate::net::{Graph, LayerId, Op, TensorId};
use serde::{Deserialize, Serialize};

/// A tensor whose width is a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Slot {
    /// The weights of a layer.
    Weight(LayerId),
    /// The output of a layer.
    Activation(TensorId),
}

impl Slot {
    /// All choices of a network in order: for each layer its weights, then its output.
    ///
    /// No choices are the image and the output of the global average pool (always 8 bits), the outputs of windowed
    /// pools (the width of their input) and the logits (always i32).
    pub fn all(graph: &Graph) -> Vec<Slot> {
        let mut slots = Vec::new();
        for (id, layer) in graph.layers.iter().enumerate() {
            if layer.has_weights() {
                slots.push(Slot::Weight(id));
            }
            let is_chosen = layer.op != Op::GlobalAvgPool && !layer.keeps_quantizer();
            if layer.output != graph.logits() && is_chosen {
                slots.push(Slot::Activation(layer.output));
            }
        }
        slots
    }
}

/// The width of every tensor of one network.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policy {
    weights: Vec<Bits>,
    /// 8 bits wherever there is no choice.
    activations: Vec<Bits>,
}

impl Policy {
    /// All weights at one width and all activations at another, except those that are no choice (see [`Slot`]).
    pub fn uniform(graph: &Graph, weights: Bits, activations: Bits) -> Self {
        let mut policy = Self {
            weights: vec![Bits::B8; graph.layers.len()],
            activations: vec![Bits::B8; graph.tensors.len()],
        };
        for slot in Slot::all(graph) {
            let bits = match slot {
                Slot::Weight(_) => weights,
                Slot::Activation(_) => activations,
            };
            policy.set(slot, bits);
        }
        policy
    }

    /// Whether it is of this network: as many tensors, and 8 bits wherever there is no choice.
    pub fn is_of(&self, graph: &Graph) -> bool {
        if (self.weights.len(), self.activations.len()) != (graph.layers.len(), graph.tensors.len()) {
            return false;
        }
        let mut same = Self::uniform(graph, Bits::B8, Bits::B8);
        Slot::all(graph).into_iter().for_each(|slot| same.set(slot, self.get(slot)));
        same == *self
    }

    /// Width of a layer's weights.
    pub fn weight(&self, layer: LayerId) -> Bits {
        self.weights[layer]
    }

    /// Width of a tensor between layers. 8 for the image and the global pool's output; that of its input for the output
    /// of a windowed pool; without meaning for the logits.
    pub fn activation(&self, graph: &Graph, tensor: TensorId) -> Bits {
        self.activations[graph.quantized_as(tensor)]
    }

    /// Width of a choice.
    pub fn get(&self, slot: Slot) -> Bits {
        match slot {
            Slot::Weight(layer) => self.weights[layer],
            Slot::Activation(tensor) => self.activations[tensor],
        }
    }

    /// Makes a choice.
    pub fn set(&mut self, slot: Slot, bits: Bits) {
        match slot {
            Slot::Weight(layer) => self.weights[layer] = bits,
            Slot::Activation(tensor) => self.activations[tensor] = bits,
        }
    }

    /// Widths in bits of all weight tensors, in layer order.
    pub fn weight_bits(&self, graph: &Graph) -> Vec<usize> {
        graph.weighted_layers().map(|(id, _)| self.weights[id].count()).collect()
    }

    /// Widths in bits of the image and of all activations that are a choice, in layer order.
    pub fn activation_bits(&self, graph: &Graph) -> Vec<usize> {
        let chosen = Slot::all(graph).into_iter().filter_map(|slot| match slot {
            Slot::Activation(tensor) => Some(self.activations[tensor].count()),
            Slot::Weight(_) => None,
        });
        std::iter::once(self.activations[0].count()).chain(chosen).collect()
    }

    /// Mean width of the weights in bits, each weight counted once.
    pub fn mean_weight_bits(&self, graph: &Graph) -> f64 {
        let (mut bits, mut elements) = (0, 0);
        for (id, layer) in graph.weighted_layers() {
            let n = graph.weight_elements(layer);
            bits += n * self.weights[id].count();
            elements += n;
        }
        bits as f64 / elements as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Activation, Pads, Shape, Spec, Window};

    #[test]
    fn windowed_pools_share_the_choice_of_what_they_read() {
        let mut graph = Graph::new(Shape::new(8, 8, 3));
        let window = Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) };
        let x = graph.conv("conv", 0, 4, window, Activation::Relu);
        let y = graph.max_pool("max", x, window);
        let z = graph.avg_pool("mean", y, window);
        let pooled = graph.global_avg_pool("pool", z);
        graph.linear("fc", pooled, 2);
        let choices = [Slot::Weight(0), Slot::Activation(x), Slot::Weight(4)];
        assert_eq!(Slot::all(&graph), choices);
        let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        policy.set(Slot::Activation(x), Bits::B2);
        for (tensor, bits) in [(0, Bits::B8), (x, Bits::B2), (y, Bits::B2), (z, Bits::B2), (pooled, Bits::B8)]
        {
            assert_eq!(policy.activation(&graph, tensor), bits, "tensor {tensor}");
        }
        assert!(policy.is_of(&graph));
        assert_eq!(policy.activation_bits(&graph), [8, 2]);
        policy.set(Slot::Activation(z), Bits::B4);
        assert!(!policy.is_of(&graph), "no choice");
    }

    #[test]
    fn choices_follow_the_layers() {
        for (name, weights, activations) in
            [("mobilenet-v1-1.0-224", 28, 27), ("mobilenet-v2-1.0-224", 53, 62), ("mnasnet-1.0-224", 53, 62)]
        {
            let graph = name.parse::<Spec>().expect(name).build();
            let slots = Slot::all(&graph);
            let found = slots.iter().filter(|s| matches!(s, Slot::Weight(_))).count();
            assert_eq!((found, slots.len() - found), (weights, activations), "{name}");
            let policy = Policy::uniform(&graph, Bits::B4, Bits::B2);
            assert!(policy.weight_bits(&graph).iter().all(|&b| b == 4));
            assert_eq!(policy.activation_bits(&graph)[0], 8, "the image stays");
            assert!(policy.activation_bits(&graph)[1..].iter().all(|&b| b == 2));
            assert_eq!(policy.mean_weight_bits(&graph), 4.0);
        }
    }
}
