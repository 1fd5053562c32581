//! The beginning of every worker: which part to play, and the messages that come in.

use super::inbox::Inbox;
use super::keep::Keep;
use super::peers::Peers;
use super::pool::{self, News, Told};
use super::runner::{Runner, Signals};
use super::store;
use super::wire;
use crate::flow::{Answer, Command, Evaluator, Event, Order, Pixels, RunId, Task};
use futures::StreamExt;
use futures::channel::mpsc;
use js_sys::Array;
use std::rc::Rc;
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// Plays the part that the worker's name asks for.
pub fn start() {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    if scope.name() == pool::NAME { evaluate(scope) } else { run(scope) }
}

/// A worker of the pool: answers orders one by one. Between those from above, messages of other workers come in.
fn evaluate(scope: DedicatedWorkerGlobalScope) {
    let (queue, mut orders) = mpsc::unbounded();
    listen(&scope, move |message| {
        // What is no order comes from another version of the app; the sender says so itself.
        let Some(order) = wire::decode(&message.data()) else { return };
        queue.unbounded_send(order).expect("the evaluator lives as long as the worker");
    });
    let tell = move |news, bulk| {
        let (message, buffers) = wire::encode(&news, &bulk);
        scope.post_message_with_transfer(&message, &buffers).expect("bytes and buffers can be sent");
    };
    tell(News::Listens, Array::new());
    spawn_local(async move {
        let mut evaluator = Evaluator::<Peers>::default();
        while let Some((told, bulk)) = orders.next().await {
            let (answer, bulk): (Answer, Vec<Pixels>) = match told {
                Told::Meet => {
                    evaluator.peers = Peers::new(&bulk);
                    (Answer::Done, Vec::new())
                }
                Told::<Order>::Do(order) => {
                    let bulk = bulk.iter().map(|buffer| wire::bytes(&buffer).into());
                    evaluator.answer(order, bulk.collect()).await
                }
            };
            tell(News::Answer(answer), bulk.iter().map(|bytes| wire::buffer(bytes)).collect());
        }
    });
}

/// The worker that owns the flow: commands are carried out one after the other.
fn run(scope: DedicatedWorkerGlobalScope) {
    let signals = Signals::default();
    let inbox = Rc::new(Inbox::new(signals.clone()));
    let (wake, mut woken) = mpsc::unbounded::<()>();
    let searches = Keep::new(&scope, "search", "a search");
    let trainings = Keep::new(&scope, "finetune", "training");
    listen(&scope, {
        let (scope, inbox, signals) = (scope.clone(), inbox.clone(), signals.clone());
        let (searches, trainings) = (searches.clone(), trainings.clone());
        move |message| {
            let Some(((run, command), bulk)) = wire::decode::<(RunId, Command)>(&message.data()) else {
                return;
            };
            if let Command::Discard(task) = command {
                let keep = if task == Task::Finetune { trainings.clone() } else { searches.clone() };
                let (scope, signals) = (scope.clone(), signals.clone());
                return spawn_local(async move {
                    let discarded = keep.discard().await;
                    if discarded.is_ok() && task == Task::Finetune {
                        signals.untrain.set(true);
                    }
                    let event = match discarded {
                        Ok(()) => Event::Discarded(task),
                        Err(message) => Event::Failed { task, message },
                    };
                    report(&scope, run, &event);
                });
            }
            let files = bulk.iter().filter_map(|file| file.dyn_into().ok()).collect();
            for (run, event) in inbox.add((run, command, files)) {
                report(&scope, run, &event);
            }
            wake.unbounded_send(()).expect("the runner lives as long as the worker");
        }
    });
    spawn_local(async move {
        let unstored = store::problem(&scope).await;
        if unstored.is_some() {
            searches.store_nothing();
            trainings.store_nothing();
        }
        match Runner::new(scope.clone(), signals, searches, trainings, unstored) {
            Ok(mut runner) => {
                runner.ready();
                while woken.next().await.is_some() {
                    while let Some((run, command, files)) = inbox.next() {
                        runner.run(run, command, files).await;
                    }
                }
            }
            Err(reason) => {
                let message =
                    format!("The browser started no evaluation workers: {reason}. Reload the page.");
                report(&scope, 0, &Event::Crashed { message });
            }
        }
    });
}

/// Tells the page something about one of its commands.
fn report(scope: &DedicatedWorkerGlobalScope, run: RunId, event: &Event) {
    let (message, buffers) = wire::encode(&(run, event), &Array::new());
    scope.post_message_with_transfer(&message, &buffers).expect("bytes can be sent");
}

fn listen(scope: &DedicatedWorkerGlobalScope, on_message: impl FnMut(MessageEvent) + 'static) {
    let closure = Closure::<dyn FnMut(MessageEvent)>::new(on_message);
    scope.set_onmessage(Some(closure.as_ref().unchecked_ref()));
    // Lives as long as the worker.
    closure.forget();
}
