//! What the page has asked for and has not got yet.

use super::runner::{Signals, task_of};
use crate::flow::{Command, Event, RunId, Task};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use web_sys::File;

/// A command with its number and the files it speaks of.
pub type Asked = (RunId, Command, Vec<File>);

/// Commands wait here for their turn; those to stop, hold or go on reach the one they name at once.
#[derive(Default)]
pub struct Inbox {
    waiting: RefCell<VecDeque<Asked>>,
    running: Cell<Option<(RunId, Task)>>,
    signals: Signals,
}

impl Inbox {
    /// Nothing waits yet; `signals` are those of the running command.
    pub fn new(signals: Signals) -> Self {
        Self { signals, ..Self::default() }
    }

    /// Takes a command; the events to report at once, each with the number of the command it is about.
    pub fn add(&self, (run, command, files): Asked) -> Vec<(RunId, Event)> {
        let running = self.running.get();
        let runs = |asked: &RunId| running.is_some_and(|(running, _)| running == *asked);
        match &command {
            Command::Stop(asked) if runs(asked) => self.signals.stop.set(true),
            Command::Stop(asked) => return self.take_back(|waiting, _| waiting == *asked),
            Command::Pause(asked) if runs(asked) => self.signals.pause.set(true),
            Command::Resume(asked) if runs(asked) => self.signals.pause.set(false),
            Command::Pause(_) | Command::Resume(_) => {}
            // Questions replace nothing. Nor do weights: a demo brings images, too, and what is opened last shows.
            Command::FindSearch
            | Command::FindFinetune
            | Command::OpenDemo(_)
            | Command::OpenWeights { .. }
            | Command::UseSettings(_)
            | Command::KeepClasses(_) => {
                self.wait((run, command, files));
            }
            _ => {
                let task = task_of(&command);
                if running.is_some_and(|(_, running)| running == task) {
                    self.signals.stop.set(true);
                }
                let is_question =
                    |waiting: &Command| matches!(waiting, Command::FindSearch | Command::FindFinetune);
                let replaced = self.take_back(|_, waiting| task_of(waiting) == task && !is_question(waiting));
                self.wait((run, command, files));
                return replaced;
            }
        }
        Vec::new()
    }

    /// The next command, which runs from now on.
    pub fn next(&self) -> Option<Asked> {
        let next = self.waiting.borrow_mut().pop_front();
        self.running.set(next.as_ref().map(|(run, command, _)| (*run, task_of(command))));
        next
    }

    fn wait(&self, asked: Asked) {
        self.waiting.borrow_mut().push_back(asked);
    }

    /// Those for which it holds wait no longer; each is reported as stopped.
    fn take_back(&self, is_meant: impl Fn(RunId, &Command) -> bool) -> Vec<(RunId, Event)> {
        let mut stopped = Vec::new();
        self.waiting.borrow_mut().retain(|(run, command, _)| {
            let is_meant = is_meant(*run, command);
            if is_meant {
                stopped.push((*run, Event::Stopped(task_of(command))));
            }
            !is_meant
        });
        stopped
    }
}
