//! What the evaluator of a share of the images is asked for.

use super::{Key, Tally};
use crate::calibrate::Calibration;
use crate::data::Preprocess;
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use crate::search::{Sample, Score};
use serde::{Deserialize, Serialize};

/// What an evaluator is asked for; each order gets one [`Answer`], in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Forget the images of a set, or of every set, with what scores policies on them.
    Clear(Option<Set>),
    /// Decode the image files that come along, resize and crop them, each with its right output. With `keep` they are
    /// kept to be classified; without, their pixels are sent back.
    Load {
        /// Size and crop.
        preprocess: Preprocess,
        /// The right output for each image.
        outputs: Vec<usize>,
        /// Where to keep them.
        keep: Option<Set>,
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
    /// Score policies of this network from now on. The pixels of this share of the calibration images come along.
    Scorer(Box<Scorer>),
    /// Score a policy on the images of a set, with the calibration images of all shares, each of which must get this
    /// order.
    Score(Policy, Set),
}

/// Images that serve one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Set {
    /// To steer a search with.
    Reward,
    /// The part of them that probes of sensitivity are scored on.
    Probe,
    /// To measure with what nothing was chosen by.
    Test,
    /// Reward and test images together.
    Validation,
    /// For a round of the run-off of a search, counted from 0.
    RunOff(usize),
}

impl Set {
    /// The images of a sample.
    pub fn of(sample: Sample) -> Self {
        match sample {
            Sample::All => Self::Reward,
            Sample::Part => Self::Probe,
            Sample::RunOff(round) => Self::RunOff(round),
        }
    }
}

/// What policies are scored with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scorer {
    /// The float network.
    pub model: Model,
    /// What it does on the calibration images.
    pub calibration: Calibration,
    /// The images to classify.
    pub set: Set,
    /// Memory for what policies have in common, in bytes.
    pub memory: usize,
    /// The most images, of both kinds, that an evaluator holds.
    pub counted: usize,
}

/// What an evaluator answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Done.
    Done,
    /// Images are loaded. Pixels come along if they were asked for, none for each that could not be read.
    Loaded(Vec<Result<Key, String>>),
    /// Images are classified.
    Classified(Tally),
    /// A policy is scored on this share's images.
    Scored(Score),
    /// The order cannot be carried out.
    Refused(String),
}
