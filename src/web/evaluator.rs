//! What a worker of the pool does.

use super::pool::{Answer, Order, Scorer, Set};
use super::{peers::Peers, wire};
use crate::data::{Preprocess, PureRust};
use crate::float::FloatNetwork;
use crate::flow::Tally;
use crate::infer::{Engine, Workspace, argmax};
use crate::quant::Policy;
use crate::score::{self, Step};
use crate::search::{Sample, Score};
use js_sys::Array;
use std::collections::HashMap;
use std::sync::Arc;

/// A share of the images, and the network that classifies them.
#[derive(Default)]
pub struct Evaluator {
    images: HashMap<Set, Vec<Labelled>>,
    network: Option<Network>,
    scorers: HashMap<Sample, score::Evaluator>,
    peers: Peers,
}

/// Pixels and right output of an image; scorers share the pixels.
type Labelled = (Arc<[u8]>, usize);

enum Network {
    Integers(Box<Engine>, Workspace),
    Floats(Box<FloatNetwork>),
}

impl Evaluator {
    /// Carries out an order.
    pub async fn answer(&mut self, order: Order, bulk: &Array) -> (Answer, Array) {
        let nothing = Array::new();
        match order {
            Order::Meet => {
                self.peers = Peers::new(bulk);
                (Answer::Done, nothing)
            }
            Order::Clear(set) => {
                match set {
                    Some(set) => drop(self.images.remove(&set)),
                    None => self.images.clear(),
                }
                self.scorers.clear();
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
            Order::Score(policy, sample) => {
                let score = self.score(&policy, sample).await;
                (score.map_or_else(Answer::Refused, Answer::Scored), nothing)
            }
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

    /// The score of a policy on this worker's images of a sample.
    async fn score(&mut self, policy: &Policy, sample: Sample) -> Result<Score, String> {
        let scorer = self.scorers.get_mut(&sample);
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
