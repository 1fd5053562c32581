//! Random policies for tests.

use crate::{
    net::{Family, Graph, Spec, Width},
    quant::{Bits, Policy, Slot},
    random::SplitMix64,
};

/// The same sequence for the same seed, everywhere.
pub struct Random(pub u64);

impl Random {
    /// A number below `n`, which is small.
    pub fn below(&mut self, n: usize) -> usize {
        let mut generator = SplitMix64(self.0);
        let drawn = generator.next();
        self.0 = generator.0;
        (drawn % n as u64) as usize
    }

    /// A policy with every width equally likely.
    pub fn policy(&mut self, graph: &Graph) -> Policy {
        let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
        for slot in Slot::all(graph) {
            policy.set(slot, Bits::ALL[self.below(3)]);
        }
        policy
    }
}

/// All families at their named widths and these sides.
pub fn zoo(sides: impl IntoIterator<Item = u16> + Clone) -> impl Iterator<Item = Spec> {
    Family::ALL.into_iter().flat_map(move |family| {
        let sides = sides.clone();
        let widths = family.named_widths().iter();
        widths.flat_map(move |&width| {
            sides
                .clone()
                .into_iter()
                .map(move |side| Spec::new(family, Width(width), side).expect("in range"))
        })
    })
}

/// The graph of a network by its name.
pub fn graph(name: &str) -> Graph {
    name.parse::<Spec>().expect(name).build()
}
