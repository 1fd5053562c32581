//! Training on the page.

use super::*;
use crate::{
    flow::{Epochs, FinetuneEnd, FinetuneFound, FinetuneRequest, FinetuneStart},
    train::{DeviceReport, Point, Report, Turn},
};

const MODULE: &str = "https://example.org/trainer.js";

fn ready() -> State {
    state([network(DEMOS[0]), images()])
}

fn request(state: &State) -> FinetuneRequest {
    state.finetune.plan.request(&state.design, state.limit, false)
}

fn device(name: &str) -> DeviceReport {
    DeviceReport { name: name.into(), gpu: false, software: false, seconds: None, reason: String::new() }
}

fn begins(state: &State, request: FinetuneRequest) -> State {
    let start = FinetuneStart { request, device: device("processor"), images: (500, 100), curve: Vec::new() };
    state.after(reported(Event::FinetuneStarted(Box::new(start))))
}

fn started(state: &State) -> State {
    let command = Command::Finetune { request: request(state), module: MODULE.into() };
    begins(&state.after(Action::Asked(RUN, command, 0.0)), request(state))
}

fn epoch(state: &State, epoch: u32, measured: f32) -> State {
    let loss = (epoch > 0).then_some(1.0);
    let point = Point { epoch, loss, accuracy: loss, measured: vec![measured] };
    state.after(reported(Event::FinetuneTurn(Turn::Report(Report::Epoch(point)))))
}

fn trained(state: &State, policy: crate::quant::Policy) -> State {
    let figure =
        Figure { tally: Tally { correct: 280, images: 300 }, images: test_images(300, 0), stopped: false };
    let trained = Some(Epochs { kept: 1, run: 2 });
    let measurement = Measurement { trained, ..measurement(state, policy, figure) };
    let found = stored(state, Some(measurement.clone()));
    state
        .after(reported(Event::FinetuneEnded { stopped: false }))
        .after(reported(Event::Measured(measurement)))
        .after(reported(Event::FinetuneFound(Box::new(found))))
}

/// Stored training of the policy on the screen, ended if it was measured.
fn stored(state: &State, measurement: Option<Measurement>) -> FinetuneFound {
    let network = state.work.network.clone().expect("loaded");
    let start = FinetuneStart {
        request: request(state),
        device: device("processor"),
        images: (500, 100),
        curve: Vec::new(),
    };
    let end = measurement.map(|measurement| FinetuneEnd { stopped: false, measurement: Some(measurement) });
    FinetuneFound { network, images: "demo".into(), start, end, elsewhere: false }
}

#[test]
fn training_is_followed_to_its_measurement() {
    let running = started(&ready());
    assert!(running.finetune.is_active());
    for reason in [running.why_not_measure(), running.why_not_search(), running.why_not_finetune()] {
        assert!(reason.is_some_and(|reason| reason.contains("Training is running")));
    }
    let learned = epoch(&epoch(&epoch(&running, 0, 50.0), 1, 80.0), 2, 70.0);
    let training = learned.finetune.training.as_ref().expect("runs");
    assert_eq!((training.curve.len(), training.best().map(|best| best.epoch)), (3, Some(1)));
    assert!(learned.why_not_save_trained().is_some());
    let policy = (**learned.design.policy()).clone();
    let ended = trained(&learned, policy);
    assert_eq!(ended.finetune.training.as_ref().map(|training| training.stage), Some(Stage::Done));
    assert_eq!(ended.trial().and_then(|trial| trial.trained), Some(Epochs { kept: 1, run: 2 }));
    assert_eq!((ended.why_not_save_trained(), ended.why_not_finetune()), (None, None));
    assert_eq!(ended.trials.len(), 1, "what is stored is what was measured");
    assert_eq!(ended.after(network(DEMOS[1])).why_not_save_trained(), None, "other weights change nothing");
    let discarded = ended.after(reported(Event::Discarded(Task::Finetune)));
    assert!(discarded.why_not_save_trained().is_some() && discarded.finetune.training.is_none());
}

#[test]
fn what_was_trained_belongs_to_its_own_policy() {
    let running = started(&ready());
    let asked = (**running.design.policy()).clone();
    let edited = running.after(Action::Allocate(Preset::Uniform(Bits::B2, Bits::B2)));
    let ended = trained(&edited, asked.clone());
    assert!(ended.trial().is_none(), "another policy is on the screen");
    assert_eq!(*ended.trials[0].policy, asked);
}

#[test]
fn a_lost_device_costs_the_epoch_that_ran() {
    let learned = epoch(&epoch(&epoch(&started(&ready()), 0, 50.0), 1, 60.0), 2, 70.0);
    let (reason, device) = ("the GPU is gone".to_owned(), device("processor"));
    let moved = learned.after(reported(Event::FinetuneTurn(Turn::Moved { reason, device, epoch: 1 })));
    let training = moved.finetune.training.as_ref().expect("goes on");
    assert_eq!(training.curve.last().map(|point| point.epoch), Some(1));
    assert!(training.moved.as_ref().is_some_and(|moved| moved.contains("goes on from epoch 1")));
    let small = moved.after(reported(Event::FinetuneTooLarge { batch: 16 }));
    assert_eq!(small.finetune.smaller, Some(16));
}

#[test]
fn stored_training_waits_for_its_weights_and_brings_its_policy() {
    let ready = ready();
    let four = ready.after(Action::Allocate(Preset::Uniform(Bits::B4, Bits::B4)));
    let found = stored(&four, None);
    let offered = ready.after(reported(Event::FinetuneFound(Box::new(found.clone()))));
    assert_eq!(offered.why_not_continue_finetune(), None);
    let command = Command::ContinueFinetune { module: MODULE.into() };
    let goes_on = begins(&offered.after(Action::Asked(RUN, command, 0.0)), request(&four));
    assert_eq!(**goes_on.design.policy(), found.start.request.policy);
    assert_eq!(goes_on.finetune.found, None);
    let mut other = found;
    other.network.key = Key::of(&"other weights");
    let other = ready.after(reported(Event::FinetuneFound(Box::new(other))));
    assert!(other.why_not_continue_finetune().is_some_and(|why| why.contains("weights first")));
}

#[test]
fn trained_before_a_reload_its_measurement_is_there_for_the_same_weights() {
    let ready = ready();
    let policy = (**ready.design.policy()).clone();
    let figure =
        Figure { tally: Tally { correct: 280, images: 300 }, images: test_images(300, 0), stopped: false };
    let trained = Some(Epochs { kept: 2, run: 2 });
    let measurement = Measurement { trained, ..measurement(&ready, policy, figure) };
    let found = stored(&ready, Some(measurement.clone()));
    let restored = ready.after(reported(Event::FinetuneFound(Box::new(found.clone()))));
    assert_eq!(restored.trial().and_then(|trial| trial.trained), trained);
    assert_eq!(restored.finetune.training.as_ref().map(|training| training.stage), Some(Stage::Done));
    assert_eq!((restored.why_not_save_trained(), restored.why_not_package()), (None, None));
    assert!(restored.wants_float().is_none(), "nothing is computed before it is asked for");
    let mut other = found;
    let weights = Key::of(&"other weights");
    other.network.key = weights;
    other.end =
        Some(FinetuneEnd { stopped: false, measurement: Some(Measurement { weights, ..measurement }) });
    let other = ready.after(reported(Event::FinetuneFound(Box::new(other))));
    assert!(other.trial().is_none(), "it is of other weights");
    assert_eq!(other.trials.len(), 1);
}

#[test]
fn without_training_images_nothing_is_trained() {
    let mut summary = ready().work.images.clone().expect("loaded");
    summary.train = 0;
    let poor = ready().after(reported(Event::Images(summary)));
    assert!(poor.why_not_finetune().is_some_and(|why| why.contains("train and val")));
    assert_eq!(poor.why_not_measure(), None);
}
