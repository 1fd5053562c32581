//! When tensors are in memory.

use crate::net::{Graph, LayerId, TensorId};

/// Which tensors are in memory while each layer runs.
///
/// A tensor lives from the layer that writes it to the last that reads it; so do the inputs of residual blocks.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    last_readers: Vec<Option<LayerId>>,
    present: Vec<Vec<TensorId>>,
}

impl Lifetimes {
    /// Lifetimes of all tensors of a network.
    pub fn of(graph: &Graph) -> Self {
        let mut last_readers = vec![None; graph.tensors.len()];
        for (id, layer) in graph.layers.iter().enumerate() {
            layer.inputs.iter().for_each(|&tensor| last_readers[tensor] = Some(id));
        }
        // Tensors that this or a later layer reads.
        let mut waiting = vec![0];
        let mut present = Vec::with_capacity(graph.layers.len());
        for (id, layer) in graph.layers.iter().enumerate() {
            let mut now: Vec<TensorId> = Vec::with_capacity(waiting.len() + 1);
            for &tensor in layer.inputs.iter().chain(&waiting) {
                if !now.contains(&tensor) {
                    now.push(tensor);
                }
            }
            present.push(now);
            waiting.retain(|&tensor| last_readers[tensor] > Some(id));
            if last_readers[layer.output].is_some() {
                waiting.push(layer.output);
            }
        }
        Self { last_readers, present }
    }

    /// Tensors in memory, besides its output, while a layer runs: its inputs, then what is kept for later layers.
    pub fn present(&self, layer: LayerId) -> &[TensorId] {
        &self.present[layer]
    }

    /// Whether no layer after this one reads the tensor.
    pub fn is_last_reader(&self, layer: LayerId, tensor: TensorId) -> bool {
        self.last_readers[tensor] == Some(layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::sample::graph;

    #[test]
    fn inputs_of_residual_blocks_are_kept() {
        let graph = graph("mobilenet-v2-0.35-32");
        let lifetimes = Lifetimes::of(&graph);
        let names = |layer: &str| -> Vec<&str> {
            let id = graph.layer_named(layer).expect(layer);
            lifetimes.present(id).iter().map(|&t| graph.tensors[t].name.as_str()).collect()
        };
        assert_eq!(names("conv1"), ["image"]);
        assert_eq!(names("b3.expand"), ["b2.project"]);
        assert_eq!(names("b3.dw"), ["b3.expand", "b2.project"]);
        assert_eq!(names("b3.project"), ["b3.dw", "b2.project"]);
        assert_eq!(names("b3.add"), ["b2.project", "b3.project"]);
        assert_eq!(names("b4.expand"), ["b3.add"], "stride 2: nothing is kept");
        assert_eq!(names("b4.dw"), ["b4.expand"]);
        assert_eq!(names("fc"), ["pool"]);
    }
}
