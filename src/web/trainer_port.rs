//! The flow's end of the line to the worker that trains.

use super::channel::Channel;
use super::training::{TrainNews, TrainOrder};
use super::wire;
use futures::StreamExt;
use futures::channel::mpsc::{self, UnboundedReceiver};
use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::Array;
use web_sys::DedicatedWorkerGlobalScope;

/// Milliseconds that news are waited for before wishes are looked at.
const LOOK: u32 = 50;

type News = Result<(TrainNews, Array), String>;

/// A worker that trains. Dropping the port ends it.
pub struct TrainerPort {
    channel: Channel,
    news: UnboundedReceiver<News>,
}

impl TrainerPort {
    /// Starts the worker from the module at an address.
    ///
    /// # Errors
    /// What the browser says.
    pub fn spawn(scope: &DedicatedWorkerGlobalScope, module: &str) -> Result<Self, String> {
        let worker = wire::module_worker(module, &scope.name()).map_err(|error| wire::describe(&error))?;
        let (sender, news) = mpsc::unbounded::<News>();
        // Nobody waits for news any more once training has ended.
        let on_message = {
            let sender = sender.clone();
            move |news: Option<(TrainNews, Array)>| {
                let _ = sender.unbounded_send(news.ok_or_else(|| wire::VERSIONS.into()));
            }
        };
        let on_death = move |cause: &str| {
            let sentence = format!(
                "the part of the app that trains stopped ({cause}); check the connection, or train on fewer images; if a new \
                 version of the app is out, close all its tabs and open it again"
            );
            let _ = sender.unbounded_send(Err(sentence));
        };
        Ok(Self { channel: Channel::new(worker, on_message, on_death), news })
    }

    /// Sends an order.
    pub fn tell(&self, order: &TrainOrder, bulk: &Array) {
        self.channel.send(order, bulk);
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
