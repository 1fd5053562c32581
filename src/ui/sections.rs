//! The sections of the page, in the order of the work.

mod device;
mod images;
mod network;
mod policy;
mod result;
mod share;

pub use device::DeviceSection;
pub use images::ImagesSection;
pub use network::NetworkSection;
pub use policy::PolicySection;
pub use result::ResultSection;
pub use share::ShareSection;

use super::state::Action;
use crate::flow::Command;
use web_sys::File;
use yew::prelude::*;

/// What sections can do: change the state, and ask the worker.
#[derive(Clone, PartialEq)]
pub struct Controls {
    /// Changes the state.
    pub act: Callback<Action>,
    /// Sends a command with the files it speaks of.
    pub ask: Callback<(Command, Vec<File>)>,
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

/// A failure, said aloud as soon as it shows.
fn failure(message: Option<&str>) -> Html {
    html! {
        <div role="alert">
            if let Some(message) = message {
                <p class="error">{ message }</p>
            }
        </div>
    }
}
