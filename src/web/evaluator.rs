//! What a worker of the pool does.

use super::pool::{Answer, Order};
use super::wire;
use crate::data::{Preprocess, PureRust};
use crate::float::FloatNetwork;
use crate::flow::Tally;
use crate::infer::{Engine, Workspace, argmax};
use js_sys::Array;

/// A share of the images, and the network that classifies them.
#[derive(Default)]
pub struct Evaluator {
    /// Pixels and right output of each image.
    images: Vec<(Vec<u8>, usize)>,
    network: Option<Network>,
}

enum Network {
    Integers(Box<Engine>, Workspace),
    Floats(Box<FloatNetwork>),
}

impl Evaluator {
    /// Carries out an order.
    pub fn answer(&mut self, order: Order, bulk: &Array) -> (Answer, Array) {
        let nothing = Array::new();
        match order {
            Order::Clear => {
                self.images.clear();
                (Answer::Done, nothing)
            }
            Order::Load { side, targets } => self.load(side, targets.as_deref(), bulk),
            Order::UseIntegers(network) => (
                self.adopt(Engine::new(&network), |e| Network::Integers(Box::new(e), Workspace::default())),
                nothing,
            ),
            Order::UseFloats(model) => {
                (self.adopt(FloatNetwork::new(&model), |f| Network::Floats(Box::new(f))), nothing)
            }
            Order::Classify { from, count } => (self.classify(from, count), nothing),
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

    fn load(&mut self, side: usize, targets: Option<&[usize]>, bulk: &Array) -> (Answer, Array) {
        let preprocess = Preprocess::new(side);
        let mut failed = Vec::new();
        let pixels = Array::new();
        for (position, file) in bulk.iter().enumerate() {
            let loaded = preprocess.load(&PureRust, &wire::bytes(&file)).unwrap_or_else(|error| {
                failed.push((position, error.to_string()));
                Vec::new()
            });
            match targets.and_then(|targets| targets.get(position)) {
                Some(&target) if !loaded.is_empty() => self.images.push((loaded, target)),
                Some(_) => {}
                None => {
                    pixels.push(&wire::buffer(&loaded));
                }
            }
        }
        (Answer::Loaded { failed }, pixels)
    }

    fn classify(&mut self, from: usize, count: usize) -> Answer {
        let images = self.images.iter().skip(from).take(count);
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
