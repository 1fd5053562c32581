//! The pool of evaluation workers: one per core, each with its own share of the images.

use super::channel::Channel;
use super::runner::End;
use super::{peers, wire};
use crate::calibrate::Calibration;
use crate::data::Preprocess;
use crate::flow::Tally;
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use crate::search::{Sample, Score};
use futures::channel::oneshot;
use js_sys::Array;
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};
use wasm_bindgen::JsValue;
use web_sys::{Worker, WorkerGlobalScope, WorkerOptions, WorkerType};

/// Name by which a worker knows that it belongs to the pool.
pub const NAME: &str = "evaluation";

/// What a worker of the pool is asked for; each order gets one [`Answer`], in order.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// From now on reach the other workers by the ports that come along.
    Meet,
    /// Forget the images of a set, or of every set, and what scores policies on images.
    Clear(Option<Set>),
    /// Decode the image files that come along, resize and crop them. With `keep` they are kept to be classified;
    /// without, their pixels are sent back.
    Load {
        /// Size and crop.
        preprocess: Preprocess,
        /// Where to keep them, and the right output for each image.
        keep: Option<(Set, Vec<usize>)>,
    },
    /// Classify with this network in integers from now on.
    UseIntegers(Box<QuantizedNetwork>),
    /// Classify with this network in real numbers from now on.
    UseFloats(Box<Model>),
    /// Classify some of the images kept.
    Classify {
        /// Of which set.
        set: Set,
        /// First.
        from: usize,
        /// How many, at most.
        count: usize,
    },
    /// Score policies of this network from now on. The pixels of this worker's calibration images come along.
    Scorer(Box<Scorer>),
    /// Score a policy on these images, with the calibration images of all workers, each of which must get this order.
    Score(Policy, Sample),
}

/// Images that serve one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Set {
    /// To measure a policy with.
    Evaluation,
    /// To steer a search with.
    Reward,
    /// The part of them that probes of sensitivity are scored on.
    Probe,
    /// To measure the end of a search with.
    Test,
    /// For a round of the run-off of a search, counted from 0.
    RunOff(usize),
}

/// What policies are scored with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Scorer {
    /// The float network.
    pub model: Model,
    /// What it does on the calibration images.
    pub calibration: Calibration,
    /// The images to classify.
    pub set: Set,
    /// The sample that these images are, for [`Order::Score`].
    pub sample: Sample,
    /// Memory for what policies have in common, in bytes.
    pub memory: usize,
    /// The most images, of both kinds, that a worker holds.
    pub counted: usize,
}

/// What a worker of the pool answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The worker listens; comes once, before any order.
    Listens,
    /// Done.
    Done,
    /// Images are loaded; the numbers of those that could not be read, with the reasons. Pixels come along if they
    /// were asked for, an empty buffer for each that could not be read.
    Loaded {
        /// Position in the order and reason.
        failed: Vec<(usize, String)>,
    },
    /// Images are classified.
    Classified(Tally),
    /// A policy is scored on this worker's images.
    Scored(Score),
    /// The order cannot be carried out.
    Refused(String),
}

type Reply = oneshot::Sender<(Answer, Array)>;

/// One worker of the pool.
pub struct Member {
    channel: Channel,
    waiting: Rc<RefCell<VecDeque<Reply>>>,
    /// Whether a worker of the pool died: others may wait for it for ever.
    died: Rc<Cell<bool>>,
}

impl Member {
    /// Starts so many workers, each of which reaches each other one.
    ///
    /// # Errors
    /// What the browser says.
    pub fn spawn_all(scope: &WorkerGlobalScope, workers: usize) -> Result<Vec<Self>, String> {
        let lines = peers::lines(workers).map_err(|e| wire::describe(&e))?;
        let died: Rc<Cell<bool>> = Rc::default();
        let spawned = lines.iter().map(|ports| {
            let member = Self::spawn(scope, &died)?;
            // Nobody need wait: later orders come after it.
            drop(member.send(&Order::Meet, ports));
            Ok(member)
        });
        spawned.collect()
    }

    /// Starts a worker from the script that runs here.
    fn spawn(scope: &WorkerGlobalScope, died: &Rc<Cell<bool>>) -> Result<Self, String> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        options.set_name(NAME);
        let worker =
            Worker::new_with_options(&scope.location().href(), &options).map_err(|e| wire::describe(&e))?;
        let waiting: Rc<RefCell<VecDeque<Reply>>> = Rc::default();
        let on_message = {
            let waiting = waiting.clone();
            move |answer: Option<(Answer, Array)>| {
                let answer = answer.unwrap_or_else(|| (Answer::Refused(wire::VERSIONS.into()), Array::new()));
                if let Answer::Listens = answer.0 {
                    return;
                }
                if let Some(reply) = waiting.borrow_mut().pop_front() {
                    // Nobody waits any more if the run was replaced.
                    let _ = reply.send(answer);
                }
            }
        };
        let on_death = {
            let (waiting, died) = (waiting.clone(), died.clone());
            move |_: &str| {
                died.set(true);
                // Dropping the senders tells those who wait.
                waiting.borrow_mut().clear();
            }
        };
        Ok(Self { channel: Channel::new(worker, on_message, on_death), waiting, died: died.clone() })
    }

    /// Sends an order and waits for its answer.
    ///
    /// # Errors
    /// If the worker refuses or a worker of the pool died.
    pub async fn ask(&self, order: &Order, bulk: &Array) -> Result<(Answer, Array), End> {
        if self.died() {
            return Err(End::Died(DIED.into()));
        }
        match self.send(order, bulk).await {
            Ok((Answer::Refused(reason), _)) => Err(End::Failed(reason)),
            Ok(answer) => Ok(answer),
            Err(_) => Err(End::Died(DIED.into())),
        }
    }

    /// Whether a worker of the pool died: none of it can be used any more.
    pub fn died(&self) -> bool {
        self.died.get()
    }

    /// Sends an order; its answer comes later.
    fn send(&self, order: &Order, bulk: &Array) -> oneshot::Receiver<(Answer, Array)> {
        let (reply, answer) = oneshot::channel();
        self.waiting.borrow_mut().push_back(reply);
        self.channel.send(order, bulk);
        answer
    }
}

const DIED: &str =
    "an evaluation worker died, perhaps for want of memory; use fewer images if that happens again";

/// Number of workers that suits this machine.
pub fn size(scope: &WorkerGlobalScope) -> usize {
    (scope.navigator().hardware_concurrency() as usize).clamp(1, 16)
}

/// Bulk of a message from buffers.
pub fn bulk(parts: impl IntoIterator<Item = impl Into<JsValue>>) -> Array {
    parts.into_iter().map(Into::into).collect()
}
