//! How well scores in a search foretell accuracy: `cargo bench --bench signal [-- WEIGHTS IMAGES...]`, by default on the demo.
//!
//! Random policies with 2, 3 and 4 bits a weight on average are scored on the reward images as a search scores them, with
//! codes that can be combined freely. Then each is quantized as it would be exported, and classifies the test images. The
//! rank correlation (Spearman) of both is what a search can hope for.

#[path = "common/subject.rs"]
mod subject;

use bitsmith::calibrate::{Quantization, Rounding, Settings as CalibrateSettings};
use bitsmith::infer::{Engine, Workspace, argmax};
use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::quant::{Bits, Policy};
use bitsmith::score::Evaluator;
use bitsmith::search::{Allocator, Next, Sample, Score, Search, Settings};
use rayon::prelude::*;
use subject::Subject;

/// Random policies for each budget; of equals one.
const POLICIES: usize = 30;

fn main() {
    let rounding =
        if std::env::args().any(|a| a == "--nearest") { Rounding::Nearest } else { Rounding::Output };
    let subject = Subject::of_arguments(CalibrateSettings { rounding, ..CalibrateSettings::default() });
    println!(
        "{}, {} reward and {} test images",
        subject.model.network,
        subject.reward.len(),
        subject.test.len()
    );
    let mut evaluator = subject.evaluator(Sample::All, Evaluator::MEMORY);
    for mean_bits in [2.5, 3.0, 4.0] {
        let mut rows: Vec<[f64; 4]> = Vec::new();
        for policy in random(&subject, mean_bits) {
            let score = evaluator.score(&policy).expect("integers exist");
            let row = [score.percent(), -score.nats(), score.standard_error(), accuracy(&subject, &policy)];
            if std::env::args().any(|a| a == "--all") {
                println!("{row:8.4?}");
            }
            rows.push(row);
        }
        let column = |at: usize| rows.iter().map(|row| row[at]).collect::<Vec<_>>();
        let found = column(3);
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        println!(
            "{mean_bits} bits: mean {mean:.2} % of the test images; rank correlation of accuracy {:.3}, of divergence {:.3}",
            spearman(&column(0), &found),
            spearman(&column(1), &found),
        );
    }
}

/// Policies of the search that tries at random, with so many bits a weight and no limit of RAM.
fn random(subject: &Subject, mean_bits: f64) -> Vec<Policy> {
    let graph = subject.model.graph();
    let at = |bits| MemoryModel::DEVICE.usage(graph, &Policy::uniform(graph, bits, Bits::B8));
    let (narrow, wide) = (at(Bits::B2), at(Bits::B8));
    let flash = narrow.flash as f64 + (wide.flash - narrow.flash) as f64 * (mean_bits - 2.0) / 6.0;
    let budget = Budget { flash: flash as usize, ram: wide.ram };
    let settings = Settings {
        allocators: vec![Allocator::Random],
        episodes: POLICIES,
        run_off: 0,
        ..Settings::new(budget, MemoryModel::DEVICE)
    };
    let mut search = Search::new(graph, settings, Score::default()).expect("feasible");
    let mut policies = Vec::new();
    loop {
        match search.ask() {
            Next::Finished => return policies,
            Next::Known(_) => {}
            Next::Score(policy, _) => {
                search.scored(Score::default());
                policies.push(policy);
            }
        }
    }
}

/// Of a policy as it is exported, on the test images, in percent.
fn accuracy(subject: &Subject, policy: &Policy) -> f64 {
    let quantization = Quantization::new(&subject.model, &subject.calibration, policy, &subject.calibrating);
    let network = quantization.and_then(Quantization::finish).expect("integers exist");
    let engine = Engine::new(&network).expect("no overflow");
    let right = |workspace: &mut Workspace, (pixels, target): &(Vec<u8>, usize)| {
        engine.run(workspace, pixels).is_ok_and(|logits| argmax(logits) == *target)
    };
    let right = subject.test.par_iter().map_init(Workspace::default, right).filter(|&right| right).count();
    100.0 * right as f64 / subject.test.len() as f64
}

/// Correlation of the ranks, those of equals averaged.
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |&value: &f64| {
        let below = values.iter().filter(|&&other| other < value).count();
        let equal = values.iter().filter(|&&other| other == value).count();
        below as f64 + (equal as f64 - 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}
