//! The search for the best policy: what it may do, how far it is, and what it has found.

mod compare;
mod course;
mod wish;

use super::{Controls, Section, failure, revival, unstored};
use crate::{
    flow::{Command, Task},
    search::SearchError,
    ui::{
        components::{Button, Progress},
        format,
        state::{Action, Area, Phase, State, Wish},
    },
};
use compare::Compare;
use course::Course;
use wish::WishFields;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct SearchSectionProps {
    pub state: State,
    pub controls: Controls,
}

/// Settings, Start to Stop, course, comparison.
#[component]
pub fn SearchSection(props: &SearchSectionProps) -> Html {
    let SearchSectionProps { state, controls } = props;
    let (search, design) = (&state.search, &state.design);
    // What keeps any search from finding anything, before one is begun.
    let request = search.wish.request(design, &search.pins);
    let infeasible = use_memo((design.network.clone(), request.settings.clone()), |(network, settings)| {
        settings.problem(network.graph()).err()
    });
    let why_not = state.why_not_search().or_else(|| (*infeasible).as_ref().map(|error| format!("{error}.")));
    let start = {
        let controls = controls.clone();
        let stored = search.found.as_ref().filter(|found| !found.elsewhere).map(|found| {
            let episodes = format::count(found.start.episodes.len(), "episode", "episodes");
            format!(
                "A search of {} is stored, {episodes} done. A new search takes its place.",
                found.network.network
            )
        });
        move |_| controls.replace(stored.as_deref(), Command::Search(request.clone()))
    };
    let phase = search.run.as_ref().map(|run| &run.phase);
    let running = state.work.running(Area::Search);
    let run = running.map_or(0, |running| running.run);
    let send = |command: Command| controls.ask.reform(move |_| (command.clone(), Vec::new()));
    html! {
        <Section id="search" number={5} title="Search">
            <WishFields wish={search.wish.clone()} pins={search.pins.len()}
                images={state.work.images.as_ref().map(|images| (images.reward, images.test))} act={controls.act.clone()} />
            <div class="toolbar">
                <span class="tools">
                    <Button class="primary" onclick={start} why_not={why_not.clone()}
                        title="Score policies on the reward images and keep the best">{ "Start search" }</Button>
                    if phase == Some(&Phase::Paused) {
                        <Button onclick={send(Command::Resume(run))} title="Go on where it was held">{ "Resume" }</Button>
                    } else {
                        <Button onclick={send(Command::Pause(run))} title="Hold after the policy that is being scored"
                            why_not={(phase != Some(&Phase::Running)).then_some("No search is running.")}>{ "Pause" }</Button>
                    }
                </span>
                <span class="hint">{ budgets(state) }</span>
            </div>
            if let (Some(reason), false) = (&why_not, search.is_active()) {
                <p class="reason">{ reason }{ way_out(state, controls, (*infeasible).as_ref()) }</p>
            }
            { found(state, controls) }
            if let Some(running) = running {
                <Progress running={running.clone()} on_stop={Some(controls.stop(running))} />
            }
            { unstored(search.unstored.as_deref()) }
            { revival(state, Area::Search) }
            { failure(state.work.failure(Area::Search)) }
            if let Some(run) = &search.run {
                <Course run={run.clone()} act={controls.act.clone()} />
                <Compare run={run.clone()} act={controls.act.clone()} />
            }
        </Section>
    }
}

/// The button that mends what keeps a search from being begun, if one can.
fn way_out(state: &State, controls: &Controls, error: Option<&SearchError>) -> Html {
    let (Some(SearchError::Episodes { needed, .. }), None) = (error, state.why_not_search()) else {
        return html! {};
    };
    let wish = Wish { episodes: *needed, ..state.search.wish.clone() };
    let onclick = controls.act.reform(move |_| Action::SetWish(wish.clone()));
    let title = format!("Allow {}", format::count(*needed, "episode", "episodes"));
    html! { <>{ " " }<Button {onclick}>{ title }</Button></> }
}

/// What the search keeps to.
fn budgets(state: &State) -> String {
    use crate::memory::{Bytes, MemoryModel};
    let target = state.design.target;
    let place = target.device.map_or("own budgets", |device| device.name);
    let model = match target.model {
        MemoryModel::Device(_) => "device",
        MemoryModel::Paper => "paper",
    };
    format!(
        "Within {} FLASH and {} RAM ({place}, {model} model).",
        Bytes(target.budget.flash),
        Bytes(target.budget.ram)
    )
}

/// A stored search: the way back if it was not finished, and the way to let go of it.
fn found(state: &State, controls: &Controls) -> Html {
    let Some(found) = state.search.found.as_ref().filter(|_| !state.search.is_active()) else {
        return html! {};
    };
    let spec = &found.network.network;
    let done = format!(
        " on {}, {} done. ",
        found.images,
        format::count(found.start.episodes.len(), "episode", "episodes")
    );
    if found.elsewhere {
        let look = controls.ask.reform(|_| (Command::FindSearch, Vec::new()));
        return html! {
            <div class="notice" role="status">
                <p>{ "A search is running in another tab of this browser: " }<b>{ spec.to_string() }</b>{ done }
                    <button type="button" onclick={look} title="Ask whether it still runs there">{ "Look again" }</button></p>
            </div>
        };
    }
    let discard = controls.discard(Task::Search, "Discard the stored search with all its episodes?");
    let discard = html! { <button type="button" onclick={discard}
    title="Forget the stored search; its room is free again">{ "Discard it" }</button> };
    if found.end.as_ref().is_some_and(|end| !end.stopped) {
        return html! {
            <div class="notice"><p>{ "This search is kept until you discard it: " }<b>{ spec.to_string() }</b>{ done }
                { discard }</p></div>
        };
    }
    let why_not = state.why_not_continue();
    let go_on = controls.ask.reform(|_| (Command::ContinueSearch, Vec::new()));
    html! {
        <div class="notice">
            <p>{ "A search was not finished: " }<b>{ spec.to_string() }</b>{ done }
                <Button onclick={go_on} why_not={why_not.clone()} title="Go on where it was left">{ "Continue it" }</Button>
                { " " }{ discard }</p>
            if let Some(reason) = why_not { <p class="reason">{ reason }</p> }
        </div>
    }
}
