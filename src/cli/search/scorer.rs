//! Scores of policies: after calibration, or after a little training; known ones are looked up.

use super::super::arguments::Search as Arguments;
use super::super::session::{self, Labelled, Session};
use super::scores::{Images, Scores, Subject, Timed};
#[cfg(feature = "train")]
use super::tuner::{Scored, Tuner};
use crate::calibrate::Calibration;
use crate::flow::Tally;
use crate::quant::Policy;
use crate::score::Evaluator;
use crate::search::{Sample, Score};
use anyhow::{Context, ensure};
use cpu_time::ProcessTime;
use std::sync::Arc;

/// Gives scores, of calibrated networks unless there is a [`Tuner`].
pub struct Scorer {
    /// For reward images.
    evaluator: Evaluator,
    /// For probes, which are never trained: what narrowing one tensor costs shows without.
    prober: Evaluator,
    /// For each round of the run-off.
    referees: Vec<Evaluator>,
    /// For test images.
    tester: Evaluator,
    #[cfg(feature = "train")]
    tuner: Option<Tuner>,
    has_test: bool,
    float: Score,
    scores: Scores,
}

impl Scorer {
    /// Decodes the images and measures the float network.
    pub fn new(
        arguments: &Arguments,
        session: &mut Session,
        calibration: &Arc<Calibration>,
        calibrating: &[Vec<u8>],
    ) -> anyhow::Result<Self> {
        let reward = session.reward_images(arguments.limit)?;
        ensure!(!reward.is_empty(), "no reward image could be read");
        let part = session.reward_images(Some(Sample::Part.of(reward.len())))?;
        let again = if arguments.no_run_off { Vec::new() } else { session.run_off_images(reward.len())? };
        let test = if arguments.no_test { Vec::new() } else { session.test_images()? };
        let Tally { correct, images } = session::measure_float(&session.model, &reward)?;
        let float = Score { correct, images, loss: 0 };
        let subject = Subject {
            weights_sha256: session.sha256.clone(),
            images: session.images_source().into(),
            calibration: (calibrating.len(), calibration.settings),
            float,
            version: env!("CARGO_PKG_VERSION").into(),
            tune_steps: arguments.tune_steps(),
        };
        let fewer = &calibrating[..Sample::Part.of(calibrating.len())];
        let evaluator = |calibrating: &[Vec<u8>], images: &[Labelled], cache| {
            let counted = calibrating.len() + images.len();
            let model = Arc::new(session.model.clone());
            Evaluator::new(model, calibration.clone(), calibrating, images, cache, counted)
        };
        let cache = arguments.cache.0;
        Ok(Self {
            evaluator: evaluator(calibrating, &reward, cache),
            prober: evaluator(fewer, &part, cache / 4),
            referees: again.iter().map(|images| evaluator(calibrating, images, 0)).collect(),
            tester: evaluator(calibrating, &test, 0),
            has_test: !test.is_empty(),
            #[cfg(feature = "train")]
            tuner: match arguments.tune_steps() {
                0 => None,
                steps => {
                    let (calibration, calibrating) = (calibration.clone(), calibrating.to_vec());
                    let images = Scored { reward, run_off: again, test };
                    Some(Tuner::new(session, calibration, calibrating, steps, images)?)
                }
            },
            float,
            scores: Scores::open(arguments.checkpoint.as_deref(), &subject)?,
        })
    }

    /// Rounds of the run-off for which there are images.
    pub fn rounds(&self) -> usize {
        self.referees.len()
    }

    /// The float network's score on the reward images.
    pub fn float(&self) -> Score {
        self.float
    }

    /// Work done so far as a part of the work without anything kept.
    pub fn work_share(&self) -> f64 {
        self.evaluator.work_share()
    }

    /// A policy's score on a sample of images, and the seconds of processor time that it took whoever first asked.
    pub fn reward(&mut self, policy: &Policy, sample: Sample) -> anyhow::Result<Timed> {
        self.score(policy, Images::Reward(sample))
    }

    /// Accuracy on images that the search has not seen; `None` without any.
    pub fn test(&mut self, policy: &Policy) -> anyhow::Result<Option<Tally>> {
        if !self.has_test {
            return Ok(None);
        }
        Ok(Some(Tally::from(self.score(policy, Images::Test)?.score)))
    }

    /// Seconds that a known score took; 0 if it is not known.
    pub fn seconds(&self, policy: &Policy, sample: Sample) -> f64 {
        self.scores.seconds(policy, Images::Reward(sample))
    }

    fn score(&mut self, policy: &Policy, images: Images) -> anyhow::Result<Timed> {
        let evaluator = match images {
            Images::Reward(Sample::All) => &mut self.evaluator,
            Images::Reward(Sample::Part) => &mut self.prober,
            Images::Reward(Sample::RunOff(round)) => self
                .referees
                .get_mut(round)
                .with_context(|| format!("no images for run-off {}", round + 1))?,
            Images::Test => &mut self.tester,
        };
        #[cfg(feature = "train")]
        let tuner = self.tuner.as_mut().filter(|_| images != Images::Reward(Sample::Part));
        let measure = || {
            let start = ProcessTime::now();
            #[cfg(feature = "train")]
            let score = match tuner {
                Some(tuner) => tuner.score(policy, images)?,
                None => evaluator.score(policy)?,
            };
            #[cfg(not(feature = "train"))]
            let score = evaluator.score(policy)?;
            Ok(Timed { score, seconds: start.elapsed().as_secs_f64() })
        };
        self.scores.get(policy, images, measure)
    }
}
