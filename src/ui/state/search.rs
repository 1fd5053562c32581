//! The search: what the user wants of the next one, and what the present one has found.

use super::{Design, Target};
use crate::net::Network;
use crate::{
    flow::{Figure, ImagesUsed, SearchEnd, SearchFound, SearchRequest, SearchResult, SearchStart},
    memory::{Budget, MemoryModel},
    quant::{Bits, Slot},
    search::{Allocator, Episode, Log, Settings},
};
use std::{
    cell::{Ref, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

/// What the user wants of the next search. Budgets and memory model are those of the device on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// Allocators to compare.
    pub allocators: BTreeSet<Allocator>,
    /// Policies that each of them may score.
    pub episodes: usize,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Whether the agent starts from the policies of the simpler allocators.
    pub warm_start: bool,
    /// Whether what a policy leaves of the budgets is spent.
    pub fill: bool,
    /// At most this many reward images; all if `None`.
    pub limit: Option<usize>,
}

impl Default for Wish {
    fn default() -> Self {
        let Settings { episodes, seed, warm_start, fill, .. } =
            Settings::new(Budget::PAPER, MemoryModel::DEVICE);
        let allocators = [Allocator::Uniform, Allocator::Rule, Allocator::Agent].into();
        Self { allocators, episodes, seed, warm_start, fill, limit: None }
    }
}

impl Wish {
    /// The search that is wanted for a design; pinned tensors keep the widths they have there.
    pub fn request(&self, design: &Design, pins: &BTreeSet<Slot>) -> SearchRequest {
        let settings = Settings {
            allocators: self.allocators.iter().copied().collect(),
            episodes: self.episodes,
            seed: self.seed,
            warm_start: self.warm_start,
            fill: self.fill,
            pins: pinned(design, pins),
            ..Settings::new(design.target.budget, design.target.model)
        };
        SearchRequest { settings, limit: self.limit, test: true }
    }
}

/// Pinned tensors with their widths in a design.
pub fn pinned(design: &Design, pins: &BTreeSet<Slot>) -> Vec<(Slot, Bits)> {
    pins.iter().map(|&slot| (slot, design.policy().get(slot))).collect()
}

/// How far a search has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// It runs.
    Running,
    /// It is held.
    Paused,
    /// It has ended, and what each allocator has found.
    Ended {
        /// In the order of the request.
        results: Vec<SearchResult>,
        /// Whether it ended before all episodes were done.
        stopped: bool,
        /// The images of the results' tests.
        images: Option<ImagesUsed>,
    },
}

/// A search that runs or has ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// The network that is searched.
    pub network: Network,
    /// What was asked.
    pub request: Rc<SearchRequest>,
    /// What it is held to.
    pub target: Target,
    /// The float network on the reward images.
    pub float: Figure,
    /// How far it is.
    pub phase: Phase,
    /// Shared by all states of this run, each of which sees `len` episodes: a copy for every episode would cost more
    /// than the search.
    log: Rc<RefCell<Log>>,
    len: usize,
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.log, &other.log) && self.len == other.len && self.phase == other.phase
    }
}

impl Run {
    /// It is held to the device on the screen if it has that device's budgets; no other is guessed.
    fn new(network: Network, on_screen: &Target, start: &SearchStart) -> Self {
        let settings = &start.request.settings;
        let own = Target::of_budget(settings.budget, settings.memory);
        let same = (own.budget, own.model) == (on_screen.budget, on_screen.model);
        let target = if same { *on_screen } else { own };
        let mut log = Log::default();
        start.episodes.iter().cloned().for_each(|episode| log.push(episode));
        Self {
            network,
            request: Rc::new(start.request.clone()),
            target,
            float: start.float,
            phase: Phase::Running,
            len: start.episodes.len(),
            log: Rc::new(RefCell::new(log)),
        }
    }

    /// All episodes so far.
    pub fn log(&self) -> Ref<'_, Log> {
        self.log.borrow()
    }

    /// Whether it goes on.
    pub fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Paused)
    }

    fn push(&mut self, episode: Episode) {
        let mut log = self.log.borrow_mut();
        log.push(episode);
        self.len = log.episodes().len();
    }
}

/// What the page knows of searches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// What the user wants of the next one.
    pub wish: Wish,
    /// Tensors that searches and rules leave as they are.
    pub pins: Rc<BTreeSet<Slot>>,
    /// The present or last one.
    pub run: Option<Run>,
    /// A stored one.
    pub found: Option<SearchFound>,
    /// Why the present one cannot be stored, if it cannot.
    pub unstored: Option<String>,
}

impl Search {
    /// Whether a search runs or is held.
    pub fn is_active(&self) -> bool {
        self.run.as_ref().is_some_and(Run::is_active)
    }

    /// Pins tensors, or frees them.
    pub fn pin(&mut self, slots: &[Slot], pinned: bool) {
        let pins = Rc::make_mut(&mut self.pins);
        for &slot in slots {
            if pinned {
                pins.insert(slot)
            } else {
                pins.remove(&slot)
            };
        }
    }

    /// A stored one shows as it was left, unless there is another on the screen.
    pub(super) fn find(&mut self, found: &SearchFound, target: &Target) {
        if self.run.is_none() && !found.elsewhere {
            self.run = Some(Run::new(found.network.network.clone(), target, &found.start));
            match &found.end {
                Some(end) => self.ended(end),
                None => self.broke(),
            }
        }
        self.found = Some(found.clone());
    }

    /// The stored one is gone, and with it what shows of it.
    pub(super) fn discarded(&mut self) {
        (self.found, self.unstored) = (None, None);
        self.run.take_if(|run| !run.is_active());
    }

    /// `target` is what is on the screen.
    pub(super) fn started(&mut self, network: Network, target: &Target, start: &SearchStart) {
        (self.found, self.unstored) = (None, None);
        self.run = Some(Run::new(network, target, start));
    }

    pub(super) fn scored(&mut self, episode: &Episode) {
        if let Some(run) = &mut self.run {
            run.push(episode.clone());
        }
    }

    pub(super) fn set_phase(&mut self, phase: Phase) {
        if let Some(run) = self.run.as_mut().filter(|run| run.is_active()) {
            run.phase = phase;
        }
    }

    pub(super) fn ended(&mut self, end: &SearchEnd) {
        let SearchEnd { results, stopped, images } = end.clone();
        self.set_phase(Phase::Ended { results, stopped, images });
    }

    /// It failed or the worker is gone; its episodes are kept.
    pub(super) fn broke(&mut self) {
        self.set_phase(Phase::Ended { results: Vec::new(), stopped: true, images: None });
    }
}
