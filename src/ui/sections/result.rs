//! How often the integer network is right.

use super::{Controls, Section, failure, revival};
use crate::{
    flow::{Figure, Key},
    memory::Bytes,
    proportion,
    ui::{
        components::{Button, Progress},
        format,
        state::{Action, Area, State, Trial},
    },
};
use std::rc::Rc;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// Numbers of images to measure on; the last stands for all.
const LIMITS: [Option<usize>; 5] = [Some(100), Some(500), Some(1_000), Some(5_000), None];

#[derive(Properties, PartialEq)]
pub struct ResultSectionProps {
    pub state: State,
    pub on_measure: Callback<MouseEvent>,
    pub controls: Controls,
}

/// Measure, Stop, accuracy, and a table of what was measured before.
#[component]
pub fn ResultSection(props: &ResultSectionProps) -> Html {
    let ResultSectionProps { state, on_measure, controls } = props;
    let running = state.work.running(Area::Result);
    let why_not = state.why_not_measure_now();
    let on_limit = controls.act.reform(|event: Event| {
        let place = event.target_dyn_into::<HtmlSelectElement>().map(|select| select.selected_index());
        let limit = place.and_then(|place| LIMITS.get(usize::try_from(place).ok()?).copied());
        Action::SetLimit(limit.flatten())
    });
    let on_float = controls.act.reform(|event: Event| {
        Action::SetFloat(event.target_dyn_into::<HtmlInputElement>().is_some_and(|input| input.checked()))
    });
    html! {
        <Section id="result" number={7} title="Result">
            <div class="toolbar">
                <Button class="primary" onclick={on_measure.clone()} why_not={why_not.clone()}
                    title="Quantize, calibrate and measure the integer network">{ "Measure" }</Button>
                <span class="tools">
                    <label for="limit">{ "on" }</label>
                    <select id="limit" onchange={on_limit}>
                        { for LIMITS.iter().map(|limit| html! {
                            <option selected={*limit == state.limit}>{ match limit {
                                Some(number) => format!("{} test images", format::grouped(*number as u64)),
                                None => "all test images".into(),
                            } }</option>
                        }) }
                    </select>
                </span>
                <label class="check"><input type="checkbox" checked={state.with_float} onchange={on_float} />
                    { " and, once, the network as it was trained (float)" }</label>
            </div>
            if let (Some(reason), None) = (&why_not, running) {
                <p class="reason">{ reason }</p>
            }
            if let Some(running) = running {
                <Progress running={running.clone()} on_stop={Some(controls.stop(running))} />
            }
            { revival(state, Area::Result) }
            { failure(state.work.failure(Area::Result)) }
            <Accuracies trial={state.trial().cloned()} float={state.trial().and_then(|trial| state.float_of(trial))} />
            if !state.trials.is_empty() {
                <History trials={state.trials.clone()} current={state.loaded()} act={controls.act.clone()} />
            }
        </Section>
    }
}

#[derive(Properties, PartialEq)]
struct AccuraciesProps {
    trial: Option<Trial>,
    /// Of the same images.
    float: Option<Figure>,
}

/// Integer and float accuracy of what is on the screen, and their difference.
#[component]
fn Accuracies(props: &AccuraciesProps) -> Html {
    let AccuraciesProps { trial, float } = props;
    let figure = |title: &'static str, figure: Option<Figure>, none: &'static str| {
        html! {
            <div>
                <dt>{ title }</dt>
                { match figure {
                    Some(Figure { tally, stopped, .. }) => html! {
                        <dd><b>{ format::accuracy(tally) }</b><br /><span class="hint">{ format::counts(tally) }
                            if stopped { { ", stopped early" } }</span></dd>
                    },
                    None => html! { <dd class="hint">{ none }</dd> },
                } }
            </div>
        }
    };
    let integer = trial.as_ref().map(|t| t.figure);
    let trained = trial.as_ref().and_then(|t| t.trained);
    let title =
        if trained.is_some() { "Integer top-1, this policy, trained" } else { "Integer top-1, this policy" };
    let difference = integer.zip(*float).and_then(|(integer, float)| integer.above(&float));
    let decimals = proportion::decimals(integer.map_or(0, |figure| figure.tally.images));
    html! {
        <div aria-live="polite">
            <dl class="accuracies">
                { figure(title, integer, "not measured yet") }
                { figure("Float top-1", *float, "not measured yet") }
                if let Some(points) = difference {
                    <div>
                        <dt>{ "Integer against float" }</dt>
                        <dd><b>{ format!("{points:+.decimals$} points") }</b><br />
                            <span class="hint">{ "on the same images" }</span></dd>
                    </div>
                }
            </dl>
            if let Some(figure) = integer {
                <p class="hint images-used">{ format!("Measured on {figure}.") }</p>
            }
            <p class="hint">{ "Top-1 is the share of images whose class is right; in parentheses its 95 % confidence interval (Wilson's)." }</p>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct HistoryProps {
    trials: Rc<Vec<Trial>>,
    /// The weights and the images that are loaded.
    current: Option<(Key, Key)>,
    act: Callback<Action>,
}

/// What was measured since the page was opened, newest first.
#[component]
fn History(props: &HistoryProps) -> Html {
    let HistoryProps { trials, current, act } = props;
    let rows = trials.iter().enumerate().rev().map(|(i, trial)| {
        let link = trial.link.clone();
        let onclick = act.reform(move |event: MouseEvent| {
            event.prevent_default();
            Action::OpenLink(link.clone())
        });
        html! {
            <tr key={i}>
                <td class="number">{ i + 1 }</td>
                <th scope="row"><a href={format!("#{}", trial.link)} {onclick} title="Show this policy again">{ trial.network.to_string() }</a>
                    { trial.trained.map_or(String::new(), |epochs| format!(", trained {epochs}")) }</th>
                <td>{ &trial.bits }</td>
                <td class="number">{ Bytes(trial.usage.flash).to_string() }</td>
                <td class="number">{ Bytes(trial.usage.ram).to_string() }</td>
                <td class="number"><b>{ format::accuracy(trial.figure.tally) }</b></td>
                <td>{ format!("{}{}", trial.figure,
                    if Some(trial.loaded) == *current { "" } else { "; of weights or images loaded before" }) }</td>
            </tr>
        }
    });
    let rows: Html = rows.collect();
    html! {
        <div class="scroll history" tabindex="0" role="region" aria-label="Measured policies">
            <table>
                <caption>{ "Measured in this session" }</caption>
                <thead>
                    <tr>
                        <th scope="col" class="number">{ "No." }</th><th scope="col">{ "Network" }</th>
                        <th scope="col"><abbr title="W weights, A activations: 8×20 are 20 tensors at 8 bits">{ "Bits×tensors" }</abbr></th>
                        <th scope="col" class="number">{ "FLASH" }</th><th scope="col" class="number">{ "RAM" }</th>
                        <th scope="col" class="number">{ "Top-1" }</th><th scope="col">{ "Images" }</th>
                    </tr>
                </thead>
                <tbody>{ rows }</tbody>
            </table>
        </div>
    }
}
