//! The training worker: started when training starts, since its program is large.
//!
//! It gets one [`TrainOrder::Start`] with the images as bulk, then pauses and stops; all else it tells by itself.

use super::wire;
use crate::net::Model;
use crate::quant::Grids;
use crate::train::{
    Checkpoint, DeviceChoice, DeviceReport, Images, Job, Plan, Recipe, Report, Session, State, TrainError,
    Trained, Turn,
};
use gloo::timers::future::TimeoutFuture;
use js_sys::Array;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// Steps between two reports.
const STEPS: u32 = 4;

/// Milliseconds between two looks at the messages while training is paused.
const PAUSE: u32 = 50;

/// What the training worker is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub enum TrainOrder {
    /// Begin. Bulk: the pixels of the training images, then those of each measured split, `[n, side, side, 3]` bytes.
    Start(Box<TrainTask>),
    /// Hold after the running steps.
    Pause,
    /// Go on.
    Resume,
    /// End; the best network so far is sent.
    Stop,
}

/// All that a run is made of, besides pixels.
#[derive(Debug, Serialize, Deserialize)]
pub struct TrainTask {
    /// The float network.
    pub model: Model,
    /// Quantizers to begin with; `None` trains in real numbers.
    pub grids: Option<Grids>,
    /// How to train.
    pub recipe: Recipe,
    /// Where.
    pub device: DeviceChoice,
    /// Side of the stored images in pixels, at least the network's.
    pub side: usize,
    /// The right outputs: of the training images, then of each measured split. The first split chooses the best epoch.
    pub targets: Vec<Vec<u16>>,
    /// To go on after a reload: bytes of an earlier [`TrainNews::Checkpoint`].
    pub checkpoint: Option<Vec<u8>>,
}

/// What the training worker tells.
#[derive(Debug, Serialize, Deserialize)]
pub enum TrainNews {
    /// It listens.
    Ready,
    /// Training begins here.
    Started(DeviceReport),
    /// Some steps, part of a measurement or an epoch are done, or the device changed.
    Turn(Turn),
    /// The checkpoint of the last epoch comes as bulk; store it.
    Checkpoint,
    /// Training is over, or was stopped: the best network, or the last one if none was measured.
    Ended {
        /// The network with its quantizers.
        trained: Box<Trained>,
        /// Its accuracy on the first measured split in percent.
        accuracy: Option<f32>,
    },
    /// Training failed; the last checkpoint holds.
    Failed {
        /// What is wrong and what to do, as the screen shows it.
        message: String,
        /// A batch that asks for half the memory, if the device failed and there is a smaller one.
        smaller_batch: Option<usize>,
    },
}

/// What was asked for while training runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Run,
    Pause,
    Stop,
}

/// Plays the training worker.
pub fn start() {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let wish = Rc::new(Cell::new(Wish::Run));
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new({
        let scope = scope.clone();
        move |message: MessageEvent| {
            // What is no order comes from another version of the app; the sender says so itself.
            let Some((order, bulk)) = wire::decode::<TrainOrder>(&message.data()) else { return };
            match order {
                TrainOrder::Start(task) => spawn_local(carry_out(scope.clone(), *task, bulk, wish.clone())),
                TrainOrder::Pause => wish.set(Wish::Pause),
                TrainOrder::Resume => wish.set(Wish::Run),
                TrainOrder::Stop => wish.set(Wish::Stop),
            }
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // Lives as long as the worker.
    on_message.forget();
    tell(&scope, &TrainNews::Ready, &Array::new());
}

fn tell(scope: &DedicatedWorkerGlobalScope, news: &TrainNews, bulk: &Array) {
    let (message, buffers) = wire::encode(news, bulk);
    scope.post_message_with_transfer(&message, &buffers).expect("bytes and buffers can be sent");
}

async fn carry_out(scope: DedicatedWorkerGlobalScope, task: TrainTask, bulk: Array, wish: Rc<Cell<Wish>>) {
    wish.set(Wish::Run);
    let batch = task.recipe.batch;
    if let Err(error) = run(&scope, task, &bulk, &wish).await {
        let device = matches!(error, TrainError::Device(_));
        let smaller_batch = (device && batch >= 4).then_some(batch / 2);
        tell(&scope, &TrainNews::Failed { message: error.to_string(), smaller_batch }, &Array::new());
    }
}

async fn run(
    scope: &DedicatedWorkerGlobalScope,
    task: TrainTask,
    bulk: &Array,
    wish: &Cell<Wish>,
) -> Result<(), TrainError> {
    let TrainTask { model, grids, recipe, device, side, targets, checkpoint } = task;
    let mut splits = targets
        .iter()
        .enumerate()
        .map(|(i, targets)| images(side, &wire::bytes(&bulk.get(i as u32)), targets))
        .collect::<Result<Vec<_>, _>>()?;
    if splits.is_empty() {
        return Err(TrainError::NoImages);
    }
    let train = Arc::new(splits.remove(0));
    let plan = Plan::new(&model, grids.as_ref(), recipe.scales);
    let state = State::new(&plan, &model, grids.as_ref())?;
    let teacher = match recipe.distillation {
        Some(_) => {
            let plan = Plan::new(&model, None, recipe.scales);
            let state = State::new(&plan, &model, None)?;
            Some((plan, state))
        }
        None => None,
    };
    let checkpoint = checkpoint.as_deref().map(Checkpoint::from_bytes).transpose()?;
    let job = Job { plan: plan.clone(), recipe, teacher };
    let mut session = Session::start(job, &state, device, train, splits, checkpoint, seconds).await?;
    tell(scope, &TrainNews::Started(session.device().clone()), &Array::new());
    loop {
        // Lets messages come in.
        TimeoutFuture::new(if wish.get() == Wish::Pause { PAUSE } else { 0 }).await;
        match wish.get() {
            Wish::Pause => continue,
            Wish::Stop => break,
            Wish::Run => {}
        }
        let turn = session.turn(STEPS).await?;
        let epoch = matches!(turn, Turn::Report(Report::Epoch(_)));
        let finished = matches!(turn, Turn::Report(Report::Finished));
        tell(scope, &TrainNews::Turn(turn), &Array::new());
        if epoch {
            let bytes = session.checkpoint().to_bytes()?;
            tell(scope, &TrainNews::Checkpoint, &Array::of1(&wire::buffer(&bytes).into()));
        }
        if finished {
            break;
        }
    }
    let (state, accuracy) = match session.trainer().best() {
        Some((state, accuracy)) => (state.clone(), Some(*accuracy)),
        None => (session.trainer().checkpoint().await?.state, None),
    };
    let trained = Box::new(Trained::new(&plan, &state, &model, grids.as_ref()));
    tell(scope, &TrainNews::Ended { trained, accuracy }, &Array::new());
    Ok(())
}

fn images(side: usize, pixels: &[u8], targets: &[u16]) -> Result<Images, TrainError> {
    let mut images = Images::new(side);
    let bytes = side * side * 3;
    let expected = targets.len() * bytes;
    if pixels.len() != expected {
        return Err(TrainError::Batch { what: "bytes", expected, found: pixels.len() });
    }
    for (pixels, &target) in pixels.chunks_exact(bytes.max(1)).zip(targets) {
        images.push(pixels, target.into())?;
    }
    Ok(images)
}

/// Seconds since some moment.
fn seconds() -> f64 {
    js_sys::Date::now() / 1e3
}
