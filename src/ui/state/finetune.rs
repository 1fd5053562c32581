//! Training: what the user wants of the next run, and how the present one goes.

use super::Design;
use crate::net::Network;
use crate::{
    flow::{FinetuneFound, FinetuneRequest, FinetuneStart},
    train::{Augmentation, DeviceChoice, DeviceReport, Point, Progress, Recipe, Report, Turn},
};
use std::rc::Rc;

/// What the user wants of the next training. The policy is that on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Passes over the training images.
    pub epochs: u32,
    /// Images in a step.
    pub batch: usize,
    /// Highest learning rate; the usual one if `None`.
    pub rate: Option<f32>,
    /// Whether the float network's answers are learned, too; they alone if there are images of some classes only.
    pub distill: bool,
    /// At most this many training images; all if `None`.
    pub images: Option<usize>,
    /// Where it runs.
    pub device: DeviceChoice,
}

impl Default for Plan {
    fn default() -> Self {
        let Recipe { epochs, batch, .. } = Recipe::finetune();
        let device = DeviceChoice::Automatic;
        Self { epochs, batch, rate: None, distill: true, images: Some(2_000), device }
    }
}

impl Plan {
    /// What is usual for training on images of all classes, or of some of them.
    pub fn usual(&self, lacks_classes: bool) -> Recipe {
        let usual = Recipe::finetune();
        if lacks_classes && self.distill { usual.keeping_all() } else { usual }
    }

    /// The training that is wanted for a design, measured on at most `limit` test images. `lacks_classes` says whether the
    /// network has classes of which there are no images.
    pub fn request(&self, design: &Design, limit: Option<usize>, lacks_classes: bool) -> FinetuneRequest {
        let usual = self.usual(lacks_classes);
        let (_, augmentation) = Augmentation::usual(design.network.side());
        let recipe = Recipe {
            epochs: self.epochs,
            batch: self.batch,
            rate: self.rate.unwrap_or(usual.rate),
            distillation: usual.distillation.filter(|_| self.distill),
            augmentation,
            ..usual
        };
        let (policy, device) = ((**design.policy()).clone(), self.device);
        FinetuneRequest { policy, recipe, device, images: self.images, limit }
    }
}

/// How far training has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It runs.
    Running,
    /// It is held.
    Paused,
    /// It has ended by itself.
    Done,
    /// It was stopped; the best so far is kept.
    Stopped,
    /// It failed.
    Failed,
    /// The page was left or loaded again.
    Interrupted,
}

/// Training that runs or has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The network.
    pub network: Network,
    /// What was asked.
    pub request: Rc<FinetuneRequest>,
    /// Where it runs.
    pub device: DeviceReport,
    /// Training images, and images that choose the best epoch.
    pub images: (usize, usize),
    /// The latest figures.
    pub progress: Option<Progress>,
    /// The beginning, and the end of every epoch so far.
    pub curve: Rc<Vec<Point>>,
    /// What happened to an earlier device.
    pub moved: Option<String>,
    /// How far it is.
    pub stage: Stage,
}

impl Training {
    fn new(network: Network, start: &FinetuneStart) -> Self {
        let FinetuneStart { request, device, images, curve } = start.clone();
        Self {
            network,
            request: Rc::new(request),
            device,
            images,
            progress: None,
            curve: Rc::new(curve),
            moved: None,
            stage: Stage::Running,
        }
    }

    /// Whether it goes on.
    pub fn is_active(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Paused)
    }

    /// The point with the most right answers on the reward images; of equals the last.
    pub fn best(&self) -> Option<&Point> {
        Point::best(&self.curve)
    }

    fn turn(&mut self, turn: &Turn) {
        match turn {
            Turn::Report(Report::Progress(progress)) => self.progress = Some(progress.clone()),
            Turn::Report(Report::Epoch(point)) => Rc::make_mut(&mut self.curve).push(point.clone()),
            Turn::Report(Report::Measuring { .. } | Report::Finished) => {}
            Turn::Moved { reason, device, epoch } => {
                Rc::make_mut(&mut self.curve).retain(|point| point.epoch <= *epoch);
                self.moved =
                    Some(format!("{reason}; training goes on from epoch {epoch}, on the {}", device.name));
                self.device = device.clone();
            }
        }
    }
}

/// What the page knows of training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finetune {
    /// What the user wants of the next one.
    pub plan: Plan,
    /// The present or last one.
    pub training: Option<Training>,
    /// A stored one.
    pub found: Option<FinetuneFound>,
    /// Why the present one cannot be stored, if it cannot.
    pub unstored: Option<String>,
    /// A batch that asks for less memory, after a device had too little.
    pub smaller: Option<usize>,
}

impl Finetune {
    /// Whether training runs or is held.
    pub fn is_active(&self) -> bool {
        self.training.as_ref().is_some_and(Training::is_active)
    }

    /// A stored one shows as it was left, unless there is another on the screen.
    pub(super) fn find(&mut self, found: &FinetuneFound) {
        if self.training.is_none() && !found.elsewhere {
            self.training = Some(Training::new(found.network.network.clone(), &found.start));
            self.set_stage(match &found.end {
                None => Stage::Interrupted,
                Some(end) if end.stopped => Stage::Stopped,
                Some(_) => Stage::Done,
            });
        }
        self.found = Some(found.clone());
    }

    /// The stored one is gone, and with it what shows of it.
    pub(super) fn discarded(&mut self) {
        (self.found, self.unstored) = (None, None);
        self.training.take_if(|training| !training.is_active());
    }

    pub(super) fn started(&mut self, network: Network, start: &FinetuneStart) {
        (self.found, self.smaller, self.unstored) = (None, None, None);
        self.training = Some(Training::new(network, start));
    }

    pub(super) fn turn(&mut self, turn: &Turn) {
        if let Some(training) = &mut self.training {
            training.turn(turn);
        }
    }

    /// What has ended stays so.
    pub(super) fn set_stage(&mut self, stage: Stage) {
        if let Some(training) = self.training.as_mut().filter(|training| training.is_active()) {
            training.stage = stage;
        }
    }
}
