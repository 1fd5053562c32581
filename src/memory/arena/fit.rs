//! Whether a layer can run with its tensors at given offsets.

use super::demand::{Demands, Present};
use crate::net::LayerId;

/// Bytes from `start` up to `end`, which is not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub const fn new(start: usize, bytes: usize) -> Self {
        Self { start, end: start + bytes }
    }

    pub const fn bytes(self) -> usize {
        self.end - self.start
    }

    /// Bytes that both have in common.
    pub fn shared(self, other: Self) -> usize {
        self.end.min(other.end).saturating_sub(self.start.max(other.start))
    }
}

/// Which overlaps of output and input a layer allows, and what is left free.
pub struct Fit {
    /// The output may lie where it does if the layer streams; depthwise: takes all channels at once.
    pub streams: bool,
    /// The output may lie where it does if a depthwise convolution takes a block of channels at once.
    pub blocks: bool,
    /// Free spans of the arena, lowest first.
    pub free: Vec<Span>,
}

impl Fit {
    /// Looks at a layer whose tensors lie at `offsets`, in an arena that holds them all.
    pub fn of(demands: &Demands, layer: LayerId, offsets: &[usize], arena: usize) -> Self {
        let span = |tensor: usize| Span::new(offsets[tensor], demands.sizes[tensor]);
        let demand = &demands.layers[layer];
        let present = demands.present(layer);
        let output = span(demand.output);
        let apart = |p: &Present| output.shared(span(p.tensor)) == 0;
        let behind = |p: &Present| p.distance.is_some_and(|d| offsets[p.tensor] >= output.start + d);
        let in_place = |p: &Present| p.tensor == demand.input && offsets[p.tensor] == output.start;

        let streams = present.iter().all(|p| apart(p) || behind(p));
        let blocks = demand
            .blocked
            .is_some_and(|blocked| present.iter().all(|p| apart(p) || blocked.in_place && in_place(p)));
        let mut used: Vec<Span> = present.iter().map(|p| span(p.tensor)).collect();
        used.push(output);
        Self { streams, blocks, free: free(used, arena) }
    }

    /// Bytes of the largest free span.
    pub fn largest_free(&self) -> usize {
        self.free.iter().map(|span| span.bytes()).max().unwrap_or(0)
    }

    /// Where `bytes` fit lowest; nothing fits everywhere.
    pub fn first_free(&self, bytes: usize) -> Option<usize> {
        if bytes == 0 {
            return Some(0);
        }
        self.free.iter().find(|span| span.bytes() >= bytes).map(|span| span.start)
    }
}

/// What `used` leaves of the arena.
fn free(mut used: Vec<Span>, arena: usize) -> Vec<Span> {
    used.sort_unstable();
    let mut free = Vec::with_capacity(used.len() + 1);
    let mut start = 0;
    for span in used {
        if span.start > start {
            free.push(Span { start, end: span.start });
        }
        start = start.max(span.end);
    }
    if arena > start {
        free.push(Span { start, end: arena });
    }
    free
}
