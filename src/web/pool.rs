//! The pool of evaluation workers: one per core, each with its own share of the images.

use super::channel::Channel;
use super::keep::Keep;
use super::runner::Signals;
use super::{peers, wire};
use crate::flow::{Answer, Asked, End, Event, Executor, Order, Pixels, RunId, Set, Tally, Task};
use futures::channel::oneshot;
use futures::future::try_join_all;
use gloo::timers::future::TimeoutFuture;
use js_sys::Array;
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};
use web_sys::{DedicatedWorkerGlobalScope, Worker, WorkerGlobalScope, WorkerOptions, WorkerType};

/// Name by which a worker knows that it belongs to the pool.
pub const NAME: &str = "evaluation";

/// Images that a worker decodes or classifies between two reports.
const BATCH: usize = 16;

/// Milliseconds between two looks at whether what is held goes on.
const REST: u32 = 50;
/// Memory for what policies have in common, in bytes, over all workers.
const MEMORY: usize = 128 << 20;
/// Memory for decoded images, in bytes, over all workers. A tab has a few GiB.
const IMAGES: u64 = 1 << 30;
/// Memory for image files and what decoding makes of them, in bytes, over all workers. A worker's memory never shrinks
/// again, so that it grows once by what the largest image takes that it decodes.
const DECODING: u64 = 256 << 20;

/// What a worker of the pool is told; `O` is an [`Order`].
#[derive(Debug, Serialize, Deserialize)]
pub enum Told<O> {
    /// From now on reach the other workers by the ports that come along.
    Meet,
    /// Carry out an order with the buffers that come along.
    Do(O),
}

/// What a worker of the pool tells.
#[derive(Debug, Serialize, Deserialize)]
pub enum News {
    /// It listens; comes once, before any order.
    Listens,
    /// The answer to what it was told.
    Answer(Answer),
}

/// The workers of the page, for whom the session gives orders.
pub struct Pool {
    scope: DedicatedWorkerGlobalScope,
    signals: Signals,
    members: Vec<Member>,
    /// The command that is carried out.
    pub running: Cell<RunId>,
    /// Stored searches, and stored training.
    pub searches: Keep,
    pub trainings: Keep,
    /// Whether the page was told that the running command's state cannot be stored.
    pub warned: Cell<bool>,
    /// Whether the running command has stored something to go on with.
    pub begun: Cell<bool>,
}

impl Pool {
    /// Starts the workers. `signals` are set by whoever reads the messages.
    ///
    /// # Errors
    /// If the browser starts no workers.
    pub fn new(
        scope: DedicatedWorkerGlobalScope,
        signals: Signals,
        searches: Keep,
        trainings: Keep,
    ) -> Result<Self, String> {
        let members = Member::spawn_all(&scope, size(&scope))?;
        let (running, warned, begun) = (Cell::new(0), Cell::new(false), Cell::new(false));
        Ok(Self { scope, signals, members, running, searches, trainings, warned, begun })
    }

    /// Whether a worker died: none of them can be used any more.
    pub fn died(&self) -> bool {
        self.members.iter().any(Member::died)
    }

    /// Starts half of the workers again: most die for want of memory.
    ///
    /// # Errors
    /// If the browser starts no workers.
    pub fn revive(&mut self) -> Result<(), String> {
        let workers = self.members.len().div_ceil(2);
        self.members.clear();
        self.members = Member::spawn_all(&self.scope, workers).map_err(|reason| {
            format!("the browser started no evaluation workers: {reason}; reload the page")
        })?;
        Ok(())
    }

    /// Reports something with what travels beside it.
    pub fn send(&self, event: &Event, bulk: &Array) {
        let (message, buffers) = wire::encode(&(self.running.get(), event), bulk);
        self.scope.post_message_with_transfer(&message, &buffers).expect("bytes and buffers can be sent");
    }

    /// Says once when the state of the running task can no longer be stored, and when it can again.
    pub async fn report_stored(&self, task: Task, stored: Result<(), String>) {
        if stored.is_err() == self.warned.get() {
            return;
        }
        self.warned.set(stored.is_err());
        let problem = match stored {
            Ok(()) => None,
            Err(reason) => {
                let other = if task == Task::Finetune { &self.searches } else { &self.trainings };
                let room = match other.size().await {
                    Some(other) => format!("discard {other}, or delete data of other pages of this site"),
                    None => "delete data of other pages of this site".into(),
                };
                let what = if task == Task::Finetune { "Training" } else { "The search" };
                Some(format!(
                    "{what} is not stored any more: {reason}. It goes on in memory: keep this tab open. To make room, {room}; \
                     as soon as there is room, it is stored again."
                ))
            }
        };
        self.report(&Event::Stored { task, problem });
    }
}

impl Executor for Pool {
    fn shares(&self) -> usize {
        self.members.len()
    }

    fn batch(&self) -> usize {
        BATCH
    }

    async fn ask(&self, orders: Vec<(Order, Vec<Pixels>)>) -> Result<Vec<Asked>, End> {
        let asked = self.members.iter().zip(orders).map(async |(member, (order, bulk))| {
            // What goes out is not held here as well.
            let bulk = bulk.into_iter().map(|bytes| wire::buffer(&bytes)).collect();
            let (answer, bulk) = member.ask(&order, &bulk).await?;
            Ok((answer, bulk.iter().map(|buffer| wire::bytes(&buffer).into()).collect()))
        });
        try_join_all(asked).await
    }

    /// Every worker goes on by itself.
    async fn classify(&self, set: Set, counted: impl Fn(Tally) -> bool) -> Result<(), End> {
        let (nothing, counted) = (Array::new(), &counted);
        let each = self.members.iter().map(async |member| {
            for from in (0..).step_by(BATCH) {
                let order = Order::Classify { set, from, count: BATCH };
                match member.ask(&order, &nothing).await? {
                    (Answer::Classified(tally), _) if tally.images > 0 && counted(tally) => {}
                    _ => break,
                }
            }
            Ok(())
        });
        try_join_all(each).await.map(drop)
    }

    fn report(&self, event: &Event) {
        self.send(event, &Array::new());
    }

    async fn breathe(&self) {
        TimeoutFuture::new(0).await;
    }

    async fn rest(&self) {
        TimeoutFuture::new(REST).await;
    }

    fn stops(&self) -> bool {
        self.signals.stop.get()
    }

    fn pauses(&self) -> bool {
        self.signals.pause.get()
    }

    fn resume(&self) {
        self.signals.pause.set(false);
    }

    fn memory(&self) -> usize {
        MEMORY
    }

    fn image_memory(&self) -> u64 {
        IMAGES
    }

    fn decoding_memory(&self) -> u64 {
        DECODING
    }

    /// A search's state. A browser that cannot store it is no reason to end the search.
    async fn keep(&self, _: &str, bytes: &[u8]) -> Result<(), String> {
        let stored = self.searches.write(&bytes.to_vec()).await;
        self.begun.set(true);
        self.report_stored(Task::Search, stored).await;
        Ok(())
    }

    async fn kept(&self, _: &str) -> Result<Option<Vec<u8>>, String> {
        self.searches.read().await
    }

    async fn is_elsewhere(&self, _: &str) -> bool {
        self.searches.is_elsewhere().await
    }
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
            drop(member.send(&Told::<Order>::Meet, ports));
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
            move |news: Option<(News, Array)>| {
                let answer = match news {
                    Some((News::Listens, _)) => return,
                    Some((News::Answer(answer), bulk)) => (answer, bulk),
                    None => (Answer::Refused(wire::VERSIONS.into()), Array::new()),
                };
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
        match self.send(&Told::Do(order), bulk).await {
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
    fn send(&self, told: &Told<impl Serialize>, bulk: &Array) -> oneshot::Receiver<(Answer, Array)> {
        let (reply, answer) = oneshot::channel();
        self.waiting.borrow_mut().push_back(reply);
        self.channel.send(told, bulk);
        answer
    }
}

const DIED: &str =
    "an evaluation worker died, perhaps for want of memory; use fewer images if that happens again";

/// Number of workers that suits this machine.
fn size(scope: &WorkerGlobalScope) -> usize {
    (scope.navigator().hardware_concurrency() as usize).clamp(1, 16)
}
