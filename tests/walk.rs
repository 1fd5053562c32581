//! What calibration runs is what a device computes: after every layer of a walk, whether of one policy or of many that
//! share beginnings, codes and sums are those of the reference on the finished network.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/joined.rs"]
mod joined;
#[path = "common/pooled.rs"]
mod pooled;
#[path = "common/quantized.rs"]
mod quantized;
#[path = "common/walked.rs"]
mod walked;

use bitsmith::calibrate::{Calibration, Quantization, Rounding, Settings, SumMoments};
use bitsmith::float::FloatNetwork;
use bitsmith::infer::{argmax, reference};
use bitsmith::net::Model;
use bitsmith::quant::{Kernel, Policy, QuantizedNetwork, Requantizer};
use bitsmith::score::{Evaluator, Rewarded, Step};
use bitsmith::search::Score;
use quantized::{filled, images, model};
use std::sync::Arc;
use walked::{Damage, Met, codes_are_those_of_the_finished_network, observed, policies, silent};

const SMALL: [&str; 3] = ["mobilenet-v1-0.25-32", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"];

/// Their first layers' sums are too many to be kept.
const LARGE: [&str; 3] = ["mobilenet-v1-0.25-96", "mobilenet-v2-0.35-96", "mnasnet-0.35-96"];

#[test]
fn codes_are_those_of_the_finished_network_if_sums_are_kept() {
    for name in SMALL {
        for damage in Damage::ALL {
            let mut met = Met::default();
            // More images than a thread takes at a time, and one.
            let count = if damage == Damage::All { 9 } else { 1 };
            codes_are_those_of_the_finished_network(model(name), damage, count, &mut met);
            assert_eq!(met.again, 0, "{name}: no layer is that large");
            assert!(damage == Damage::None || met.kept > 100, "{name} {damage:?}: {met:?}");
        }
    }
}

#[test]
fn codes_of_the_other_operators_are_those_of_the_finished_network() {
    for network in [pooled::network, joined::network] {
        for damage in [Damage::None, Damage::All] {
            codes_are_those_of_the_finished_network(filled(network()), damage, 3, &mut Met::default());
        }
    }
}

#[test]
fn codes_are_those_of_the_finished_network_if_sums_are_computed_again() {
    for name in LARGE {
        let mut met = Met::default();
        codes_are_those_of_the_finished_network(model(name), Damage::All, 1, &mut met);
        assert!(met.kept > 50 && met.again > 50, "{name}: {met:?}");
    }
}

/// A damaged network and the images that its policies are scored with.
struct Subject {
    model: Arc<Model>,
    calibration: Arc<Calibration>,
    calibrating: Vec<Vec<u8>>,
    reward: Vec<Rewarded>,
}

impl Subject {
    fn new(mut model: Model) -> Self {
        Damage::All.apply(&mut model);
        let mut calibrating = images(&model, 14);
        let reward: Vec<_> =
            calibrating.split_off(5).into_iter().enumerate().map(|(i, image)| (image, i % 3)).collect();
        let float = FloatNetwork::new(&model).expect("complete");
        let reward = Rewarded::of(&float, &reward).expect("fits");
        // Codes that are chosen for one policy alone are others than those that can be combined.
        let settings = Settings { rounding: Rounding::Nearest, ..Settings::default() };
        let calibration = observed(&model, settings, &calibrating);
        Self { model: Arc::new(model), calibration: Arc::new(calibration), calibrating, reward }
    }

    /// Evaluators that share the images among them.
    fn evaluators(&self, parts: usize, memory: usize) -> Vec<Evaluator> {
        let counted = self.calibrating.len().div_ceil(parts) + self.reward.len().div_ceil(parts);
        let one = |part: usize| {
            let calibrating: Vec<_> = self.calibrating.iter().skip(part).step_by(parts).cloned().collect();
            let reward: Vec<_> = self.reward.iter().skip(part).step_by(parts).cloned().collect();
            let (model, calibration) = (self.model.clone(), self.calibration.clone());
            Evaluator::new(model, calibration, &calibrating, &reward, memory, counted)
        };
        (0..parts).map(one).collect()
    }

    fn finished(&self, policy: &Policy) -> QuantizedNetwork {
        let quantization = Quantization::new(&self.model, &self.calibration, policy, &self.calibrating);
        quantization.and_then(Quantization::finish).expect("integers exist")
    }

    /// Statistics of the sums of every layer with weights, and the right answers, by the reference.
    fn expected(&self, network: &QuantizedNetwork) -> (Vec<Option<SumMoments>>, usize) {
        let graph = network.graph();
        let traces: Vec<_> =
            self.calibrating.iter().map(|image| reference::trace(network, image).expect("it runs")).collect();
        let of = |id: usize| {
            let kernel = network.kernel(id)?;
            let requantizers =
                vec![Requantizer { bias: 0, multiplier: 0, shift: 0 }; kernel.zero_points.len()];
            let unbiased = Kernel { requantizers, ..kernel.clone() };
            let mut moments = SumMoments::new(kernel.zero_points.len());
            for trace in &traces {
                let sums =
                    reference::accumulate(graph, id, &unbiased, &trace.tensors[graph.layers[id].inputs[0]]);
                moments.add(&sums, sums.iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0));
            }
            Some(moments)
        };
        let right = |Rewarded { pixels: image, target, .. }: &&Rewarded| {
            argmax(&reference::run(network, image).expect("it runs")) == *target
        };
        ((0..graph.layers.len()).map(of).collect(), self.reward.iter().filter(right).count())
    }
}

/// Scores a policy with evaluators that tell each other their sums; these are those of the finished network but for
/// channels that it has switched off. Returns the score and the number of layers that were asked about.
fn score(
    evaluators: &mut [Evaluator],
    policy: &Policy,
    expected: &[Option<SumMoments>],
    silent: &[Vec<usize>],
    case: &str,
) -> (Score, usize) {
    let mut steps: Vec<_> = evaluators.iter_mut().map(|e| e.begin(policy).expect("integers exist")).collect();
    let mut asked = 0;
    loop {
        let mut all: Option<(usize, SumMoments)> = None;
        let mut score = Score::default();
        for step in steps {
            match (step, &mut all) {
                (Step::Scored(some), _) => score += some,
                (Step::Sums(layer, some), None) => all = Some((layer, some)),
                (Step::Sums(layer, some), Some((first, sums))) => {
                    assert_eq!(layer, *first, "{case}: all evaluators are at the same layer");
                    sums.merge(&some);
                }
            }
        }
        let Some((layer, sums)) = all else { return (score, asked) };
        asked += 1;
        let expected = expected[layer].as_ref().expect("a layer with weights");
        for channel in (0..sums.channels()).filter(|channel| !silent[layer].contains(channel)) {
            assert_eq!(
                (sums.mean(channel), sums.deviation(channel)),
                (expected.mean(channel), expected.deviation(channel)),
                "{case}: sums of layer {layer}, channel {channel}"
            );
        }
        steps = evaluators.iter_mut().map(|e| e.resume(&sums).expect("integers exist")).collect();
    }
}

#[test]
fn scores_are_those_of_the_finished_network() {
    let others = [pooled::network(), joined::network()].map(filled);
    for model in SMALL.map(model).into_iter().chain(others) {
        let name = model.network.name().to_owned();
        let subject = Subject::new(model);
        // Nothing kept, little so that much is forgotten again, and all; alone and together.
        let mut drivers: Vec<_> = [(1, 0), (1, 80_000), (1, 1 << 30), (2, 1 << 30), (3, 20_000)]
            .into_iter()
            .map(|(parts, memory)| (parts, memory, subject.evaluators(parts, memory), 0))
            .collect();
        // Each twice in a row, so that its beginning is kept, then once more.
        let policies = policies(&subject.model);
        let once = policies.iter().flat_map(|policy| [policy, policy]);
        for (number, (widths, policy)) in once.chain(&policies).enumerate() {
            let network = subject.finished(policy);
            let (sums, right) = subject.expected(&network);
            let silent = silent(&network);
            for (parts, memory, evaluators, asked) in &mut drivers {
                let case = format!("{name} {widths}, policy {number}, {parts} evaluators, {memory} bytes");
                let (score, layers) = score(evaluators, policy, &sums, &silent, &case);
                assert_eq!((score.correct, score.images), (right, subject.reward.len()), "{case}");
                *asked += layers;
            }
        }
        let asked: Vec<usize> = drivers.iter().map(|(.., asked)| *asked).collect();
        // Of small networks nothing is forgotten.
        let forgets = asked[2] < asked[1] || ["pooled", "joined"].contains(&&*name);
        assert!(forgets && asked[1] < asked[0] && asked[3] == asked[2], "{name}: {asked:?}");
    }
}
