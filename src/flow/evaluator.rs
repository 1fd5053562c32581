//! One share of the images, and the networks that classify them.

use super::{Answer, Key, Numbered, Order, Pixels, Scorer, Set, Tally};
use crate::calibrate::SumMoments;
use crate::data::{Preprocess, PureRust};
use crate::float::FloatNetwork;
use crate::infer::{Engine, Workspace, argmax};
use crate::net::{LayerId, Model};
use crate::parallel;
use crate::quant::Policy;
use crate::score::{self, FloatAnswer, Rewarded, Step};
use crate::search::Score;
use std::collections::{HashMap, HashSet};
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
    /// Every image once, by the number of its file.
    images: HashMap<usize, Labelled>,
    /// Files of each set.
    sets: HashMap<Set, Vec<usize>>,
    network: Option<Network>,
    answers: Answers,
    scorers: HashMap<Set, score::Evaluator>,
}

/// What a float network says to images.
#[derive(Default)]
struct Answers {
    /// Of its weights.
    of: Option<Key>,
    /// By the number of the image's file.
    by_file: HashMap<usize, Arc<FloatAnswer>>,
}

impl Answers {
    /// Those of other weights go.
    fn begin(&mut self, of: Key) {
        if self.of != Some(of) {
            *self = Self { of: Some(of), by_file: HashMap::new() };
        }
    }
}

/// Pixels and right output of an image. Whoever uses the image shares its pixels.
pub type Labelled = (Pixels, usize);

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
    pub async fn answer(&mut self, order: Order, bulk: Vec<Pixels>) -> (Answer, Vec<Pixels>) {
        let answer = match order {
            Order::Clear(None) => {
                (self.images, self.sets, self.scorers, self.answers) = Default::default();
                Answer::Done
            }
            Order::Clear(Some(set)) => {
                self.sets.remove(&set);
                self.scorers.remove(&set);
                self.prune()
            }
            Order::Decode { preprocess, images, keep } => return self.decode(preprocess, images, keep, bulk),
            Order::Keep(images) => {
                let images = images.into_iter().zip(bulk);
                self.images.extend(images.map(|((file, output), pixels)| (file, (pixels, output))));
                Answer::Done
            }
            Order::Form(set, files) => {
                self.sets.insert(set, files);
                self.scorers.remove(&set);
                self.prune()
            }
            Order::Send { set, from, count } => {
                let images = self.of(set).into_iter().skip(from).take(count);
                let (pixels, outputs) = images.map(|(pixels, output)| (pixels.clone(), *output)).unzip();
                return (Answer::Sent(outputs), pixels);
            }
            Order::UseIntegers(network) => self.adopt(Engine::new(&network), Network::Integers),
            Order::UseFloats(model, weights) => {
                self.answers.begin(weights);
                self.adopt(FloatNetwork::new(&model), Network::Floats)
            }
            Order::Classify { set, from, count } => self.classify(set, from, count),
            Order::Scorer(scorer) => self.prepare(*scorer).unwrap_or_else(Answer::Refused),
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

    /// The images of a set.
    fn of(&self, set: Set) -> Vec<&Labelled> {
        self.files(set).iter().filter_map(|file| self.images.get(file)).collect()
    }

    fn files(&self, set: Set) -> &[usize] {
        self.sets.get(&set).map_or(&[][..], Vec::as_slice)
    }

    /// Forgets images that belong to no set.
    fn prune(&mut self) -> Answer {
        let used: HashSet<usize> = self.sets.values().flatten().copied().collect();
        self.images.retain(|file, _| used.contains(file));
        self.answers.by_file.retain(|file, _| used.contains(file));
        Answer::Done
    }

    fn prepare(&mut self, scorer: Scorer) -> Result<Answer, String> {
        let Scorer { model, weights, calibration, calibrating, set, memory, counted } = scorer;
        let calibrating = self.of(Set::Calibration).into_iter().take(calibrating);
        let calibrating: Vec<Pixels> = calibrating.map(|(pixels, _)| pixels.clone()).collect();
        self.answers.begin(weights);
        self.answer_missing(&model, set)?;
        let rewarded = |file: &usize| {
            let (pixels, target) = self.images.get(file)?.clone();
            Some(Rewarded { pixels, target, answer: self.answers.by_file.get(file)?.clone() })
        };
        let images: Vec<Rewarded> = self.files(set).iter().filter_map(rewarded).collect();
        let (model, calibration) = (Arc::new(model), Arc::new(calibration));
        let evaluator = score::Evaluator::new(model, calibration, &calibrating, &images, memory, counted);
        self.scorers.insert(set, evaluator);
        Ok(Answer::Done)
    }

    /// Asks the float network about images of a set that it was not asked about.
    fn answer_missing(&mut self, model: &Model, set: Set) -> Result<(), String> {
        let is_missing = |file: &usize| !self.answers.by_file.contains_key(file);
        let missing = self.files(set).iter().copied().filter(is_missing);
        let (files, images): (Vec<_>, Vec<_>) =
            missing.filter_map(|file| Some((file, self.images.get(&file)?.clone()))).unzip();
        if images.is_empty() {
            return Ok(());
        }
        let float = FloatNetwork::new(model).map_err(|error| error.to_string())?;
        let answered = Rewarded::of(&float, &images).map_err(|error| error.to_string())?;
        let answers = answered.into_iter().map(|image| image.answer);
        self.answers.by_file.extend(files.into_iter().zip(answers));
        Ok(())
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

    fn decode(
        &mut self,
        preprocess: Preprocess,
        images: Vec<Numbered>,
        keep: bool,
        files: Vec<Pixels>,
    ) -> (Answer, Vec<Pixels>) {
        let mut files: Vec<_> =
            files.into_iter().zip(&images).map(|(file, image)| (Some(file), image)).collect();
        let decoded = parallel::map(&mut files, |(file, (_, output))| {
            // The file goes as soon as its pixels are there.
            let file = file.take().unwrap_or_default();
            let pixels = preprocess.load(&PureRust, &file).map_err(|error| error.to_string())?;
            Ok((Key::of_image(&pixels, *output), Pixels::from(pixels)))
        });
        let mut bulk = Vec::new();
        let mut keys = Vec::with_capacity(images.len());
        for (decoded, (file, output)) in decoded.into_iter().zip(images) {
            let (key, pixels) = match decoded {
                Ok((key, pixels)) => (Ok(key), pixels),
                Err(reason) => (Err(reason), Pixels::default()),
            };
            match keep {
                true if key.is_ok() => drop(self.images.insert(file, (pixels, output))),
                true => {}
                false => bulk.push(pixels),
            }
            keys.push(key);
        }
        (Answer::Decoded(keys), bulk)
    }

    fn classify(&mut self, set: Set, from: usize, count: usize) -> Answer {
        let files = self.files(set).iter().filter_map(|file| Some((*file, self.images.get(file)?)));
        let images: Vec<(usize, &Labelled)> = files.skip(from).take(count).collect();
        let classes: Result<Vec<usize>, String> = match &self.network {
            Some(Network::Integers(engine)) => {
                let class = |workspace: &mut Workspace, (_, (image, _)): &(usize, &Labelled)| {
                    engine.run(workspace, image).map(argmax).map_err(|error| error.to_string())
                };
                parallel::map_with(&images, Workspace::default, class).into_iter().collect()
            }
            Some(Network::Floats(network)) => {
                let logits = |(): &mut (), (_, (image, _)): &(usize, &Labelled)| network.run(image);
                let logits = parallel::map_with(&images, || (), logits);
                let logits: Result<Vec<_>, _> = logits.into_iter().collect();
                logits.map_err(|error| error.to_string()).map(|logits| {
                    if set.is_scored() {
                        let answers = logits.iter().map(|logits| Arc::new(FloatAnswer::new(logits)));
                        self.answers.by_file.extend(images.iter().map(|(file, _)| *file).zip(answers));
                    }
                    logits.iter().map(|logits| argmax(logits)).collect()
                })
            }
            None => Err("there is no network to classify with; load weights first".into()),
        };
        let classes = match classes {
            Ok(classes) => classes,
            Err(reason) => return Answer::Refused(reason),
        };
        let right = classes.iter().zip(&images).filter(|(class, (_, (_, output)))| *class == output);
        Answer::Classified(Tally { correct: right.count(), images: images.len() })
    }
}
