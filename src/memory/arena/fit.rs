//! Whether a layer can run with its tensors at given offsets.

use super::demand::{Demand, Demands, Present};
use crate::net::LayerId;
use std::iter::once;

/// Bytes from `start` up to `end`, which is not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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

/// The arena while one layer runs, without the layer's output.
pub struct Surroundings<'a> {
    demand: &'a Demand,
    arena: usize,
    /// What is in memory, lowest first.
    present: Vec<(Span, Present)>,
}

/// What a layer may do if its output lies at a certain offset.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// It may stream; depthwise: with all channels at once.
    pub streams: bool,
    /// A depthwise convolution may take a block of channels at once.
    pub blocks: bool,
    /// The largest free span, where scratch can be.
    pub free: Span,
}

impl<'a> Surroundings<'a> {
    /// Looks at a layer whose inputs, and all that is kept, lie at `offsets`.
    pub fn of(demands: &'a Demands, layer: LayerId, offsets: &[usize], arena: usize) -> Self {
        let span = |p: &Present| Span::new(offsets[p.tensor], demands.sizes[p.tensor]);
        let mut present: Vec<_> = demands.present(layer).iter().map(|p| (span(p), *p)).collect();
        present.sort_unstable_by_key(|(span, _)| *span);
        Self { demand: &demands.layers[layer], arena, present }
    }

    /// What the layer may do with its output there.
    pub fn fit(&self, output: Span) -> Fit {
        let Demand { input, blocked, .. } = *self.demand;
        let apart = |span: Span| span.shared(output) == 0;
        let above = |span: Span, p: Present| p.distance.is_some_and(|d| span.start >= output.start + d);
        let streams = self.present.iter().all(|&(span, p)| apart(span) || above(span, p));
        let blocks = blocked.is_some_and(|blocked| {
            let in_place = |span: Span, p: Present| blocked.in_place && p.tensor == input && span == output;
            self.present.iter().all(|&(span, p)| apart(span) || in_place(span, p))
        });
        let free = self.largest_free(output);
        Fit {
            streams: streams && self.demand.scratch <= free.bytes(),
            blocks: blocks && blocked.is_some_and(|b| b.scratch <= free.bytes()),
            free,
        }
    }

    /// The largest span without output or anything else.
    fn largest_free(&self, output: Span) -> Span {
        let (lower, higher) = self.present.split_at(self.present.partition_point(|(span, _)| *span < output));
        let lower = lower.iter().map(|(span, _)| *span);
        let higher = higher.iter().map(|(span, _)| *span);
        let end = Span::new(self.arena, 0);
        let (mut used, mut largest) = (0, Span::default());
        for span in lower.chain(once(output)).chain(higher).chain(once(end)) {
            if span.start.saturating_sub(used) > largest.bytes() {
                largest = Span { start: used, end: span.start };
            }
            used = used.max(span.end);
        }
        largest
    }
}
