//! What a search costs: `cargo bench --bench search [-- WEIGHTS IMAGES...]`, by default on the demo.
//!
//! Processor time, which other work on the machine disturbs little, but for the last:
//!
//! - A policy scored in a search against one scored from scratch, with nothing known before.
//! - The agent's share of a search.
//! - Two threads against one.

use bitsmith::calibrate::{Calibration, Observer, Settings as CalibrateSettings};
use bitsmith::data::{Archive, Preprocess, PureRust, Source, Sources};
use bitsmith::float::FloatNetwork;
use bitsmith::flow::{CALIBRATION, Item, Listing};
use bitsmith::import::{ImportOptions, import};
use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::net::Model;
use bitsmith::quant::{Bits, Policy, Slot};
use bitsmith::score::Evaluator;
use bitsmith::search::{Allocator, Next, Sample, Score, Search, Settings};
use cpu_time::ProcessTime;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Episodes of the search.
const EPISODES: usize = 300;
/// Policies that are scored from scratch.
const SCRATCH: usize = 5;
/// Policies that one and two threads score in turn.
const ROUNDS: usize = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (weights, images) = match arguments.split_first() {
        Some((weights, images)) if !images.is_empty() => (weights.clone(), images.to_vec()),
        _ => ("www/demo/mobilenet-v1-0.25-32.safetensors".into(), vec!["www/demo/fashion-mnist.tgz".into()]),
    };
    let subject = Subject::load(&weights, &images);
    println!("{}, {} reward images", subject.model.spec, subject.reward.len());

    let policies = subject.policies();
    let mut scratch = Duration::MAX;
    for policy in policies.iter().take(SCRATCH) {
        let mut evaluator = subject.evaluator(Sample::All, 0);
        let start = ProcessTime::now();
        evaluator.score(policy).expect("integers exist");
        scratch = scratch.min(start.elapsed());
    }
    let (scoring, thinking, episodes) = subject.search();
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

struct Subject {
    model: Arc<Model>,
    calibration: Arc<Calibration>,
    calibrating: Vec<Vec<u8>>,
    reward: Vec<(Vec<u8>, usize)>,
    /// Those of them that probes are scored on.
    part: Vec<(Vec<u8>, usize)>,
}

impl Subject {
    fn load(weights: &str, images: &[String]) -> Self {
        let bytes = std::fs::read(weights).expect("weights");
        let model = import(&bytes, &ImportOptions::default()).expect("weights").model;
        let archive = |path: &String| {
            let file = BufReader::new(File::open(path).expect("an archive"));
            Source { name: path.clone(), files: Box::new(Archive::open(path, file).expect("an archive")) }
        };
        let mut sources = Sources::new(images.iter().map(archive).collect());
        let listing = Listing::new("bench".into(), &mut sources, CALIBRATION).expect("images");
        let map = listing.class_map(&model).expect("classes");
        let preprocess = Preprocess::new(usize::from(model.spec.side));
        let mut load = |items: &[Item]| -> Vec<(Vec<u8>, usize)> {
            let one = |item: &Item| {
                let bytes = bitsmith::data::Files::read(&mut sources, item.file).expect("an image");
                (preprocess.load(&PureRust, &bytes).expect("an image"), map.outputs()[item.class])
            };
            items.iter().map(one).collect()
        };
        let calibrating: Vec<Vec<u8>> =
            load(&listing.calibration).into_iter().map(|(pixels, _)| pixels).collect();
        let reward = load(&listing.limited_reward(Some(1000)));
        let part = load(&listing.limited_reward(Some(Sample::Part.of(reward.len()))));
        let mut observer = Observer::new(&model, CalibrateSettings::default()).expect("complete");
        observer.add(&calibrating).expect("images fit");
        let calibration = Arc::new(observer.finish().expect("images"));
        Self { model: Arc::new(model), calibration, calibrating, reward, part }
    }

    fn evaluator(&self, sample: Sample, memory: usize) -> Evaluator {
        let calibrating = &self.calibrating[..sample.of(self.calibrating.len())];
        let images = if sample == Sample::All { &self.reward } else { &self.part };
        let counted = calibrating.len() + images.len();
        let (model, calibration) = (self.model.clone(), self.calibration.clone());
        Evaluator::new(model, calibration, calibrating, images, memory, counted)
    }

    /// All widths in turn, so that every width is coded.
    fn policies(&self) -> Vec<Policy> {
        let graph = &self.model.graph;
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
    fn search(&self) -> (Duration, Duration, usize) {
        let graph = &self.model.graph;
        let at = |bits| MemoryModel::DEVICE.usage(graph, &Policy::uniform(graph, bits, Bits::B8));
        let (narrow, wide) = (at(Bits::B2), at(Bits::B8));
        let budget = Budget { flash: narrow.flash + (wide.flash - narrow.flash) / 6, ram: wide.ram * 4 / 5 };
        let settings = Settings {
            allocators: vec![Allocator::Agent],
            episodes: EPISODES,
            run_off: 0,
            ..Settings::new(budget, MemoryModel::DEVICE)
        };
        let network = FloatNetwork::new(&self.model).expect("complete");
        let right = |(pixels, target): &&(Vec<u8>, usize)| network.predict(pixels) == Ok(*target);
        let correct = self.reward.iter().filter(right).count();
        let float = Score { correct, images: self.reward.len(), loss: 0 };
        let mut search = Search::new(graph, settings, float).expect("feasible");
        let mut evaluators = [(Sample::All, Evaluator::MEMORY), (Sample::Part, Evaluator::MEMORY / 4)]
            .map(|(sample, memory)| self.evaluator(sample, memory));
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
            let score =
                evaluators[usize::from(sample == Sample::Part)].score(&policy).expect("integers exist");
            scoring += start.elapsed();
            let start = ProcessTime::now();
            search.scored(score);
            thinking += start.elapsed();
        }
        (scoring, thinking, search.log().episodes().len())
    }
}
