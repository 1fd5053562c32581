//! Scores of many policies: as if each were quantized and classified by itself.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/quantized.rs"]
mod quantized;

use bitsmith::calibrate::{Calibration, Observer, Quantization, Settings, SumMoments};
use bitsmith::infer::{Engine, Workspace, argmax};
use bitsmith::net::Model;
use bitsmith::quant::{Bits, Policy, Slot};
use bitsmith::score::{Evaluator, Step};
use bitsmith::search::Score;
use cases::Random;
use quantized::{images, model};
use std::sync::Arc;

struct Subject {
    model: Arc<Model>,
    calibration: Arc<Calibration>,
    calibrating: Vec<Vec<u8>>,
    reward: Vec<(Vec<u8>, usize)>,
}

impl Subject {
    fn new(name: &str) -> Self {
        let model = model(name);
        let calibrating = images(&model, 11);
        let mut observer = Observer::new(&model, Settings::default()).expect("complete");
        observer.add(&calibrating).expect("fits");
        let calibration = observer.finish().expect("images");
        let reward = images(&model, 40).split_off(11);
        let reward = reward.into_iter().enumerate().map(|(i, pixels)| (pixels, i % 10)).collect();
        Self { model: Arc::new(model), calibration: Arc::new(calibration), calibrating, reward }
    }

    /// An evaluator of part `part` of `parts` of the images.
    fn evaluator(&self, part: usize, parts: usize, memory: usize) -> Evaluator {
        let calibrating: Vec<_> = self.calibrating.iter().skip(part).step_by(parts).cloned().collect();
        let reward: Vec<_> = self.reward.iter().skip(part).step_by(parts).cloned().collect();
        let counted = self.calibrating.len().div_ceil(parts) + self.reward.len().div_ceil(parts);
        let (model, calibration) = (self.model.clone(), self.calibration.clone());
        Evaluator::new(model, calibration, &calibrating, &reward, memory, counted)
    }

    /// The score of a policy by the way that measures a single one.
    fn alone(&self, policy: &Policy) -> Score {
        let quantization = Quantization::new(&self.model, &self.calibration, policy, &self.calibrating);
        let network = quantization.and_then(Quantization::finish).expect("integers exist");
        let engine = Engine::new(&network).expect("no overflow");
        let scale = network.tensors[network.graph.logits()].scale;
        let mut workspace = Workspace::default();
        let one = |(pixels, target): &(Vec<u8>, usize)| {
            let logits = engine.run(&mut workspace, pixels).expect("fits");
            let real: Vec<f64> = logits.iter().map(|&logit| scale * f64::from(logit)).collect();
            let top = real.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            let nats = top + real.iter().map(|x| (x - top).exp()).sum::<f64>().ln() - real[*target];
            Score { correct: usize::from(argmax(logits) == *target), images: 1, loss: Score::fixed(nats) }
        };
        self.reward.iter().map(one).sum()
    }

    /// Policies with common beginnings, as a search has them.
    fn policies(&self) -> Vec<Policy> {
        let slots = Slot::all(&self.model.graph);
        let mut random = Random(3);
        let mut policy = Policy::uniform(&self.model.graph, Bits::B8, Bits::B8);
        let mut policies = vec![policy.clone()];
        for change in 0..14 {
            // Late tensors most often, then the same policy once more.
            let from = if change % 5 == 4 { 0 } else { slots.len() * 2 / 3 };
            let slot = slots[random.size(from, slots.len() - 1)];
            policy.set(slot, random.bits());
            policies.push(policy.clone());
            if change % 3 == 0 {
                policies.push(policies[random.size(0, policies.len() - 1)].clone());
            }
        }
        policies
    }
}

const NETWORKS: [&str; 3] = ["mobilenet-v1-0.25-32", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"];

#[test]
fn what_is_kept_changes_no_score() {
    for name in NETWORKS {
        let subject = Subject::new(name);
        // Nothing, little so that much is forgotten again, and more than enough.
        let mut evaluators = [0, 100_000, 1 << 30].map(|memory| subject.evaluator(0, 1, memory));
        for (number, policy) in subject.policies().iter().enumerate() {
            let expected = subject.alone(policy);
            for evaluator in &mut evaluators {
                let found = evaluator.score(policy).expect("integers exist");
                // The cross-entropy of single images may round otherwise with the platform's functions.
                assert!((found.loss - expected.loss).abs() <= 29, "{name}, policy {number}");
                assert_eq!(found, Score { loss: found.loss, ..expected }, "{name}, policy {number}");
            }
        }
        let [nothing, little, enough] = evaluators.map(|evaluator| evaluator.work_share());
        assert_eq!(nothing, 1.0, "{name}");
        assert!(enough < little && enough < 0.6, "{name}: {nothing} {little} {enough}");
    }
}

#[test]
fn any_number_of_evaluators_gives_the_same_score() {
    let subject = Subject::new("mobilenet-v2-0.35-32");
    let mut alone = subject.evaluator(0, 1, 1 << 20);
    for parts in [2, 3] {
        let mut evaluators: Vec<_> = (0..parts).map(|part| subject.evaluator(part, parts, 1 << 20)).collect();
        for policy in subject.policies() {
            let expected = alone.score(&policy).expect("integers exist");
            let mut steps: Vec<_> =
                evaluators.iter_mut().map(|e| e.begin(&policy).expect("integers exist")).collect();
            let found = loop {
                let mut all: Option<(usize, SumMoments)> = None;
                let mut score = Score::default();
                for step in &steps {
                    match (step, &mut all) {
                        (Step::Scored(some), _) => score += *some,
                        (Step::Sums(layer, some), None) => all = Some((*layer, some.clone())),
                        (Step::Sums(layer, some), Some((first, sums))) => {
                            assert_eq!(layer, first, "all evaluators are at the same layer");
                            sums.merge(some);
                        }
                    }
                }
                let Some((_, sums)) = all else { break score };
                steps = evaluators.iter_mut().map(|e| e.resume(&sums).expect("integers exist")).collect();
            };
            assert_eq!(found, expected, "{parts} evaluators");
        }
    }
}

#[test]
fn a_policy_that_was_not_scored_to_its_end_is_dropped() {
    let subject = Subject::new("mobilenet-v1-0.25-32");
    let policies = subject.policies();
    let mut evaluator = subject.evaluator(0, 1, 1 << 20);
    for policy in &policies {
        let other = policies.last().expect("some");
        evaluator.begin(other).expect("integers exist");
        let expected = subject.evaluator(0, 1, 0).score(policy).expect("integers exist");
        assert_eq!(evaluator.score(policy).expect("integers exist"), expected);
    }
}
