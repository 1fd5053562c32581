//! The package for the firmware, and the link to the policy.

use super::{Controls, Section, failure};
use crate::{
    flow::Command,
    memory::Bytes,
    ui::{
        browser,
        components::Progress,
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

/// Download and link.
#[component]
pub fn ShareSection(props: &ShareSectionProps) -> Html {
    let ShareSectionProps { state, link, package, controls } = props;
    let address = browser::address_with(link);
    let why_not = state
        .why_not_package()
        .or(state.work.running(Area::Share).map(|_| "The package is being built.".into()));
    let on_package = {
        let (ask, link) = (controls.ask.clone(), address.clone());
        let device = state.design.target.device.map(|mcu| mcu.name.to_owned());
        move |_| ask.emit((Command::Package { link: link.clone(), device: device.clone() }, Vec::new()))
    };
    html! {
        <Section id="share" number={6} title="Download and share">
            <div class="toolbar">
                <button type="button" class="primary" onclick={on_package} disabled={why_not.is_some()}
                    title={why_not.clone().unwrap_or("Weights, C code, golden vectors and a self-test as one zip".into())}>
                    { "Download package" }</button>
            </div>
            if let Some(reason) = &why_not { <p class="reason">{ reason }</p> }
            if why_not.is_none() && !state.design.fits() {
                <p class="warning">{ "This policy does not fit the device." }</p>
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
            <p class="hint">{ "The package holds packed weights (model.bin), the network and its runtime as C11 source, golden vectors, a self-test and a README." }</p>
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
