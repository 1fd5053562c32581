//! What the worker does and has.

use super::Area;
use crate::flow::{Command, Event, ImagesSummary, NetworkSummary, Tally, Task};

/// A task of the worker that the page waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
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
    fn new(now: f64) -> Self {
        Self { task: None, done: 0, total: 0, tally: None, stopping: false, begun: (now, 0), now }
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
    /// Weights that are loaded.
    pub network: Option<NetworkSummary>,
    /// Images that are loaded.
    pub images: Option<ImagesSummary>,
    running: [Option<Running>; Area::COUNT],
    failures: [Option<String>; Area::COUNT],
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

    /// Where images are read because a measurement, a search or training needs them, not because others were opened.
    fn preparing(&self) -> Option<Area> {
        let areas = [Area::Search, Area::Finetune, Area::Result];
        areas.into_iter().find(|&area| self.running(area).is_some() && self.running(Area::Images).is_none())
    }

    /// Whether a report on images is about those that were opened before.
    pub(super) fn is_preparing(&self) -> bool {
        self.preparing().is_some()
    }

    /// Notes that a command was sent.
    pub(super) fn asked(&mut self, command: &Command, now: f64) {
        if let Some(area) = Area::of_command(command) {
            self.running[area as usize] = Some(Running::new(now));
            self.failures[area as usize] = None;
        }
        if *command == Command::Stop {
            self.running.iter_mut().flatten().for_each(|running| running.stopping = true);
        }
    }

    /// Notes what the worker reports.
    pub(super) fn reported(&mut self, event: &Event, now: f64) {
        match event {
            Event::Ready { workers } => self.workers = Some(*workers),
            Event::Network(summary) => {
                self.network = Some(summary.clone());
                self.ended(Area::Network);
            }
            Event::Images(summary) => {
                self.images = Some(summary.clone());
                self.ended(Area::Images);
            }
            Event::Progress { task, done, total, tally } => {
                // A search reads images and measures, too, and so does training before it begins.
                let area = match (self.preparing(), task) {
                    (Some(area @ (Area::Search | Area::Finetune)), _) => area,
                    (Some(area), Task::Images) => area,
                    _ => Area::of_task(*task),
                };
                self.running[area as usize]
                    .get_or_insert_with(|| Running::new(now))
                    .report(*task, *done, *total, *tally, now);
            }
            Event::Measured(_) | Event::MeasuredFloat { .. } => self.ended(Area::Result),
            Event::Packaged { .. } => self.ended(Area::Share),
            Event::SearchEnded(_) => self.ended(Area::Search),
            Event::FinetuneEnded { .. } => self.ended(Area::Finetune),
            Event::SearchStarted(_) | Event::Episode(_) | Event::SearchFound(_) => {}
            Event::FinetuneStarted(_) | Event::FinetuneTurn(_) | Event::FinetuneFound(_) => {}
            Event::FinetuneTooLarge { .. } | Event::Paused(_) | Event::Resumed(_) => {}
            Event::Stopped(task) => self.ended(Area::of_task(*task)),
            Event::Failed { task, message } => self.failed(Area::of_task(*task), message),
            Event::Crashed { message } => {
                let workers = self.workers;
                *self = Self { crashed: Some(message.clone()), workers, ..Self::default() };
            }
        }
    }

    pub(super) fn failed(&mut self, area: Area, message: &str) {
        self.ended(area);
        self.failures[area as usize] = Some(message.into());
    }

    fn ended(&mut self, area: Area) {
        self.running[area as usize] = None;
    }
}
