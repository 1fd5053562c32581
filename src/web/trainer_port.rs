//! The flow's end of the line to the worker that trains.

use super::channel::Channel;
use super::training::{News as Told, TrainOrder};
use super::wire;
use crate::flow::TrainNews;
use futures::StreamExt;
use futures::channel::mpsc::{self, UnboundedReceiver};
use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::Array;
use web_sys::DedicatedWorkerGlobalScope;

/// Milliseconds that news are waited for before wishes are looked at.
const LOOK: u32 = 50;

type News = Result<(Told, Array), String>;

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
            move |news: Option<(Told, Array)>| {
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

    /// Whether the worker has said meanwhile that it listens.
    ///
    /// # Errors
    /// If the worker died.
    pub async fn listens(&mut self) -> Result<bool, String> {
        Ok(matches!(self.told().await?, Some((Told::Listens, _))))
    }

    /// The next news of training; `None` if there are none for a moment.
    ///
    /// # Errors
    /// If the worker died.
    pub async fn news(&mut self) -> Result<Option<TrainNews>, String> {
        Ok(match self.told().await? {
            Some((Told::Training(TrainNews::Checkpoint(_)), bulk)) => {
                Some(TrainNews::Checkpoint(wire::bytes(&bulk.get(0))))
            }
            Some((Told::Training(news), _)) => Some(news),
            Some((Told::Listens, _)) | None => None,
        })
    }

    async fn told(&mut self) -> Result<Option<(Told, Array)>, String> {
        match select(self.news.next(), TimeoutFuture::new(LOOK)).await {
            Either::Left((news, _)) => news.transpose(),
            Either::Right(_) => Ok(None),
        }
    }
}
