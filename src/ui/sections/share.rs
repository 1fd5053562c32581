//! The package for the firmware, and the link to the policy.

use super::{Controls, Section, failure};
use crate::{
    flow::{Artefact, Command, ExportError, PackageName, default_name},
    memory::Bytes,
    ui::{
        browser,
        components::{Button, Progress, TextField},
        state::{Area, State},
    },
};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ShareSectionProps {
    pub state: State,
    /// The text after `#`.
    pub link: AttrValue,
    /// Address of the package that was built last.
    pub package: Option<AttrValue>,
    pub controls: Controls,
}

/// Files of the package that are handed over by themselves too.
const PARTS: [(Artefact, &str, &str); 6] = [
    (Artefact::Model, "model.bin", "Packed weights and all parameters in one file"),
    (Artefact::Onnx, "ONNX", "The same integers for ONNX Runtime, bit for bit"),
    (Artefact::Report, "Report", "What it takes, what it reaches and where it came from, as a page"),
    (Artefact::ReportJson, "Report, JSON", "The same for programs"),
    (Artefact::Policy, "Policy, JSON", "The bits of every tensor by name; the command line reads it"),
    (Artefact::Haq, "Policy, HAQ list", "The same as a list in HAQ's form"),
];

/// Download and link.
#[component]
pub fn ShareSection(props: &ShareSectionProps) -> Html {
    let ShareSectionProps { state, link, package, controls } = props;
    let address = browser::address_with(link);
    let why_not = state
        .why_not_package()
        .or(state.work.running(Area::Share).map(|_| "The package is being built.".into()));
    let named = use_state(|| None::<PackageName>);
    let default = default_name(&state.design.network);
    let take_name = {
        let (named, default) = (named.clone(), default.clone());
        move |text: String| {
            let text = text.trim();
            let chosen = if text.is_empty() || text == default { None } else { Some(text.parse()) };
            named.set(chosen.transpose().map_err(|error: ExportError| error.to_string())?);
            Ok(())
        }
    };
    let shown_name = named.as_ref().map_or(default, PackageName::to_string);
    let ask_for = |artefact: Artefact| {
        let (ask, link, name) = (controls.ask.clone(), address.to_string(), (*named).clone());
        move |_| {
            let (name, link) = (name.clone(), link.clone());
            ask.emit((Command::Package { artefact, name, link }, Vec::new()))
        }
    };
    let parts = PARTS.map(|(artefact, title, what)| {
        html! {
            <Button onclick={ask_for(artefact)} why_not={why_not.clone()} title={what}>{ title }</Button>
        }
    });
    html! {
        <Section id="share" number={8} title="Download and share">
            <div class="fields">
                <TextField id="package-name" label="Name" value={shown_name} take={take_name} />
            </div>
            <p class="hint">{ "Functions, files and targets of the package begin with its name, so that several networks can go \
                into one firmware." }</p>
            <div class="toolbar">
                <Button class="primary" onclick={ask_for(Artefact::Package)} why_not={why_not.clone()}
                    title="Weights, C code, golden vectors and a self-test as one zip">{ "Download package" }</Button>
            </div>
            <p class="tools" role="group" aria-label="Parts of the package">{ "Or a part of it:" }{ for parts }</p>
            if let Some(reason) = &why_not { <p class="reason">{ reason }</p> }
            if why_not.is_none() && !state.design.fits() {
                <p class="warning">{ "This policy does not fit the device: give some tensors fewer bits, or choose a larger device." }</p>
            }
            if let Some(running) = state.work.running(Area::Share) {
                <Progress running={running.clone()} />
            }
            <div role="status">
                if let (Some((name, bytes)), Some(url)) = (&state.saved, package) {
                    <p>{ "Saved " }<a href={url.clone()} download={name.clone()}>{ name }</a>{ format!(", {}.", Bytes(*bytes)) }</p>
                }
            </div>
            { failure(state.work.failure(Area::Share)) }
            <p class="hint">{ "The package holds packed weights, the network and its runtime as C11 source, golden vectors, a self-test, a report and a README; it builds with CMake, PlatformIO, Arduino, Zephyr and as a CMSIS pack." }</p>
            <LinkField {address} />
        </Section>
    }
}

#[derive(Properties, PartialEq)]
struct LinkFieldProps {
    address: AttrValue,
}

/// The link with a button that copies it.
#[component]
fn LinkField(props: &LinkFieldProps) -> Html {
    let copied = use_state(|| None::<(AttrValue, bool)>);
    let onclick = {
        let (copied, address) = (copied.clone(), props.address.clone());
        move |_| {
            let (copied, address) = (copied.clone(), address.clone());
            wasm_bindgen_futures::spawn_local(async move {
                let done = browser::copy(address.to_string()).await;
                copied.set(Some((address, done)));
            });
        }
    };
    let said = match copied.as_ref().filter(|(address, _)| *address == props.address) {
        Some((_, true)) => "Copied.",
        Some((_, false)) => "The browser does not let this page copy: select the link and copy it.",
        None => "",
    };
    html! {
        <div class="link">
            <label for="link">{ "Link to this network, device and policy" }</label>
            <div class="row">
                <input id="link" type="text" readonly={true} value={props.address.clone()} />
                <button type="button" {onclick}>{ "Copy" }</button>
            </div>
            <p class="hint" role="status">{ said }</p>
        </div>
    }
}
