//! Finds an offset for every tensor in the smallest arena it can.
//!
//! Tensors are placed in the order in which they are written. Where one can go depends only on what is in memory at
//! that time, so a depth-first search that considers few offsets and remembers what failed is quick; most of the time
//! it never steps back. It starts with an arena of the lower bound and enlarges it until all tensors fit.

use super::{
    bound::Chain,
    demand::{Demand, Demands},
    fit::{Span, Surroundings},
};
use crate::{memory::layout::align, net::LayerId};
use std::collections::HashSet;

/// A packed arena.
pub struct Packed {
    /// Its bytes.
    pub arena: usize,
    /// By tensor.
    pub offsets: Vec<usize>,
}

/// Dead ends after which an arena is given up.
const PATIENCE: usize = 1000;

pub fn pack(demands: &Demands) -> Packed {
    let least = Chain::of(demands).lower_bound();
    let mut arena = least;
    loop {
        match pack_into(demands, arena) {
            Ok(offsets) => return Packed { arena, offsets },
            Err(_) => arena += align(least.div_ceil(256)),
        }
    }
}

/// Offsets of all tensors in an arena of that size.
///
/// # Errors
/// The last layer for whose output no place was found.
pub fn pack_into(demands: &Demands, arena: usize) -> Result<Vec<usize>, LayerId> {
    let search = |candidates| Search::new(demands, arena, candidates).run();
    search(Candidates::Few).or_else(|_| search(Candidates::Many))
}

/// Which offsets to consider.
#[derive(Clone, Copy, PartialEq)]
enum Candidates {
    /// Next to something.
    Few,
    /// Also so far from it that the scratch of this or the next layer fits between, or that the next output can
    /// overwrite this one.
    Many,
}

/// The search in an arena of a given size.
struct Search<'a> {
    demands: &'a Demands,
    arena: usize,
    candidates: Candidates,
    offsets: Vec<usize>,
    /// Layers that cannot run with what is in memory at these offsets.
    dead_ends: HashSet<(LayerId, Vec<usize>)>,
    /// The last layer that was reached.
    furthest: LayerId,
}

impl<'a> Search<'a> {
    fn new(demands: &'a Demands, arena: usize, candidates: Candidates) -> Self {
        let offsets = vec![0; demands.sizes.len()];
        Self { demands, arena, candidates, offsets, dead_ends: HashSet::new(), furthest: 0 }
    }

    fn run(mut self) -> Result<Vec<usize>, LayerId> {
        let image_on_top = self.arena.checked_sub(self.demands.sizes[0]).ok_or(self.furthest)?;
        for offset in [image_on_top, 0] {
            self.offsets[0] = offset;
            if self.place_from(0) {
                return Ok(self.offsets);
            }
        }
        Err(self.furthest)
    }

    /// Places the outputs of `layer` and all that follow.
    fn place_from(&mut self, layer: LayerId) -> bool {
        let Some(Demand { output, .. }) = self.demands.layers.get(layer) else { return true };
        self.furthest = self.furthest.max(layer);
        let known = &self.dead_ends;
        if known.len() > PATIENCE || !known.is_empty() && known.contains(&self.situation(layer)) {
            return false;
        }
        for offset in self.places(layer) {
            self.offsets[*output] = offset;
            if self.place_from(layer + 1) {
                return true;
            }
        }
        self.dead_ends.insert(self.situation(layer));
        false
    }

    /// A layer, and where everything lies when its turn comes.
    fn situation(&self, layer: LayerId) -> (LayerId, Vec<usize>) {
        (layer, self.demands.present(layer).iter().map(|p| self.offsets[p.tensor]).collect())
    }

    /// Offsets at which the output of a layer may lie, the best first: those that let a depthwise convolution take all
    /// channels at once, and of those the highest, since outputs move down when they overwrite inputs.
    fn places(&self, layer: LayerId) -> Vec<usize> {
        let bytes = self.demands.sizes[self.demands.layers[layer].output];
        let Some(top) = self.arena.checked_sub(bytes) else { return Vec::new() };
        let mut offsets = self.neighbours(layer, top, bytes);
        if self.candidates == Candidates::Many {
            let shifts = self.shifts(layer);
            for i in 0..offsets.len() {
                let near = offsets[i];
                offsets.extend(shifts.iter().flat_map(|&s| [near.saturating_sub(s), near + s]));
            }
        }
        offsets.retain(|&offset| offset <= top);
        offsets.sort_unstable_by(|a, b| b.cmp(a));
        offsets.dedup();

        let surroundings = Surroundings::of(self.demands, layer, &self.offsets, self.arena);
        let mut streaming = Vec::with_capacity(offsets.len());
        let mut blocking = Vec::new();
        for offset in offsets {
            let fit = surroundings.fit(Span::new(offset, bytes));
            if fit.streams {
                streaming.push(offset);
            } else if fit.blocks {
                blocking.push(offset);
            }
        }
        streaming.append(&mut blocking);
        streaming
    }

    /// Offsets at the ends of the arena and next to, over and just below what is in memory.
    fn neighbours(&self, layer: LayerId, top: usize, bytes: usize) -> Vec<usize> {
        let present = self.demands.present(layer);
        let mut offsets = Vec::with_capacity(2 + 4 * present.len());
        offsets.extend([top, 0]);
        for p in present {
            let start = self.offsets[p.tensor];
            offsets.extend([start + self.demands.sizes[p.tensor], start]);
            offsets.extend(start.checked_sub(bytes));
            offsets.extend(p.distance.and_then(|distance| start.checked_sub(distance)));
        }
        offsets
    }

    /// Distances that this layer or the next may need beside the output.
    fn shifts(&self, layer: LayerId) -> Vec<usize> {
        let Demand { output, .. } = self.demands.layers[layer];
        let mut shifts = Vec::new();
        for demand in self.demands.layers[layer..].iter().take(2) {
            shifts.push(demand.scratch);
            shifts.extend(demand.blocked.as_ref().map(|blocked| blocked.scratch));
        }
        if layer + 1 < self.demands.layers.len() {
            let next = self.demands.present(layer + 1).iter().filter(|p| p.tensor == output);
            shifts.extend(next.filter_map(|p| p.distance));
        }
        shifts
    }
}
