//! The page's end of the line to its worker.

use super::wire;
use crate::flow::{Command, Event};
use js_sys::{Array, ArrayBuffer};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{ErrorEvent, File, HtmlMetaElement, MessageEvent, Url, Worker};
use yew::Callback;

type Waiting = Rc<RefCell<Option<Vec<(Command, Vec<File>)>>>>;

/// A worker that listens. Dropping the port ends it.
pub struct Port {
    worker: Worker,
    /// Commands sent before the worker listens; `None` once it does.
    waiting: Waiting,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Port {
    /// Starts the worker; `on_event` gets all it reports, each with the bulk that came along.
    ///
    /// # Errors
    /// A sentence for the user if the page names no worker or the browser starts none.
    pub fn spawn(on_event: Callback<(Event, Option<ArrayBuffer>)>) -> Result<Self, String> {
        let worker = start().map_err(|error| {
            format!(
                "The browser did not start the part of the page that computes ({}). Reload the page.",
                wire::describe(&error)
            )
        })?;
        let waiting: Waiting = Rc::new(RefCell::new(Some(Vec::new())));
        let on_message = Closure::new({
            let (worker, waiting, on_event) = (worker.clone(), waiting.clone(), on_event.clone());
            move |message: MessageEvent| {
                for (command, files) in waiting.take().into_iter().flatten() {
                    post(&worker, &command, &files);
                }
                let (event, bulk) = wire::decode(&message.data()).unwrap_or_else(|| {
                    let message = "Two parts of the page are of different versions. Reload the page.".into();
                    (Event::Crashed { message }, Array::new())
                });
                on_event.emit((event, bulk.get(0).dyn_into().ok()));
            }
        });
        worker.set_onmessage(Some(JsCast::unchecked_ref(on_message.as_ref())));
        let on_error = Closure::new(move |error: ErrorEvent| {
            let message = error.message();
            // Browsers put this in front of what code threw.
            let message = message.trim_start_matches("Uncaught ").trim_end_matches('.');
            let cause = if message.is_empty() { "its files did not load" } else { message };
            let message = format!("The part of the page that computes stopped ({cause}). Reload the page.");
            on_event.emit((Event::Crashed { message }, None));
        });
        worker.set_onerror(Some(JsCast::unchecked_ref(on_error.as_ref())));
        Ok(Self { worker, waiting, _on_message: on_message, _on_error: on_error })
    }

    /// Sends a command with the files it speaks of. Before the worker's first event it is kept.
    pub fn send(&self, command: &Command, files: &[File]) {
        match self.waiting.borrow_mut().as_mut() {
            Some(waiting) => waiting.push((command.clone(), files.to_vec())),
            None => post(&self.worker, command, files),
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// Starts the worker that the document names. It does not know where the page lies; its name says so.
fn start() -> Result<Worker, JsValue> {
    let (module, base) = module("worker")?;
    wire::module_worker(&module, &base)
}

/// Address of the module of the worker that trains, as the document names it.
///
/// # Errors
/// A sentence for the user if the page names none.
pub fn trainer_module() -> Result<String, String> {
    let (module, _) = module("trainer").map_err(|error| wire::describe(&error))?;
    Ok(module)
}

/// Addresses of a worker's module, which the document names, and of the document.
fn module(worker: &str) -> Result<(String, String), JsValue> {
    let missing = || JsValue::from(js_sys::Error::new("the page does not say where it is"));
    let document = web_sys::window().and_then(|w| w.document()).ok_or_else(missing)?;
    let meta = document.query_selector(&format!("meta[name={worker}]"))?.ok_or_else(missing)?;
    let module = meta.dyn_into::<HtmlMetaElement>()?.content();
    let base = document.base_uri()?.ok_or_else(missing)?;
    let base = base.split('#').next().unwrap_or_default();
    Ok((Url::new_with_base(&module, base)?.href(), base.to_owned()))
}

fn post(worker: &Worker, command: &Command, files: &[File]) {
    let (message, _) = wire::encode(command, &files.iter().collect());
    worker.post_message(&message).expect("bytes and files can be cloned");
}
