//! A task that runs: bar, counts, rate, remaining time, Stop.

use super::Button;
use crate::{
    flow::Task,
    ui::{browser, format, state::Running},
};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ProgressProps {
    pub running: Running,
    /// What Stop does; no Stop without it.
    #[prop_or_default]
    pub on_stop: Option<Callback<MouseEvent>>,
}

/// A progress bar with figures. Screen readers hear every tenth of the way.
#[component]
pub fn Progress(props: &ProgressProps) -> Html {
    let running = &props.running;
    let place = use_node_ref();
    let on_stop = use_stop(props.on_stop.clone(), &place);
    let title = running.task.map_or("Waiting for its turn", title);
    let percent = (100.0 * running.done as f64 / running.total.max(1) as f64) as u32;
    let mut figures = Vec::new();
    if running.total > 0 {
        figures.push(match running.task {
            Some(Task::Weights) => format!("{percent} %"),
            task => format!(
                "{} of {} {}",
                format::grouped(running.done as u64),
                format::grouped(running.total as u64),
                match task {
                    Some(Task::Quantize) => "layers",
                    Some(Task::Search) => "policies",
                    Some(Task::Finetune) => "steps",
                    _ => "images",
                }
            ),
        });
    }
    if let Some(unit) = running.task.and_then(unit) {
        figures.extend(running.rate().map(|rate| format!("{} {unit} per second", format::rate(rate))));
    }
    figures.extend(running.remaining().map(|seconds| format!("{} left", format::duration(seconds))));
    figures.extend(running.tally.filter(|t| t.images > 0).map(|t| format!("so far {}", format::accuracy(t))));
    let said = format!("{title}: {} %", percent / 10 * 10);
    html! {
        <div class="progress" ref={place}>
            <progress max={running.total.max(1).to_string()} value={(running.total > 0).then(|| running.done.to_string())}
                aria-label={title}></progress>
            <p><strong>{ title }</strong>{ "  " }<span class="figures">{ figures.join(" · ") }</span></p>
            if let Some(on_stop) = on_stop {
                <Button onclick={on_stop} title="Stop and keep what was counted"
                    why_not={running.stopping.then_some("Stopping: the images under way are finished first")}>
                    { if running.stopping { "Stopping" } else { "Stop" } }
                </Button>
            }
            <span class="unseen" aria-live="polite">{ said }</span>
        </div>
    }
}

/// The callback of the Stop button. When the bar has gone, and the button with it, whoever pressed it finds the focus on
/// the section's main button.
#[hook]
fn use_stop(on_stop: Option<Callback<MouseEvent>>, place: &NodeRef) -> Option<Callback<MouseEvent>> {
    let pressed = use_mut_ref(|| false);
    use_effect_with((), {
        let (place, pressed) = (place.clone(), pressed.clone());
        move |()| {
            let bar = place.cast::<Element>();
            let section = bar.as_ref().and_then(|bar| bar.closest("section").ok().flatten());
            move || {
                let main =
                    section.and_then(|section| section.query_selector("button.primary").ok().flatten());
                // An element that is taken away leaves the focus to the body.
                let is_lost = browser::document().active_element().is_none_or(|at| {
                    at.tag_name() == "BODY" || bar.is_some_and(|bar| bar.contains(Some(&at)))
                });
                if let Some(main) = main.and_then(|main| main.dyn_into::<HtmlElement>().ok())
                    && *pressed.borrow()
                    && is_lost
                {
                    let _ = main.focus();
                }
            }
        }
    });
    on_stop.map(|on_stop| {
        Callback::from(move |event| {
            *pressed.borrow_mut() = true;
            on_stop.emit(event);
        })
    })
}

/// What a task's rate counts.
const fn unit(task: Task) -> Option<&'static str> {
    match task {
        Task::Images | Task::CheckPreprocessing | Task::Calibrate | Task::Evaluate | Task::EvaluateFloat => {
            Some("images")
        }
        Task::Search => Some("policies"),
        Task::Finetune => Some("steps"),
        Task::Weights | Task::Quantize | Task::Package => None,
    }
}

const fn title(task: Task) -> &'static str {
    match task {
        Task::Weights => "Reading weights",
        Task::Images => "Reading images",
        Task::CheckPreprocessing => "Checking the preprocessing",
        Task::Calibrate => "Calibrating",
        Task::Quantize => "Quantizing",
        Task::Evaluate => "Measuring in integers",
        Task::EvaluateFloat => "Measuring in float",
        Task::Package => "Building the package",
        Task::Search => "Searching",
        Task::Finetune => "Training",
    }
}
