//! The sections of the page, in the order of the work.

mod device;
mod finetune;
mod images;
mod network;
mod policy;
mod result;
mod search;
mod share;

pub use device::DeviceSection;
pub use finetune::FinetuneSection;
pub use images::ImagesSection;
pub use network::NetworkSection;
pub use policy::PolicySection;
pub use result::ResultSection;
pub use search::SearchSection;
pub use share::ShareSection;

use super::{
    browser::{self, Picked},
    format,
    state::{Action, Area, Running, State},
};
use crate::{
    flow::{Command, GivenSettings, Task},
    net::Spec,
};
use web_sys::File;
use yew::prelude::*;

/// What sections can do: change the state, and ask the worker.
#[derive(Clone, PartialEq)]
pub struct Controls {
    /// Changes the state.
    pub act: Callback<Action>,
    /// Sends a command with the files it speaks of.
    pub ask: Callback<(Command, Vec<File>)>,
    /// Takes images that were picked.
    pub pick: Callback<Picked>,
}

/// What the user says of a weights file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadAs {
    /// The network that it holds, whatever it says itself.
    pub network: Option<Spec>,
    /// What it does not say, or says wrongly.
    pub settings: GivenSettings,
}

/// Endings of files with weights, as `accept` takes them.
pub const WEIGHTS: &str = ".onnx,.tflite,.h5,.keras,.hdf5,.safetensors,.pth,.pt,.pth.tar,.bin,.json";

impl Controls {
    /// Stops a task, or takes it back if it has not begun.
    fn stop(&self, running: &Running) -> Callback<MouseEvent> {
        let run = running.run;
        self.ask.reform(move |_| (Command::Stop(run), Vec::new()))
    }

    /// Sends a command that takes the place of something stored, if the user agrees.
    fn replace(&self, stored: Option<&str>, command: Command) {
        if stored.is_none_or(browser::confirm) {
            self.ask.emit((command, Vec::new()));
        }
    }

    /// Forgets something stored, if the user agrees.
    fn discard(&self, task: Task, question: &'static str) -> Callback<MouseEvent> {
        let ask = self.ask.clone();
        Callback::from(move |_| {
            if browser::confirm(question) {
                ask.emit((Command::Discard(task), Vec::new()));
            }
        })
    }

    /// Opens files that were dropped somewhere on the page: weights by their ending, all others as images.
    pub fn open(&self, picked: Picked, how: ReadAs) {
        let is_weights = |path: &str| {
            let path = path.to_ascii_lowercase();
            // A description stands beside its weights; in a folder it is something of the images.
            let describes = path.ends_with(".json") && !path.contains('/');
            describes || WEIGHTS.split(',').any(|ending| path.ends_with(ending) && ending != ".json")
        };
        let (weights, images) = picked.partition(is_weights);
        if !weights.files.is_empty() {
            self.open_weights(weights, how);
        }
        if !images.files.is_empty() {
            self.open_images(images);
        }
    }

    /// Opens a file with weights, as the user says, else as the file says.
    pub fn open_weights(&self, picked: Picked, how: ReadAs) {
        let ReadAs { network, settings } = how;
        match &picked.paths[..] {
            [path] | [path, _] => {
                // Weights beside their description in JSON give the name.
                let weights = picked.paths.iter().find(|path| !path.ends_with(".json")).unwrap_or(path);
                let name = weights.rsplit('/').next().unwrap_or(weights).to_owned();
                self.ask.emit((Command::OpenWeights { name, network, settings }, picked.files));
            }
            paths => self.act.emit(Action::Refused(
                Area::Network,
                format!(
                    "{} files: expected one file with a network ({WEIGHTS}), or two if one is a description in JSON.",
                    paths.len()
                ),
            )),
        }
    }

    /// Opens an archive or a folder of images.
    pub fn open_images(&self, picked: Picked) {
        if picked.files.is_empty() {
            let message =
                "No files: expected an archive, or a folder with one folder of images per class; choose one.";
            self.act.emit(Action::Refused(Area::Images, message.into()));
        } else {
            self.pick.emit(picked);
        }
    }
}

#[derive(Properties, PartialEq)]
struct SectionProps {
    id: &'static str,
    number: u8,
    title: &'static str,
    children: Html,
}

/// A numbered section with a heading that can have the focus.
#[component]
fn Section(props: &SectionProps) -> Html {
    let SectionProps { id, number, title, children } = props;
    let heading = format!("{id}-title");
    html! {
        <section id={*id} aria-labelledby={heading.clone()}>
            <h2 id={heading} tabindex="-1"><span class="number">{ number }</span>{ *title }</h2>
            { children.clone() }
        </section>
    }
}

/// That the state of a task is in memory only.
fn unstored(problem: Option<&str>) -> Html {
    html! {
        <div role="status">
            if let Some(problem) = problem { <p class="warning">{ problem }</p> }
        </div>
    }
}

/// That a worker died and was started again.
fn revival(state: &State, area: Area) -> Html {
    html! {
        <div role="status">
            if let Some(message) = state.work.revival(area) { <p class="warning">{ format::sentence(message) }</p> }
        </div>
    }
}

/// A failure, said aloud as soon as it shows.
fn failure(message: Option<&str>) -> Html {
    html! {
        <div role="alert">
            if let Some(message) = message {
                <p class="error">{ format::sentence(message) }</p>
            }
        </div>
    }
}
