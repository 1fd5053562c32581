//! Stored searches: the seal, and behind it the state, from which a search goes on.

use super::networks::network;
use super::{KIB, MIB, Target};
use crate::input::{Input, edited};
use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::quant::{Bits, Policy};
use bitsmith::sealed::{Kind, seal};
use bitsmith::search::{AgentSettings, Allocator, Next, Sample, Score, Search, Settings};
use std::sync::OnceLock;

pub const TARGET: Target = Target {
    name: "searches",
    longest: 4 * KIB,
    // The agent's networks are as large as the settings say, and its searches go on.
    memory: |bytes| 64 * MIB + 64 * bytes,
    prepare,
    run,
    seeds,
    words: "BSST",
};

/// Bytes of a state's seal, and where in it stands the version.
const SEAL: usize = 20;
const VERSION: usize = 6;

fn prepare() {
    bases();
}

/// The first byte says what the rest is: a file, a state that is sealed here, or changes to one that are.
fn run(data: &[u8]) {
    let mut input = Input(data);
    let what = input.byte();
    let base = &bases()[usize::from(what >> 2) % Allocator::ALL.len()];
    let version = u16::from_le_bytes([base[VERSION], base[VERSION + 1]]);
    let bytes = match what & 3 {
        0 => input.rest().to_vec(),
        1 => seal(Kind::Search, version, input.rest()),
        _ => seal(Kind::Search, version, &edited(&base[SEAL..], &mut input)),
    };
    let network = network(0);
    let graph = network.graph();
    let mut search = match Search::resume(graph, &bytes) {
        Ok(search) => search,
        Err(error) => return drop(error.to_string()),
    };
    assert!(Search::resume(graph, &search.checkpoint()).is_ok(), "what was read is read again");
    let _ = (search.progress(), search.log().best(None), search.log().front(), search.log().sensitivities());
    let _ = (search.log().csv(graph), search.log().json(graph));
    if !is_quick(search.settings()) {
        return;
    }
    for step in 0..STEPS {
        match search.ask() {
            Next::Score(policy, sample) => drop(search.scored(score(&policy, sample, step))),
            Next::Known(_) => {}
            Next::Finished => break,
        }
    }
    let again = Search::resume(graph, &search.checkpoint());
    again.unwrap_or_else(|error| panic!("a search that went on cannot be stored: {error}"));
}

/// Episodes that a search goes on for.
const STEPS: usize = 6;

/// Whether some episodes take no long time; what settings may ask for may.
fn is_quick(settings: &Settings) -> bool {
    let AgentSettings { hidden, batch, updates, proposals, redecided, .. } = settings.agent;
    hidden <= 16 && batch <= 16 && updates <= 1.0 && proposals <= 4 && redecided <= 100.0
}

/// A made-up score: wide tensors are better.
fn score(policy: &Policy, sample: Sample, step: usize) -> Score {
    let network = network(0);
    let graph = network.graph();
    let bits: usize = policy.weight_bits(graph).iter().chain(&policy.activation_bits(graph)).sum();
    let images = sample.of(100);
    let of_one = Score::of_image(false, 1.0 / (bits + 1) as f64);
    Score { correct: (bits + step) % (images + 1), images, ..of_one }
}

/// Searches by each allocator that have begun.
fn bases() -> &'static [Vec<u8>] {
    static BASES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    BASES.get_or_init(|| Allocator::ALL.into_iter().map(begun).collect())
}

fn begun(allocator: Allocator) -> Vec<u8> {
    let network = network(0);
    let graph = network.graph();
    let widest = Policy::uniform(graph, Bits::B4, Bits::B4);
    let usage = MemoryModel::DEVICE.usage(graph, &widest);
    let budget = Budget { flash: usage.flash, ram: usage.ram };
    let agent = AgentSettings {
        hidden: 2,
        batch: 2,
        replay: 2,
        warm_up: 2,
        proposals: 2,
        ..AgentSettings::default()
    };
    let settings = Settings {
        allocators: vec![allocator],
        episodes: 500,
        warm_start: false,
        agent,
        ..Settings::new(budget, MemoryModel::DEVICE)
    };
    let float = Score { correct: 90, images: 100, ..Score::default() };
    let mut search = Search::new(graph, settings, float).expect("it fits");
    for step in 0..4 {
        if let Next::Score(policy, sample) = search.ask() {
            search.scored(score(&policy, sample, step));
        }
    }
    search.ask();
    search.checkpoint()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> =
        (0..Allocator::ALL.len() as u8).map(|number| vec![number << 2 | 2]).collect();
    let small = bases().iter().filter(|base| base.len() < 1500).take(2);
    for base in small {
        seeds.push([&[0], &base[..]].concat());
        seeds.push([&[1], &base[SEAL..]].concat());
    }
    seeds
}
