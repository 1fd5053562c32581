//! All that the page knows, and how it changes.

mod action;
mod area;
mod design;
mod finetune;
mod network;
mod opened;
mod reading;
mod reasons;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod trial;
mod why;
mod work;

pub use action::Action;
pub use area::Area;
pub use design::{Design, Preset, Taken, Target, Version};
pub use finetune::{Finetune, Plan, Stage, Training};
pub use network::{Kind, Outline, network_in_words, operator, reads};
pub use opened::Hashes;
pub use reading::{Reading, recognized_as};
pub use rows::{Output, Row, Widths};
pub use search::{Phase, Run, Search, Wish, pinned};
pub use trial::{Trial, in_words};
pub use work::{Running, Work};

use crate::{
    flow::{
        Command, Event, Figure, FinetuneFound, FinetuneStart, GivenReading, GivenSettings, Key, RunId,
        Setting, Task,
    },
    link::{Link, LinkError},
    memory::Mcu,
    net::{Family, Network, Padding, Spec, Width},
    search::{Allocator, Episode, Origin},
};
use opened::Opened;
use std::{collections::BTreeMap, rc::Rc};
use trial::Asked;

/// All that the page knows.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What is on the screen.
    pub design: Rc<Design>,
    /// What the last preset had to say.
    pub notice: Option<String>,
    /// Whether what is on the screen was opened from a link, and nothing was changed since.
    pub opened: bool,
    /// Why the link that was opened says nothing.
    pub link_error: Option<String>,
    /// The link that was opened last.
    opened_link: Option<Opened>,
    /// Policies before the present one, oldest first.
    past: Vec<Version>,
    /// Policies that were undone, latest last.
    future: Vec<Version>,
    /// The worker.
    pub work: Work,
    /// Searches.
    pub search: Search,
    /// Training.
    pub finetune: Finetune,
    /// Measured policies, oldest first.
    pub trials: Rc<Vec<Trial>>,
    /// Accuracies of float networks, each with the key of its weights.
    floats: Rc<Vec<(Key, Figure)>>,
    /// The package that was built last: name and bytes.
    pub saved: Option<(String, usize)>,
    /// Measure on at most so many images; all if `None`.
    pub limit: Option<usize>,
    /// Whether the float network is measured as well.
    pub with_float: bool,
    /// Whether weights are read as the network on the screen, whatever their file says.
    pub forced: bool,
    /// What the user says of weights that their file does not say.
    given: GivenSettings,
    /// What the user says of images.
    pub reading: GivenReading,
    /// What is being measured, by the number of its command.
    asked: BTreeMap<RunId, Asked>,
    /// The page shows the network that this command loads, whichever it is.
    follows: Option<RunId>,
    /// Whether the page shows the policy of the training that begins next.
    adopts_training: bool,
    /// What goes on when it is found again.
    pub goes_on: GoesOn,
}

/// What ran when the worker died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GoesOn {
    /// A search.
    pub search: bool,
    /// Training.
    pub training: bool,
}

/// Networks that come with the page, trained on its images.
pub const DEMOS: [Spec; 3] =
    [demo(Family::MobileNetV1, 25), demo(Family::MobileNetV2, 35), demo(Family::MNasNet, 35)];

/// A microcontroller for each of [`DEMOS`]: the network fits, but not at 8 bits.
const DEMO_DEVICES: [&str; 3] = ["stm32h750vb", "stm32l432kc", "stm32f411ce"];

/// They were trained in PyTorch, all of them with its padding.
const fn demo(family: Family, width: u16) -> Spec {
    Spec { family, width: Width(width), side: 32, classes: 10, padding: Padding::PyTorch }
}

/// Changes that can be undone.
const UNDO_LIMIT: usize = 200;

impl Default for State {
    /// The first demo network on the default device, with the rule's policy.
    fn default() -> Self {
        let target = Target::default();
        let network = Network::from(DEMOS[0]);
        let (version, notice) = Version::allocate(&network, &target, Preset::Rule, &[]);
        Self {
            design: Rc::new(Design::new(network, target, version)),
            notice,
            opened: false,
            link_error: None,
            opened_link: None,
            past: Vec::new(),
            future: Vec::new(),
            work: Work::default(),
            search: Search::default(),
            finetune: Finetune::default(),
            trials: Rc::default(),
            floats: Rc::default(),
            saved: None,
            limit: None,
            with_float: true,
            forced: false,
            given: GivenSettings::default(),
            reading: GivenReading::default(),
            asked: BTreeMap::new(),
            follows: None,
            adopts_training: false,
            goes_on: GoesOn::default(),
        }
    }
}

impl State {
    /// The state after an action.
    pub fn after(&self, action: Action) -> Self {
        let mut next = self.clone();
        match action {
            Action::SelectNetwork(network) => {
                next.follows = None;
                next.select_network(network);
            }
            Action::SelectTarget(target) => next.select_target(target),
            Action::Allocate(preset) => next.allocate(preset),
            Action::Set(slots, bits) => next.change(self.design.edited(&slots, bits)),
            Action::Pin(slots, pinned) => next.search.pin(&slots, pinned),
            Action::SetWish(wish) => next.search.wish = wish,
            Action::SetPlan(plan) => next.finetune.plan = plan,
            Action::Adopt(episode) => next.adopt(&episode),
            Action::Undo => {
                if let Some(version) = next.past.pop() {
                    next.future.push(self.design.version.clone());
                    next.show(version);
                }
            }
            Action::Redo => {
                if let Some(version) = next.future.pop() {
                    next.past.push(self.design.version.clone());
                    next.show(version);
                }
            }
            Action::OpenLink(text) => next.open_link(&text),
            Action::Asked(run, command, now) => next.asked(run, &command, now),
            Action::Revived(message) => next.revived(&message),
            Action::Reopened(run, command, now) => next.work.asked(run, &command, now),
            Action::Refused(area, message) => next.work.refused(area, &message),
            Action::Reported(events) => {
                events.iter().for_each(|(run, event, now)| next.reported(*run, event, *now))
            }
            Action::SetLimit(limit) => next.limit = limit,
            Action::SetFloat(with_float) => next.with_float = with_float,
            Action::SetForced(forced) => next.forced = forced,
            Action::SetGiven(given) => next.given = given,
            Action::SetReading(reading) => next.reading = reading,
            Action::Saved(name, bytes) => next.saved = Some((name, bytes)),
        }
        next
    }

    /// Whether there is a change to undo.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is an undone change.
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// Whether the weights of the network on the screen are loaded.
    pub fn has_weights(&self) -> bool {
        self.work.network.as_ref().is_some_and(|loaded| loaded.network.is_same(&self.design.network))
    }

    /// The last measurement of the policy on the screen with the weights and images that are loaded.
    pub fn trial(&self) -> Option<&Trial> {
        self.trials.iter().rev().find(|t| {
            self.is_of_loaded(t)
                && t.network.is_same(&self.design.network)
                && t.policy == *self.design.policy()
        })
    }

    /// The weights and the images that are loaded.
    pub fn loaded(&self) -> Option<(Key, Key)> {
        Some((self.work.network.as_ref()?.key, self.work.images.as_ref()?.key))
    }

    /// The float network's accuracy on the images of a trial.
    pub fn float_of(&self, trial: &Trial) -> Option<Figure> {
        let of = |(weights, figure): &&(Key, Figure)| {
            (*weights, figure.images.key) == (trial.loaded.0, trial.figure.images.key)
        };
        self.floats.iter().rev().find(of).map(|(_, figure)| *figure)
    }

    /// What the float network is still to be measured on for the last trial.
    pub fn wants_float(&self) -> Option<Command> {
        let is_wanted = |trial: &&Trial| self.is_of_loaded(trial) && !trial.figure.stopped && !trial.restored;
        let trial = self.trials.last().filter(is_wanted)?;
        let (subset, limit) = (trial.figure.images.subset, trial.limit);
        let is_wanted = self.with_float && self.float_of(trial).is_none();
        is_wanted.then_some(Command::MeasureFloat { subset, limit })
    }

    fn is_of_loaded(&self, trial: &Trial) -> bool {
        self.loaded() == Some(trial.loaded)
    }

    /// Whether what was assumed of the weights is still to be checked, now that calibration images are decoded.
    pub fn wants_check(&self) -> bool {
        let assumed = self
            .work
            .network
            .as_ref()
            .is_some_and(|loaded| loaded.settings.iter().any(Setting::can_be_checked));
        let decoded = self.trials.last().is_some_and(|trial| self.is_of_loaded(trial) && !trial.restored);
        assumed && decoded && self.work.preprocessing.is_none()
    }

    fn select_network(&mut self, network: Network) {
        if network == self.design.network {
            return;
        }
        if network.is_same(&self.design.network) {
            // A file has come to a link: the same network, with the names of its layers.
            let Design { target, version, .. } = &*self.design;
            self.design = Rc::new(Design::new(network, *target, version.clone()));
            return;
        }
        let target = self.design.target;
        self.search.pins = Rc::default();
        let (version, notice) = Version::allocate(&network, &target, Preset::Rule, &[]);
        self.replace(Design::new(network, target, version));
        self.notice = notice;
    }

    /// A policy of the rule follows the device; any other stays as it is.
    fn select_target(&mut self, target: Target) {
        let Design { network, version, .. } = &*self.design;
        self.design = Rc::new(Design::new(network.clone(), target, version.clone()));
        self.drop_messages();
        if self.design.version.origin == Origin::Allocator(Allocator::Rule) {
            self.allocate(Preset::Rule);
        }
    }

    fn allocate(&mut self, preset: Preset) {
        let pins = pinned(&self.design, &self.search.pins);
        let Design { network, target, .. } = &*self.design;
        let (version, notice) = Version::allocate(network, target, preset, &pins);
        self.change(version);
        self.notice = notice;
    }

    /// Shows a policy that the search has scored, with the network and the budgets that it was scored for.
    fn adopt(&mut self, episode: &Episode) {
        let Some(run) = &self.search.run else { return };
        let settings = &run.request.settings;
        let network = run.network.clone();
        let target = run.target;
        let seed = settings.seed;
        if network != self.design.network {
            self.select_network(network.clone());
        }
        if target != self.design.target {
            let version = self.design.version.clone();
            self.design = Rc::new(Design::new(network, target, version));
        }
        let (policy, origin) = (Rc::new(episode.policy.clone()), episode.allocator.into());
        self.change(Version { policy, origin, seed });
    }

    /// Shows another design; its changes begin anew.
    fn replace(&mut self, design: Design) {
        self.design = Rc::new(design);
        self.past.clear();
        self.future.clear();
        self.drop_messages();
    }

    fn change(&mut self, version: Version) {
        if version.policy != *self.design.policy() {
            if self.past.len() == UNDO_LIMIT {
                self.past.remove(0);
            }
            self.past.push(self.design.version.clone());
            self.future.clear();
        }
        self.show(version);
    }

    fn show(&mut self, version: Version) {
        let Design { network, target, .. } = &*self.design;
        self.design = Rc::new(Design::new(network.clone(), *target, version));
        self.drop_messages();
    }

    /// What was said of the former design.
    fn drop_messages(&mut self) {
        (self.notice, self.link_error, self.opened) = (None, None, false);
    }

    /// Shows what a link says, with the way back if it is to the same network.
    fn open_link(&mut self, text: &str) {
        let link: Link = match text.parse() {
            Ok(link) => link,
            Err::<_, LinkError>(error) => {
                self.link_error = Some(format!("This link cannot be opened: {error}."));
                return;
            }
        };
        self.opened_link = Some(Opened::new(&link));
        let design = Design::from_link(link);
        if design.network == self.design.network {
            self.change(design.version.clone());
            self.design = Rc::new(design);
        } else {
            self.search.pins = Rc::default();
            self.replace(design);
        }
        self.opened = true;
    }

    fn asked(&mut self, run: RunId, command: &Command, now: f64) {
        self.work.asked(run, command, now);
        match command {
            Command::OpenDemo(spec) => {
                self.follows = None;
                // Not if a link to the demo's network was opened, which names its own device.
                let device = DEMOS.iter().position(|demo| demo == spec).map(|demo| DEMO_DEVICES[demo]);
                let device =
                    device.and_then(Mcu::by_slug).filter(|_| Some(*spec) != self.design.network.zoo());
                if let Some(device) = device {
                    self.select_target(self.design.target.on(device));
                }
                self.select_network((*spec).into());
            }
            Command::UseSettings(_) | Command::KeepClasses(_) => self.follows = Some(run),
            Command::OpenWeights { .. } => {
                self.follows = Some(run);
                self.opened_link.iter_mut().for_each(Opened::weights_chosen);
            }
            Command::OpenImages { .. } => self.opened_link.iter_mut().for_each(Opened::images_chosen),
            Command::Finetune { .. } => self.adopts_training = false,
            Command::ContinueFinetune { .. } => {
                self.adopts_training = true;
                self.goes_on.training = false;
            }
            Command::ContinueSearch => self.goes_on.search = false,
            Command::Measure { limit, .. } => {
                let images = self.work.images.as_ref().map(|i| i.source.clone()).unwrap_or_default();
                self.asked.insert(run, Asked::new(&self.design, self.hashes(), images, *limit));
            }
            _ => {}
        }
    }

    /// The worker was started again and knows nothing yet. What was held stays held.
    fn revived(&mut self, message: &str) {
        let search = self.search.run.as_ref().is_some_and(|run| run.phase == Phase::Running);
        let training = self.finetune.training.as_ref().is_some_and(|t| t.stage == Stage::Running);
        self.goes_on = GoesOn { search, training };
        self.work = self.work.revived(message);
        (self.search.found, self.finetune.found) = (None, None);
        self.asked.clear();
        self.search.broke();
        self.finetune.set_stage(Stage::Interrupted);
    }

    fn reported(&mut self, run: RunId, event: &Event, now: f64) {
        let is_update = self.work.is_preparing(run);
        self.work.reported(run, event, now);
        match event {
            Event::Network(summary) => {
                if self.follows.take_if(|follows| *follows == run).is_some() {
                    self.select_network(summary.network.clone());
                    if let Some(policy) = &summary.policy {
                        let policy = Rc::new(policy.clone());
                        self.change(Version { policy, origin: Origin::File, seed: 0 });
                    }
                }
                self.saved = None;
            }
            Event::Images(_) if !is_update => self.saved = None,
            Event::Measured(measurement) => {
                if let Some(asked) = self.asked.remove(&run) {
                    Rc::make_mut(&mut self.trials).push(asked.answered(measurement));
                }
            }
            Event::SearchStarted(start) => {
                let loaded = self.work.network.as_ref().map(|loaded| &loaded.network);
                let network = loaded.unwrap_or(&self.design.network).clone();
                self.search.started(network, &self.design.target, start);
            }
            Event::Episode(episode) => self.search.scored(episode),
            Event::Paused(Task::Finetune) => self.finetune.set_stage(Stage::Paused),
            Event::Resumed(Task::Finetune) => self.finetune.set_stage(Stage::Running),
            Event::Paused(_) => self.search.set_phase(Phase::Paused),
            Event::Resumed(_) => self.search.set_phase(Phase::Running),
            Event::SearchEnded(end) => self.search.ended(end),
            Event::SearchFound(found) => self.search.find(found, &self.design.target),
            Event::Discarded(Task::Search) => self.search.discarded(),
            Event::Discarded(_) => self.finetune.discarded(),
            Event::Stored { task: Task::Finetune, problem } => self.finetune.unstored.clone_from(problem),
            Event::Stored { problem, .. } => self.search.unstored.clone_from(problem),
            Event::Stopped(Task::Search) | Event::Failed { task: Task::Search, .. } => self.search.broke(),
            Event::FinetuneStarted(start) => self.training_started(run, start),
            Event::FinetuneTurn(turn) => self.finetune.turn(turn),
            Event::FinetuneEnded { stopped } => {
                self.finetune.set_stage(if *stopped { Stage::Stopped } else { Stage::Done });
            }
            Event::FinetuneFound(found) => self.training_found(found),
            Event::FinetuneTooLarge { batch } => self.finetune.smaller = Some(*batch),
            Event::Stopped(Task::Finetune) => self.finetune.set_stage(Stage::Stopped),
            Event::Failed { task: Task::Finetune, .. } => self.finetune.set_stage(Stage::Failed),
            Event::Crashed { .. } => {
                self.search.broke();
                self.finetune.set_stage(Stage::Failed);
            }
            Event::MeasuredFloat { figure, weights } => {
                Rc::make_mut(&mut self.floats).push((*weights, *figure));
            }
            _ => {}
        }
    }

    /// What was asked comes to the screen if training was found again: its policy may be another.
    fn training_started(&mut self, run: RunId, start: &FinetuneStart) {
        let loaded = self.work.network.as_ref().map(|loaded| &loaded.network);
        let network = loaded.unwrap_or(&self.design.network).clone();
        let policy = Rc::new(start.request.policy.clone());
        if std::mem::take(&mut self.adopts_training) {
            self.select_network(network.clone());
            if policy != *self.design.policy() {
                self.change(Version { policy: policy.clone(), origin: Origin::ByHand, seed: 0 });
            }
        }
        let Version { origin, seed, .. } = self.design.version;
        let version = Version { policy, origin, seed };
        let design = Design::new(network.clone(), self.design.target, version);
        let images = self.work.images.as_ref().map(|i| i.source.clone()).unwrap_or_default();
        self.asked.insert(run, Asked::new(&design, self.hashes(), images, start.request.limit));
        self.finetune.started(network, start);
    }

    /// What was measured before the page was loaded again is of what is loaded now, if that is the same.
    fn training_found(&mut self, found: &FinetuneFound) {
        let is_new = self.finetune.training.is_none();
        self.finetune.find(found);
        let measurement = found.end.as_ref().and_then(|end| end.measurement.as_ref());
        if let (true, Some(measurement)) = (is_new, measurement) {
            let policy = Rc::new(measurement.policy.clone());
            let version = Version { policy, origin: Origin::ByHand, seed: 0 };
            let design = Design::new(found.network.network.clone(), self.design.target, version);
            let limit = found.start.request.limit;
            let asked = Asked::new(&design, self.hashes(), found.images.clone(), limit);
            let trial = Trial { restored: true, ..asked.answered(measurement) };
            Rc::make_mut(&mut self.trials).push(trial);
        }
    }
}
