//! What the network is calibrated with and measured on.

use super::{Controls, Section, failure};
use crate::{
    data::MatchedBy,
    flow::{
        Command, GivenReading, ImageMemory, ImagesSummary, Inputs, KeptClass, NetworkSummary, Origin,
        SettingKind, mebibytes,
    },
    ui::{
        components::{Button, DropZone, Progress, TextField},
        format,
        opening::{Decision, Opening},
        state::{Action, Area, Work},
    },
    web::picked_name,
};
use std::rc::Rc;
use std::str::FromStr;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ImagesSectionProps {
    pub work: Work,
    /// What the user says of how images are read.
    pub reading: GivenReading,
    pub opening: Opening,
    pub controls: Controls,
}

/// Own images, and what was found in them.
#[component]
pub fn ImagesSection(props: &ImagesSectionProps) -> Html {
    let ImagesSectionProps { work, reading, opening, controls } = props;
    let on_files = {
        let controls = controls.clone();
        Callback::from(move |picked| controls.open_images(picked))
    };
    html! {
        <Section id="images" number={3} title="Images">
            <DropZone id="images" what="a folder, .zip, .tar or .tgz" accept=".zip,.tar,.tgz,.gz" multiple={true}
                file_title="Choose archives" folder_title="Choose folder" {on_files} />
            <p class="hint">{ "One folder per class, or a file with labels. Images stay on this machine." }</p>
            if let Some(waiting) = &opening.waiting {
                <Choice opened={work.images.as_ref().map_or_else(String::new, |images| images.source.clone())}
                    waiting={picked_name(&waiting.paths)} decide={opening.decide.clone()} />
            }
            <Reading reading={*reading} read={opening.read.clone()} controls={controls.clone()} />
            { match &work.images {
                Some(images) => html! {
                    <Summary images={images.clone()} inputs={work.inputs.clone()}>
                        <Classes loaded={work.network.clone()} inputs={work.inputs.clone()} controls={controls.clone()} />
                    </Summary>
                },
                None => html! { <p class="hint">{ "No images loaded. A demo network brings its own." }</p> },
            } }
            if let Some(running) = work.running(Area::Images) {
                <Progress running={running.clone()} />
            }
            { failure(work.failure(Area::Images)) }
        </Section>
    }
}

#[derive(Properties, PartialEq)]
struct ChoiceProps {
    /// What is open.
    opened: String,
    /// What was picked.
    waiting: String,
    decide: Callback<Decision>,
}

/// Asks whether what was picked is added to what is open.
#[component]
fn Choice(props: &ChoiceProps) -> Html {
    let ChoiceProps { opened, waiting, decide } = props;
    let button = |title: &'static str, decision| {
        html! { <Button onclick={decide.reform(move |_| decision)}>{ title }</Button> }
    };
    html! {
        <div class="notice" role="alert">
            <p><b>{ waiting }</b>{ " was picked while " }<b>{ opened }</b>{ " is open." }</p>
            <p class="tools">
                { button("Add to it", Decision::Add) }
                { button("Take its place", Decision::Replace) }
                { button("Leave it as it is", Decision::Leave) }
            </p>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct ReadingProps {
    reading: GivenReading,
    read: Callback<GivenReading>,
    controls: Controls,
}

/// Fields for what the user knows better than the files.
#[component]
fn Reading(props: &ReadingProps) -> Html {
    let ReadingProps { reading, read, controls } = props;
    let reading = *reading;
    let use_reading = {
        let (act, read) = (controls.act.clone(), read.clone());
        Callback::from(move |reading: GivenReading| {
            act.emit(Action::SetReading(reading));
            read.emit(reading);
        })
    };
    let take_resize = {
        let use_reading = use_reading.clone();
        move |text: String| {
            use_reading.emit(GivenReading { resize: given(&text)?, ..reading });
            Ok(())
        }
    };
    let take_names = move |text: String| {
        use_reading.emit(GivenReading { names: given(&text)?, ..reading });
        Ok(())
    };
    let resize = reading.resize.map(|resize| resize.to_string()).unwrap_or_default();
    let names = reading.names.map(|names| names.to_string()).unwrap_or_default();
    html! {
        <details>
            <summary>{ "Read own images another way" }</summary>
            <p class="hint">{ "How an image becomes a square: crop (shorter side resized, then the middle 0.875 of it), crop=PART, \
                stretch or pad; empty is as the weights state, else crop. Encoding of names in archives that do not state it: \
                gbk, cp932, windows-1251 and others; empty is a guess, which the table below shows." }</p>
            <div class="fields">
                <TextField id="resize" label="Resize" value={resize} take={take_resize} />
                <TextField id="names" label="Encoding of names" value={names} take={take_names} />
            </div>
        </details>
    }
}

/// What a field holds; nothing if it is empty.
fn given<T: FromStr<Err = String>>(text: &str) -> Result<Option<T>, String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::parse).transpose()
}

#[derive(Properties, PartialEq)]
struct SummaryProps {
    images: ImagesSummary,
    inputs: Option<Rc<Inputs>>,
    /// What is said of the classes.
    children: Html,
}

/// Source and counts, and all tables of what was found.
#[component]
fn Summary(props: &SummaryProps) -> Html {
    let SummaryProps { images, inputs, children } = props;
    let grouped = |number: usize| format::grouped(number as u64);
    let all: usize = images.classes.iter().map(|class| class.images).sum();
    html! {
        <div class="loaded">
            <p>{ "Images: " }<b>{ &images.source }</b>{ format!(", {} in {}.", format::count(all, "image", "images"),
                format::count(images.classes.len(), "class", "classes")) }</p>
            <p>{ format!("{} to calibrate with; {} reward images, by which searches and training choose; {} test images, which \
                neither sees; no image is in two of these.",
                grouped(images.calibration), grouped(images.reward), grouped(images.test)) }</p>
            { children.clone() }
            if let Some(memory) = inputs.as_ref().and_then(|inputs| inputs.memory.as_ref()) {
                <p class="hint">{ memory_sentence(memory) }</p>
            }
            if let Some(inputs) = inputs {
                <Tables inputs={inputs.clone()} />
            }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct ClassesProps {
    /// The weights that are loaded.
    loaded: Option<NetworkSummary>,
    inputs: Option<Rc<Inputs>>,
    controls: Controls,
}

/// Whether the images show all of the network's classes, and the choice if they do not: keep all, or specialise.
#[component]
fn Classes(props: &ClassesProps) -> Html {
    let ClassesProps { loaded, inputs, controls } = props;
    let keep = |classes: Vec<KeptClass>| {
        controls.ask.reform(move |_: MouseEvent| (Command::KeepClasses(classes.clone()), Vec::new()))
    };
    let chosen = loaded.iter().flat_map(|loaded| &loaded.settings);
    let mut chosen = chosen.filter(|setting| setting.kind == SettingKind::Head && !setting.is_assumed());
    let warning =
        inputs.as_ref().and_then(|inputs| inputs.mismatch.clone().or_else(|| inputs.coverage_sentence()));
    html! {
        <>
            if let Some(text) = warning {
                <p class="warning">{ format::sentence(&text) }</p>
            }
            if let Some(classes) = inputs.as_ref().and_then(|inputs| inputs.kept_classes()) {
                <p>
                    { "As it is, the network keeps all of its classes, and an answer is right only if it is right among all. " }
                    <Button title="Cut off the outputs of all other classes: answers are among these only, and the network gets smaller"
                        onclick={keep(classes.clone())}>{ format!("Specialise to these {}", format::count(classes.len(), "class", "classes")) }</Button>
                </p>
            }
            if let Some(setting) = chosen.next() {
                <p>{ "The network is specialised: it has " }<b>{ &setting.value }</b>{ " classes. " }
                    <Button onclick={keep(Vec::new())}>{ "Use all classes again" }</Button></p>
            }
        </>
    }
}

/// What the images take once they are decoded.
fn memory_sentence(memory: &ImageMemory) -> String {
    let (held, limit) = (memory.held(), memory.limit);
    let sentence = format!("Decoded for this network they take {} of memory.", mebibytes(held));
    if held <= limit {
        return sentence;
    }
    format!(
        "{sentence} At most {} are held at a time: a measurement of all is made part by part, a search and training need \
         a limit.",
        mebibytes(limit)
    )
}

#[derive(Properties, PartialEq)]
struct TablesProps {
    inputs: Rc<Inputs>,
}

/// What weights and images were found to be: open where something was assumed.
#[component]
fn Tables(props: &TablesProps) -> Html {
    let inputs = &props.inputs;
    let assumed = inputs.settings.iter().filter(|setting| setting.origin == Origin::Assumed).count();
    let passed_over: usize = inputs.passed_over.iter().map(|row| row.count).sum();
    let mut parts = vec!["How files were read".to_owned()];
    if assumed > 0 {
        parts.push(format!("{} assumed", format::count(assumed, "setting", "settings")));
    }
    if inputs.matched_by == Some(MatchedBy::Position) {
        parts.push("classes matched by position".to_owned());
    }
    if passed_over > 0 {
        parts.push(format!("{} passed over", format::count(passed_over, "file", "files")));
    }
    html! {
        <details class="inputs" open={inputs.is_worth_a_look()}>
            <summary>{ parts.join(" · ") }</summary>
            { for inputs.tables().into_iter().map(|table| html! {
                <div class="scroll" tabindex="0" role="region" aria-label={table.title.clone()}>
                    <table>
                        <caption>{ table.title }</caption>
                        <thead><tr>{ for table.columns.iter().map(|column| html! { <th scope="col">{ column }</th> }) }</tr></thead>
                        <tbody>
                            { for table.rows.iter().map(|row| html! {
                                <tr>{ for row.iter().map(|cell| html! { <td>{ cell }</td> }) }</tr>
                            }) }
                        </tbody>
                    </table>
                </div>
            }) }
        </details>
    }
}
