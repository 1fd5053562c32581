//! What the evaluator of a share of the images is asked for.

use super::{Key, Subset, Tally};
use crate::calibrate::Calibration;
use crate::data::Preprocess;
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use crate::search::{Sample, Score};
use serde::{Deserialize, Serialize};

/// An image: the number of its file, and the output that is right for it.
pub type Numbered = (usize, usize);

/// What an evaluator is asked for; each order gets one [`Answer`], in order.
///
/// An evaluator holds every image once, whatever sets it belongs to; those that belong to none go when a set is formed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Forget all images, or a set of them with what scores policies on it.
    Clear(Option<Set>),
    /// Decode the image files that come along, one for each of `images`, resize and crop them. With `keep` they are
    /// kept; without, their pixels are sent back.
    Decode {
        /// Size and crop.
        preprocess: Preprocess,
        /// Which they are.
        images: Vec<Numbered>,
        /// Whether they stay here.
        keep: bool,
    },
    /// Keep images whose pixels come along.
    Keep(Vec<Numbered>),
    /// Make a set of the images that are kept of these files, in the place of what it was.
    Form(Set, Vec<usize>),
    /// Send pixels of some images of a set.
    Send {
        /// Of which set.
        set: Set,
        /// First.
        from: usize,
        /// How many, at most.
        count: usize,
    },
    /// Classify with this network in integers from now on.
    UseIntegers(Box<QuantizedNetwork>),
    /// Classify with this network in real numbers from now on; the key is that of its weights. What it says to images
    /// other than test images is kept, to score policies against.
    UseFloats(Box<Model>, Key),
    /// Classify some of the images of a set.
    Classify {
        /// Of which set.
        set: Set,
        /// First.
        from: usize,
        /// How many, at most.
        count: usize,
    },
    /// Score policies of this network from now on.
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
    /// To calibrate policies with.
    Calibration,
}

impl Set {
    /// The images that a subset is measured on.
    pub fn measured(subset: Subset) -> Self {
        match subset {
            Subset::Test => Self::Test,
            Subset::Reward => Self::Reward,
            Subset::Validation => Self::Validation,
        }
    }

    /// Whether policies are scored on it.
    pub fn is_scored(self) -> bool {
        matches!(self, Self::Reward | Self::Probe | Self::RunOff(_))
    }

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
    /// Of its weights.
    pub weights: Key,
    /// What it does on the calibration images.
    pub calibration: Calibration,
    /// So many of this share's calibration images are used, from the first.
    pub calibrating: usize,
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
    /// Files are decoded. Pixels come along unless they are kept, none for each that could not be read.
    Decoded(Vec<Result<Key, String>>),
    /// Pixels come along, and the right output for each.
    Sent(Vec<usize>),
    /// Images are classified.
    Classified(Tally),
    /// A policy is scored on this share's images.
    Scored(Score),
    /// The order cannot be carried out.
    Refused(String),
}
