//! What is fuzzed.

mod archives;
mod images;
mod kernels;
mod labels;
mod links;
mod messages;
mod models;
mod networks;
mod plans;
mod policies;
mod rules;
mod searches;
mod trainings;
mod weights;
mod words;

/// Seconds of the processor that an input may take under the sanitizers, which make it some ten times slower: less than 1 s
/// without them.
pub const SECONDS: f64 = 4.0;

/// Something to fuzz.
pub struct Target {
    pub name: &'static str,
    /// Bytes of the longest input.
    pub longest: usize,
    /// Bytes of memory that an input of so many bytes may take, by docs/limits.md.
    pub memory: fn(usize) -> usize,
    /// Makes what all inputs need.
    pub prepare: fn(),
    /// Reads an input. It panics if something does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What inputs are made of, with `|` between.
    pub words: &'static str,
}

pub const TARGETS: &[Target] = &[
    weights::TARGET,
    archives::TARGET,
    images::TARGET,
    labels::TARGET,
    links::TARGET,
    policies::TARGET,
    models::TARGET,
    searches::TARGET,
    trainings::TARGET,
    messages::TARGET,
    words::TARGET,
    plans::TARGET,
    kernels::TARGET,
];

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// For targets that need nothing.
fn nothing() {}
