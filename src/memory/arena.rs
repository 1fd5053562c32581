//! The arena: one block of RAM in which all activations and scratch of a network live.

mod bound;
mod demand;
mod fit;
mod pack;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod tests;

use super::{
    footprint::Step,
    layout::{align, tensor_bytes},
    routine::{BLOCK_STEP, Routine, scratch_bytes},
};
use crate::{
    net::{Graph, Layer, LayerId, TensorId},
    quant::Policy,
};
use bound::Chain;
use demand::Demands;
use fit::{Fit, Span, Surroundings};
use pack::{Packed, pack, pack_into};

/// Scratch of one layer in the arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scratch {
    /// Where it starts, in bytes from the arena's start.
    pub offset: usize,
    /// Its bytes; 0 if the layer needs none.
    pub bytes: usize,
}

/// Where every activation tensor and every layer's scratch lies in the arena. All offsets are multiples of 4.
///
/// A tensor lives from the layer that writes it to the last that reads it, so the branches of residual blocks are
/// kept as long as they are needed. An output may lie over an input that is read for the last time, as far as the
/// routine's order of reading and writing allows. The same graph and policy always give the same plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Bytes of the arena.
    pub arena: usize,
    /// Offset of each tensor in bytes, by [`TensorId`](crate::net::TensorId).
    pub tensors: Vec<usize>,
    /// Scratch of each layer, by [`LayerId`].
    pub scratch: Vec<Scratch>,
    /// Channels that a depthwise convolution takes at once, by [`LayerId`]; 0 for other layers.
    pub blocks: Vec<usize>,
}

impl Plan {
    /// Plans the arena of a network with a policy.
    pub fn new(graph: &Graph, policy: &Policy) -> Self {
        let demands = Demands::of(graph, policy);
        let Packed { arena, offsets } = pack(&demands);
        let mut plan = Self { arena, tensors: offsets, scratch: Vec::new(), blocks: Vec::new() };
        for (id, layer) in graph.layers.iter().enumerate() {
            let output = Span::new(plan.tensors[layer.output], demands.sizes[layer.output]);
            let fit = Surroundings::of(&demands, id, &plan.tensors, arena).fit(output);
            let block = largest_block(graph, layer, fit);
            let bytes = scratch_bytes(graph, layer, block);
            plan.blocks.push(block);
            plan.scratch.push(Scratch { offset: fit.free.start, bytes });
        }
        plan
    }

    /// Bytes below which no plan can be. Quicker than a plan, which hardly ever takes more.
    pub fn lower_bound(graph: &Graph, policy: &Policy) -> usize {
        Chain::of(&Demands::of(graph, policy)).lower_bound()
    }

    /// The layer that stands in the way of an arena of `bytes`: one that needs more by itself, or for whose output
    /// there is no place that the layers before and after it can live with. `None` if the planner finds such an
    /// arena.
    pub fn obstacle(graph: &Graph, policy: &Policy, bytes: usize) -> Option<LayerId> {
        let demands = Demands::of(graph, policy);
        let obstacle = Chain::of(&demands).obstacle(bytes);
        obstacle.or_else(|| pack_into(&demands, bytes).err())
    }

    /// Least bytes that hold all a layer needs while it runs, by [`LayerId`].
    pub fn least(graph: &Graph, policy: &Policy) -> Vec<usize> {
        let demands = Demands::of(graph, policy);
        (0..graph.layers.len()).map(|id| demands.least(id)).collect()
    }

    /// Bytes in use while each layer runs. No step has more than the arena.
    pub fn steps(&self, graph: &Graph, policy: &Policy) -> Vec<Step> {
        let demands = Demands::of(graph, policy);
        let span = |tensor: TensorId| Span::new(self.tensors[tensor], tensor_bytes(graph, policy, tensor));
        let step = |(id, layer): (LayerId, &Layer)| {
            let (inputs, kept): (Vec<_>, Vec<_>) =
                demands.present(id).iter().map(|p| p.tensor).partition(|t| layer.inputs.contains(t));
            let bytes = |tensors: &[TensorId]| tensors.iter().map(|&t| span(t).bytes()).sum();
            let output = span(layer.output);
            Step {
                layer: id,
                inputs: bytes(&inputs),
                output: output.bytes(),
                shared: inputs.iter().map(|&t| span(t).shared(output)).sum(),
                kept: bytes(&kept),
                scratch: self.scratch[id].bytes,
            }
        };
        graph.layers.iter().enumerate().map(step).collect()
    }
}

/// Channels that a depthwise convolution takes at once: all of them if its output may lie where it does and the scratch
/// fits, else the largest block whose scratch fits; 0 for other layers.
fn largest_block(graph: &Graph, layer: &Layer, fit: Fit) -> usize {
    if !Routine::of(graph, layer).is_depthwise() {
        return 0;
    }
    let channels = graph.input_shape(layer).channels;
    if fit.streams {
        return channels;
    }
    let fits = |block: &usize| align(scratch_bytes(graph, layer, *block)) <= fit.free.bytes();
    let blocks = (BLOCK_STEP..channels).step_by(BLOCK_STEP);
    blocks.take_while(fits).last().unwrap_or(BLOCK_STEP)
}
