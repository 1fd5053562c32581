//! The worker's events on their way to the state.

use super::{browser, state::Action};
use crate::flow::{Event, RunId};
use gloo::timers::callback::Timeout;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use yew::Callback;

/// Milliseconds that events which come often wait for others. Each drawing of the page costs tens of milliseconds, which
/// a search or training on the same cores would lack.
const TOGETHER: u32 = 200;

/// Hands events on in their order: those that come often a few times a second, all others at once.
#[derive(Clone)]
pub struct Reports {
    act: Callback<Action>,
    waiting: Rc<RefCell<Vec<(RunId, Event, f64)>>>,
    /// Whether those that wait will be handed on.
    due: Rc<Cell<bool>>,
}

impl Reports {
    /// Nothing waits yet.
    pub fn new(act: Callback<Action>) -> Self {
        Self { act, waiting: Rc::default(), due: Rc::default() }
    }

    /// Takes an event about a command that came right now.
    pub fn add(&self, run: RunId, event: Event) {
        let often = matches!(event, Event::Progress { .. } | Event::Episode(_) | Event::FinetuneTurn(_));
        self.waiting.borrow_mut().push((run, event, browser::now()));
        if !often {
            self.hand_on();
        } else if !self.due.replace(true) {
            let reports = self.clone();
            Timeout::new(TOGETHER, move || reports.hand_on()).forget();
        }
    }

    fn hand_on(&self) {
        self.due.set(false);
        let waiting = self.waiting.take();
        if !waiting.is_empty() {
            self.act.emit(Action::Reported(waiting));
        }
    }
}
