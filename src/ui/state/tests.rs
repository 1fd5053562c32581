mod finetune;
mod link;
mod search;

use super::*;
use crate::flow::{
    ClassSummary, Figure, ImagesSummary, ImagesUsed, Key, Measurement, NetworkSummary, PreprocessingVerdict,
    SettingKind, SettingOrigin, Subset, Tally,
};
use crate::memory::{Budget, Core, Mcu, MemoryModel, Reserve};
use crate::quant::{Bits, Policy, Slot};
use link::link;

fn state(actions: impl IntoIterator<Item = Action>) -> State {
    actions.into_iter().fold(State::default(), |state, action| state.after(action))
}

/// The number of the only command.
const RUN: RunId = 1;

fn open_weights(name: &str) -> Command {
    Command::OpenWeights { name: name.into(), network: None, settings: GivenSettings::default() }
}

fn reported(event: Event) -> Action {
    about(RUN, event)
}

/// What the worker reports about a command.
fn about(run: RunId, event: Event) -> Action {
    Action::Reported(vec![(run, event, 0.0)])
}

fn measure(state: &State) -> Command {
    Command::Measure { policy: (**state.design.policy()).clone(), limit: None }
}

fn network(spec: Spec) -> Action {
    network_of(spec, 0)
}

/// Weights of a network with a key of their own.
fn network_of(spec: Spec, key: u32) -> Action {
    reported(Event::Network(NetworkSummary { key: Key::of(&(spec, key)), ..summary(spec.into(), "demo") }))
}

/// What the worker says of weights of which nothing is known but where they came from.
pub(super) fn summary(network: Network, source: &str) -> NetworkSummary {
    NetworkSummary {
        source: source.into(),
        labels: None,
        sha256: "0".repeat(64),
        policy: None,
        ranges: None,
        format: None,
        naming: None,
        settings: Vec::new(),
        remarks: Vec::new(),
        notes: Vec::new(),
        key: Key::of(&(source, network.to_string())),
        network,
    }
}

/// Some of 300 test images that were opened as number `key`.
fn test_images(count: usize, key: u32) -> ImagesUsed {
    ImagesUsed {
        subset: Subset::Test,
        count,
        of: 300,
        chosen_by: 0,
        classes: (10, 10),
        key: Key::of(&(count, key)),
    }
}

/// What the worker answers with what is loaded.
fn measurement(state: &State, policy: Policy, figure: Figure) -> Measurement {
    let (weights, images) = state.loaded().expect("weights and images");
    Measurement { policy, figure, calibration: 100, trained: None, weights, images }
}

fn float_measured(state: &State, images: ImagesUsed, stopped: bool) -> State {
    let figure = Figure { tally: Tally { correct: 90, images: 100 }, images, stopped };
    let weights = state.loaded().expect("weights and images").0;
    state.after(reported(Event::MeasuredFloat { figure, weights }))
}

fn images() -> Action {
    images_of(0)
}

/// Images that were opened as number `key`.
fn images_of(key: u32) -> Action {
    let class = |i: usize| ClassSummary { folder: format!("{i}"), name: format!("class {i}"), images: 50 };
    reported(Event::Images(ImagesSummary {
        source: "demo".into(),
        sha256: "f".repeat(64),
        key: Key::of(&key),
        classes: (0..10).map(class).collect(),
        calibration: 100,
        train: 500,
        reward: 100,
        test: 300,
    }))
}

/// All that happens until the policy on the screen is measured.
fn measured(before: State) -> State {
    measured_on(before, test_images(300, 0))
}

fn measured_on(before: State, images: ImagesUsed) -> State {
    let policy = (**before.design.policy()).clone();
    let tally = Tally { correct: images.count * 9 / 10, images: images.count };
    let figure = Figure { tally, images, stopped: false };
    let measurement = measurement(&before, policy.clone(), figure);
    let limit = (images.count < images.of).then_some(images.count);
    before
        .after(Action::Asked(RUN, Command::Measure { policy, limit }, 0.0))
        .after(reported(Event::Measured(measurement)))
}

#[test]
fn the_page_opens_with_a_demo_that_fits_its_device() {
    let state = State::default();
    assert_eq!(state.design.network.zoo(), Some(DEMOS[0]));
    assert!(state.design.fits(), "{:?}", state.design.excesses);
    assert!(state.trial().is_none());
}

#[test]
fn demos_are_the_networks_that_are_shipped() {
    let names = DEMOS.map(|demo| demo.to_string());
    assert_eq!(names, ["mobilenet-v1-0.25-32", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"]);
    assert!(DEMOS.iter().all(|demo| demo.classes == 10));
}

#[test]
fn changes_are_undone_and_redone_in_order() {
    let first = State::default();
    let slot = Slot::all(first.design.network.graph())[0];
    let uniform = first.after(Action::Allocate(Preset::Uniform(Bits::B2, Bits::B2)));
    let edited = uniform.after(Action::Set(vec![slot], Bits::B8));
    assert_eq!(edited.design.policy().get(slot), Bits::B8);
    assert!(edited.design.footprint.flash.weights > uniform.design.footprint.flash.weights);

    let undone = edited.after(Action::Undo);
    assert_eq!(undone.design, uniform.design);
    assert_eq!(undone.after(Action::Undo).design, first.design);
    assert!(!undone.after(Action::Undo).can_undo());
    assert_eq!(undone.after(Action::Redo).design, edited.design);
    assert!(!undone.after(Action::Set(vec![slot], Bits::B4)).can_redo(), "a new change ends what was undone");
}

#[test]
fn setting_what_is_already_set_is_no_change() {
    let state = State::default();
    let slot = Slot::all(state.design.network.graph())[0];
    let same = state.after(Action::Set(vec![slot], state.design.policy().get(slot)));
    assert!(!same.can_undo());
}

#[test]
fn measuring_needs_weights_of_this_network_and_images() {
    let spec = DEMOS[0];
    let empty = State::default();
    assert!(empty.why_not_measure().is_some_and(|why| why.contains("No weights of mobilenet-v1-0.25-32")));
    let without_images = empty.after(network(spec));
    assert_eq!(without_images.why_not_measure().as_deref(), Some("No images are loaded."));
    let ready = without_images.after(images());
    assert_eq!(ready.why_not_measure(), None);
    let other = ready.after(Action::SelectNetwork(DEMOS[1].into()));
    assert!(other.why_not_measure().is_some(), "the weights are of another network");
    assert_eq!(other.after(Action::SelectNetwork(spec.into())).why_not_measure(), None);
}

#[test]
fn a_package_holds_what_was_measured_last() {
    let ready = state([network(DEMOS[0]), images()]);
    assert!(ready.why_not_package().is_some_and(|why| why.contains("Measure this policy first")));
    let first = measured(ready);
    assert_eq!(first.why_not_package(), None);
    let second = measured(first.after(Action::Allocate(Preset::Uniform(Bits::B8, Bits::B2))));
    assert_eq!(second.why_not_package(), None);
    let back = second.after(Action::Undo);
    assert!(back.trial().is_some());
    assert!(back.why_not_package().is_some_and(|why| why.contains("Another policy was measured since")));
    assert_eq!(back.trials.len(), 2);
}

#[test]
fn images_that_a_measurement_reads_are_the_ones_that_were_opened() {
    let ready = state([network(DEMOS[0]), images()]);
    let policy = (**ready.design.policy()).clone();
    let figure = Figure { tally: Tally { correct: 1, images: 2 }, images: test_images(2, 0), stopped: false };
    let measurement = measurement(&ready, policy.clone(), figure);
    let progress = Event::Progress { task: Task::Images, done: 5, total: 10, tally: None };
    let reading = ready
        .after(Action::Asked(RUN, Command::Measure { policy, limit: None }, 0.0))
        .after(reported(progress));
    assert_eq!(reading.work.running(Area::Result).and_then(|task| task.task), Some(Task::Images));
    assert!(reading.work.running(Area::Images).is_none());
    let measured = reading.after(images()).after(reported(Event::Measured(measurement)));
    assert_eq!(measured.trial().map(|trial| trial.figure), Some(figure));
}

#[test]
fn assumed_preprocessing_is_checked_once_images_are_decoded() {
    let loaded = |origin| {
        let setting = Setting { kind: SettingKind::Normalization, value: "x/255".into(), origin };
        let summary = NetworkSummary { settings: vec![setting], ..summary(DEMOS[0].into(), "own") };
        state([reported(Event::Network(summary)), images()])
    };
    let assumed = loaded(SettingOrigin::Assumed("the file does not say".into()));
    assert!(!assumed.wants_check(), "no image is decoded yet");
    let decoded = measured(assumed);
    assert!(decoded.wants_check());
    let verdict = PreprocessingVerdict { choices: Vec::new(), better: None, assumed: (true, false) };
    let checked = decoded.after(reported(Event::PreprocessingChecked(Some(verdict))));
    assert!(!checked.wants_check() && checked.work.preprocessing.is_some());
    assert!(!measured(loaded(SettingOrigin::Stated)).wants_check());
    // Other weights: what was found is not of them.
    assert!(checked.after(network(DEMOS[1])).work.preprocessing.is_none());
}

#[test]
fn the_page_follows_a_file_but_not_against_the_user() {
    let asked = state([Action::Asked(RUN, open_weights("w"), 0.0)]);
    assert_eq!(asked.after(network(DEMOS[2])).design.network.zoo(), Some(DEMOS[2]));
    let changed = asked.after(Action::SelectNetwork(DEMOS[1].into())).after(network(DEMOS[2]));
    assert_eq!(changed.design.network.zoo(), Some(DEMOS[1]));
    assert!(!changed.has_weights());
}

#[test]
fn new_images_make_results_old() {
    let before = measured(state([network(DEMOS[0]), images()]));
    let all = Command::MeasureFloat { subset: Subset::Test, limit: None };
    assert_eq!(before.wants_float(), Some(all));
    let before = float_measured(&before, test_images(300, 0), false);
    let float = |state: &State| state.trial().and_then(|trial| state.float_of(trial));
    assert!(before.wants_float().is_none() && float(&before).is_some());
    let after = before.after(images_of(1));
    assert!(after.trial().is_none() && after.wants_float().is_none());
    assert_eq!(after.trials.len(), 1, "the history stays");
    let other = measured_on(after, test_images(300, 1));
    assert!(float(&other).is_none(), "that was of other images");
}

/// The former page kept a float figure of all images beside integers of a hundred.
#[test]
fn integers_stand_beside_the_float_figure_of_their_own_images() {
    let difference = |state: &State| {
        let trial = state.trial().expect("measured");
        trial.figure.above(&state.float_of(trial)?)
    };
    let all = float_measured(&measured(state([network(DEMOS[0]), images()])), test_images(300, 0), false);
    assert_eq!(difference(&all), Some(0.0));
    let hundred = measured_on(all.after(Action::SetLimit(Some(100))), test_images(100, 0));
    assert_eq!(difference(&hundred), None);
    let wanted = Command::MeasureFloat { subset: Subset::Test, limit: Some(100) };
    assert_eq!(hundred.wants_float(), Some(wanted.clone()));
    let changed = hundred.after(Action::SetLimit(None));
    assert_eq!(changed.wants_float(), Some(wanted), "the images of the trial, not those wanted next");
    let stopped = float_measured(&hundred, test_images(100, 0), true);
    assert_eq!(difference(&stopped), None);
    assert_eq!(stopped.wants_float(), None, "the user has stopped it");
    assert_eq!(difference(&float_measured(&hundred, test_images(100, 0), false)), Some(0.0));
    assert_eq!(difference(&measured(hundred)), Some(0.0), "that of all images still holds");
}

#[test]
fn results_of_weights_that_come_back_hold_again() {
    let first = measured(state([network(DEMOS[0]), images()]));
    let second = first.after(network_of(DEMOS[0], 1));
    assert!(second.trial().is_none(), "other weights of the same network");
    assert!(second.after(network(DEMOS[0])).trial().is_some());
}

#[test]
fn results_belong_to_what_was_asked_not_to_what_is_on_the_screen() {
    let ready = state([network(DEMOS[0]), images()]);
    let asked = link(&ready);
    let policy = (**ready.design.policy()).clone();
    let figure = Figure { tally: Tally::default(), images: test_images(300, 0), stopped: true };
    let measurement = measurement(&ready, policy.clone(), figure);
    let answered = ready
        .after(Action::Asked(RUN, Command::Measure { policy, limit: None }, 0.0))
        .after(Action::SelectNetwork(DEMOS[2].into()))
        .after(reported(Event::Measured(measurement)));
    assert!(answered.trial().is_none());
    assert_eq!((answered.trials[0].network.zoo(), &answered.trials[0].link), (Some(DEMOS[0]), &asked));
}

#[test]
fn tasks_show_where_they_belong_and_end() {
    let progress = |done, now| {
        let tally = Some(Tally { correct: done, images: done });
        Action::Reported(vec![(RUN, Event::Progress { task: Task::Evaluate, done, total: 400, tally }, now)])
    };
    let asked = Action::Asked(RUN, measure(&State::default()), 0.0);
    let running = state([network(DEMOS[0]), images(), asked, progress(0, 1_000.0), progress(100, 3_000.0)]);
    let task = running.work.running(Area::Result).expect("runs");
    assert_eq!((task.rate(), task.remaining()), (Some(50.0), Some(6.0)));
    let stopping = running.after(Action::Asked(RUN + 1, Command::Stop(RUN), 3_000.0));
    assert!(stopping.work.running(Area::Result).is_some_and(|task| task.stopping));
    assert_eq!(stopping.after(reported(Event::Stopped(Task::Evaluate))).work.running(Area::Result), None);

    let message = "weights of pw3: expected [32, 1, 1, 16], found [32, 16]".to_owned();
    let failed = running.after(reported(Event::Failed { task: Task::Calibrate, message: message.clone() }));
    assert_eq!(failed.work.failure(Area::Result), Some(message.as_str()));
    assert!(failed.has_weights(), "what was loaded is kept");
}

#[test]
fn own_weights_opened_while_the_demo_loads_are_those_that_show() {
    let (demo, own) = (1, 2);
    let weights = |run, spec: Spec, source: &str| about(run, Event::Network(summary(spec.into(), source)));
    let opened = state([
        Action::Asked(demo, Command::OpenDemo(DEMOS[0]), 0.0),
        Action::Asked(own, open_weights("own"), 0.0),
    ]);
    // The demo may have been on its way already, or be stopped.
    for late in [weights(demo, DEMOS[0], "demo"), about(demo, Event::Stopped(Task::Weights))] {
        let waiting = opened.after(late);
        assert!(waiting.work.running(Area::Network).is_some_and(|running| running.run == own));
        let loaded = waiting.after(weights(own, DEMOS[2], "own"));
        assert_eq!(loaded.design.network.zoo(), Some(DEMOS[2]));
        assert!(loaded.has_weights() && loaded.work.running(Area::Network).is_none());
    }
}

#[test]
fn stop_means_the_task_that_it_stands_beside() {
    let (search, measurement) = (1, 2);
    let ready = state([network(DEMOS[0]), images()]);
    let request = ready.search.wish.request(&ready.design, &ready.search.pins);
    let both = ready.after(Action::Asked(search, Command::Search(request), 0.0)).after(Action::Asked(
        measurement,
        measure(&ready),
        0.0,
    ));
    let stopping = both.after(Action::Asked(3, Command::Stop(measurement), 0.0));
    assert!(stopping.work.running(Area::Result).is_some_and(|task| task.stopping));
    assert!(stopping.work.running(Area::Search).is_some_and(|task| !task.stopping));
    let taken_back = stopping.after(about(measurement, Event::Stopped(Task::Evaluate)));
    assert_eq!(taken_back.work.running(Area::Result), None);
    let progress = Event::Progress { task: Task::Images, done: 1, total: 2, tally: None };
    let goes_on = taken_back.after(about(search, progress));
    assert_eq!(goes_on.work.running(Area::Search).and_then(|task| task.task), Some(Task::Images));
}

#[test]
fn what_was_replaced_changes_nothing_any_more() {
    let ready = state([network(DEMOS[0]), images()]);
    let replaced =
        ready.after(Action::Asked(1, measure(&ready), 0.0)).after(Action::Asked(2, measure(&ready), 0.0));
    let failed = Event::Failed { task: Task::Evaluate, message: "of the first".into() };
    for late in [Event::Stopped(Task::Evaluate), failed] {
        let after = replaced.after(about(1, late));
        assert!(after.work.running(Area::Result).is_some_and(|task| task.run == 2));
        assert_eq!(after.work.failure(Area::Result), None);
    }
}

#[test]
fn the_rule_follows_the_device_and_hands_stay() {
    let other = Target::default().on(Mcu::by_slug("stm32l476rg").expect("in the catalogue"));
    let ruled = state([Action::SelectTarget(other)]);
    assert_ne!(ruled.design.policy(), State::default().design.policy());
    assert!(ruled.design.fits());

    let wide =
        [Action::Allocate(Preset::Uniform(Bits::B8, Bits::B8)), Action::SelectTarget(Target::default())];
    assert!(!state(wide).design.fits());
}

#[test]
fn the_reserve_comes_off_the_budgets_and_is_shown() {
    let on = |slug: &str| Target::default().on(Mcu::by_slug(slug).expect("in the catalogue"));
    let target = on("nrf52840").with_reserve(Reserve { flash: 64 << 10, ram: 32 << 10 });
    assert_eq!(target.budget, Budget { flash: 960 << 10, ram: (256 - 32 - 1) << 10 });
    assert_eq!(target.taken(), Taken { flash: 64 << 10, stack: 1 << 10, ram: 32 << 10 });
    assert_eq!(target.elsewhere(), None);

    // It goes with the user from one microcontroller to the next, and comes off no budgets of one's own.
    let other = target.on(Mcu::by_slug("stm32h743zi").expect("in the catalogue"));
    assert_eq!(other.budget, Budget { flash: 1984 << 10, ram: 512 << 10 });
    assert_eq!(other.taken(), Taken { flash: 64 << 10, ..Taken::default() });
    let elsewhere = "Stack (1 KiB) in DTCM. Reserve (32 KiB) in SRAM1 to SRAM3.";
    assert_eq!(other.elsewhere().as_deref(), Some(elsewhere));
    assert_eq!(Target { device: None, ..target }.taken(), Taken::default());

    // Code is counted for the core, in whatever order core and memory model were chosen.
    assert_eq!(on("rp2040").model, MemoryModel::Device(Core::CortexM0));
    let paper = on("rp2040").counted(false).on(Mcu::by_slug("k210").expect("in the catalogue"));
    assert_eq!(
        (paper.model, paper.counted(true).model),
        (MemoryModel::Paper, MemoryModel::Device(Core::RiscV64))
    );
}

#[test]
fn where_nothing_fits_the_rule_says_what_is_missing() {
    let target = Target { device: None, budget: Budget { flash: 10_000, ram: 1_000 }, ..Target::default() };
    let state = state([Action::SelectTarget(target)]);
    assert!(
        state.notice.as_deref().is_some_and(|notice| notice.contains("no policy fits")),
        "{:?}",
        state.notice
    );
    assert_eq!(state.design.policy().mean_weight_bits(state.design.network.graph()), 2.0);
}

#[test]
fn a_layer_says_which_budget_keeps_it_from_more_bits() {
    let spec: Spec = "mobilenet-v1-0.25-128".parse().expect("a name");
    let chosen = state([Action::SelectNetwork(spec.into())]);
    let graph = chosen.design.network.graph().clone();
    let layer = graph.layers.iter().position(|layer| layer.name == "pw13").expect("a layer");
    let uniform = Action::Allocate(Preset::Uniform(Bits::B4, Bits::B8));
    // FLASH is short by what one notch more takes.
    let at = |flash: usize| {
        let budget = Budget { flash, ram: 1 << 20 };
        let target = Target { device: None, budget, ..chosen.design.target };
        chosen.after(uniform.clone()).after(Action::SelectTarget(target)).why(layer)
    };
    let needed = chosen.after(uniform.clone()).design.footprint.flash.total();
    let [weights, activations] = &at(needed)[..] else { panic!("two tensors") };
    assert_eq!(activations, "Activations 8 bits: the most there is.");
    assert!(weights.starts_with("Weights 4 bits: with 8 the network would take "), "{weights}");
    assert!(weights.ends_with(" more FLASH than there is."), "{weights}");
    assert_eq!(at(1 << 24)[0], "Weights 4 bits: a choice, 8 would fit too.");

    let pinned = chosen.after(Action::Pin(vec![Slot::Weight(layer)], true)).why(layer);
    assert!(pinned[0].contains(" bits, pinned: "), "{}", pinned[0]);
    let pool =
        graph.layers.iter().position(|layer| layer.op == crate::net::Op::GlobalAvgPool).expect("a pool");
    assert_eq!(chosen.why(pool), Vec::<String>::new());
}

#[test]
fn what_an_opened_link_says_is_gone_when_something_is_changed() {
    let text = link(&state([Action::SelectNetwork(DEMOS[2].into())]));
    let opened = state([Action::OpenLink(text)]);
    assert!(opened.opened);
    assert!(!opened.after(Action::SelectNetwork(DEMOS[1].into())).opened);
    assert!(!opened.after(Action::Allocate(Preset::Uniform(Bits::B2, Bits::B2))).opened);
    assert!(!State::default().opened);
}

#[test]
fn every_demo_comes_with_a_device_that_holds_it_but_not_at_8_bits() {
    for demo in DEMOS {
        let opened = state([Action::SelectNetwork(DEMOS[1].into()), Action::SelectNetwork(DEMOS[0].into())])
            .after(Action::Asked(RUN, Command::OpenDemo(demo), 0.0));
        assert!(opened.design.fits(), "{demo}: {:?}", opened.design.excesses);
        assert!(opened.design.target.device.is_some(), "{demo}");
        let widest = opened.after(Action::Allocate(Preset::Uniform(Bits::B8, Bits::B8)));
        assert!(!widest.design.fits(), "{demo} needs no search on its device");
    }
    // A link names its own device.
    let own = Target { device: None, budget: Budget { flash: 1 << 20, ram: 1 << 16 }, ..Target::default() };
    let text = link(&state([Action::SelectNetwork(DEMOS[1].into()), Action::SelectTarget(own)]));
    let opened = state([Action::OpenLink(text)]).after(Action::Asked(RUN, Command::OpenDemo(DEMOS[1]), 0.0));
    assert_eq!(opened.design.target.budget, own.budget);
}
