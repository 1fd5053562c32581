//! Which network, and its weights.

mod settings;

use super::{Controls, ReadAs, Section, WEIGHTS, failure};
use crate::{
    flow::{Command, GivenSettings},
    net::{Family, Network, Padding, Spec, Width},
    ui::{
        components::{DropZone, GraphDrawing, Progress, TextField},
        format,
        state::{Action, Area, DEMOS, Design, Work, recognized_as},
    },
};
use settings::TrainedSettings;
use std::rc::Rc;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct NetworkSectionProps {
    /// What is on the screen.
    pub design: Rc<Design>,
    pub work: Work,
    /// Whether weights are read as this network, whatever their file says.
    pub forced: bool,
    /// What the user says of weights that their file does not say.
    pub given: GivenSettings,
    pub controls: Controls,
}

/// The two ways in, one of the zoo or a file; what was found in the file; the graph.
#[component]
pub fn NetworkSection(props: &NetworkSectionProps) -> Html {
    let NetworkSectionProps { design, work, forced, given, controls } = props;
    let network = &design.network;
    let demos = DEMOS.map(|demo| {
        let ask = controls.ask.clone();
        let onclick = move |_| ask.emit((Command::OpenDemo(demo), Vec::new()));
        let pressed = work.network.as_ref().is_some_and(|n| n.network.zoo() == Some(demo) && n.network.is_same(network));
        html! { <button type="button" {onclick} aria-pressed={pressed.to_string()}>{ demo.family.title() }</button> }
    });
    let on_files = {
        let (controls, how) =
            (controls.clone(), ReadAs { network: network.zoo().filter(|_| *forced), settings: *given });
        Callback::from(move |picked| controls.open_weights(picked, how))
    };
    let on_force = controls.act.reform(|event: Event| {
        Action::SetForced(event.target_dyn_into::<HtmlInputElement>().is_some_and(|input| input.checked()))
    });
    html! {
        <Section id="network" number={1} title="Network">
            <div class="beside-graph">
                <div class="ways">
                    <fieldset>
                        <legend>{ "From the zoo" }</legend>
                        <SpecFields network={network.clone()} act={controls.act.clone()} />
                        <p class="tools" role="group" aria-label="Demo networks">{ "Demo, 32x32: " }{ for demos }</p>
                    </fieldset>
                    <fieldset>
                        <legend>{ "From a file" }</legend>
                        <DropZone id="weights" what="a network: .onnx, .tflite, .h5, .keras, .pth or .safetensors" accept={WEIGHTS}
                            file_title="Choose a network" {on_files} />
                        <label class="check">
                            <input type="checkbox" checked={*forced} onchange={on_force} />
                            { " Read the file as the network chosen above, whatever it says itself" }
                        </label>
                    </fieldset>
                    <p class="facts">
                        <code>{ network.to_string() }</code>
                        { format!(" · {} · {} MACs · {} weights", format::count(network.graph().layers.len(), "layer", "layers"),
                            format::macs(network.graph().macs()), format::grouped(weights(network))) }
                    </p>
                    <Loaded network={network.clone()} work={work.clone()} act={controls.act.clone()} />
                    <TrainedSettings loaded={work.network.clone()} verdict={work.preprocessing.clone()}
                        has_images={work.images.is_some()} given={*given} controls={controls.clone()} />
                    if let Some(running) = work.running(Area::Network) {
                        <Progress running={running.clone()} />
                    }
                    { failure(work.failure(Area::Network).or(work.crashed.as_deref())) }
                </div>
                <GraphDrawing design={design.clone()} />
            </div>
        </Section>
    }
}

fn weights(network: &Network) -> u64 {
    network.graph().layers.iter().map(|layer| network.graph().weight_elements(layer) as u64).sum()
}

#[derive(Properties, PartialEq)]
struct LoadedProps {
    network: Network,
    work: Work,
    act: Callback<Action>,
}

/// Which weights are loaded, and whether they are those of the network on the screen.
#[component]
fn Loaded(props: &LoadedProps) -> Html {
    let Some(loaded) = &props.work.network else {
        return html! { <p class="hint">{ "No weights loaded. Memory figures need none." }</p> };
    };
    let shown = loaded.network.clone();
    let source = if loaded.source == shown.name() { "built in" } else { &loaded.source };
    let named = if loaded.labels.is_some() { ", with their names" } else { "" };
    let classes = format::count(shown.classes(), "class", "classes");
    html! {
        <div class="loaded">
            <p>
                { "Weights: " }<b>{ source }</b>{ format!(", {shown}, {classes}{named}. ") }
                <span class="hash" title={format!("SHA-256 {}", loaded.sha256)}>
                    { format!("SHA-256 {}…", loaded.sha256.chars().take(8).collect::<String>()) }</span></p>
            <p>{ format::sentence(&recognized_as(loaded)) }</p>
            if !shown.is_same(&props.network) {
                <p class="warning">{ "The network chosen above is another one: only its memory can be told. " }
                    <button type="button" onclick={props.act.reform({
                        let shown = shown.clone();
                        move |_| Action::SelectNetwork(shown.clone())
                    })}>{ format!("Show {shown}") }</button></p>
            }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct SpecFieldsProps {
    network: Network,
    act: Callback<Action>,
}

/// The network of another family that is nearest to one.
fn of_family(spec: Spec, family: Family) -> Spec {
    let nearest = family.named_widths().iter().min_by_key(|width| width.abs_diff(spec.width.0));
    let width = nearest.map_or(spec.width, |&width| Width(width));
    Spec { family, width, padding: family.usual_padding(), ..spec }
}

/// The parts of a network's name, each to choose; of a network out of a file only its own name.
#[component]
fn SpecFields(props: &SpecFieldsProps) -> Html {
    let SpecFieldsProps { network, act } = props;
    let Some(spec) = network.zoo() else {
        let classes = network.classes();
        let own = (format!("{network}, out of a file"), true);
        let families: Vec<_> = std::iter::once(own)
            .chain(Family::ALL.map(|family| (family.title().to_owned(), false)))
            .collect();
        let act = act.clone();
        let on_family = chosen(move |place| {
            let family = place.checked_sub(1).and_then(|place| Family::ALL.get(place));
            let spec = family.map(|&family| of_family(DEMOS[0], family));
            let spec = spec.and_then(|spec| Spec { side: 128, ..spec }.with_classes(classes as u64).ok());
            if let Some(spec) = spec {
                act.emit(Action::SelectNetwork(spec.into()));
            }
        });
        return html! { <div class="fields">{ select("family", "Network", &families, on_family) }</div> };
    };

    let families = Family::ALL.map(|family| (family.title().to_owned(), family == spec.family));
    let on_family = choice(act, move |i| of_family(spec, Family::ALL[i]));

    let mut widths = spec.family.named_widths().to_vec();
    if !widths.contains(&spec.width.0) {
        widths.push(spec.width.0);
        widths.sort_unstable();
    }
    let width_options: Vec<_> =
        widths.iter().map(|&w| (Width(w).to_string(), Width(w) == spec.width)).collect();
    let on_width = choice(act, move |i| Spec { width: Width(widths[i]), ..spec });

    let sides: Vec<u16> = Spec::SIDES.step_by(32).collect();
    let side_options: Vec<_> = sides.iter().map(|&s| (format!("{s}x{s}"), s == spec.side)).collect();
    let on_side = choice(act, move |i| Spec { side: sides[i], ..spec });

    let paddings = [(Padding::TensorFlow, "TensorFlow"), (Padding::PyTorch, "PyTorch")];
    let padding_options = paddings.map(|(padding, title)| (title.to_owned(), padding == spec.padding));
    let on_padding = choice(act, move |i| spec.with_padding(paddings[i].0));

    let take_classes = {
        let act = act.clone();
        move |text: String| {
            let number = text.trim().replace(',', "").parse();
            let number =
                number.map_err(|_| format!("'{text}' is no number of classes: expected 2 to 10,000"))?;
            let spec = spec.with_classes(number).map_err(|error| error.to_string())?;
            act.emit(Action::SelectNetwork(spec.into()));
            Ok(())
        }
    };
    html! {
        <div class="fields">
            { select("family", "Family", &families, on_family) }
            { select("multiplier", "Multiplier", &width_options, on_width) }
            { select("input-size", "Input size", &side_options, on_side) }
            <TextField id="classes" label="Classes" value={spec.classes.to_string()} numeric={true} take={take_classes} />
            { select("padding", "Padding", &padding_options, on_padding) }
        </div>
    }
}

fn select(
    id: &'static str,
    label: &'static str,
    options: &[(String, bool)],
    onchange: Callback<Event>,
) -> Html {
    html! {
        <div>
            <label for={id}>{ label }</label>
            <select {id} {onchange}>
                { for options.iter().enumerate().map(|(i, (title, selected))| html! {
                    <option key={i} value={i.to_string()} selected={*selected}>{ title }</option>
                }) }
            </select>
        </div>
    }
}

/// A change handler that turns the chosen position into a network.
fn choice(act: &Callback<Action>, spec: impl Fn(usize) -> Spec + 'static) -> Callback<Event> {
    let act = act.clone();
    chosen(move |place| act.emit(Action::SelectNetwork(spec(place).into())))
}

/// A change handler that gets the chosen position.
fn chosen(on: impl Fn(usize) + 'static) -> Callback<Event> {
    Callback::from(move |event: Event| {
        let place = event.target_dyn_into::<HtmlSelectElement>().map(|select| select.selected_index());
        if let Some(place) = place.and_then(|place| usize::try_from(place).ok()) {
            on(place);
        }
    })
}
