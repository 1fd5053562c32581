//! Messages between the worker that owns the flow and the worker that trains.

use crate::net::Model;
use crate::train::{DeviceChoice, DeviceReport, Point, Recipe, Trained, Turn};
use serde::{Deserialize, Serialize};

/// What the training worker is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub enum TrainOrder {
    /// Keep images of one size for training, or of a split to measure. Bulk: the pixels of each, `[side, side, 3]`
    /// bytes, in the order of `targets`.
    Keep {
        /// To train with, or to measure: those choose the best epoch.
        part: Part,
        /// Side of the images in pixels, at least the network's.
        side: usize,
        /// The right output of each.
        targets: Vec<u16>,
    },
    /// Begin with the images that were kept.
    Start(Box<TrainTask>),
    /// Hold after the running steps.
    Pause,
    /// Go on.
    Resume,
    /// End; the best network so far is sent.
    Stop,
}

/// What images are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// To train with.
    Train,
    /// To measure after every epoch.
    Reward,
}

/// All that a run is made of, besides images.
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
    /// To go on after a reload: bytes of an earlier [`TrainNews::Checkpoint`].
    pub checkpoint: Option<Vec<u8>>,
}

/// What the training worker tells.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum TrainNews {
    /// It listens; comes once, before any order.
    Listens,
    /// Training begins here, with the curves of the checkpoint if there was one.
    Started {
        /// Where it runs.
        device: DeviceReport,
        /// The curves so far.
        curve: Vec<Point>,
    },
    /// Some steps, part of a measurement or an epoch are done, or the device changed.
    Turn(Turn),
    /// The checkpoint of the last epoch comes as bulk; store it.
    Checkpoint,
    /// Training is over, or was stopped: the best network, or the last one if none was measured.
    Ended {
        /// The network with its quantizers.
        trained: Box<Trained>,
        /// Its accuracy on the first measured split in percent.
        accuracy: Option<f32>,
    },
    /// Training failed; the last checkpoint holds.
    Failed {
        /// What is wrong and what to do, as the screen shows it.
        message: String,
        /// A batch that asks for half the memory, if the device failed and there is a smaller one.
        smaller_batch: Option<usize>,
    },
}
