//! What a search costs: `cargo bench --bench search [-- WEIGHTS IMAGES...]`, by default on the demo.
//!
//! Processor time, which other work on the machine disturbs little, but for the last:
//!
//! - A policy scored in a search against one scored from scratch, with nothing known before.
//! - The agent's share of a search.
//! - Two threads against one.

#[path = "common/subject.rs"]
mod subject;

use bitsmith::calibrate::Settings as CalibrateSettings;
use bitsmith::float::FloatNetwork;
use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::net::Graph;
use bitsmith::quant::{Bits, Policy, Slot};
use bitsmith::score::{Evaluator, Rewarded};
use bitsmith::search::{Allocator, Next, Sample, Score, Search, Settings};
use cpu_time::ProcessTime;
use std::time::{Duration, Instant};
use subject::Subject;

/// Episodes of the search.
const EPISODES: usize = 300;
/// Policies that are scored from scratch.
const SCRATCH: usize = 5;
/// Policies that one and two threads score in turn.
const ROUNDS: usize = 20;

fn main() {
    let subject = Subject::of_arguments(CalibrateSettings::default());
    println!("{}, {} reward images", subject.model.network, subject.reward.len());

    let policies = policies(subject.model.graph());
    let mut scratch = Duration::MAX;
    for policy in policies.iter().take(SCRATCH) {
        let mut evaluator = subject.evaluator(Sample::All, 0);
        let start = ProcessTime::now();
        evaluator.score(policy).expect("integers exist");
        scratch = scratch.min(start.elapsed());
    }
    let (scoring, thinking, episodes) = search(&subject);
    let mean = scoring.as_secs_f64() / episodes as f64;
    println!("from scratch      {:8.1} ms a policy", 1e3 * scratch.as_secs_f64());
    println!("in a search       {:8.1} ms a policy, {:.2} of it", 1e3 * mean, mean / scratch.as_secs_f64());
    let share = thinking.as_secs_f64() / (scoring + thinking).as_secs_f64();
    println!(
        "agent             {:8.1} ms an episode, {:.0} % of the time",
        1e3 * thinking.as_secs_f64() / episodes as f64,
        100.0 * share
    );

    let mut pools = [1, 2].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        (pool, subject.evaluator(Sample::All, 0), f64::INFINITY)
    });
    // In turn, and the fastest: other work on the machine disturbs both alike, and that least.
    for _ in 0..ROUNDS {
        for (pool, evaluator, least) in &mut pools {
            let took = pool.install(|| time(|| evaluator.score(&policies[0]).expect("integers exist")));
            *least = least.min(took.as_secs_f64());
        }
    }
    let [(.., one), (.., two)] = pools;
    println!("two threads       {:8.2} times as fast as one", one / two);
}

fn time<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(run());
    start.elapsed()
}

/// All widths in turn, so that every width is coded.
fn policies(graph: &Graph) -> Vec<Policy> {
    let shifted = |shift: usize| {
        let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
        for (number, slot) in Slot::all(graph).into_iter().enumerate() {
            policy.set(slot, Bits::ALL[(number + shift) % 3]);
        }
        policy
    };
    (0..SCRATCH).map(shifted).collect()
}

/// A search at about 3 bits a weight: time for scores, time for the agent, episodes.
fn search(subject: &Subject) -> (Duration, Duration, usize) {
    let graph = subject.model.graph();
    let at = |bits| MemoryModel::DEVICE.usage(graph, &Policy::uniform(graph, bits, Bits::B8));
    let (narrow, wide) = (at(Bits::B2), at(Bits::B8));
    let budget = Budget { flash: narrow.flash + (wide.flash - narrow.flash) / 6, ram: wide.ram * 4 / 5 };
    let settings = Settings {
        allocators: vec![Allocator::Agent],
        episodes: EPISODES,
        run_off: 0,
        ..Settings::new(budget, MemoryModel::DEVICE)
    };
    let network = FloatNetwork::new(&subject.model).expect("complete");
    let right = |image: &&Rewarded| network.predict(&image.pixels) == Ok(image.target);
    let correct = subject.reward.iter().filter(right).count();
    let float = Score { correct, images: subject.reward.len(), ..Score::default() };
    let mut search = Search::new(graph, settings, float).expect("feasible");
    let mut evaluators = [(Sample::All, Evaluator::MEMORY), (Sample::Part, Evaluator::MEMORY / 4)]
        .map(|(sample, memory)| subject.evaluator(sample, memory));
    let (mut scoring, mut thinking) = (Duration::ZERO, Duration::ZERO);
    loop {
        let start = ProcessTime::now();
        let next = search.ask();
        thinking += start.elapsed();
        let (policy, sample) = match next {
            Next::Finished => break,
            Next::Known(_) => continue,
            Next::Score(policy, sample) => (policy, sample),
        };
        let start = ProcessTime::now();
        let score = evaluators[usize::from(sample == Sample::Part)].score(&policy).expect("integers exist");
        scoring += start.elapsed();
        let start = ProcessTime::now();
        search.scored(score);
        thinking += start.elapsed();
    }
    (scoring, thinking, search.log().episodes().len())
}
