//! The pool of evaluation workers: one per core, each with its own share of the images.

use super::wire;
use crate::calibrate::{Calibration, SumMoments};
use crate::data::Preprocess;
use crate::flow::Tally;
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use crate::score::Step;
use crate::search::Sample;
use futures::channel::oneshot;
use js_sys::Array;
use serde::{Deserialize, Serialize};
use std::{cell::RefCell, collections::VecDeque, rc::Rc};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{ErrorEvent, MessageEvent, Worker, WorkerGlobalScope, WorkerOptions, WorkerType};

/// Name by which a worker knows that it belongs to the pool.
pub const NAME: &str = "evaluation";

/// What a worker of the pool is asked for; each order gets one [`Answer`], in order.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Forget the images of a set.
    Clear(Set),
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
    /// Begin to score a policy on these images.
    Begin(Policy, Sample),
    /// Go on with the statistics over the images of all workers.
    Resume(SumMoments),
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
    /// The sample that these images are, for [`Order::Begin`].
    pub sample: Sample,
    /// Memory for what policies have in common, in bytes.
    pub memory: usize,
    /// The most images, of both kinds, that a worker holds.
    pub counted: usize,
}

/// What a worker of the pool answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
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
    /// A policy is scored, or on its way there.
    Step(Step),
    /// The order cannot be carried out.
    Refused(String),
}

type Reply = oneshot::Sender<(Answer, Array)>;

/// One worker of the pool.
pub struct Member {
    worker: Worker,
    waiting: Rc<RefCell<VecDeque<Reply>>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Member {
    /// Starts a worker from the script that runs here.
    ///
    /// # Errors
    /// What the browser says.
    pub fn spawn(scope: &WorkerGlobalScope) -> Result<Self, String> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        options.set_name(NAME);
        let worker =
            Worker::new_with_options(&scope.location().href(), &options).map_err(|e| wire::describe(&e))?;
        let waiting: Rc<RefCell<VecDeque<Reply>>> = Rc::default();
        let on_message = Closure::new({
            let waiting = waiting.clone();
            move |message: MessageEvent| {
                let answer = wire::decode(&message.data());
                let answer = answer.unwrap_or_else(|| (Answer::Refused(VERSIONS.into()), Array::new()));
                if let Some(reply) = waiting.borrow_mut().pop_front() {
                    // Nobody waits any more if the run was replaced.
                    let _ = reply.send(answer);
                }
            }
        });
        worker.set_onmessage(Some(JsCast::unchecked_ref(on_message.as_ref())));
        let on_error = Closure::new({
            let waiting = waiting.clone();
            // Dropping the senders tells those who wait.
            move |_: ErrorEvent| waiting.borrow_mut().clear()
        });
        worker.set_onerror(Some(JsCast::unchecked_ref(on_error.as_ref())));
        Ok(Self { worker, waiting, _on_message: on_message, _on_error: on_error })
    }

    /// Sends an order and waits for its answer.
    ///
    /// # Errors
    /// If the worker refuses or dies.
    pub async fn ask(&self, order: &Order, bulk: &Array) -> Result<(Answer, Array), String> {
        let (reply, answer) = oneshot::channel();
        let (message, buffers) = wire::encode(order, bulk);
        self.waiting.borrow_mut().push_back(reply);
        self.worker.post_message_with_transfer(&message, &buffers).map_err(|e| wire::describe(&e))?;
        match answer.await {
            Ok((Answer::Refused(reason), _)) => Err(reason),
            Ok(answer) => Ok(answer),
            Err(_) => Err("an evaluation worker died, perhaps for want of memory; use fewer images".into()),
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

const VERSIONS: &str = "two parts of the app are of different versions; reload the page";

/// Number of workers that suits this machine.
pub fn size(scope: &WorkerGlobalScope) -> usize {
    (scope.navigator().hardware_concurrency() as usize).clamp(1, 16)
}

/// Bulk of a message from buffers.
pub fn bulk(parts: impl IntoIterator<Item = impl Into<JsValue>>) -> Array {
    parts.into_iter().map(Into::into).collect()
}
