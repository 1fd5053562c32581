//! Messages between the page and its worker.

use super::{
    Artefact, Epochs, Figure, GivenReading, GivenSettings, ImagesUsed, Inputs, Key, PackageName,
    PreprocessingVerdict, Subset, Tally,
};
use crate::import::{Format, KeptClass, Naming, Origin, RangesFrom, Remark, Setting, SettingKind};
use crate::net::{Network, Spec};
use crate::quant::Policy;
use crate::search::{Allocator, Episode, Settings};
use crate::train::{DeviceChoice, DeviceReport, Point, Recipe, Turn};
use serde::{Deserialize, Serialize};

/// Number of a command, chosen by the page and different for each: what is reported on it carries the same number.
pub type RunId = u32;

/// What the page asks for. A new command of the same kind replaces one that runs or waits, except
/// that weights are opened in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Load one of the built-in networks and the built-in images.
    OpenDemo(Spec),
    /// Load weights from the file that comes with the message. `network` overrides what the file says of itself.
    OpenWeights {
        /// File name, for messages to the user.
        name: String,
        /// Network to load it as; recognised from the file if `None`.
        network: Option<Spec>,
        /// What the user says of it.
        settings: GivenSettings,
    },
    /// Read the weights that were opened last again, with these settings.
    UseSettings(GivenSettings),
    /// Read them again with a head of these classes only; of all if there are none.
    KeepClasses(Vec<KeptClass>),
    /// Try what was assumed of the weights on the calibration images; see
    /// [`PreprocessingCheck`](super::PreprocessingCheck).
    CheckPreprocessing,
    /// Load images from the files that come with the message, in the place of those before.
    OpenImages {
        /// What was picked, one after the other: archives, or the files of a folder, each with its path from that
        /// folder on. In the order of the files.
        picks: Vec<Vec<String>>,
        /// What the user says of them.
        reading: GivenReading,
    },
    /// Quantize the network and measure it on the test images.
    Measure {
        /// Width of every tensor.
        policy: Policy,
        /// At most this many images; all if `None`.
        limit: Option<usize>,
    },
    /// Measure the float network on images of a subset.
    MeasureFloat {
        /// Which.
        subset: Subset,
        /// At most this many of them; all if `None`.
        limit: Option<usize>,
    },
    /// Build the firmware package of the policy that was measured last, or a part of it.
    Package {
        /// What to hand over.
        artefact: Artefact,
        /// What it is called; after the network if `None`.
        name: Option<PackageName>,
        /// The link to it, for the report.
        link: String,
    },
    /// Search for a policy from the beginning; a stored search is replaced.
    Search(SearchRequest),
    /// Train the network with a policy from the beginning; stored training is replaced.
    Finetune {
        /// What the user asks of it.
        request: FinetuneRequest,
        /// Address of the module that trains.
        module: String,
    },
    /// Say whether training is stored, perhaps from before the page was loaded again.
    FindFinetune,
    /// Go on with the stored training. Its network and images must be loaded.
    ContinueFinetune {
        /// Address of the module that trains.
        module: String,
    },
    /// Hand over the weights that were trained last, with their quantizers.
    SaveTrained,
    /// Hold this search after the policy that is being scored, or this training after the steps that are being taken.
    Pause(RunId),
    /// Go on with what is held.
    Resume(RunId),
    /// Say whether a search is stored, perhaps from before the page was loaded again.
    FindSearch,
    /// Go on with the stored search. Its network and images must be loaded.
    ContinueSearch,
    /// Forget the stored search, or the stored training: its room is free again.
    Discard(Task),
    /// Stop this command; what it has found so far is reported. One that waits for its turn is taken back.
    Stop(RunId),
}

/// What the user asks of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// Allocators, budgets and all else that decides the search.
    pub settings: Settings,
    /// At most this many reward images; all if `None`.
    pub limit: Option<usize>,
    /// Whether what was found is measured on the test images, at the end.
    pub test: bool,
}

/// What the user asks of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinetuneRequest {
    /// Width of every tensor.
    pub policy: Policy,
    /// How to train.
    pub recipe: Recipe,
    /// Where.
    pub device: DeviceChoice,
    /// At most this many training images; all if `None`.
    pub images: Option<usize>,
    /// Measure on at most this many test images after it; all if `None`.
    pub limit: Option<usize>,
}

/// Something that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Task {
    /// Reading a weight file.
    Weights,
    /// Reading, decoding and resizing images.
    Images,
    /// Trying usual preprocessings on calibration images.
    CheckPreprocessing,
    /// Running the float network over the calibration images.
    Calibrate,
    /// Turning the network into integers.
    Quantize,
    /// Classifying images in integers.
    Evaluate,
    /// Classifying images in real numbers.
    EvaluateFloat,
    /// Building the package.
    Package,
    /// Searching for a policy.
    Search,
    /// Training.
    Finetune,
}

/// What the worker reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The worker is there.
    Ready {
        /// Evaluation workers: so many images are classified at the same time.
        workers: usize,
        /// Why this page can store nothing, if it cannot.
        unstored: Option<String>,
    },
    /// Weights are loaded.
    Network(NetworkSummary),
    /// What was assumed of the weights was tried; `None` if nothing was assumed.
    PreprocessingChecked(Option<PreprocessingVerdict>),
    /// Images are loaded, as far as they could be.
    Images(ImagesSummary),
    /// What weights and images were found to be; comes after either is loaded, and when images turn out to be unreadable.
    Inputs(Box<Inputs>),
    /// Part of a task is done.
    Progress {
        /// Which.
        task: Task,
        /// Steps done: layers for [`Task::Quantize`], bytes for [`Task::Weights`], episodes for [`Task::Search`],
        /// optimization steps for [`Task::Finetune`], else images.
        done: usize,
        /// Steps in all.
        total: usize,
        /// Right answers so far, for evaluations.
        tally: Option<Tally>,
    },
    /// The integer network was measured.
    Measured(Measurement),
    /// The float network was measured.
    MeasuredFloat {
        /// Result.
        figure: Figure,
        /// Of these weights.
        weights: Key,
    },
    /// The package comes with this message.
    Packaged {
        /// File name to save it under.
        name: String,
    },
    /// A search begins, or goes on after it was stored.
    SearchStarted(Box<SearchStart>),
    /// A policy was scored.
    Episode(Box<Episode>),
    /// A search or training is held. It keeps all it has.
    Paused(Task),
    /// It goes on.
    Resumed(Task),
    /// The search has ended, by itself or because it was stopped.
    SearchEnded(SearchEnd),
    /// A search is stored.
    SearchFound(Box<SearchFound>),
    /// Training begins, or goes on after it was stored.
    FinetuneStarted(Box<FinetuneStart>),
    /// Some steps were taken, an epoch is over, or the device changed.
    FinetuneTurn(Turn),
    /// Training has ended, by itself or because it was stopped; [`Event::Measured`] follows.
    FinetuneEnded {
        /// Whether it was stopped before its end.
        stopped: bool,
    },
    /// Training is stored.
    FinetuneFound(Box<FinetuneFound>),
    /// A stored search or training is forgotten.
    Discarded(Task),
    /// Whether the state of a search or training could be stored, when that changes.
    Stored {
        /// Which.
        task: Task,
        /// Why not, and what to do, as the screen shows it; `None` if it is stored again.
        problem: Option<String>,
    },
    /// A worker died and was started again; the task goes on.
    Revived {
        /// Which.
        task: Task,
        /// What happened, as the screen shows it.
        message: String,
    },
    /// The device failed; a smaller batch needs less of it.
    FinetuneTooLarge {
        /// Images in a step that asks for half the memory.
        batch: usize,
    },
    /// A task ended without a result because the user stopped it.
    Stopped(Task),
    /// The worker is gone, and all that was loaded with it.
    Crashed {
        /// What happened and what to do, as the screen shows it.
        message: String,
    },
    /// A task failed; everything loaded and measured before is kept.
    Failed {
        /// Which.
        task: Task,
        /// What is wrong and what to do, as the screen shows it.
        message: String,
    },
}

/// A loaded network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkSummary {
    /// Which network.
    pub network: Network,
    /// Where it came from: a file name, or "demo".
    pub source: String,
    /// Names of the classes, if the file has them.
    pub labels: Option<Vec<String>>,
    /// SHA-256 of the file in hexadecimal.
    pub sha256: String,
    /// The policy that the weights were trained at, if the file has their quantizers.
    pub policy: Option<Policy>,
    /// Where the ranges of activations come from, if the file has some of its own.
    pub ranges: Option<RangesFrom>,
    /// Format of the file, if it came from one.
    pub format: Option<Format>,
    /// How the file names its tensors, if it has no graph.
    pub naming: Option<Naming>,
    /// What the tensors do not show, each with where it came from.
    pub settings: Vec<Setting>,
    /// What was recognised in the file's graph and what was assumed.
    pub remarks: Vec<Remark>,
    /// Metadata that was not used, each in a sentence.
    pub notes: Vec<String>,
    /// Of weights, quantizers and ranges as they were read.
    pub key: Key,
}

impl NetworkSummary {
    /// Why the network cannot have images of another size; `None` if it can.
    pub fn why_not_side(&self) -> Option<String> {
        let side = self.settings.iter().find(|setting| setting.kind == SettingKind::Side)?;
        (side.origin == Origin::Fixed).then(|| {
            format!(
                "The file fixes the input size at {}: export the network for another one, or with an open size.",
                side.value
            )
        })
    }
}

/// Loaded images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImagesSummary {
    /// Where they came from.
    pub source: String,
    /// SHA-256 in hexadecimal of the images' names and sizes.
    pub sha256: String,
    /// Of the images as they were opened.
    pub key: Key,
    /// Classes in the order of their folders' names.
    pub classes: Vec<ClassSummary>,
    /// Images to calibrate with.
    pub calibration: usize,
    /// Images to train with; those that calibrate are among them.
    pub train: usize,
    /// Images by which searches and training choose.
    pub reward: usize,
    /// Images that nothing but a measurement sees.
    pub test: usize,
}

/// One class of the loaded images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassSummary {
    /// Name of its folder.
    pub folder: String,
    /// Name to show.
    pub name: String,
    /// Images in it.
    pub images: usize,
}

/// A measured policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Which policy.
    pub policy: Policy,
    /// Result.
    pub figure: Figure,
    /// Calibration images that were used.
    pub calibration: usize,
    /// Training behind its weights; `None` if they are as they were loaded.
    pub trained: Option<Epochs>,
    /// The weights, as in [`NetworkSummary`].
    pub weights: Key,
    /// The images, as in [`ImagesSummary`].
    pub images: Key,
}

/// Training that begins or goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinetuneStart {
    /// What was asked.
    pub request: FinetuneRequest,
    /// Where it runs.
    pub device: DeviceReport,
    /// Training images, and images that choose the best epoch.
    pub images: (usize, usize),
    /// The curves so far: some only if it was stored.
    pub curve: Vec<Point>,
}

/// Stored training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinetuneFound {
    /// The network it began with.
    pub network: NetworkSummary,
    /// Where the images came from.
    pub images: String,
    /// How it began, with the curves so far.
    pub start: FinetuneStart,
    /// How it ended; `None` if it was interrupted.
    pub end: Option<FinetuneEnd>,
    /// Whether another tab trains it now.
    pub elsewhere: bool,
}

/// Training that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinetuneEnd {
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// What was measured then; `None` if that was interrupted.
    pub measurement: Option<Measurement>,
}

/// A search that begins or goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchStart {
    /// What was asked.
    pub request: SearchRequest,
    /// The float network on the reward images.
    pub float: Figure,
    /// Episodes of the search so far: some only if it was stored.
    pub episodes: Vec<Episode>,
}

/// A search that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchEnd {
    /// What each allocator has found, in the order of the settings; those that found nothing are left out.
    pub results: Vec<SearchResult>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// The images that [`SearchResult::test`] is of.
    pub images: Option<ImagesUsed>,
}

/// What an allocator has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchResult {
    /// Which.
    pub allocator: Allocator,
    /// Its best policy.
    pub best: Episode,
    /// Episodes it took.
    pub episodes: usize,
    /// The best policy on the test images, which the search has never seen; `None` if it was stopped before that.
    pub test: Option<Tally>,
}

/// A stored search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchFound {
    /// The network.
    pub network: NetworkSummary,
    /// Where the images came from.
    pub images: String,
    /// How it began, with the episodes so far.
    pub start: SearchStart,
    /// How it ended; `None` if it was interrupted.
    pub end: Option<SearchEnd>,
    /// Whether another tab runs it now.
    pub elsewhere: bool,
}
