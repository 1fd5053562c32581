//! One share of the images, and the networks that classify them.

use super::{Answer, Key, Order, Scorer, Set, Tally};
use crate::calibrate::SumMoments;
use crate::data::{Preprocess, PureRust};
use crate::float::FloatNetwork;
use crate::infer::{Engine, Workspace, argmax};
use crate::net::LayerId;
use crate::parallel;
use crate::quant::Policy;
use crate::score::{self, Step};
use crate::search::Score;
use std::collections::HashMap;
use std::sync::Arc;

/// The evaluators of the other shares, as one of them reaches them.
#[expect(async_fn_in_trait, reason = "an evaluator stays where it is")]
pub trait Peers {
    /// Adds what all others found out about a layer to this share's part, which they get.
    async fn merge(&mut self, layer: LayerId, sums: &mut SumMoments) -> Result<(), String>;
}

/// The peers of the only share.
#[derive(Debug, Default)]
pub struct Alone;

impl Peers for Alone {
    async fn merge(&mut self, _: LayerId, _: &mut SumMoments) -> Result<(), String> {
        Ok(())
    }
}

/// Carries out the orders for one share of the images.
#[derive(Default)]
pub struct Evaluator<P> {
    /// The others.
    pub peers: P,
    images: HashMap<Set, Vec<Labelled>>,
    network: Option<Network>,
    scorers: HashMap<Set, score::Evaluator>,
}

/// Pixels and right output of an image; scorers share the pixels.
type Labelled = (Arc<[u8]>, usize);

enum Network {
    Integers(Box<Engine>),
    Floats(Box<FloatNetwork>),
}

impl<P: Peers> Evaluator<P> {
    /// Work of scoring on a set done so far, as a part of the work without anything kept.
    pub fn work_share(&self, set: Set) -> f64 {
        self.scorers.get(&set).map_or(1.0, score::Evaluator::work_share)
    }

    /// Carries out an order.
    pub async fn answer(&mut self, order: Order, bulk: Vec<Vec<u8>>) -> (Answer, Vec<Vec<u8>>) {
        let answer = match order {
            Order::Clear(set) => {
                let stays = |other: &Set| set.is_some_and(|set| set != *other);
                self.images.retain(|set, _| stays(set));
                self.scorers.retain(|set, _| stays(set));
                Answer::Done
            }
            Order::Load { preprocess, outputs, keep } => return self.load(preprocess, &outputs, keep, bulk),
            Order::UseIntegers(network) => self.adopt(Engine::new(&network), Network::Integers),
            Order::UseFloats(model) => self.adopt(FloatNetwork::new(&model), Network::Floats),
            Order::Classify { set, from, count } => self.classify(set, from, count),
            Order::Scorer(scorer) => self.prepare(*scorer, &bulk),
            Order::Score(policy, set) => {
                self.score(&policy, set).await.map_or_else(Answer::Refused, Answer::Scored)
            }
        };
        (answer, Vec::new())
    }

    fn adopt<N, E: ToString>(&mut self, network: Result<N, E>, wrap: impl Fn(Box<N>) -> Network) -> Answer {
        match network {
            Ok(network) => {
                self.network = Some(wrap(network.into()));
                Answer::Done
            }
            Err(error) => Answer::Refused(error.to_string()),
        }
    }

    fn prepare(&mut self, scorer: Scorer, calibrating: &[Vec<u8>]) -> Answer {
        let Scorer { model, calibration, set, memory, counted } = scorer;
        let images = self.images.get(&set).map_or(&[][..], Vec::as_slice);
        let (model, calibration) = (Arc::new(model), Arc::new(calibration));
        let evaluator = score::Evaluator::new(model, calibration, calibrating, images, memory, counted);
        self.scorers.insert(set, evaluator);
        Answer::Done
    }

    /// The score of a policy on this share's images of a set.
    async fn score(&mut self, policy: &Policy, set: Set) -> Result<Score, String> {
        let scorer = self.scorers.get_mut(&set);
        let scorer = scorer.ok_or("there is no network to score policies of; load weights first")?;
        let mut step = scorer.begin(policy);
        loop {
            match step.map_err(|error| error.to_string())? {
                Step::Scored(score) => return Ok(score),
                Step::Sums(layer, mut sums) => {
                    self.peers.merge(layer, &mut sums).await?;
                    step = scorer.resume(&sums);
                }
            }
        }
    }

    fn load(
        &mut self,
        preprocess: Preprocess,
        outputs: &[usize],
        keep: Option<Set>,
        files: Vec<Vec<u8>>,
    ) -> (Answer, Vec<Vec<u8>>) {
        let mut files: Vec<_> = files.into_iter().zip(outputs).collect();
        let loaded = parallel::map(&mut files, |(file, output)| {
            let pixels = preprocess.load(&PureRust, file).map_err(|error| error.to_string())?;
            Ok((Key::of_image(&pixels, **output), pixels))
        });
        let mut kept = keep.map(|set| self.images.entry(set).or_default());
        let mut bulk = Vec::new();
        let mut keys = Vec::new();
        for (image, (_, output)) in loaded.into_iter().zip(files) {
            let (key, pixels) = match image {
                Ok((key, pixels)) => (Ok(key), pixels),
                Err(reason) => (Err(reason), Vec::new()),
            };
            match &mut kept {
                Some(kept) if key.is_ok() => kept.push((pixels.into(), *output)),
                Some(_) => {}
                None => bulk.push(pixels),
            }
            keys.push(key);
        }
        (Answer::Loaded(keys), bulk)
    }

    fn classify(&self, set: Set, from: usize, count: usize) -> Answer {
        let images = self.images.get(&set).map_or(&[][..], Vec::as_slice);
        let images = &images[from.min(images.len())..(from + count).min(images.len())];
        let answers: Vec<Result<usize, String>> = match &self.network {
            Some(Network::Integers(engine)) => {
                parallel::map_with(images, Workspace::default, |workspace, (image, _)| {
                    engine.run(workspace, image).map(argmax).map_err(|error| error.to_string())
                })
            }
            Some(Network::Floats(network)) => parallel::map_with(
                images,
                || (),
                |(), (image, _)| network.predict(image).map_err(|error| error.to_string()),
            ),
            None => {
                return Answer::Refused("there is no network to classify with; load weights first".into());
            }
        };
        let mut tally = Tally::default();
        for (answer, (_, output)) in answers.into_iter().zip(images) {
            match answer {
                Ok(class) => tally = tally + Tally { correct: usize::from(class == *output), images: 1 },
                Err(reason) => return Answer::Refused(reason),
            }
        }
        Answer::Classified(tally)
    }
}
