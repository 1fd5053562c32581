//! Random numbers by place: whatever was drawn before, the same place gives the same numbers, so that a run that was
//! interrupted goes on as if it had not been.

use crate::random::SplitMix64;

/// The generator of a place.
#[derive(Clone, Debug)]
pub(super) struct Random(SplitMix64);

impl Random {
    /// The stream at a place, e.g. `[seed, epoch, image]`.
    pub fn at(place: [u64; 3]) -> Self {
        let mixed = place.into_iter().fold(0, |state, part| SplitMix64(state).next() ^ part);
        Self(SplitMix64(mixed))
    }

    pub fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// A number in 0..count.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.below(count)
    }

    /// A real number from -1 to 1.
    pub fn symmetric(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// 0..count in random order.
    pub fn permutation(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        self.0.shuffle(&mut order);
        order
    }
}
