//! What the worker does and has.

use super::Area;
use crate::flow::{
    Command, Event, ImagesSummary, Inputs, NetworkSummary, PreprocessingVerdict, RunId, Tally, Task,
};
use std::rc::Rc;

/// A task of the worker that the page waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// Number of its command.
    pub run: RunId,
    /// What it does now; `None` until it has begun.
    pub task: Option<Task>,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
    /// Right answers so far.
    pub tally: Option<Tally>,
    /// Whether Stop was pressed.
    pub stopping: bool,
    /// Time of the task's first report in milliseconds, and the steps that were done by then.
    begun: (f64, usize),
    /// Time of its last report in milliseconds.
    now: f64,
}

impl Running {
    fn new(run: RunId, now: f64) -> Self {
        Self { run, task: None, done: 0, total: 0, tally: None, stopping: false, begun: (now, 0), now }
    }

    fn report(&mut self, task: Task, done: usize, total: usize, tally: Option<Tally>, now: f64) {
        if self.task != Some(task) {
            (self.task, self.begun) = (Some(task), (now, done));
        }
        (self.done, self.total, self.tally, self.now) = (done, total, tally, now);
    }

    /// Steps per second since the task began; `None` until it has run long enough to tell.
    pub fn rate(&self) -> Option<f64> {
        let (since, first) = self.begun;
        let seconds = (self.now - since) / 1000.0;
        (seconds > 0.2 && self.done > first).then(|| (self.done - first) as f64 / seconds)
    }

    /// Seconds until the task is done at the present rate.
    pub fn remaining(&self) -> Option<f64> {
        self.rate().map(|rate| self.total.saturating_sub(self.done) as f64 / rate)
    }
}

/// What is known of the worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Evaluation workers; `None` until the worker listens.
    pub workers: Option<usize>,
    /// Why there is no worker any more.
    pub crashed: Option<String>,
    /// Why nothing can be stored, if that is so.
    pub unstored: Option<String>,
    /// Weights that are loaded.
    pub network: Option<NetworkSummary>,
    /// What was found of the preprocessing that was assumed of them.
    pub preprocessing: Option<PreprocessingVerdict>,
    /// Images that are loaded.
    pub images: Option<ImagesSummary>,
    /// What weights and images were found to be.
    pub inputs: Option<Rc<Inputs>>,
    running: [Option<Running>; Area::COUNT],
    failures: [Option<String>; Area::COUNT],
    revivals: [Option<String>; Area::COUNT],
}

impl Work {
    /// What runs in an area of the page.
    pub fn running(&self, area: Area) -> Option<&Running> {
        self.running[area as usize].as_ref()
    }

    /// The last failure in an area of the page, as the worker put it.
    pub fn failure(&self, area: Area) -> Option<&str> {
        self.failures[area as usize].as_deref()
    }

    /// That a worker died and was started again while the last task in an area of the page ran.
    pub fn revival(&self, area: Area) -> Option<&str> {
        self.revivals[area as usize].as_deref()
    }

    /// Numbers of all commands that run or wait.
    pub fn runs(&self) -> impl Iterator<Item = RunId> {
        self.running.iter().flatten().map(|running| running.run)
    }

    /// Where the command of a number runs.
    fn area_of(&self, run: RunId) -> Option<Area> {
        Area::ALL.into_iter().find(|&area| self.running(area).is_some_and(|running| running.run == run))
    }

    /// Whether a command reads images because a measurement, a search or training needs them, not to open others.
    pub(super) fn is_preparing(&self, run: RunId) -> bool {
        matches!(self.area_of(run), Some(Area::Search | Area::Finetune | Area::Result))
    }

    /// Notes that a command was sent.
    pub(super) fn asked(&mut self, run: RunId, command: &Command, now: f64) {
        if let Some(area) = Area::of_command(command) {
            self.running[area as usize] = Some(Running::new(run, now));
            self.failures[area as usize] = None;
            // What goes on after its worker died says so.
            if !matches!(command, Command::ContinueSearch | Command::ContinueFinetune { .. }) {
                self.revivals[area as usize] = None;
            }
        }
        if let Command::Stop(stopped) = command {
            let mut running = self.running.iter_mut().flatten();
            if let Some(running) = running.find(|running| running.run == *stopped) {
                running.stopping = true;
            }
        }
    }

    /// Notes what the worker reports about a command. What was replaced meanwhile changes nothing here.
    pub(super) fn reported(&mut self, run: RunId, event: &Event, now: f64) {
        match event {
            Event::Ready { workers, unstored } => {
                (self.workers, self.unstored) = (Some(*workers), unstored.clone());
            }
            Event::Network(summary) => {
                self.network = Some(summary.clone());
                self.preprocessing = None;
                self.ended(run);
            }
            Event::PreprocessingChecked(verdict) => {
                self.preprocessing = verdict.clone();
                self.ended(run);
            }
            Event::Images(summary) => {
                self.images = Some(summary.clone());
                if self.area_of(run) == Some(Area::Images) {
                    self.ended(run);
                }
            }
            Event::Inputs(inputs) => self.inputs = Some(Rc::new((**inputs).clone())),
            Event::Progress { task, done, total, tally } => {
                if let Some(area) = self.area_of(run)
                    && let Some(running) = &mut self.running[area as usize]
                {
                    running.report(*task, *done, *total, *tally, now);
                }
            }
            Event::Measured(_) | Event::MeasuredFloat { .. } | Event::Packaged { .. } => self.ended(run),
            Event::SearchEnded(_) | Event::Stopped(_) => self.ended(run),
            Event::FinetuneEnded { .. } => {
                self.ended(run);
                // What was trained is measured.
                self.running[Area::Result as usize] = Some(Running::new(run, now));
            }
            Event::SearchStarted(_) | Event::Episode(_) | Event::SearchFound(_) => {}
            Event::FinetuneStarted(_) | Event::FinetuneTurn(_) | Event::FinetuneFound(_) => {}
            Event::FinetuneTooLarge { .. } | Event::Paused(_) | Event::Resumed(_) => {}
            Event::Discarded(_) | Event::Stored { .. } => {}
            Event::Revived { task, message } => {
                let area = self.area_of(run).unwrap_or(Area::of_task(*task));
                self.revivals[area as usize] = Some(message.clone());
            }
            Event::Failed { task, message } => {
                let area = Area::of_task(*task);
                self.ended(run);
                // Unless something else took its place.
                if self.running(area).is_none() {
                    self.failures[area as usize] = Some(message.clone());
                }
            }
            Event::Crashed { message } => {
                let workers = self.workers;
                *self = Self { crashed: Some(message.clone()), workers, ..Self::default() };
            }
        }
    }

    /// What is known of a new worker that took the place of one that died.
    pub(super) fn revived(&self, message: &str) -> Self {
        let mut next = Self::default();
        let mut ran = Area::ALL.map(|area| self.running(area).is_some());
        // Where weights are opened again nobody would read it for long.
        ran[Area::Network as usize] = false;
        if !ran.contains(&true) {
            ran[Area::Result as usize] = true;
        }
        next.revivals = ran.map(|ran| ran.then(|| message.to_owned()));
        next
    }

    /// Notes that something was refused before it reached the worker.
    pub(super) fn refused(&mut self, area: Area, message: &str) {
        self.failures[area as usize] = Some(message.into());
    }

    fn ended(&mut self, run: RunId) {
        if let Some(area) = self.area_of(run) {
            self.running[area as usize] = None;
        }
    }
}
