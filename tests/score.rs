//! Scores of many policies: as if each were quantized and classified by itself.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/quantized.rs"]
mod quantized;

use bitsmith::calibrate::{Calibration, Observer, Quantization, Rounding, Settings, SumMoments};
use bitsmith::float::FloatNetwork;
use bitsmith::infer::{Engine, Workspace, argmax};
use bitsmith::net::Model;
use bitsmith::quant::{Bits, Policy, Slot};
use bitsmith::score::{Evaluator, Rewarded, Step};
use bitsmith::search::Score;
use cases::Random;
use quantized::{images, model};
use std::sync::Arc;

struct Subject {
    model: Arc<Model>,
    calibration: Arc<Calibration>,
    calibrating: Vec<Vec<u8>>,
    reward: Vec<Rewarded>,
}

impl Subject {
    fn new(name: &str) -> Self {
        let model = model(name);
        let calibrating = images(&model, 11);
        // Codes that are chosen for one policy alone are others than those that can be combined.
        let settings = Settings { rounding: Rounding::Nearest, ..Settings::default() };
        let mut observer = Observer::new(&model, settings).expect("complete");
        observer.add(&calibrating).expect("fits");
        let calibration = observer.finish().expect("images");
        let reward = images(&model, 40).split_off(11);
        let reward: Vec<_> = reward.into_iter().enumerate().map(|(i, pixels)| (pixels, i % 10)).collect();
        let float = FloatNetwork::new(&model).expect("complete");
        let reward = Rewarded::of(&float, &reward).expect("fits");
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
        let scale = network.tensors[network.graph().logits()].scale;
        let mut workspace = Workspace::default();
        let float = FloatNetwork::new(&self.model).expect("complete");
        let one = |Rewarded { pixels, target, .. }: &Rewarded| {
            let logits = engine.run(&mut workspace, pixels).expect("fits");
            let real = logits.iter().map(|&logit| scale * f64::from(logit));
            let q = softmax(real.collect());
            let p = softmax(float.run(pixels).expect("fits").into_iter().map(f64::from).collect());
            let nats = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
            Score::of_image(argmax(logits) == *target, nats)
        };
        self.reward.iter().map(one).sum()
    }

    /// Policies with common beginnings, as a search has them.
    fn policies(&self) -> Vec<Policy> {
        let slots = Slot::all(self.model.graph());
        let mut random = Random(3);
        let mut policy = Policy::uniform(self.model.graph(), Bits::B8, Bits::B8);
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

/// Probabilities of logits.
fn softmax(logits: Vec<f64>) -> Vec<f64> {
    let top = logits.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let total: f64 = logits.iter().map(|logit| (logit - top).exp()).sum();
    logits.iter().map(|logit| (logit - top).exp() / total).collect()
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
                // Probabilities are in single precision there, in double here.
                assert!((found.nats() - expected.nats()).abs() < 1e-4, "{name}, policy {number}");
                let (error, wanted) = (found.standard_error(), expected.standard_error());
                assert!((error - wanted).abs() < 1e-3, "{name}, policy {number}: {error} {wanted}");
                let Score { divergence, squares, .. } = found;
                assert_eq!(found, Score { divergence, squares, ..expected }, "{name}, policy {number}");
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
