//! Fine-tuning of a built-in network with weights of 2 bits, the same natively, in Wasm and on the GPU.
//!
//! With weights rounded to 2 bits and batch normalization's statistics as they were this network gives 10 % of right
//! answers, so that training has something to bring back.

#![allow(dead_code, reason = "tests each take what they need")]

use crate::built_in::{SIDE, images, network};
use bitsmith::calibrate::{Observer, Settings};
use bitsmith::quant::{Bits, Policy};
use bitsmith::train::{Augmentation, Plan, Point, Recipe, Report, State, Stepper, Trainer, WeightScales};

/// How long training is.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    pub epochs: u32,
    pub trained: usize,
    pub measured: usize,
    /// What native code finds: loss, accuracy on training images and on the measured ones in percent, by epoch.
    pub recorded: &'static [[f32; 3]],
}

/// 200 steps.
pub const LONG: Course = Course {
    epochs: 4,
    trained: 800,
    measured: 400,
    recorded: &[[1.02, 81.00, 85.50], [0.88, 84.88, 88.25], [0.84, 86.38, 88.75], [0.82, 86.25, 89.25]],
};

/// Percent by which accuracies may differ: two standard deviations of 75 % on 200 images.
const ACCURACY: f32 = 6.0;

/// What a course brought.
#[derive(Clone, Debug)]
pub struct Found {
    pub points: Vec<Point>,
}

impl Found {
    fn rows(&self) -> impl Iterator<Item = [f32; 3]> {
        let row = |point: &Point| Some([point.loss?, point.accuracy?, point.measured[0]]);
        self.points.iter().filter_map(row)
    }
}

pub const BATCH: usize = 16;

impl Course {
    pub fn steps(self) -> u64 {
        u64::from(self.epochs) * (self.trained / BATCH) as u64
    }

    pub fn recipe(self) -> Recipe {
        Recipe {
            epochs: self.epochs,
            batch: BATCH,
            distillation: None,
            augmentation: Augmentation { overhang: 2, mirror: true, colour: 0.0 },
            scales: WeightScales::Learned,
            ..Recipe::finetune()
        }
    }

    /// What a stepper is made of besides the recipe.
    pub fn start(self) -> (Plan, State) {
        let model = network("mobilenet-v1-0.25-32");
        let mut observer = Observer::new(&model, Settings::default()).expect("complete");
        let pixels = images(64, true).batch(0..64, SIDE).pixels;
        observer
            .add(&pixels.chunks(SIDE * SIDE * 3).map(<[u8]>::to_vec).collect::<Vec<_>>())
            .expect("images fit");
        let policy = Policy::uniform(model.graph(), Bits::B2, Bits::B8);
        let grids = observer.finish().expect("images").grids(&model, &policy);
        let plan = Plan::new(&model, Some(&grids), self.recipe().scales);
        let state = State::new(&plan, &model, Some(&grids)).expect("complete");
        (plan, state)
    }

    /// Takes the steps.
    pub async fn train(self, stepper: impl Stepper) -> Found {
        let (train, measured) = (images(self.trained, true), images(self.measured, false));
        let mut trainer =
            Trainer::new(stepper, self.recipe(), SIDE, train.into(), vec![measured]).expect("images");
        assert_eq!(trainer.steps(), self.steps());
        while trainer.turn(25).await.expect("a turn") != Report::Finished {}
        Found { points: trainer.curve().to_vec() }
    }

    /// Whether a course is that of native code, within what rounding does to a quantized network: a code that is rounded
    /// the other way changes all that follows.
    pub fn check(self, found: &Found, what: &str) {
        let rows: Vec<[f32; 3]> = found.rows().collect();
        assert_eq!(rows.len(), self.recorded.len(), "{what}: {rows:.2?}");
        for ([loss, accuracy, measured], [own_loss, own_accuracy, own_measured]) in
            rows.iter().zip(self.recorded)
        {
            let close = (loss - own_loss).abs() <= 0.05 * own_loss
                && (accuracy - own_accuracy).abs() <= ACCURACY
                && (measured - own_measured).abs() <= ACCURACY;
            assert!(
                close,
                "{what}: {rows:.2?} from {:?}, recorded {:.2?}",
                found.points[0].measured, self.recorded
            );
        }
        let last = rows[rows.len() - 1];
        let start = found.points[0].measured[0];
        assert!(last[2] > start + 5.0, "{what}: {start} {rows:.2?}");
    }
}
