//! What every layer demands of the arena while it runs.

use crate::{
    memory::{
        layout::{align, tensor_bytes},
        lifetimes::Lifetimes,
        routine::{BLOCK_STEP, Routine, scratch_bytes},
        stream,
    },
    net::{Graph, LayerId, TensorId},
    quant::Policy,
};
use std::ops::Range;

/// A tensor that is in memory, besides the output, while a layer runs.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    pub tensor: TensorId,
    /// How far above the output's start it must start to be overwritten by it, in bytes; `None` if it must not be
    /// overwritten.
    pub distance: Option<usize>,
}

/// What one layer demands.
pub struct Demand {
    /// Its first input.
    pub input: TensorId,
    pub output: TensorId,
    /// Where its tensors stand in [`Demands::present`].
    present: Range<usize>,
    /// Bytes of scratch, rounded up; for depthwise convolutions with all channels at once.
    pub scratch: usize,
    /// The other way to run a depthwise convolution.
    pub blocked: Option<Blocked>,
}

/// A depthwise convolution that takes the fewest channels at once. Its output may not overlap its input, unless both
/// are exactly the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Blocked {
    /// Bytes of scratch, rounded up.
    pub scratch: usize,
    /// Whether the output may take the input's place.
    pub in_place: bool,
}

/// The demands of all layers of a network with a policy.
pub struct Demands {
    /// Bytes of each tensor, rounded up to the alignment.
    pub sizes: Vec<usize>,
    /// By layer.
    pub layers: Vec<Demand>,
    present: Vec<Present>,
}

impl Demands {
    pub fn of(graph: &Graph, policy: &Policy) -> Self {
        let sizes = (0..graph.tensors.len()).map(|t| align(tensor_bytes(graph, policy, t))).collect();
        let lifetimes = Lifetimes::of(graph);
        let mut demands = Self { sizes, layers: Vec::with_capacity(graph.layers.len()), present: Vec::new() };
        for (id, layer) in graph.layers.iter().enumerate() {
            let first = demands.present.len();
            for &tensor in lifetimes.present(id) {
                let may_overlap = layer.inputs.contains(&tensor) && lifetimes.is_last_reader(id, tensor);
                let distance =
                    if may_overlap { stream::distance(graph, policy, layer, tensor) } else { None };
                demands.present.push(Present { tensor, distance });
            }
            let input = layer.inputs[0];
            let channels = graph.tensors[input].shape.channels;
            demands.layers.push(Demand {
                input,
                output: layer.output,
                present: first..demands.present.len(),
                scratch: align(scratch_bytes(graph, layer, channels)),
                blocked: Blocked::of(graph, policy, id, lifetimes.is_last_reader(id, input)),
            });
        }
        demands
    }

    /// Tensors in memory, besides its output, while a layer runs: its inputs, then what is kept for later layers.
    pub fn present(&self, layer: LayerId) -> &[Present] {
        &self.present[self.layers[layer].present.clone()]
    }

    /// Bytes of all that is present, besides its output, while a layer runs.
    pub fn present_bytes(&self, layer: LayerId) -> usize {
        self.present(layer).iter().map(|p| self.sizes[p.tensor]).sum()
    }

    /// Least bytes that hold everything a layer needs while it runs, wherever it may lie.
    pub fn least(&self, layer: LayerId) -> usize {
        let demand = &self.layers[layer];
        let streamed = demand.scratch + self.least_streamed(layer, None);
        let Some(blocked) = demand.blocked else { return streamed };
        let output = if blocked.in_place { 0 } else { self.sizes[demand.output] };
        streamed.min(blocked.scratch + self.present_bytes(layer) + output)
    }

    /// Least bytes of the tensors while a layer runs, if the output may overlap its inputs except `apart_from`.
    pub fn least_streamed(&self, layer: LayerId, apart_from: Option<TensorId>) -> usize {
        let output = self.sizes[self.layers[layer].output];
        let all = self.present_bytes(layer);
        let below = |p: &Present| Some((p.tensor, self.sizes[p.tensor], p.distance?));
        let below = || self.present(layer).iter().filter_map(below).filter(|&(t, ..)| Some(t) != apart_from);
        let mut least = all + output;
        for (a, size_a, distance_a) in below() {
            let end_a = distance_a + size_a;
            least = least.min(end_a.max(output) + all - size_a);
            for (_, size_b, distance_b) in below().filter(|&(b, ..)| b != a) {
                let end_b = end_a.max(distance_b) + size_b;
                least = least.min(end_b.max(output) + all - size_a - size_b);
            }
        }
        least
    }
}

impl Blocked {
    /// The choice of a layer, if it is a depthwise convolution with enough channels. `last` says whether it is the
    /// last reader of its input.
    fn of(graph: &Graph, policy: &Policy, id: LayerId, last: bool) -> Option<Self> {
        let layer = &graph.layers[id];
        let window = layer.window()?;
        let input = graph.input_shape(layer);
        if !Routine::of(graph, layer).is_depthwise() || input.channels <= BLOCK_STEP {
            return None;
        }
        let same_map = window.stride == 1 && input == graph.output_shape(layer);
        let same_width = policy.activation(graph, layer.inputs[0]) == policy.activation(graph, layer.output);
        Some(Self {
            scratch: align(scratch_bytes(graph, layer, BLOCK_STEP)),
            in_place: last && same_map && same_width,
        })
    }
}
