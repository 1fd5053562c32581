//! The page's end of the line to its worker.
//!
//! A message is an object: `control` holds a [`Command`] or an [`Event`] in postcard's encoding; `files` (to the
//! worker) and `bulk` (from it) hold what travels beside it and is never copied through Wasm memory.

use crate::flow::{Command, Event};
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{ErrorEvent, File, HtmlMetaElement, MessageEvent, Url, Worker, WorkerOptions, WorkerType};
use yew::Callback;

/// A worker that listens. Dropping the port ends it.
pub struct Port {
    worker: Worker,
    /// Messages written before the worker listens; `None` once it does.
    waiting: Rc<RefCell<Option<Vec<Object>>>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Port {
    /// Starts the worker; `on_event` gets all it reports, each with the bulk that came along.
    ///
    /// # Errors
    /// A sentence for the user if the page names no worker or the browser starts none.
    pub fn spawn(on_event: Callback<(Event, Option<ArrayBuffer>)>) -> Result<Self, String> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&worker_url()?, &options)
            .map_err(|error| format!("The browser did not start the worker: {}", describe(&error)))?;

        let waiting = Rc::new(RefCell::new(Some(Vec::new())));
        let on_message = Closure::new({
            let (worker, waiting, on_event) = (worker.clone(), waiting.clone(), on_event.clone());
            move |message: MessageEvent| {
                for earlier in waiting.take().into_iter().flatten() {
                    post(&worker, &earlier);
                }
                on_event.emit(decode(&message.data()));
            }
        });
        worker.set_onmessage(Some(JsCast::unchecked_ref(on_message.as_ref())));
        let on_error = Closure::new(move |error: ErrorEvent| {
            let message = error.message();
            let cause = if message.is_empty() { "its files did not load" } else { &message };
            on_event.emit((
                Event::Crashed { message: format!("The worker stopped: {cause}. Reload the page.") },
                None,
            ));
        });
        worker.set_onerror(Some(JsCast::unchecked_ref(on_error.as_ref())));
        Ok(Self { worker, waiting, _on_message: on_message, _on_error: on_error })
    }

    /// Sends a command with the files it speaks of. Before the worker's first event it is kept.
    pub fn send(&self, command: &Command, files: &[File]) {
        let message = encode(command, files);
        match self.waiting.borrow_mut().as_mut() {
            Some(waiting) => waiting.push(message),
            None => post(&self.worker, &message),
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// Address of the worker's script, as the document names it.
fn worker_url() -> Result<String, String> {
    let missing = || "The page names no worker: <meta name=\"worker\"> is missing.".to_owned();
    let document = web_sys::window().and_then(|w| w.document()).ok_or_else(missing)?;
    let meta = document.query_selector("meta[name=worker]").ok().flatten().ok_or_else(missing)?;
    let name = meta.dyn_into::<HtmlMetaElement>().map_err(|_| missing())?.content();
    let base = document.base_uri().ok().flatten().ok_or_else(missing)?;
    Url::new_with_base(&name, &base).map(|url| url.href()).map_err(|_| missing())
}

fn encode(command: &Command, files: &[File]) -> Object {
    let control = postcard::to_stdvec(command).expect("a command has only types that postcard writes");
    let message = Object::new();
    set(&message, "control", &Uint8Array::from(control.as_slice()));
    set(&message, "files", &files.iter().collect::<Array>());
    message
}

fn decode(message: &JsValue) -> (Event, Option<ArrayBuffer>) {
    let get = |key: &str| Reflect::get(message, &key.into()).unwrap_or(JsValue::UNDEFINED);
    let event = get("control")
        .dyn_into::<Uint8Array>()
        .ok()
        .and_then(|control| postcard::from_bytes(&control.to_vec()).ok())
        .unwrap_or_else(|| Event::Crashed {
            message: "The worker is of another version than the page. Reload the page.".into(),
        });
    (event, get("bulk").dyn_into().ok())
}

fn set(object: &Object, key: &str, value: &JsValue) {
    Reflect::set(object, &key.into(), value).expect("a plain object takes any key");
}

fn post(worker: &Worker, message: &Object) {
    worker.post_message(message).expect("bytes and files can be cloned");
}

fn describe(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |e| String::from(e.message()))
}
