//! The walls: whatever widths are asked for, these make them fit.
//!
//! FLASH and RAM are two different constraints. FLASH is a sum over all layers, and its wall narrows weights from the
//! last layer to the first as in HAQ (arXiv 1811.08886, section 3.3), one notch at a time, pass after pass; then, if the
//! tables of functions and concatenations are still too large, the activations that they are read by. RAM is a
//! maximum over the layers, and narrowing a tensor that is not in memory at the peak gains nothing; hence its wall
//! touches only the tensors of layers that do not fit, in the way of arXiv 1905.13082: forward and backward sweeps,
//! each of which halves the widest tensor.

use super::Problem;
use crate::{
    net::LayerId,
    quant::{Bits, Policy, Slot},
};

impl Problem {
    /// What is made of the widths that an allocator asks for: a policy that fits, with what is left of the budget
    /// spent if `fill` says so.
    pub fn executed(&self, mut policy: Policy, fill: bool) -> Policy {
        self.settle_activations(&mut policy, fill);
        self.settle_weights(&mut policy, fill);
        // Only odd plans get here: narrowing every tensor in memory at the peak was not enough.
        if self.fits(&policy) { policy } else { self.narrowest() }
    }

    /// The part of [`Problem::executed`] that the activations decide, and that decides on them.
    pub(super) fn settle_activations(&self, policy: &mut Policy, fill: bool) {
        self.ram_wall(policy);
        if fill {
            self.fill_activations(policy);
        }
    }

    /// The same for the weights.
    pub(super) fn settle_weights(&self, policy: &mut Policy, fill: bool) {
        self.flash_wall(policy);
        if fill {
            self.fill_weights(policy);
        }
    }

    /// A policy that fits, made of any policy by narrowing alone; one that fits is left as it is.
    pub fn wall(&self, mut policy: Policy) -> Policy {
        self.flash_wall(&mut policy);
        self.ram_wall(&mut policy);
        if self.fits(&policy) { policy } else { self.narrowest() }
    }

    /// Narrows weights from the last layer to the first until the FLASH suffices; then, in the same order, what tables
    /// are read by.
    pub(super) fn flash_wall(&self, policy: &mut Policy) {
        let backwards = |kind: &dyn Fn(Slot) -> bool| {
            self.slots().iter().copied().rev().filter(|&slot| kind(slot)).collect()
        };
        let weights: Vec<Slot> = backwards(&|slot| matches!(slot, Slot::Weight(_)));
        self.narrow_to_flash(policy, &weights);
        if !self.fits_flash(policy) {
            self.narrow_to_flash(policy, &backwards(&|slot| self.has_table(slot)));
        }
    }

    /// Narrows tensors in this order, one notch in each pass, until the FLASH suffices or all have 2 bits.
    fn narrow_to_flash(&self, policy: &mut Policy, slots: &[Slot]) {
        while !self.fits_flash(policy) {
            let mut is_narrowed = false;
            for &slot in slots {
                if let Some(bits) = policy.get(slot).narrower() {
                    policy.set(slot, bits);
                    is_narrowed = true;
                    if self.fits_flash(policy) {
                        return;
                    }
                }
            }
            if !is_narrowed {
                return;
            }
        }
    }

    /// Narrows activations until every layer by itself fits the RAM, then those of the layers for which the arena has
    /// no place.
    pub(super) fn ram_wall(&self, policy: &mut Policy) {
        let mut cut = Cut { problem: self, needs: self.needs(policy), policy };
        let mut goes_on = cut.sweep();
        while goes_on {
            match self.obstacle(cut.policy) {
                Some(layer) => goes_on = cut.cut(layer),
                None => return,
            }
        }
        // No tensor of the layer in the way is left.
        for &slot in self.slots() {
            if matches!(slot, Slot::Activation(_)) {
                policy.set(slot, Bits::B2);
            }
        }
    }
}

/// Which tensors a sweep may cut.
#[derive(Clone, Copy, PartialEq)]
enum Sweep {
    /// First to last layer, outputs.
    Forward,
    /// Last to first layer, what is there before the output.
    Backward,
}

/// Cuts activations so that no layer needs more than the budget.
struct Cut<'a> {
    problem: &'a Problem,
    policy: &'a mut Policy,
    /// Bytes that each layer needs.
    needs: Vec<usize>,
}

impl Cut<'_> {
    /// Sweeps forward and backward until every layer fits; false if one cannot.
    fn sweep(&mut self) -> bool {
        let layers = self.needs.len();
        // Every two sweeps cut at least one tensor, or one finds that none is left to cut.
        while self.needs.iter().any(|&bytes| bytes > self.problem.budget.ram) {
            let is_done = (0..layers).all(|id| self.fit(id, Sweep::Forward))
                && (0..layers).rev().all(|id| self.fit(id, Sweep::Backward));
            if !is_done {
                return false;
            }
        }
        true
    }

    /// Cuts tensors of one layer until it fits, or one must be cut that the other sweep cuts; false if none is left.
    fn fit(&mut self, layer: LayerId, sweep: Sweep) -> bool {
        while self.needs[layer] > self.problem.budget.ram {
            let Some((slot, _)) = self.widest(layer) else { return false };
            let is_output = slot == Slot::Activation(self.problem.graph.layers[layer].output);
            if is_output != (sweep == Sweep::Forward) {
                return true;
            }
            self.cut(layer);
        }
        true
    }

    /// Halves the widest tensor of a layer; false if none is left.
    fn cut(&mut self, layer: LayerId) -> bool {
        let Some((slot, bits)) = self.widest(layer) else { return false };
        self.policy.set(slot, bits);
        self.needs = self.problem.needs(self.policy);
        true
    }

    /// The tensor to cut and its next width: of those in memory the one with most bits, among these that with most
    /// bytes, among these the output. `None` if all are as narrow as can be.
    fn widest(&self, layer: LayerId) -> Option<(Slot, Bits)> {
        let choices = self.problem.activations_at(layer);
        let candidates = choices.filter_map(|slot| Some((slot, self.policy.get(slot).narrower()?)));
        let bytes = |slot| match slot {
            Slot::Activation(tensor) => {
                self.problem.model.tensor_bytes(&self.problem.graph, self.policy, tensor)
            }
            Slot::Weight(_) => 0,
        };
        let key = |(slot, bits): (Slot, Bits)| (bits, bytes(slot));
        // The first of equals wins, and the output comes first.
        candidates.reduce(|best, other| if key(other) > key(best) { other } else { best })
    }
}
