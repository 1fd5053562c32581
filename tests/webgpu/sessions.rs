//! Runs of training: what happens when the GPU is lost, and which device is chosen.

use crate::FULL;
use crate::built_in::{blank, images};
use crate::curve::{BATCH, LONG};
use crate::pair::{gpu, recipe};
use bitsmith::train::webgpu::WebGpuStepper;
use bitsmith::train::{
    CpuStepper, DeviceChoice, Job, Plan, Point, Recipe, Report, Session, State, Turn, WeightScales,
};
use std::sync::Arc;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

fn seconds() -> f64 {
    js_sys::Date::now() / 1e3
}

async fn session(choice: DeviceChoice) -> Session {
    let model = blank("mobilenet-v1-0.25-32");
    let plan = Plan::new(&model, None, WeightScales::Learned);
    let state = State::new(&plan, &model, None).expect("complete");
    let recipe = Recipe { epochs: 3, batch: 8, rate: 5e-3, warm_up: 0.0, frozen: 1.0, ..recipe() };
    let job = Job { plan, recipe, teacher: None };
    let (train, measured) = (Arc::new(images(32, true)), vec![images(16, false)]);
    Session::start(job, &state, choice, train, measured, None, seconds).await.expect("a device")
}

/// When the GPU is taken away training goes on from the last checkpoint, on another GPU first and on the processor the
/// next time; the curve is that of a run that nothing happens to.
#[wasm_bindgen_test]
async fn a_lost_gpu_costs_at_most_an_epoch() {
    let mut session = session(DeviceChoice::Gpu).await;
    assert!(session.device().gpu && session.device().software && !session.device().reason.is_empty());
    let steps = session.trainer().steps_per_epoch() as usize;
    let mut moves = Vec::new();
    let mut epochs = Vec::new();
    loop {
        match session.turn(2).await.expect("training goes on") {
            Turn::Moved { reason, device, epoch } => {
                assert!(reason.contains("took the GPU away"), "{reason}");
                assert_eq!(epoch as usize, epochs.len());
                moves.push(device.gpu);
            }
            // That of the beginning is measured first.
            Turn::Report(Report::Epoch(point)) => epochs.extend((point.epoch > 0).then_some(point)),
            Turn::Report(Report::Progress(progress)) => {
                // In the middle of the second and the third epoch.
                let lost = moves.len();
                if lost < 2 && progress.step as usize == steps * (lost + 1) + 2 {
                    session.trainer().stepper().lose_device();
                }
            }
            Turn::Report(Report::Finished) => break,
            Turn::Report(Report::Measuring { .. }) => {}
        }
    }
    assert_eq!(moves, [true, false]);
    let undisturbed = undisturbed().await;
    console_log!("{epochs:?}\n{undisturbed:?}");
    assert_eq!(epochs.len(), 3);
    for (found, expected) in epochs.iter().zip(&undisturbed) {
        assert_eq!(found.epoch, expected.epoch);
        let (loss, own) = (found.loss.expect("steps"), expected.loss.expect("steps"));
        assert!((loss - own).abs() < 0.01 * own, "{found:?} {expected:?}");
    }
    assert!(epochs[2].loss < epochs[0].loss.map(|loss| 0.9 * loss), "{epochs:?}");
}

/// The curve on the processor.
async fn undisturbed() -> Vec<Point> {
    let mut session = session(DeviceChoice::Cpu).await;
    while session.turn(6).await.expect("training goes on") != Turn::Report(Report::Finished) {}
    session.trainer().curve()[1..].to_vec()
}

/// What the automatic choice makes of a GPU in software.
#[wasm_bindgen_test]
async fn a_gpu_in_software_is_named_and_not_chosen() {
    let session = session(DeviceChoice::Automatic).await;
    assert!(!session.device().gpu);
    assert!(session.device().reason.contains("GPU in software"), "{:?}", session.device());
}

/// Fine-tuning takes the course that is recorded of native code: 200 steps on the processor and, in the long form, as many
/// on the GPU.
#[wasm_bindgen_test]
async fn curves_are_those_of_native_code() {
    let (plan, state) = LONG.start();
    let cpu = CpuStepper::new(plan.clone(), LONG.recipe(), &state, None).expect("fits");
    LONG.check(&LONG.train(cpu).await, "processor");
    if !FULL {
        return;
    }
    let gpu = WebGpuStepper::new(gpu().await, plan, LONG.recipe(), &state, None, BATCH).await;
    let start = seconds();
    let found = LONG.train(gpu.expect("room")).await;
    console_log!("GPU, {} steps, {:.0} s: {found:?}", LONG.steps(), seconds() - start);
    LONG.check(&found, "GPU");
}
