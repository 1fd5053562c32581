//! A worker and the channel to it, for whoever started it.

use super::wire;
use js_sys::{Array, Object};
use serde::{Serialize, de::DeserializeOwned};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{ErrorEvent, Event, MessageEvent, Worker};

/// A worker that was started here. Dropping the channel ends it.
pub struct Channel {
    outbox: Rc<Outbox>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

/// What is sent to a worker before it listens would be lost; here it waits.
struct Outbox {
    worker: Worker,
    /// `None` once the worker listens.
    waiting: RefCell<Option<Vec<(Object, Array)>>>,
}

impl Channel {
    /// `on_message` gets all that the worker says, with its bulk, or `None` for what cannot be read; a worker says
    /// something as soon as it listens. `on_death` gets the reason, once.
    pub fn new<T: DeserializeOwned>(
        worker: Worker,
        mut on_message: impl FnMut(Option<(T, Array)>) + 'static,
        mut on_death: impl FnMut(&str) + 'static,
    ) -> Self {
        let outbox = Rc::new(Outbox { worker, waiting: RefCell::new(Some(Vec::new())) });
        let on_message = Closure::new({
            let outbox = outbox.clone();
            move |message: MessageEvent| {
                outbox.open();
                on_message(wire::decode(&message.data()));
            }
        });
        outbox.worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        let mut has_died = false;
        let on_error = Closure::new(move |event: Event| {
            // Or it would pass for an error of the worker that started this one.
            event.prevent_default();
            // One error seldom comes alone.
            if std::mem::replace(&mut has_died, true) {
                return;
            }
            // A worker that does not load sends an event without a message.
            let message = event.dyn_ref().map(ErrorEvent::message).unwrap_or_default();
            // Browsers put this in front of what code threw.
            let message = message.trim_start_matches("Uncaught ").trim_end_matches('.');
            on_death(if message.is_empty() { "its files did not load" } else { message });
        });
        outbox.worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Self { outbox, _on_message: on_message, _on_error: on_error }
    }

    /// Sends a message. Buffers and ports in its bulk change hands.
    pub fn send(&self, message: &impl Serialize, bulk: &Array) {
        let message = wire::encode(message, bulk);
        match self.outbox.waiting.borrow_mut().as_mut() {
            Some(waiting) => waiting.push(message),
            None => self.outbox.post(&message),
        }
    }
}

impl Outbox {
    /// The worker listens.
    fn open(&self) {
        self.waiting.take().into_iter().flatten().for_each(|message| self.post(&message));
    }

    fn post(&self, (message, moved): &(Object, Array)) {
        let posted = self.worker.post_message_with_transfer(message, moved);
        posted.expect("bytes, files, buffers and ports can be sent");
    }
}

impl Drop for Outbox {
    /// What a worker has thrown before its end may arrive after it, and must find somebody: the handlers of this channel
    /// are gone by then, and an error that nobody takes ends the worker that started this one.
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        TAKE.with(|take| self.worker.set_onerror(Some(take.as_ref().unchecked_ref())));
        self.worker.terminate();
    }
}

thread_local! {
    /// Takes an error and does nothing.
    static TAKE: Closure<dyn FnMut(Event)> = Closure::new(|event: Event| event.prevent_default());
}
