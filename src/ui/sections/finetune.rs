//! Fine-tuning: the network learns to live with the widths of the policy.

mod course;
mod plan;

use super::{Controls, Section, failure};
use crate::{
    flow::Command,
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
        let request = finetune.plan.request(design, state.limit);
        with_module(controls, move |module| Command::Finetune { request: request.clone(), module })
    };
    let send = |command: Command| controls.ask.reform(move |_| (command.clone(), Vec::new()));
    let stage = finetune.training.as_ref().map(|training| training.stage);
    let why_not_save = state.why_not_save_trained();
    let running = state.work.running(Area::Finetune);
    html! {
        <Section id="finetune" number={6} title="Fine-tune">
            <p class="hint">{ "Trains the network at the widths in the table, rounding as the chip does, and keeps the epoch that is \
                best on the reward images. What it starts from takes part, so the result is never worse there. It brings \
                back most of what 4 and 2 bits cost." }</p>
            <PlanFields plan={finetune.plan.clone()} images={state.work.images.as_ref().map(|i| (i.train, i.reward))}
                act={controls.act.clone()} />
            <div class="toolbar">
                <span class="tools">
                    <Button class="primary" onclick={start} why_not={why_not.clone()}
                        title="Train the policy on the screen">{ "Start training" }</Button>
                    if stage == Some(Stage::Paused) {
                        <Button onclick={send(Command::Resume)} title="Go on where it was held">{ "Resume training" }</Button>
                    } else {
                        <Button onclick={send(Command::Pause)} title="Hold after the steps that are being taken"
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
                <Progress running={running.clone()} on_stop={Some(send(Command::Stop))} />
            }
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
    command: impl Fn(String) -> Command + 'static,
) -> impl Fn(MouseEvent) + 'static {
    let Controls { act, ask } = controls.clone();
    move |_| match trainer_module() {
        Ok(module) => ask.emit((command(module), Vec::new())),
        Err(message) => act.emit(Action::Refused(Area::Finetune, message)),
    }
}

/// The way back to training that was not finished.
fn found(state: &State, controls: &Controls) -> Html {
    let Some(found) = &state.finetune.found else { return html! {} };
    let why_not = state.why_not_continue_finetune();
    let go_on = with_module(controls, |module| Command::ContinueFinetune { module });
    let done = found.curve.last().map_or(0, |point| point.epoch);
    let epochs = found.request.recipe.epochs as usize;
    html! {
        <div class="notice">
            <p>{ "Training was not finished: " }<b>{ found.network.spec.to_string() }</b>
                { format!(" on {}, {done} of {} done. ", found.images, format::count(epochs, "epoch", "epochs")) }
                <Button onclick={go_on} why_not={why_not.clone()} title="Go on after the last epoch">
                    { "Continue training" }</Button></p>
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
