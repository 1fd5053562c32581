//! A task that runs: bar, counts, rate, remaining time, Stop.

use crate::{
    flow::Task,
    ui::{format, state::Running},
};
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
    let title = running.task.map_or("Waiting for the worker", title);
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
        <div class="progress">
            <progress max={running.total.max(1).to_string()} value={(running.total > 0).then(|| running.done.to_string())}
                aria-label={title}></progress>
            <p><strong>{ title }</strong>{ "  " }<span class="figures">{ figures.join(" · ") }</span></p>
            if let Some(on_stop) = &props.on_stop {
                <button type="button" onclick={on_stop.clone()} disabled={running.stopping}
                    title={if running.stopping { "Stopping: the images under way are finished first" } else { "Stop and keep what was counted" }}>
                    { if running.stopping { "Stopping" } else { "Stop" } }
                </button>
            }
            <span class="unseen" aria-live="polite">{ said }</span>
        </div>
    }
}

/// What a task's rate counts.
const fn unit(task: Task) -> Option<&'static str> {
    match task {
        Task::Images | Task::Calibrate | Task::Evaluate | Task::EvaluateFloat => Some("images"),
        Task::Search => Some("policies"),
        Task::Finetune => Some("steps"),
        Task::Weights | Task::Quantize | Task::Package => None,
    }
}

const fn title(task: Task) -> &'static str {
    match task {
        Task::Weights => "Reading weights",
        Task::Images => "Reading images",
        Task::Calibrate => "Calibrating",
        Task::Quantize => "Quantizing",
        Task::Evaluate => "Measuring in integers",
        Task::EvaluateFloat => "Measuring in float",
        Task::Package => "Building the package",
        Task::Search => "Searching",
        Task::Finetune => "Training",
    }
}
