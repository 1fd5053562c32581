//! What a worker of the pool does.

use super::pool::{Answer, Order, Scorer, Set};
use super::wire;
use crate::calibrate::CalibrateError;
use crate::data::{Preprocess, PureRust};
use crate::float::FloatNetwork;
use crate::flow::Tally;
use crate::infer::{Engine, Workspace, argmax};
use crate::score;
use crate::search::Sample;
use js_sys::Array;
use std::collections::HashMap;
use std::sync::Arc;

/// A share of the images, and the network that classifies them.
#[derive(Default)]
pub struct Evaluator {
    images: HashMap<Set, Vec<Labelled>>,
    network: Option<Network>,
    scorers: HashMap<Sample, score::Evaluator>,
    /// Whose turn it is.
    sample: Sample,
}

/// Pixels and right output of an image; scorers share the pixels.
type Labelled = (Arc<[u8]>, usize);

enum Network {
    Integers(Box<Engine>, Workspace),
    Floats(Box<FloatNetwork>),
}

impl Evaluator {
    /// Carries out an order.
    pub fn answer(&mut self, order: Order, bulk: &Array) -> (Answer, Array) {
        let nothing = Array::new();
        match order {
            Order::Clear(set) => {
                self.images.remove(&set);
                (Answer::Done, nothing)
            }
            Order::Load { preprocess, keep } => self.load(preprocess, keep, bulk),
            Order::UseIntegers(network) => (
                self.adopt(Engine::new(&network), |e| Network::Integers(Box::new(e), Workspace::default())),
                nothing,
            ),
            Order::UseFloats(model) => {
                (self.adopt(FloatNetwork::new(&model), |f| Network::Floats(Box::new(f))), nothing)
            }
            Order::Classify { set, from, count } => (self.classify(set, from, count), nothing),
            Order::Scorer(scorer) => (self.prepare(*scorer, bulk), nothing),
            Order::Begin(policy, sample) => {
                self.sample = sample;
                (self.step(|scorer| scorer.begin(&policy)), nothing)
            }
            Order::Resume(sums) => (self.step(|scorer| scorer.resume(&sums)), nothing),
        }
    }

    fn adopt<N, E: ToString>(&mut self, network: Result<N, E>, wrap: impl Fn(N) -> Network) -> Answer {
        match network {
            Ok(network) => {
                self.network = Some(wrap(network));
                Answer::Done
            }
            Err(error) => Answer::Refused(error.to_string()),
        }
    }

    fn prepare(&mut self, scorer: Scorer, bulk: &Array) -> Answer {
        let Scorer { model, calibration, set, sample, memory, counted } = scorer;
        let calibrating: Vec<Vec<u8>> = bulk.iter().map(|pixels| wire::bytes(&pixels)).collect();
        let images = self.images.get(&set).map_or(&[][..], Vec::as_slice);
        let (model, calibration) = (Arc::new(model), Arc::new(calibration));
        let evaluator = score::Evaluator::new(model, calibration, &calibrating, images, memory, counted);
        self.scorers.insert(sample, evaluator);
        Answer::Done
    }

    fn step(
        &mut self,
        step: impl FnOnce(&mut score::Evaluator) -> Result<score::Step, CalibrateError>,
    ) -> Answer {
        let Some(scorer) = self.scorers.get_mut(&self.sample) else {
            return Answer::Refused("there is no network to score policies of; load weights first".into());
        };
        step(scorer).map_or_else(|error| Answer::Refused(error.to_string()), Answer::Step)
    }

    fn load(
        &mut self,
        preprocess: Preprocess,
        keep: Option<(Set, Vec<usize>)>,
        bulk: &Array,
    ) -> (Answer, Array) {
        let mut failed = Vec::new();
        let pixels = Array::new();
        for (position, file) in bulk.iter().enumerate() {
            let loaded = preprocess.load(&PureRust, &wire::bytes(&file)).unwrap_or_else(|error| {
                failed.push((position, error.to_string()));
                Vec::new()
            });
            let Some((set, targets)) = &keep else {
                pixels.push(&wire::buffer(&loaded));
                continue;
            };
            if let Some(&target) = targets.get(position).filter(|_| !loaded.is_empty()) {
                self.images.entry(*set).or_default().push((loaded.into(), target));
            }
        }
        (Answer::Loaded { failed }, pixels)
    }

    fn classify(&mut self, set: Set, from: usize, count: usize) -> Answer {
        let images = self.images.get(&set).into_iter().flatten().skip(from).take(count);
        let mut tally = Tally::default();
        for (image, target) in images {
            let found = match &mut self.network {
                Some(Network::Integers(engine, workspace)) => {
                    engine.run(workspace, image).map(argmax).map_err(|e| e.to_string())
                }
                Some(Network::Floats(network)) => network.predict(image).map_err(|e| e.to_string()),
                None => Err("there is no network to classify with; load weights first".into()),
            };
            match found {
                Ok(class) => tally = tally + Tally { correct: usize::from(class == *target), images: 1 },
                Err(reason) => return Answer::Refused(reason),
            }
        }
        Answer::Classified(tally)
    }
}
