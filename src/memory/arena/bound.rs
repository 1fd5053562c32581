//! A lower bound of the arena.
//!
//! An arena must hold what each layer needs while it runs. Moreover outputs that overwrite their input move towards
//! the arena's start, so a narrow tensor between two wide ones cannot both overwrite the first and be overwritten by
//! the second: it would have to lie low and high at once. The bound follows the offsets at which the output of each
//! layer may lie if everything else is out of its way.

use super::demand::Demands;
use crate::{
    memory::layout::{ALIGNMENT, align},
    net::LayerId,
};

/// The offsets that outputs may have, layer by layer.
pub struct Chain {
    image: usize,
    edges: Vec<Edge>,
}

impl Chain {
    pub fn of(demands: &Demands) -> Self {
        let edges = (0..demands.layers.len()).map(|id| Edge::of(demands, id)).collect();
        Self { image: demands.sizes[0], edges }
    }

    /// Bytes below which no arena can be.
    pub fn lower_bound(&self) -> usize {
        let least = self.edges.iter().map(Edge::least).fold(self.image, usize::max);
        if self.obstacle(least).is_none() {
            return least;
        }
        // With outputs apart from inputs everything is possible.
        let (mut short, mut enough) =
            (least, self.edges.iter().map(|edge| edge.apart).fold(least, usize::max));
        while enough - short > ALIGNMENT {
            let middle = align(short.midpoint(enough));
            if self.obstacle(middle).is_none() { enough = middle } else { short = middle }
        }
        enough
    }

    /// The first layer whose output finds no place in an arena of that size.
    pub fn obstacle(&self, arena: usize) -> Option<LayerId> {
        let Some(top) = arena.checked_sub(self.image) else { return Some(0) };
        let mut range = (0, top);
        for (layer, edge) in self.edges.iter().enumerate() {
            match edge.follow(range, arena) {
                Some(next) => range = next,
                None => return Some(layer),
            }
        }
        None
    }
}

/// How a layer's output may lie to the output of the layer before, and the least bytes in use then.
struct Edge {
    /// Bytes of the output of the layer before.
    input: usize,
    /// Bytes of the output.
    output: usize,
    /// Over it, and at which distance below at least.
    over: Option<(usize, usize)>,
    /// In its place.
    in_place: Option<usize>,
    /// Apart from it.
    apart: usize,
    /// The layer before has its output read by a later one: anywhere.
    is_free: bool,
}

impl Edge {
    fn of(demands: &Demands, layer: LayerId) -> Self {
        let demand = &demands.layers[layer];
        let before = layer.checked_sub(1).map_or(0, |before| demands.layers[before].output);
        let present = demands.present(layer).iter().find(|p| p.tensor == before);
        let distance = present.and_then(|p| p.distance);
        let blocked = demand.blocked.as_ref();
        let all = demands.present_bytes(layer);
        let output = demands.sizes[demand.output];
        let streamed_apart = demand.scratch + demands.least_streamed(layer, Some(before));
        Self {
            input: demands.sizes[before],
            output,
            over: distance.map(|d| (demand.scratch + demands.least_streamed(layer, None), d)),
            in_place: blocked.filter(|b| b.in_place && demand.input == before).map(|b| b.scratch + all),
            apart: blocked.map_or(streamed_apart, |b| streamed_apart.min(b.scratch + all + output)),
            is_free: present.is_none(),
        }
    }

    fn least(&self) -> usize {
        let over = self.over.map(|(bytes, _)| bytes);
        [over, self.in_place].into_iter().flatten().fold(self.apart, usize::min)
    }

    /// Least and largest offset of the output, if those of the output before are `low` and `high`.
    fn follow(&self, (low, high): (usize, usize), arena: usize) -> Option<(usize, usize)> {
        let top = arena.checked_sub(self.output)?;
        if self.is_free {
            return (self.least() <= arena).then_some((0, top));
        }
        let mut ranges = Vec::with_capacity(4);
        if let Some((_, distance)) = self.over.filter(|(bytes, _)| *bytes <= arena) {
            ranges.extend(high.checked_sub(distance).map(|high| (0, high)));
        }
        if self.in_place.is_some_and(|bytes| bytes <= arena) {
            ranges.push((low, high));
        }
        if self.apart <= arena {
            ranges.extend(high.checked_sub(self.output).map(|high| (0, high)));
            ranges.extend((low + self.input <= top).then_some((low + self.input, top)));
        }
        let low = ranges.iter().map(|r| r.0).min()?;
        let high = ranges.iter().map(|r| r.1).max()?;
        Some((low, high.min(top)))
    }
}
