//! The flow's end of the line to the worker that trains.

use super::training::{TrainNews, TrainOrder};
use super::wire;
use futures::StreamExt;
use futures::channel::mpsc::{self, UnboundedReceiver};
use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::Array;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{DedicatedWorkerGlobalScope, ErrorEvent, MessageEvent, Worker};

/// Milliseconds that news are waited for before wishes are looked at.
const LOOK: u32 = 50;

type News = Result<(TrainNews, Array), String>;

/// A worker that trains. Dropping the port ends it.
pub struct TrainerPort {
    worker: Worker,
    news: UnboundedReceiver<News>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl TrainerPort {
    /// Starts the worker from the module at an address.
    ///
    /// # Errors
    /// What the browser says.
    pub fn spawn(scope: &DedicatedWorkerGlobalScope, module: &str) -> Result<Self, String> {
        let worker = wire::module_worker(module, &scope.name()).map_err(|error| wire::describe(&error))?;
        let (sender, news) = mpsc::unbounded::<News>();
        let on_message = Closure::new({
            let sender = sender.clone();
            move |message: MessageEvent| {
                // Nobody listens any more once training has ended.
                let _ =
                    sender.unbounded_send(wire::decode(&message.data()).ok_or_else(|| wire::VERSIONS.into()));
            }
        });
        worker.set_onmessage(Some(JsCast::unchecked_ref(on_message.as_ref())));
        let on_error = Closure::new(move |error: ErrorEvent| {
            // Or it would pass for an error of the worker that started this one.
            error.prevent_default();
            let message = error.message();
            let cause = if message.is_empty() { "its files did not load" } else { &message };
            let sentence = format!(
                "the part of the app that trains stopped ({cause}); check the connection, or train on fewer images"
            );
            let _ = sender.unbounded_send(Err(sentence));
        });
        worker.set_onerror(Some(JsCast::unchecked_ref(on_error.as_ref())));
        Ok(Self { worker, news, _on_message: on_message, _on_error: on_error })
    }

    /// Sends an order.
    ///
    /// # Errors
    /// What the browser says.
    pub fn tell(&self, order: &TrainOrder, bulk: &Array) -> Result<(), String> {
        let (message, buffers) = wire::encode(order, bulk);
        self.worker.post_message_with_transfer(&message, &buffers).map_err(|error| wire::describe(&error))
    }

    /// The next news with their bulk; `None` if there are none for a moment.
    ///
    /// # Errors
    /// If the worker died.
    pub async fn news(&mut self) -> Result<Option<(TrainNews, Array)>, String> {
        match select(self.news.next(), TimeoutFuture::new(LOOK)).await {
            Either::Left((news, _)) => news.transpose(),
            Either::Right(_) => Ok(None),
        }
    }
}

impl Drop for TrainerPort {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}
