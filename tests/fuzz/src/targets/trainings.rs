//! Stored training: the seal, and behind it the state, from which training goes on.

use super::{KIB, MIB, Target, nothing};
use crate::input::{Input, edited};
use bitsmith::sealed::{Kind, seal};
use bitsmith::train::{
    Batch, Checkpoint, Control, Images, Metrics, Point, Recipe, Report, State, Stepper, TrainError, Trainer,
};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub const TARGET: Target = Target {
    name: "trainings",
    longest: 4 * KIB,
    memory: |bytes| 8 * MIB + 64 * bytes,
    prepare: nothing,
    run,
    seeds,
    words: "BSST",
};

/// Bytes of a state's seal, and where in it stands the version.
const SEAL: usize = 20;
const VERSION: usize = 6;

/// Images to train with, and rows and columns of each; the network sees `SIDE`.
const IMAGES: usize = 5;
const STORED: usize = 10;
const SIDE: usize = 8;

/// The first byte says what the rest is: a file, a state that is sealed here, or changes to one that are.
fn run(data: &[u8]) {
    let mut input = Input(data);
    let base = stored();
    let version = u16::from_le_bytes([base[VERSION], base[VERSION + 1]]);
    let bytes = match input.byte() & 3 {
        0 => input.rest().to_vec(),
        1 => seal(Kind::Training, version, input.rest()),
        _ => seal(Kind::Training, version, &edited(&base[SEAL..], &mut input)),
    };
    let checkpoint = match Checkpoint::from_bytes(&bytes) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return drop(error.to_string()),
    };
    let again = checkpoint.to_bytes().expect("plain data");
    assert_eq!(Checkpoint::from_bytes(&again).as_ref(), Ok(&checkpoint), "what was read is read again");
    let _ = Point::best(&checkpoint.curve);
    let stepper = Idle { state: checkpoint.state.clone() };
    let mut trainer =
        Trainer::new(stepper, Recipe::finetune(), SIDE, images().into(), vec![images()]).expect("images");
    if let Err(error) = trainer.resume(checkpoint) {
        return drop(error.to_string());
    }
    for _ in 0..8 {
        match ready(trainer.turn(2)) {
            Ok(Report::Finished) => break,
            Ok(_) => {}
            Err(error) => return drop(error.to_string()),
        }
    }
    let stored =
        ready(trainer.checkpoint()).and_then(|checkpoint| checkpoint.to_bytes()).expect("plain data");
    Checkpoint::from_bytes(&stored)
        .unwrap_or_else(|error| panic!("training that went on cannot be stored: {error}"));
}

fn images() -> Images {
    let mut images = Images::new(STORED);
    for target in 0..IMAGES {
        images.push(vec![target as u8; STORED * STORED * 3], target % 2).expect("fits");
    }
    images
}

/// A device on which nothing changes.
struct Idle {
    state: State,
}

impl Stepper for Idle {
    fn step(&mut self, batch: &Batch, control: Control) -> Result<(), TrainError> {
        assert!(!batch.is_empty() && batch.augments.len() == batch.len());
        assert!(!control.rate.is_nan(), "the learning rate is a number");
        Ok(())
    }

    fn observe(&mut self, batch: &Batch, momentum: f32) -> Result<(), TrainError> {
        assert!(!batch.is_empty() && momentum > 0.0);
        Ok(())
    }

    async fn metrics(&mut self) -> Result<Metrics, TrainError> {
        Ok(Metrics { loss: 1.0, correct: 1, images: 2 })
    }

    async fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, TrainError> {
        Ok(vec![0.0; 2 * batch.len()])
    }

    async fn state(&mut self) -> Result<State, TrainError> {
        Ok(self.state.clone())
    }

    fn load(&mut self, state: &State) -> Result<(), TrainError> {
        self.state = state.clone();
        Ok(())
    }
}

/// The result of a future that waits for nothing.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing is waited for"),
    }
}

/// Training that has begun, of very few numbers.
fn stored() -> Vec<u8> {
    let state = State {
        parameters: vec![0.5, -1.0],
        running: vec![0.25],
        first: vec![0.0; 2],
        second: vec![0.0; 2],
        steps: 3,
    };
    let point = |epoch: u32| Point {
        epoch,
        loss: (epoch > 0).then_some(1.5),
        accuracy: (epoch > 0).then_some(50.0),
        measured: vec![60.0],
    };
    let checkpoint = Checkpoint {
        recipe: Recipe { batch: 2, ..Recipe::finetune() },
        best: Some((state.clone(), 60.0)),
        state,
        epoch: 1,
        step: 1,
        frozen: false,
        sums: Metrics { loss: 2.0, correct: 1, images: 2 },
        curve: vec![point(0), point(1)],
    };
    checkpoint.to_bytes().expect("plain data")
}

fn seeds() -> Vec<Vec<u8>> {
    let stored = stored();
    vec![[&[0], &stored[..]].concat(), [&[1], &stored[SEAL..]].concat(), vec![2], vec![2, 0, 0, 0, 3, 1, 9]]
}
