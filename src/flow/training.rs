//! What a session and whoever trains for it tell each other.

use super::{End, Key, Pixels, Session};
use crate::net::Model;
use crate::train::{DeviceChoice, DeviceReport, Point, Recipe, Trained, Turn};
use serde::{Deserialize, Serialize};

/// What images are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// To train with.
    Train,
    /// To measure after every epoch: they choose the best.
    Reward,
}

/// All that training is made of, besides images.
#[derive(Debug, Serialize, Deserialize)]
pub struct TrainTask {
    /// What to begin with; without quantizers it trains in real numbers.
    pub start: Trained,
    /// The float network, whose answers are learned if the recipe says so.
    pub teacher: Model,
    /// How to train.
    pub recipe: Recipe,
    /// Where.
    pub device: DeviceChoice,
    /// To go on: bytes of an earlier [`TrainNews::Checkpoint`].
    pub checkpoint: Option<Vec<u8>>,
}

/// What is wished of training that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// It shall go on.
    #[default]
    Run,
    /// It shall hold.
    Pause,
    /// It shall end; the best network so far counts.
    Stop,
}

/// What is told of training.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum TrainNews {
    /// It begins here, with the curves of the checkpoint if there was one.
    Started {
        /// Where it runs.
        device: DeviceReport,
        /// The curves so far.
        curve: Vec<Point>,
    },
    /// Some steps, part of a measurement or an epoch are done, or the device changed.
    Turn(Turn),
    /// What training goes on from after the last epoch.
    Checkpoint(Vec<u8>),
    /// It is over, or was stopped: the best network, or the last one if none was measured.
    Ended(Box<Trained>),
    /// It failed; the last checkpoint holds.
    Failed {
        /// What is wrong and what to do, as the screen shows it.
        message: String,
        /// A batch that asks for half the memory, if the device failed and there is a smaller one.
        smaller_batch: Option<usize>,
    },
}

/// Training as far as it has got.
#[derive(Clone, Debug)]
pub struct Course {
    /// Of what it began with, the network to learn from, and all images.
    pub of: Key,
    /// Training images, and images that choose the best epoch.
    pub images: (usize, usize),
    /// Where it runs.
    pub device: DeviceReport,
    /// The curves.
    pub curve: Vec<Point>,
    /// What it goes on from; `None` before the first epoch.
    pub checkpoint: Option<Vec<u8>>,
}

/// Takes the steps of training, and keeps what it goes on from: a worker of a page, or this program.
///
/// Calls come in this order: `open`, `give` for every image, `kept`, `start`, `next` until training has ended, with
/// `began` and `keep` between, and `close`.
#[expect(
    async_fn_in_trait,
    reason = "whoever awaits knows the executor, and none of them moves between threads"
)]
pub trait TrainingBackend<E> {
    /// Gets ready for images.
    async fn open(&mut self, session: &Session<E>) -> Result<(), End>;

    /// Takes an image of `side` x `side` pixels and the right output for it.
    fn give(&mut self, part: Part, side: usize, pixels: Pixels, output: usize) -> Result<(), End>;

    /// What is kept of training of this key: bytes of a [`TrainNews::Checkpoint`]. Fails if what is kept is of something
    /// else.
    async fn kept(&mut self, of: Key) -> Result<Option<Vec<u8>>, End>;

    /// Begins.
    async fn start(&mut self, task: TrainTask) -> Result<(), End>;

    /// Does as is wished and tells what came of it, if anything has yet.
    async fn next(&mut self, wish: Wish) -> Result<Option<TrainNews>, End>;

    /// Training has begun.
    async fn began(&mut self, session: &Session<E>, course: &Course) -> Result<(), End>;

    /// Keeps a checkpoint in the place of the one before.
    async fn keep(&mut self, session: &Session<E>, course: &Course) -> Result<(), End>;

    /// Gives images and network back.
    fn close(&mut self);
}
