//! The course of training: where it runs, how fast, and the curves.

use crate::{
    train::{Point, Progress},
    ui::{
        components::{accuracy_chart, loss_chart},
        format,
        state::{Stage, Training},
    },
};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct CourseProps {
    pub training: Training,
}

/// Facts, curves, figures.
#[component]
pub fn Course(props: &CourseProps) -> Html {
    let Training { network, request, device, images, progress, curve, moved, stage } = &props.training;
    let best = props.training.best();
    let epochs = request.recipe.epochs;
    let stage = match stage {
        Stage::Running => "Running",
        Stage::Paused => "Paused",
        Stage::Done => "Done",
        Stage::Stopped => "Stopped; the best so far is kept",
        Stage::Interrupted => "Interrupted; the last epoch is kept",
        Stage::Failed => "Failed; the last epoch is kept",
    };
    let epoch = curve.last().map_or(0, |point| point.epoch);
    let said = format!("Training: {stage}. Epoch {epoch} of {epochs}. {}", best.map_or(String::new(), told));
    let why = if device.reason.is_empty() { String::new() } else { format!(" ({})", device.reason) };
    let step =
        device.seconds.map_or(String::new(), |seconds| format!(", {seconds:.3} s a step when it began"));
    html! {
        <>
            <p class="facts"><b>{ stage }</b>{ format!(": {} on the {}{why}{step}; {}, {} choose the best epoch.",
                network, device.name, format::count(images.0, "training image", "training images"),
                format::count(images.1, "reward image", "reward images")) }</p>
            if let Some(progress) = progress { <p class="facts">{ figures(progress, epochs) }</p> }
            if let Some(moved) = moved { <p class="warning" role="status">{ format::sentence(moved) }</p> }
            <div class="course">
                <figure>
                    <figcaption class="legend"><span class="key of-front">{ "reward images" }</span>
                        <span class="key dot">{ "training images, changed at random" }</span>
                        <span>{ "right answers over epochs" }</span></figcaption>
                    { accuracy_chart(curve, epochs) }
                </figure>
                <figure>
                    <figcaption class="legend"><span>{ "Loss over epochs" }</span></figcaption>
                    { loss_chart(curve, epochs) }
                </figure>
            </div>
            <div class="scroll history" tabindex="0" role="region" aria-label="Epochs">
                <table>
                    <thead><tr><th scope="col" class="number">{ "Epoch" }</th><th scope="col" class="number">{ "Loss" }</th>
                        <th scope="col" class="number">{ "Training images" }</th>
                        <th scope="col" class="number">{ "Reward images" }</th><th scope="col">{ "Kept" }</th></tr></thead>
                    <tbody>{ for curve.iter().rev().map(|point| row(point, best)) }</tbody>
                </table>
            </div>
            <span class="unseen" aria-live="polite">{ said }</span>
        </>
    }
}

/// Where the present epoch stands.
fn figures(progress: &Progress, epochs: u32) -> String {
    let Progress { epoch, loss, accuracy, rate, speed, frozen, .. } = progress;
    let frozen = if *frozen { "; batch-norm statistics are frozen, as on the chip" } else { "" };
    format!(
        "Epoch {epoch:.1} of {epochs}, loss {loss:.3}, {} right, learning rate {rate:.1e}, {} images per second{frozen}.",
        format::percent(f64::from(*accuracy)),
        format::rate(f64::from(*speed)),
    )
}

fn told(best: &Point) -> String {
    let right = best.measured.first().map(|&right| format::percent(right.into()));
    right.map_or(String::new(), |right| format!("Best {right} on the reward images."))
}

fn row(point: &Point, best: Option<&Point>) -> Html {
    let percent = |value: Option<f32>| value.map_or("–".into(), |value| format::percent(value.into()));
    let is_best = best.is_some_and(|best| best.epoch == point.epoch);
    html! {
        <tr key={point.epoch}>
            <td class="number">{ if point.epoch == 0 { "start".into() } else { point.epoch.to_string() } }</td>
            <td class="number">{ point.loss.map_or("–".into(), |loss| format!("{loss:.3}")) }</td>
            <td class="number">{ percent(point.accuracy) }</td>
            <td class="number"><b>{ percent(point.measured.first().copied()) }</b></td>
            <td>{ if is_best { "best so far" } else { "" } }</td>
        </tr>
    }
}
