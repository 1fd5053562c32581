//! The page's end of the line to its worker.

use super::channel::Channel;
use super::wire;
use crate::flow::{Command, Event, RunId};
use js_sys::{Array, ArrayBuffer};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{File, HtmlMetaElement, Url, Worker};
use yew::Callback;

/// A worker that listens. Dropping the port ends it.
pub struct Port(Channel);

impl Port {
    /// Starts the worker; `on_event` gets all it reports, each with the number of the command it is about, 0 for none, and
    /// the bulk that came along. `on_death` gets the cause if the worker dies.
    ///
    /// # Errors
    /// A sentence for the user if the page names no worker or the browser starts none.
    pub fn spawn(
        on_event: Callback<(RunId, Event, Option<ArrayBuffer>)>,
        on_death: Callback<String>,
    ) -> Result<Self, String> {
        let worker = start().map_err(|error| {
            format!(
                "The browser did not start the part of the page that computes ({}). Reload the page.",
                wire::describe(&error)
            )
        })?;
        let on_message = move |message: Option<((RunId, Event), Array)>| {
            let ((run, event), bulk) = message.unwrap_or_else(|| {
                let message = "Two parts of the page are of different versions. Reload the page.".into();
                ((0, Event::Crashed { message }), Array::new())
            });
            on_event.emit((run, event, bulk.get(0).dyn_into().ok()));
        };
        let on_death = move |cause: &str| on_death.emit(cause.to_owned());
        Ok(Self(Channel::new(worker, on_message, on_death)))
    }

    /// Sends a command under a number, with the files it speaks of.
    pub fn send(&self, run: RunId, command: &Command, files: &[File]) {
        self.0.send(&(run, command), &files.iter().collect());
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
