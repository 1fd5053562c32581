//! The line to the worker: commands get their numbers, and a worker that dies is started again.

use super::{browser, reports::Reports, state::Action};
use crate::{
    flow::{Command, Event, RunId},
    web::Port,
};
use gloo::timers::callback::Timeout;
use js_sys::ArrayBuffer;
use std::{cell::RefCell, rc::Rc};
use web_sys::File;
use yew::Callback;

/// So many deaths, each soon after the other, and it is given up.
const MOST: u32 = 3;
/// A worker that dies so many milliseconds after the one before has got on meanwhile.
const SOON: f64 = 60_000.0;

/// What is handed over by the worker, with its name.
type OnBulk = Rc<dyn Fn(&str, &ArrayBuffer)>;

/// The line to the worker that owns the flow. Dropping all its copies ends the worker.
#[derive(Clone)]
pub struct Line(Rc<Inner>);

struct Inner {
    act: Callback<Action>,
    reports: Reports,
    on_bulk: OnBulk,
    port: RefCell<Option<Port>>,
    memory: RefCell<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Number of the last command.
    run: RunId,
    /// What was opened and is still of use, in order: a new worker opens it again.
    opened: Vec<(Command, Vec<File>)>,
    /// Whether the worker has listened.
    ready: bool,
    /// When the last worker died, in milliseconds, and how many have died soon after another.
    died: Option<f64>,
    deaths: u32,
}

impl Line {
    /// Starts the worker. `act` gets what it reports, `on_bulk` the files that it builds.
    pub fn start(act: Callback<Action>, on_bulk: impl Fn(&str, &ArrayBuffer) + 'static) -> Self {
        let reports = Reports::new(act.clone());
        let (port, memory) = (RefCell::default(), RefCell::default());
        let line = Self(Rc::new(Inner { act, reports, on_bulk: Rc::new(on_bulk), port, memory }));
        line.spawn();
        line
    }

    /// Sends a command with the files it speaks of.
    pub fn send(&self, command: Command, files: Vec<File>) {
        let run = self.0.memory.borrow_mut().note(&command, &files);
        self.post(run, &command, &files);
        self.0.act.emit(Action::Asked(run, command, browser::now()));
    }

    /// Ends the worker.
    pub fn end(&self) {
        self.0.port.take();
    }

    fn post(&self, run: RunId, command: &Command, files: &[File]) {
        if let Some(port) = &*self.0.port.borrow() {
            port.send(run, command, files);
        }
    }

    fn spawn(&self) {
        // The worker's end must not keep the line alive.
        let line = Rc::downgrade(&self.0);
        let on_event = Callback::from({
            let line = line.clone();
            move |(run, event, bulk): (RunId, Event, Option<ArrayBuffer>)| {
                let Some(inner) = line.upgrade() else { return };
                match (&event, &bulk) {
                    (Event::Packaged { name }, Some(bytes)) => (inner.on_bulk)(name, bytes),
                    (Event::Ready { .. }, _) => inner.memory.borrow_mut().ready = true,
                    _ => {}
                }
                inner.reports.add(run, event);
            }
        });
        let on_death = Callback::from(move |cause: String| {
            let Some(line) = line.upgrade().map(Line) else { return };
            // The port that says so is about to be dropped.
            Timeout::new(0, move || line.died(&cause)).forget();
        });
        match Port::spawn(on_event, on_death) {
            Ok(port) => *self.0.port.borrow_mut() = Some(port),
            Err(message) => self.0.reports.add(0, Event::Crashed { message }),
        }
    }

    /// Starts another worker and tells it what was opened; the state knows what goes on.
    fn died(&self, cause: &str) {
        self.end();
        let stopped = format!("The part of the page that computes stopped ({cause}).");
        if !self.0.memory.borrow_mut().may_go_on(browser::now()) {
            let message = format!("{stopped} Reload the page.");
            return self.0.reports.add(0, Event::Crashed { message });
        }
        let message = format!("{stopped} It was started again, and what ran goes on from what was stored.");
        self.0.act.emit(Action::Revived(message));
        self.spawn();
        let opened = self.0.memory.borrow().opened.clone();
        for (command, files) in opened {
            let run = self.0.memory.borrow_mut().next();
            self.post(run, &command, &files);
            self.0.act.emit(Action::Reopened(run, command, browser::now()));
        }
    }
}

impl Memory {
    fn next(&mut self) -> RunId {
        self.run += 1;
        self.run
    }

    /// Gives a command its number, and remembers what it opens.
    fn note(&mut self, command: &Command, files: &[File]) -> RunId {
        let replaced: Option<fn(&Command) -> bool> = match command {
            // Brings images, too.
            Command::OpenDemo(_) => Some(|_| true),
            Command::OpenWeights { .. } => {
                Some(|opened| matches!(opened, Command::OpenWeights { .. } | Command::KeepClasses(_)))
            }
            Command::KeepClasses(_) => Some(|opened| matches!(opened, Command::KeepClasses(_))),
            Command::OpenImages { .. } => Some(|opened| matches!(opened, Command::OpenImages { .. })),
            _ => None,
        };
        if let Command::UseSettings(settings) = command {
            for (opened, _) in &mut self.opened {
                if let Command::OpenWeights { settings: former, .. } = opened {
                    *former = *settings;
                }
            }
        }
        if let Some(replaced) = replaced {
            self.opened.retain(|(opened, _)| !replaced(opened));
            self.opened.push((command.clone(), files.to_vec()));
        }
        self.next()
    }

    /// Notes that a worker died; whether to start another.
    fn may_go_on(&mut self, now: f64) -> bool {
        let is_soon = self.died.is_some_and(|died| now - died < SOON);
        self.deaths = if is_soon { self.deaths + 1 } else { 1 };
        self.died = Some(now);
        std::mem::take(&mut self.ready) && self.deaths < MOST
    }
}
