//! A whole search on a made-up network: the same log on every machine, for any number of evaluators, with or without a
//! break. Needs the modules `cases` and `quantized` at the root of the crate.

#![allow(dead_code, reason = "tests each take what they need")]

use crate::quantized::{images, model};
use bitsmith::calibrate::{Calibration, Observer, Preparation, Settings as CalibrateSettings, SumMoments};
use bitsmith::float::FloatNetwork;
use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::net::Model;
use bitsmith::quant::Policy;
use bitsmith::score::{Evaluator, Rewarded, Step};
use bitsmith::search::{AgentSettings, Allocator, Next, Sample, Score, Search, Settings};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// SHA-256 of the log of [`search`], in hexadecimal. A change of it changes what everybody's searches find.
pub const DIGEST: &str = "a644ce87e86fe5412f9f2f85dafd7e199bcf65a9ecc2950862227c39b69c0fd6";

/// Episodes of the agent before it learns.
const WARM_UP: usize = 5;

/// What policies are scored on.
pub struct Subject {
    model: Arc<Model>,
    calibration: Arc<Calibration>,
    calibrating: Vec<Vec<u8>>,
    reward: Vec<Rewarded>,
    /// Images of each round of the run-off.
    again: [Vec<Rewarded>; 3],
    budget: Budget,
}

impl Subject {
    /// The reward images' classes are those that the float network sees.
    pub fn new(name: &str) -> Self {
        Self::of(model(name), Budget { flash: 240_000, ram: 6_000 })
    }

    /// Of a model that is to fit a budget.
    pub fn of(model: Model, budget: Budget) -> Self {
        let calibrating = images(&model, 6);
        let mut observer = Observer::new(&model, CalibrateSettings::default()).expect("complete");
        observer.add(&calibrating).expect("fits");
        let mut calibration = observer.finish().expect("images");
        let codes = Preparation::new(&model, &calibration, &calibrating).map(|mut preparation| {
            std::iter::repeat_with(|| preparation.step().expect("integers exist"))
                .find_map(|codes| codes)
                .expect("it ends")
        });
        calibration.codes = codes.expect("codes are chosen by default");
        let float = FloatNetwork::new(&model).expect("complete");
        let labelled = |pixels: Vec<u8>| (pixels.clone(), float.predict(&pixels).expect("fits"));
        let reward: Vec<_> = images(&model, 46).split_off(6).into_iter().map(labelled).collect();
        let mut reward = Rewarded::of(&float, &reward).expect("fits");
        let again = [36, 32, 24].map(|from| reward.split_off(from));
        Self {
            model: Arc::new(model),
            calibration: Arc::new(calibration),
            calibrating,
            reward,
            again,
            budget,
        }
    }

    /// Evaluators that share the images among them.
    pub fn evaluators(&self, parts: usize) -> HashMap<Sample, Vec<Evaluator>> {
        // So few images that a quarter of them is less than the least sample of a search.
        let run_off = self.again.iter().enumerate().map(|(round, images)| (Sample::RunOff(round), images, 1));
        let samples = [(Sample::All, &self.reward, 1), (Sample::Part, &self.reward, 4)].into_iter();
        samples
            .chain(run_off)
            .map(|(sample, images, every)| (sample, self.sampled(images, parts, every)))
            .collect()
    }

    fn sampled(&self, images: &[Rewarded], parts: usize, every: usize) -> Vec<Evaluator> {
        let calibrating: Vec<_> = self.calibrating.iter().step_by(every).cloned().collect();
        let reward: Vec<_> = images.iter().step_by(every).cloned().collect();
        let one = |part: usize| {
            let counted = calibrating.len().div_ceil(parts) + reward.len().div_ceil(parts);
            let calibrating: Vec<_> = calibrating.iter().skip(part).step_by(parts).cloned().collect();
            let reward: Vec<_> = reward.iter().skip(part).step_by(parts).cloned().collect();
            let (model, calibration) = (self.model.clone(), self.calibration.clone());
            Evaluator::new(model, calibration, &calibrating, &reward, 1 << 20, counted)
        };
        (0..parts).map(one).collect()
    }

    /// Every allocator; the agent with few neurons, and few episodes of warm-up.
    pub fn settings(&self) -> Settings {
        let agent = AgentSettings { hidden: 24, warm_up: WARM_UP, ..AgentSettings::default() };
        Settings {
            allocators: Allocator::ALL.to_vec(),
            episodes: 160,
            agent,
            ..Settings::new(self.budget, MemoryModel::DEVICE)
        }
    }

    fn float(&self) -> Score {
        Score { correct: self.reward.len(), images: self.reward.len(), ..Score::default() }
    }
}

/// The score of a policy from all evaluators.
pub fn score(evaluators: &mut [Evaluator], policy: &Policy) -> Score {
    let mut steps: Vec<_> = evaluators.iter_mut().map(|e| e.begin(policy).expect("integers exist")).collect();
    loop {
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
        let Some((_, sums)) = all else { return score };
        steps = evaluators.iter_mut().map(|e| e.resume(&sums).expect("integers exist")).collect();
    }
}

/// The log of a whole search. With `pause`, the search is stored and loaded after so many policies, in the middle of
/// one, and goes on with new evaluators.
pub fn search(subject: &Subject, parts: usize, pause: Option<usize>) -> String {
    let graph = subject.model.graph();
    let mut evaluators = subject.evaluators(parts);
    let mut search = Search::new(graph, subject.settings(), subject.float()).expect("feasible");
    let mut scored = 0;
    loop {
        match search.ask() {
            Next::Finished => {
                assert!(pause.is_none_or(|pause| pause <= scored), "{scored} policies, and no break");
                return search.log().csv(graph);
            }
            Next::Known(_) => {}
            Next::Score(policy, sample) => {
                scored += 1;
                if Some(scored) == pause {
                    search = Search::resume(graph, &search.checkpoint()).expect("a checkpoint");
                    evaluators = subject.evaluators(parts);
                    assert_eq!(
                        search.ask(),
                        Next::Score(policy.clone(), sample),
                        "it asks for the same again"
                    );
                }
                let asked = evaluators.get_mut(&sample).expect("images for every sample");
                search.scored(score(asked, &policy));
            }
        }
    }
}

/// SHA-256 of a text in hexadecimal.
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The log is the one that was recorded once, and every allocator is in it with policies of its own.
pub fn the_log_is_the_recorded_one() {
    let log = search(&Subject::new("mobilenet-v2-0.35-32"), 2, None);
    for allocator in Allocator::ALL {
        let own = |line: &&str| line.starts_with(allocator.name()) && line.contains(",candidate,");
        // Of the agent those as well that it proposes when it has learned.
        let least = if allocator == Allocator::Agent { 2 * WARM_UP } else { 1 };
        let proposed = log.lines().filter(own).count();
        assert!(proposed >= least, "{proposed} of {}", allocator.name());
    }
    assert_eq!(digest(&log), DIGEST, "{log}");
}
