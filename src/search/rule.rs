//! Allocators that look at memory alone: quick, without data, and the baseline of those that measure.

use super::Problem;
use crate::{
    net::LayerId,
    quant::{Bits, Policy, Slot},
};

impl Problem {
    /// The rule of arXiv 1905.13082: halve widths, largest tensors first, until the network fits.
    ///
    /// Published for chains of layers and the papers' memory model. Here a layer's tensors are all that are in memory
    /// while it runs, so the rule covers residual networks and the device's memory as well.
    pub fn rule(&self) -> Policy {
        let mut policy = self.widest();
        while !self.fits_flash(&policy) {
            let Some((layer, bits)) = self.first_of_largest(&policy) else { break };
            policy.set(Slot::Weight(layer), bits);
        }
        // With all weights at 2 bits tables are left to be narrowed.
        self.flash_wall(&mut policy);
        self.ram_wall(&mut policy);
        if self.fits(&policy) { policy } else { self.narrowest() }
    }

    /// The first of the layers whose share of all weights is within 5 percentage points of the largest share, and its
    /// next width. Layers at 2 bits are left out.
    fn first_of_largest(&self, policy: &Policy) -> Option<(LayerId, Bits)> {
        let bytes = |id: LayerId| self.bytes(Slot::Weight(id), policy.weight(id));
        let all: usize = self.graph.weighted_layers().map(|(id, _)| bytes(id)).sum();
        let free = self.slots().iter().filter_map(|slot| match slot {
            Slot::Weight(id) => Some((*id, policy.weight(*id).narrower()?)),
            Slot::Activation(_) => None,
        });
        let wide: Vec<(LayerId, Bits)> = free.collect();
        let largest = wide.iter().map(|&(id, _)| bytes(id)).max()?;
        // share > largest share - 1/20, in whole numbers.
        wide.into_iter().find(|&(id, _)| 20 * bytes(id) + all > 20 * largest)
    }

    /// One width for all weights and one for all activations: the widest weights that fit the FLASH, then the widest
    /// activations that fit the RAM, with tables that fit the FLASH.
    pub fn uniform(&self) -> Policy {
        let widest_first = || Bits::ALL.into_iter().rev();
        let weights = widest_first().find(|&weights| self.fits_flash(&self.uniform_at(weights, Bits::B8)));
        let weights = weights.unwrap_or(Bits::B2);
        let policies = widest_first().map(|activations| self.uniform_at(weights, activations));
        policies.into_iter().find(|policy| self.fits(policy)).unwrap_or_else(|| self.narrowest())
    }

    /// HAQ's way back from 8 bits: the walls alone.
    pub fn notch_down(&self) -> Policy {
        self.wall(self.widest())
    }
}
