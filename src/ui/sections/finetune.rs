//! Fine-tuning: the network learns to live with the widths of the policy.

mod course;
mod plan;

use super::{Controls, Section, failure, revival, unstored};
use crate::{
    flow::{Command, FinetuneFound, Task},
    ui::{
        components::{Button, Progress},
        format,
        state::{Action, Area, Plan, Stage, State},
    },
    web::trainer_module,
};
use course::Course;
use plan::PlanFields;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct FinetuneSectionProps {
    pub state: State,
    pub controls: Controls,
}

/// Settings, Start to Stop, course.
#[component]
pub fn FinetuneSection(props: &FinetuneSectionProps) -> Html {
    let FinetuneSectionProps { state, controls } = props;
    let (finetune, design) = (&state.finetune, &state.design);
    let why_not = state.why_not_finetune();
    let start = {
        let request = finetune.plan.request(design, state.limit, state.lacks_classes());
        let stored = finetune.found.as_ref().filter(|found| !found.elsewhere).map(|found| {
            format!(
                "Training of {} is stored, {}. New training takes its place.",
                found.network.network,
                done(found)
            )
        });
        with_module(controls, move |controls, module| {
            controls.replace(stored.as_deref(), Command::Finetune { request: request.clone(), module });
        })
    };
    let send = |command: Command| controls.ask.reform(move |_| (command.clone(), Vec::new()));
    let stage = finetune.training.as_ref().map(|training| training.stage);
    let why_not_save = state.why_not_save_trained();
    let running = state.work.running(Area::Finetune);
    let run = running.map_or(0, |running| running.run);
    html! {
        <Section id="finetune" number={6} title="Fine-tune">
            <p class="hint">{ "Trains the network at the bits in the table, rounding as the chip does, and keeps the epoch that is \
                best on the reward images. What it starts from takes part, so the result is never worse there. It brings \
                back most of what 4 and 2 bits cost." }</p>
            <PlanFields plan={finetune.plan.clone()} lacks_classes={state.lacks_classes()} images={state.work.images.as_ref().map(|i| (i.train, i.reward))}
                act={controls.act.clone()} />
            <div class="toolbar">
                <span class="tools">
                    <Button class="primary" onclick={start} why_not={why_not.clone()}
                        title="Train the policy on the screen">{ "Start training" }</Button>
                    if stage == Some(Stage::Paused) {
                        <Button onclick={send(Command::Resume(run))} title="Go on where it was held">{ "Resume training" }</Button>
                    } else {
                        <Button onclick={send(Command::Pause(run))} title="Hold after the steps that are being taken"
                            why_not={(stage != Some(Stage::Running)).then_some("No training is running.")}>
                            { "Pause training" }</Button>
                    }
                    <Button onclick={send(Command::SaveTrained)} why_not={why_not_save}
                        title="The trained weights and their quantizers as safetensors: this page and the command line read them again">
                        { "Save trained weights" }</Button>
                </span>
            </div>
            if let (Some(reason), false) = (&why_not, finetune.is_active()) {
                <p class="reason">{ reason }</p>
            }
            { found(state, controls) }
            if let Some(running) = running {
                <Progress running={running.clone()} on_stop={Some(controls.stop(running))} />
            }
            { unstored(finetune.unstored.as_deref()) }
            { revival(state, Area::Finetune) }
            { failure(state.work.failure(Area::Finetune)) }
            { smaller(state, controls) }
            if let Some(training) = &finetune.training {
                <Course training={training.clone()} />
            }
        </Section>
    }
}

/// Asks for something that needs the module which trains; a page that names none says so.
fn with_module(
    controls: &Controls,
    ask: impl Fn(&Controls, String) + 'static,
) -> impl Fn(MouseEvent) + 'static {
    let controls = controls.clone();
    move |_| match trainer_module() {
        Ok(module) => ask(&controls, module),
        Err(message) => controls.act.emit(Action::Refused(Area::Finetune, message)),
    }
}

/// How far stored training has come.
fn done(found: &FinetuneFound) -> String {
    let epochs = found.start.request.recipe.epochs as usize;
    let last = found.start.curve.last().map_or(0, |point| point.epoch);
    format!("{last} of {} done", format::count(epochs, "epoch", "epochs"))
}

/// Stored training: the way back if it was not finished, and the way to let go of it.
fn found(state: &State, controls: &Controls) -> Html {
    let Some(found) = state.finetune.found.as_ref().filter(|_| !state.finetune.is_active()) else {
        return html! {};
    };
    let spec = &found.network.network;
    let done = format!(" on {}, {}. ", found.images, done(found));
    if found.elsewhere {
        let look = controls.ask.reform(|_| (Command::FindFinetune, Vec::new()));
        return html! {
            <div class="notice" role="status">
                <p>{ "Training is running in another tab of this browser: " }<b>{ spec.to_string() }</b>{ done }
                    <button type="button" onclick={look} title="Ask whether it still runs there">{ "Look again" }</button></p>
            </div>
        };
    }
    let discard = controls.discard(Task::Finetune, "Discard the stored training and the trained network?");
    let discard = html! { <button type="button" onclick={discard}
    title="Forget the stored training and the trained network; their room is free again">{ "Discard training" }</button> };
    if found.end.as_ref().is_some_and(|end| !end.stopped) {
        return html! {
            <div class="notice"><p>{ "The trained network is kept until you discard it: " }<b>{ spec.to_string() }</b>{ done }
                { discard }</p></div>
        };
    }
    let why_not = state.why_not_continue_finetune();
    let go_on = with_module(controls, |controls, module| {
        controls.ask.emit((Command::ContinueFinetune { module }, Vec::new()));
    });
    html! {
        <div class="notice">
            <p>{ "Training was not finished: " }<b>{ spec.to_string() }</b>{ done }
                <Button onclick={go_on} why_not={why_not.clone()} title="Go on after the last epoch">
                    { "Continue training" }</Button>{ " " }{ discard }</p>
            if let Some(reason) = why_not { <p class="reason">{ reason }</p> }
        </div>
    }
}

/// What to try after a device had too little memory.
fn smaller(state: &State, controls: &Controls) -> Html {
    let Some(batch) = state.finetune.smaller else { return html! {} };
    let plan = Plan { batch, ..state.finetune.plan.clone() };
    let onclick = controls.act.reform(move |_| Action::SetPlan(plan.clone()));
    html! {
        <div class="notice"><p>{ "A smaller batch takes less memory. " }
            <button type="button" {onclick}>{ format!("Use batches of {batch}") }</button></p></div>
    }
}
