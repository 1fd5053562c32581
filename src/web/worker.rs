//! The beginning of every worker: which part to play, and the messages that come in.

use super::evaluator::Evaluator;
use super::pool::{self, Answer};
use super::runner::{Runner, Signals, task_of};
use super::wire;
use crate::flow::{Command, Event};
use futures::StreamExt;
use futures::channel::mpsc;
use js_sys::Array;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, File, MessageEvent};

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
    let answer = move |answer, bulk| {
        let (message, buffers) = wire::encode(&answer, &bulk);
        scope.post_message_with_transfer(&message, &buffers).expect("bytes and buffers can be sent");
    };
    answer(Answer::Listens, Array::new());
    spawn_local(async move {
        let mut evaluator = Evaluator::default();
        while let Some((order, bulk)) = orders.next().await {
            let (found, bulk) = evaluator.answer(order, &bulk).await;
            answer(found, bulk);
        }
    });
}

/// The worker that owns the flow: commands wait for their turn, but a stop reaches the running one at once.
fn run(scope: DedicatedWorkerGlobalScope) {
    let (queue, mut commands) = mpsc::unbounded::<(Command, Vec<File>)>();
    let signals = Signals::default();
    let running = Rc::new(Cell::new(None));
    listen(&scope, {
        let (Signals { stop, pause }, running) = (signals.clone(), running.clone());
        move |message| {
            let Some((command, bulk)) = wire::decode::<Command>(&message.data()) else { return };
            match command {
                Command::Stop => return stop.set(true),
                Command::Pause => return pause.set(true),
                Command::Resume => return pause.set(false),
                // A question, which replaces nothing.
                Command::FindSearch | Command::FindFinetune => {}
                _ if running.get() == Some(task_of(&command)) => stop.set(true),
                _ => {}
            }
            let files = bulk.iter().filter_map(|file| file.dyn_into().ok()).collect();
            queue.unbounded_send((command, files)).expect("the runner lives as long as the worker");
        }
    });
    spawn_local(async move {
        match Runner::new(scope.clone(), signals) {
            Ok(mut runner) => {
                runner.ready();
                while let Some((command, files)) = commands.next().await {
                    running.set(Some(task_of(&command)));
                    runner.run(command, files).await;
                    running.set(None);
                }
            }
            Err(reason) => {
                let message =
                    format!("The browser started no evaluation workers: {reason}. Reload the page.");
                let (message, buffers) = wire::encode(&Event::Crashed { message }, &Array::new());
                scope.post_message_with_transfer(&message, &buffers).expect("bytes can be sent");
            }
        }
    });
}

fn listen(scope: &DedicatedWorkerGlobalScope, on_message: impl FnMut(MessageEvent) + 'static) {
    let closure = Closure::<dyn FnMut(MessageEvent)>::new(on_message);
    scope.set_onmessage(Some(closure.as_ref().unchecked_ref()));
    // Lives as long as the worker.
    closure.forget();
}
