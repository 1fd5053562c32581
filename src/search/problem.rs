//! What is searched: the widths of a network's tensors under a budget.

use super::SearchError;
use crate::{
    memory::{Budget, Excess, Lifetimes, Memory, MemoryModel, Usage},
    net::{Graph, Layer, LayerId, Op},
    quant::{Bits, Policy, Slot, codebook_bytes},
};

/// A network, a budget, how it is counted, and which tensors are free.
///
/// A problem has at least one policy that fits, or it is refused when it is made.
#[derive(Clone, Debug)]
pub struct Problem {
    pub(super) graph: Graph,
    pub(super) budget: Budget,
    pub(super) model: MemoryModel,
    pub(super) lifetimes: Lifetimes,
    pins: Vec<(Slot, Bits)>,
    slots: Vec<Slot>,
    /// Whether narrow weights are values of a codebook, which takes FLASH as well.
    codebooks: bool,
}

impl Problem {
    /// `pins` are tensors whose widths are given.
    ///
    /// # Errors
    /// [`SearchError`] names the memory that is too small, the least budget that would do, and the layers that need
    /// it; or a pin of what is no choice.
    pub fn new(
        graph: &Graph,
        budget: Budget,
        model: MemoryModel,
        pins: &[(Slot, Bits)],
    ) -> Result<Self, SearchError> {
        Self::counting(graph, budget, model, pins, false)
    }

    /// As [`Problem::new`]; with `codebooks`, layers with weights below 8 bits have a codebook, which counts as well
    /// ([`codebook_bytes`]).
    pub(super) fn counting(
        graph: &Graph,
        budget: Budget,
        model: MemoryModel,
        pins: &[(Slot, Bits)],
        codebooks: bool,
    ) -> Result<Self, SearchError> {
        let all = Slot::all(graph);
        if let Some(&(slot, _)) = pins.iter().find(|(slot, _)| !all.contains(slot)) {
            return Err(SearchError::Pin(slot));
        }
        let is_free = |slot: &Slot| pins.iter().all(|(pinned, _)| pinned != slot);
        let problem = Self {
            graph: graph.clone(),
            budget,
            model,
            lifetimes: Lifetimes::of(graph),
            pins: pins.to_vec(),
            slots: all.into_iter().filter(is_free).collect(),
            codebooks,
        };
        let narrowest = problem.narrowest();
        let codebooks = problem.codebook_bytes(&narrowest);
        let left = Budget { flash: budget.flash.saturating_sub(codebooks), ..budget };
        let excesses = model.footprint(graph, &narrowest).excesses(graph, &narrowest, left);
        match excesses.into_iter().next() {
            None => Ok(problem),
            Some(excess) if excess.memory == Memory::Flash => {
                let needed = excess.needed + codebooks;
                Err(SearchError::Flash(Excess { needed, budget: budget.flash, ..excess }))
            }
            Some(excess) => Err(SearchError::Ram(excess)),
        }
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What it may take.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// The tensors whose widths are free, in the order of [`Slot::all`].
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// All free tensors at one width, weights and activations.
    pub fn uniform_at(&self, weights: Bits, activations: Bits) -> Policy {
        let mut policy = Policy::uniform(&self.graph, weights, activations);
        self.pins.iter().for_each(|&(slot, bits)| policy.set(slot, bits));
        policy
    }

    /// All free tensors at 8 bits.
    pub fn widest(&self) -> Policy {
        self.uniform_at(Bits::B8, Bits::B8)
    }

    /// All free tensors at 2 bits. It fits.
    pub fn narrowest(&self) -> Policy {
        self.uniform_at(Bits::B2, Bits::B2)
    }

    /// What a policy takes.
    pub fn usage(&self, policy: &Policy) -> Usage {
        Usage { flash: self.flash(policy), ram: self.model.ram(&self.graph, policy) }
    }

    /// Bytes of FLASH that a policy takes.
    pub(super) fn flash(&self, policy: &Policy) -> usize {
        self.model.flash(&self.graph, policy) + self.codebook_bytes(policy)
    }

    fn codebook_bytes(&self, policy: &Policy) -> usize {
        let layers = self.graph.weighted_layers().filter(|_| self.codebooks);
        layers.map(|(id, _)| codebook_bytes(policy.weight(id))).sum()
    }

    /// Whether a policy keeps to the budget.
    pub fn fits(&self, policy: &Policy) -> bool {
        self.fits_flash(policy) && self.fits_ram(policy)
    }

    pub(super) fn fits_flash(&self, policy: &Policy) -> bool {
        self.flash(policy) <= self.budget.flash
    }

    pub(super) fn fits_ram(&self, policy: &Policy) -> bool {
        self.needs(policy).iter().all(|&bytes| bytes <= self.budget.ram)
            && self.model.ram(&self.graph, policy) <= self.budget.ram
    }

    /// Least bytes of RAM that each layer needs by itself, by [`LayerId`].
    pub(super) fn needs(&self, policy: &Policy) -> Vec<usize> {
        self.model.least_ram(&self.graph, policy)
    }

    /// Bytes that a tensor takes at a width, in FLASH or in RAM.
    pub(super) fn bytes(&self, slot: Slot, bits: Bits) -> usize {
        match slot {
            Slot::Weight(layer) => self.model.weight_bytes(&self.graph, &self.graph.layers[layer], bits),
            Slot::Activation(tensor) => bits.bytes(self.graph.tensors[tensor].shape.elements()),
        }
    }

    /// Whether a tensor is an activation by which tables are read: it takes FLASH as well, the more the wider it is.
    pub(super) fn has_table(&self, slot: Slot) -> bool {
        let Slot::Activation(tensor) = slot else { return false };
        let reads =
            |layer: &Layer| layer.inputs.iter().any(|&input| self.graph.quantized_as(input) == tensor);
        self.graph.layers.iter().any(|layer| matches!(layer.op, Op::Lookup(_) | Op::Concat) && reads(layer))
    }

    /// The layer to blame if the RAM does not suffice: one that does not fit by itself, one for whose output there is
    /// no place, else the one that needs most.
    pub(super) fn obstacle(&self, policy: &Policy) -> Option<LayerId> {
        let needs = self.needs(policy);
        let alone = needs.iter().position(|&bytes| bytes > self.budget.ram);
        let placed = alone.or_else(|| self.model.obstacle(&self.graph, policy, self.budget.ram));
        placed.or_else(|| {
            // A plan starts with a smaller arena and enlarges it step by step; it may step over the budget.
            let is_over = self.model.ram(&self.graph, policy) > self.budget.ram;
            is_over.then(|| (0..needs.len()).max_by_key(|&layer| needs[layer]).unwrap_or(0))
        })
    }

    /// Free activations in memory while a layer runs: its output first.
    pub(super) fn activations_at(&self, layer: LayerId) -> impl Iterator<Item = Slot> {
        let output = self.graph.layers[layer].output;
        let tensors = std::iter::once(output).chain(self.lifetimes.present(layer).iter().copied());
        let choices = tensors.map(|tensor| Slot::Activation(self.graph.quantized_as(tensor)));
        choices.filter(|slot| self.slots.contains(slot))
    }
}
