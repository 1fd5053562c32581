//! The training worker: started when training starts, since its program is large.
//!
//! It gets images and one order to start, then pauses and stops; all else it tells by itself.

use super::training::{News, TrainOrder};
use super::wire;
use crate::flow::{Part, TrainNews, TrainTask, Wish};
use crate::train::{Checkpoint, Images, Job, Progress, Report, Session, TrainError, Trained, Turn};
use gloo::timers::future::TimeoutFuture;
use js_sys::Array;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// Seconds between two reports.
const TURN: f32 = 0.25;
/// Most steps between two reports.
const MOST: f32 = 32.0;

/// Milliseconds between two looks at the messages while training is paused.
const PAUSE: u32 = 50;

/// Images that came before the start.
#[derive(Debug, Default)]
struct Kept {
    train: Images,
    reward: Images,
    /// Why some were refused.
    refused: Option<TrainError>,
}

impl Kept {
    fn add(&mut self, part: Part, side: usize, targets: &[u16], bulk: &Array) {
        let images = match part {
            Part::Train => &mut self.train,
            Part::Reward => &mut self.reward,
        };
        if images.is_empty() {
            *images = Images::new(side);
        }
        for (pixels, &target) in bulk.iter().zip(targets) {
            if let Err(error) = images.push(wire::bytes(&pixels), target.into()) {
                self.refused = Some(error);
            }
        }
    }
}

/// Plays the training worker.
pub fn start() {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let wish = Rc::new(Cell::new(Wish::Run));
    let kept = Rc::new(RefCell::new(Kept::default()));
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new({
        let scope = scope.clone();
        move |message: MessageEvent| {
            // What is no order comes from another version of the app; the sender says so itself.
            let Some((order, bulk)) = wire::decode::<TrainOrder>(&message.data()) else { return };
            match order {
                TrainOrder::Keep { part, side, targets } => {
                    kept.borrow_mut().add(part, side, &targets, &bulk)
                }
                TrainOrder::Start(task) => {
                    spawn_local(carry_out(scope.clone(), *task, kept.take(), wish.clone()));
                }
                TrainOrder::Pause => wish.set(Wish::Pause),
                TrainOrder::Resume => wish.set(Wish::Run),
                TrainOrder::Stop => wish.set(Wish::Stop),
            }
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // Lives as long as the worker.
    on_message.forget();
    tell(&scope, &News::Listens, &Array::new());
}

/// Tells how training goes; the bytes of a checkpoint travel beside the message.
fn report(scope: &DedicatedWorkerGlobalScope, news: TrainNews) {
    let (news, bulk) = match news {
        TrainNews::Checkpoint(bytes) => {
            (TrainNews::Checkpoint(Vec::new()), Array::of1(&wire::buffer(&bytes).into()))
        }
        news => (news, Array::new()),
    };
    tell(scope, &News::Training(news), &bulk);
}

fn tell(scope: &DedicatedWorkerGlobalScope, news: &News, bulk: &Array) {
    let (message, buffers) = wire::encode(news, bulk);
    scope.post_message_with_transfer(&message, &buffers).expect("bytes and buffers can be sent");
}

async fn carry_out(scope: DedicatedWorkerGlobalScope, task: TrainTask, kept: Kept, wish: Rc<Cell<Wish>>) {
    wish.set(Wish::Run);
    let batch = task.recipe.batch;
    if let Err(error) = run(&scope, task, kept, &wish).await {
        let device = matches!(error, TrainError::Device(_));
        let smaller_batch = (device && batch >= 4).then_some(batch / 2);
        report(&scope, TrainNews::Failed { message: error.to_string(), smaller_batch });
    }
}

async fn run(
    scope: &DedicatedWorkerGlobalScope,
    task: TrainTask,
    kept: Kept,
    wish: &Cell<Wish>,
) -> Result<(), TrainError> {
    let TrainTask { start, teacher, recipe, device, checkpoint } = task;
    let Trained { model, grids } = start;
    let Kept { train, reward, refused } = kept;
    if let Some(error) = refused {
        return Err(error);
    }
    let batch = recipe.batch as f32;
    let (job, state) = Job::new(&model, grids.as_ref(), &teacher, recipe)?;
    let checkpoint = checkpoint.as_deref().map(Checkpoint::from_bytes).transpose()?;
    let train = Arc::new(train);
    let mut session = Session::start(job, &state, device, train, vec![reward], checkpoint, seconds).await?;
    let (device, curve) = (session.device().clone(), session.trainer().curve().to_vec());
    report(scope, TrainNews::Started { device, curve });
    let mut steps = 1;
    loop {
        // Lets messages come in.
        TimeoutFuture::new(if wish.get() == Wish::Pause { PAUSE } else { 0 }).await;
        match wish.get() {
            Wish::Pause => continue,
            Wish::Stop => break,
            Wish::Run => {}
        }
        let turn = session.turn(steps).await?;
        if let Turn::Report(Report::Progress(Progress { speed, .. })) = turn {
            steps = (TURN * speed / batch).clamp(1.0, MOST) as u32;
        }
        let epoch = matches!(turn, Turn::Report(Report::Epoch(_)));
        let finished = matches!(turn, Turn::Report(Report::Finished));
        report(scope, TrainNews::Turn(turn));
        if epoch {
            report(scope, TrainNews::Checkpoint(session.checkpoint().to_bytes()?));
        }
        if finished {
            break;
        }
    }
    let trained = session.best(&model, grids.as_ref()).await?;
    report(scope, TrainNews::Ended(Box::new(trained)));
    Ok(())
}

/// Seconds since some moment.
fn seconds() -> f64 {
    js_sys::Date::now() / 1e3
}
