//! Searches on the page.

use super::*;
use crate::{
    flow::{SearchEnd, SearchFound, SearchRequest, SearchResult, SearchStart},
    search::{Episode, Purpose, Score},
};

fn ready() -> State {
    state([network(DEMOS[0]), images()])
}

fn request(state: &State) -> SearchRequest {
    state.search.wish.request(&state.design, &state.search.pins)
}

/// The float network on 100 reward images.
fn rewarded() -> Figure {
    let tally = Tally { correct: 90, images: 100 };
    let images = ImagesUsed { subset: Subset::Reward, chosen_by: 100, ..test_images(100, 0) };
    Figure { tally, images, stopped: false }
}

pub(super) fn started(state: &State) -> State {
    let request = request(state);
    let float = rewarded();
    let start = SearchStart { request: request.clone(), float, episodes: Vec::new() };
    state
        .after(Action::Asked(RUN, Command::Search(request), 0.0))
        .after(reported(Event::SearchStarted(Box::new(start))))
}

pub(super) fn episode(state: &State, number: usize, correct: usize) -> Episode {
    let policy = crate::quant::Policy::uniform(state.design.network.graph(), Bits::B4, Bits::B8);
    let usage = state.design.target.model.usage(state.design.network.graph(), &policy);
    let divergence = (100 - correct as i64) << 20;
    let score = Score { correct, images: 100, divergence, squares: divergence << 6 };
    let reward = score.reward();
    Episode { allocator: Allocator::Agent, number, purpose: Purpose::Candidate, policy, usage, score, reward }
}

pub(super) fn scored(state: &State, number: usize, correct: usize) -> State {
    state.after(reported(Event::Episode(Box::new(episode(state, number, correct)))))
}

#[test]
fn episodes_come_into_the_log_of_their_search() {
    let first = scored(&scored(&started(&ready()), 1, 70), 2, 60);
    let run = first.search.run.as_ref().expect("runs");
    assert_eq!((run.log().episodes().len(), run.log().best(None).map(|e| e.number)), (2, Some(1)));
    assert_ne!(first, scored(&first, 3, 50), "an episode is a change");
    let second = started(&first);
    assert_eq!(second.search.run.as_ref().map(|run| run.log().episodes().len()), Some(0));
}

#[test]
fn nothing_else_is_computed_while_a_search_runs() {
    let running = started(&ready());
    for reason in [running.why_not_measure(), running.why_not_search(), running.why_not_package()] {
        assert!(reason.is_some_and(|reason| reason.contains("search is running")));
    }
    let held = running.after(reported(Event::Paused(Task::Search)));
    assert_eq!(held.search.run.as_ref().map(|run| &run.phase), Some(&Phase::Paused));
    assert!(held.why_not_measure().is_some());
    let best = episode(&held, 1, 80);
    let result = SearchResult { allocator: Allocator::Agent, best, episodes: 1, test: None };
    let ended = held.after(reported(Event::SearchEnded(SearchEnd {
        results: vec![result],
        stopped: true,
        images: None,
    })));
    assert_eq!((ended.why_not_measure(), ended.why_not_search()), (None, None));
    let again = ended.after(reported(Event::Resumed(Task::Search)));
    assert!(!again.search.is_active(), "what has ended does not go on");
}

#[test]
fn a_failed_search_keeps_its_episodes() {
    let message = "no policy fits".to_owned();
    let failed =
        scored(&started(&ready()), 1, 70).after(reported(Event::Failed { task: Task::Search, message }));
    let run = failed.search.run.as_ref().expect("is kept");
    assert!(!run.is_active() && run.log().best(None).is_some());
    assert_eq!(failed.work.failure(Area::Search), Some("no policy fits"));
}

#[test]
fn a_found_policy_comes_to_the_screen_with_its_budgets() {
    let found = scored(&started(&ready()), 1, 70);
    let budget = Budget { flash: 1 << 20, ram: 1 << 18 };
    let elsewhere = found.after(Action::SelectNetwork(DEMOS[1].into())).after(Action::SelectTarget(Target {
        device: None,
        budget,
        ..Target::default()
    }));
    let shown = elsewhere.after(Action::Adopt(Box::new(episode(&found, 1, 70))));
    assert_eq!(shown.design.network.zoo(), Some(DEMOS[0]));
    assert_eq!(shown.design.target.budget, Target::default().budget);
    assert_eq!(**shown.design.policy(), episode(&found, 1, 70).policy);
    assert_eq!(shown.design.version.origin, Allocator::Agent.into());
}

#[test]
fn pins_hold_against_rule_and_uniform_and_go_with_the_network() {
    let slot = Slot::Weight(2);
    let pinned = state([Action::Set(vec![slot], Bits::B2), Action::Pin(vec![slot], true)]);
    for preset in [Preset::Rule, Preset::Uniform(Bits::B8, Bits::B8)] {
        assert_eq!(pinned.after(Action::Allocate(preset)).design.policy().get(slot), Bits::B2);
    }
    assert_eq!(request(&pinned).settings.pins, [(slot, Bits::B2)]);
    let free = pinned.after(Action::Pin(vec![slot], false)).after(Action::Allocate(Preset::Rule));
    assert_eq!(free.design.policy(), State::default().design.policy());
    assert!(pinned.after(Action::SelectNetwork(DEMOS[1].into())).search.pins.is_empty());
}

/// A stored search with one episode.
fn stored(state: &State, network: NetworkSummary, end: Option<SearchEnd>) -> SearchFound {
    let (request, float) = (request(state), rewarded());
    let start = SearchStart { request, float, episodes: vec![episode(state, 1, 70)] };
    SearchFound { network, images: "demo".into(), start, end, elsewhere: false }
}

#[test]
fn a_stored_search_shows_as_it_was_left_until_it_is_discarded() {
    let ready = ready();
    let network = ready.work.network.clone().expect("loaded");
    let best = episode(&ready, 1, 70);
    let result = SearchResult { allocator: Allocator::Agent, best, episodes: 1, test: None };
    let end = SearchEnd { results: vec![result], stopped: false, images: None };
    let found = |end| reported(Event::SearchFound(Box::new(stored(&ready, network.clone(), end))));
    let shown = ready.after(found(Some(end.clone())));
    let run = shown.search.run.as_ref().expect("shows");
    assert_eq!(run.phase, Phase::Ended { results: end.results, stopped: false, images: None });
    assert!(run.log().best(None).is_some() && !shown.has_unsaved());
    let discarded = shown.after(reported(Event::Discarded(Task::Search)));
    assert!(discarded.search.run.is_none() && discarded.search.found.is_none());

    let interrupted = ready.after(found(None));
    assert!(interrupted.search.run.as_ref().is_some_and(|run| !run.is_active()));
    let mut elsewhere = stored(&ready, network.clone(), None);
    elsewhere.elsewhere = true;
    let other_tab = ready.after(reported(Event::SearchFound(Box::new(elsewhere))));
    assert!(other_tab.search.run.is_none());
    assert!(other_tab.why_not_continue().is_some_and(|why| why.contains("another tab")));
}

#[test]
fn after_the_worker_died_a_search_that_ran_goes_on_and_one_that_was_held_stays_held() {
    let running = scored(&started(&ready()), 1, 70);
    let held = running.after(reported(Event::Paused(Task::Search)));
    for (state, goes_on) in [(running, true), (held, false)] {
        let revived = state.after(Action::Revived("it was started again".into()));
        assert_eq!(revived.goes_on, GoesOn { search: goes_on, training: false });
        assert!(revived.work.revival(Area::Search).is_some() && revived.work.network.is_none());
        let run = revived.search.run.as_ref().expect("its episodes stay");
        assert!(!run.is_active() && run.log().episodes().len() == 1);
        let asked = revived.after(Action::Asked(RUN, Command::ContinueSearch, 0.0));
        assert!(!asked.goes_on.search && asked.work.revival(Area::Search).is_some());
    }
}

#[test]
fn leaving_asks_while_something_is_not_stored() {
    let running = started(&ready());
    assert!(running.has_unsaved());
    let held = running.after(reported(Event::Paused(Task::Search)));
    assert!(!held.has_unsaved(), "held, it is stored to the last episode");
    let problem = Some("the browser has no room left".to_owned());
    let full = held.after(reported(Event::Stored { task: Task::Search, problem }));
    assert!(full.has_unsaved());
    let again = full.after(reported(Event::Stored { task: Task::Search, problem: None }));
    assert!(!again.has_unsaved());
    let unstored = Some("this browser has no file system for pages".to_owned());
    assert!(held.after(reported(Event::Ready { workers: 2, unstored })).has_unsaved());
}

#[test]
fn a_stored_search_waits_for_its_weights_and_images() {
    let ready = ready();
    let mut summary = ready.work.network.clone().expect("loaded");
    let found = |network| stored(&ready, network, None);
    let offered = ready.after(reported(Event::SearchFound(Box::new(found(summary.clone())))));
    assert_eq!(offered.why_not_continue(), None);
    assert_eq!(started(&offered).search.found, None, "another search takes its place");
    summary.key = Key::of(&"other weights");
    summary.source = "other.safetensors".into();
    let other = ready.after(reported(Event::SearchFound(Box::new(found(summary)))));
    assert!(other.why_not_continue().is_some_and(|why| why.contains("other.safetensors")));
}

#[test]
fn what_a_search_reads_and_measures_shows_in_its_own_place() {
    let asked = ready().after(Action::Asked(RUN, Command::Search(request(&ready())), 0.0));
    let tasks = [Task::Images, Task::Calibrate, Task::EvaluateFloat, Task::Search];
    let seen = tasks.into_iter().fold(asked, |state, task| {
        let next = state.after(reported(Event::Progress { task, done: 1, total: 2, tally: None }));
        assert_eq!(next.work.running(Area::Search).and_then(|running| running.task), Some(task));
        next
    });
    assert!(seen.work.running(Area::Images).is_none() && seen.work.running(Area::Result).is_none());
    let updated = seen.after(images());
    assert_eq!(updated.loaded(), seen.loaded(), "the same images, some of them unread");
}
