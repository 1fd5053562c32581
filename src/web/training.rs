//! Messages between the worker that owns the flow and the worker that trains.

use crate::flow::{Part, TrainNews, TrainTask};
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

/// What the training worker tells.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum News {
    /// It listens; comes once, before any order.
    Listens,
    /// How training goes. The bytes of a checkpoint come as bulk, not in the message.
    Training(TrainNews),
}
