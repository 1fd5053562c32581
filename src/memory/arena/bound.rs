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

/// Bytes below which no arena can be.
pub fn lower_bound(demands: &Demands) -> usize {
    let image = demands.sizes[0];
    let links: Vec<Link> = (0..demands.layers.len()).map(|id| Link::of(demands, id)).collect();
    let least = links.iter().map(|link| link.least()).max().unwrap_or(0).max(image);
    if is_possible(image, &links, least) {
        return least;
    }
    // With outputs apart from inputs everything is possible.
    let (mut short, mut enough) = (least, links.iter().map(|link| link.apart).fold(least, usize::max));
    while enough - short > ALIGNMENT {
        let middle = align(short.midpoint(enough));
        if is_possible(image, &links, middle) { enough = middle } else { short = middle }
    }
    enough
}

/// How a layer's output may lie to the output of the layer before, and the least bytes in use then.
struct Link {
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

impl Link {
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

/// Whether every output finds an offset.
fn is_possible(image: usize, links: &[Link], arena: usize) -> bool {
    links.iter().try_fold((0, arena - image), |range, link| link.follow(range, arena)).is_some()
}
