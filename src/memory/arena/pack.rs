//! Finds an offset for every tensor in the smallest arena it can.
//!
//! No arena can be smaller than what the most demanding layer needs, so that size is tried first. Tensors are placed
//! in the order in which they are written. Where a tensor can go depends only on what is in memory at that time, so
//! a depth-first search over few candidate places, which remembers what failed, is quick: most of the time it never
//! has to step back.

use super::{demand::Demands, fit::Fit};
use crate::net::LayerId;
use std::collections::HashSet;

/// A packed arena.
pub struct Packed {
    pub arena: usize,
    /// By tensor.
    pub offsets: Vec<usize>,
}

/// Failed attempts to place a tensor before a size is given up.
const PATIENCE: usize = 2000;

pub fn pack(demands: &Demands) -> Packed {
    let least = (0..demands.layers.len()).map(|id| demands.least(id)).max().unwrap_or(0);
    let mut arena = least.max(demands.sizes[0]);
    loop {
        let mut search = Search::new(demands, arena);
        if search.run() {
            return Packed { arena, offsets: search.offsets };
        }
        arena += (least / 256).next_multiple_of(4).max(4);
    }
}

/// The search in an arena of a given size.
struct Search<'a> {
    demands: &'a Demands,
    arena: usize,
    offsets: Vec<usize>,
    /// Layers that cannot run when what is present lies at these offsets.
    failed: HashSet<(LayerId, Vec<usize>)>,
}

impl<'a> Search<'a> {
    fn new(demands: &'a Demands, arena: usize) -> Self {
        Self { demands, arena, offsets: vec![0; demands.sizes.len()], failed: HashSet::new() }
    }

    fn run(&mut self) -> bool {
        for offset in [self.arena - self.demands.sizes[0], 0] {
            self.offsets[0] = offset;
            if self.place_from(0) {
                return true;
            }
        }
        false
    }

    /// Places the outputs of `layer` and all that follow.
    fn place_from(&mut self, layer: LayerId) -> bool {
        if layer == self.demands.layers.len() {
            return true;
        }
        if self.failed.len() > PATIENCE || self.failed.contains(&self.key(layer)) {
            return false;
        }
        for place in self.places(layer) {
            self.offsets[self.demands.layers[layer].output] = place;
            if self.place_from(layer + 1) {
                return true;
            }
        }
        self.failed.insert(self.key(layer));
        false
    }

    /// A layer and where everything lies when its turn comes.
    fn key(&self, layer: LayerId) -> (LayerId, Vec<usize>) {
        (layer, self.demands.present(layer).iter().map(|p| self.offsets[p.tensor]).collect())
    }

    /// Offsets at which the output of a layer may lie, the best first: those that let a depthwise convolution take all
    /// channels at once, and of those the highest, since outputs move down when they overwrite inputs.
    ///
    /// Only offsets next to something are considered: a place in the middle of nowhere is never better.
    fn places(&mut self, layer: LayerId) -> Vec<usize> {
        let demand = &self.demands.layers[layer];
        let bytes = self.demands.sizes[demand.output];
        let Some(top) = self.arena.checked_sub(bytes) else { return Vec::new() };
        let mut offsets = vec![top, 0];
        for present in self.demands.present(layer) {
            let start = self.offsets[present.tensor];
            let end = start + self.demands.sizes[present.tensor];
            offsets.extend([Some(end), start.checked_sub(bytes), Some(start)].into_iter().flatten());
            offsets.extend(present.distance.and_then(|d| start.checked_sub(d)));
        }
        offsets.retain(|&offset| offset <= top);
        let mut places = Vec::with_capacity(offsets.len());
        for offset in offsets {
            self.offsets[demand.output] = offset;
            let fit = Fit::of(self.demands, layer, &self.offsets, self.arena);
            let free = fit.largest_free();
            let streams = fit.streams && demand.scratch <= free;
            let blocks = fit.blocks && demand.blocked.is_some_and(|b| b.scratch <= free);
            if streams || blocks {
                places.push((streams, offset));
            }
        }
        places.sort_unstable_by(|a, b| b.cmp(a));
        places.dedup();
        places.into_iter().map(|(_, offset)| offset).collect()
    }
}
