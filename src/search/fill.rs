//! Slack fill: what a policy leaves of the budget is spent, whoever chose it.
//!
//! Halving a width frees more than is missing, so every allocator that narrows until it fits leaves memory unused. The
//! same routine widens every allocator's policies, so that they are compared by what they chose and not by what they
//! happened to leave. It knows nothing of accuracy: 2-bit tensors lose most, so they are widened first; and the
//! smallest first, so that as many tensors as possible get out of 2 bits and little remains.

use super::Problem;
use crate::quant::{Bits, Policy, Slot};
use std::cmp::Reverse;

impl Problem {
    /// Widens tensors of a policy that fits while they fit: first those of 2 bits, then those of 4; of each, small ones
    /// before large ones and, among equals, later layers before earlier ones. Activations come before weights, as
    /// scratch depends on the width of weights; unless their tables take more FLASH than there is.
    pub fn fill(&self, policy: Policy) -> Policy {
        let mut filled = policy.clone();
        self.fill_activations(&mut filled);
        for &slot in self.slots().iter().rev().filter(|&&slot| self.has_table(slot)) {
            if self.fits_flash(&filled) {
                break;
            }
            filled.set(slot, policy.get(slot));
        }
        self.fill_weights(&mut filled);
        // Only odd plans do not: a narrower tensor may need another place.
        if self.fits(&filled) { filled } else { policy }
    }

    pub(super) fn fill_weights(&self, policy: &mut Policy) {
        for bits in [Bits::B2, Bits::B4] {
            for slot in self.by_size(policy, bits, |slot| matches!(slot, Slot::Weight(_))) {
                self.widen(policy, slot);
            }
        }
    }

    pub(super) fn fill_activations(&self, policy: &mut Policy) {
        let is_activation = |slot| matches!(slot, Slot::Activation(_));
        // Most of them are in memory at no peak. The wall of the widest ones says which must give way.
        let mut widest = policy.clone();
        for &slot in self.slots().iter().filter(|&&slot| is_activation(slot)) {
            widest.set(slot, Bits::B8);
        }
        self.ram_wall(&mut widest);
        let mut hopeful = policy.clone();
        for &slot in self.slots().iter().filter(|&&slot| is_activation(slot)) {
            if widest.get(slot) == Bits::B8 {
                hopeful.set(slot, Bits::B8);
            }
        }
        if self.fits_ram(&hopeful) {
            *policy = hopeful;
        }
        for bits in [Bits::B2, Bits::B4] {
            for slot in self.by_size(policy, bits, is_activation) {
                self.widen(policy, slot);
            }
        }
    }

    /// Free tensors of a width and kind in the order in which they are widened.
    fn by_size(&self, policy: &Policy, bits: Bits, kind: impl Fn(Slot) -> bool) -> Vec<Slot> {
        let of_kind = self.slots().iter().copied().enumerate();
        let mut slots: Vec<_> = of_kind.filter(|&(_, slot)| kind(slot) && policy.get(slot) == bits).collect();
        slots.sort_by_key(|&(order, slot)| (self.bytes(slot, Bits::B8), Reverse(order)));
        slots.into_iter().map(|(_, slot)| slot).collect()
    }

    /// Widens a tensor by a notch if that fits.
    fn widen(&self, policy: &mut Policy, slot: Slot) {
        let bits = policy.get(slot);
        let Some(wider) = bits.wider() else { return };
        policy.set(slot, wider);
        let fits = match slot {
            // No scratch depends on the width of the weights.
            Slot::Weight(_) => self.fits_flash(policy),
            Slot::Activation(_) => self.fits_ram(policy),
        };
        if !fits {
            policy.set(slot, bits);
        }
    }
}
