//! How to train: everything that is chosen before the first step.

use super::error::TrainError;
use super::plan::WeightScales;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How gradients become steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// Adam (arXiv 1412.6980) with decoupled weight decay (arXiv 1711.05101).
    Adam {
        /// Decay of the first moments.
        beta1: f32,
        /// Decay of the second moments.
        beta2: f32,
    },
    /// Stochastic gradient descent; weight decay is added to the gradient.
    Sgd {
        /// Part of the velocity that is kept.
        momentum: f32,
    },
}

impl Optimizer {
    /// Adam as published.
    pub const ADAM: Self = Self::Adam { beta1: 0.9, beta2: 0.999 };
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Schedule {
    /// Half a cosine down to zero.
    Cosine,
    /// Times `factor` after every `epochs` epochs.
    Step {
        /// Epochs between two falls.
        epochs: f32,
        /// What remains of the rate.
        factor: f32,
    },
}

/// Knowledge distillation from the float network (arXiv 1503.02531).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distillation {
    /// Part of the loss that asks for the teacher's answers, 0 to 1; the rest asks for the labels.
    pub weight: f32,
    /// Divides the logits of both.
    pub temperature: f32,
}

/// Random changes to training images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Pixels that a crop may reach over each edge of the stored image.
    pub overhang: u16,
    /// Half of the images are mirrored left to right.
    pub mirror: bool,
    /// Largest change of brightness and of each colour's gain, as a part of 1; 0 leaves colours alone.
    pub colour: f32,
}

impl Augmentation {
    /// Checks the side of stored training images in pixels, of which the network sees crops of `side`.
    ///
    /// # Errors
    /// If it is smaller than the network's, or above 1,024.
    pub fn check_stored(stored: usize, side: usize) -> Result<(), TrainError> {
        if (side..=Self::MOST_STORED.max(side)).contains(&stored) {
            return Ok(());
        }
        let expected = "the side of the network's images to 1,024 pixels";
        Err(TrainError::Setting { name: "side of stored images", found: stored.to_string(), expected })
    }

    /// The largest side of stored images in pixels.
    const MOST_STORED: usize = 1024;

    /// Networks for smaller images, in pixels, have training images stored as they come.
    const SMALL: usize = 64;

    /// Side of the stored images in pixels, and changes that suit a network for images of `side` pixels: crops of images
    /// a quarter larger; from small ones crops that reach over the edges.
    pub fn usual(side: usize) -> (usize, Self) {
        let (stored, overhang) = if side < Self::SMALL { (side, side / 16) } else { (side * 5 / 4, 0) };
        (stored, Self { overhang: overhang as u16, mirror: true, colour: 0.0 })
    }
}

/// Highest learning rate of [`Recipe::keeping_all`].
const KEEPING_RATE: f32 = 3e-5;

/// Everything that is chosen before the first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: u32,
    /// Images in a step.
    pub batch: usize,
    /// How gradients become steps.
    pub optimizer: Optimizer,
    /// Highest learning rate.
    pub rate: f32,
    /// How it falls.
    pub schedule: Schedule,
    /// Epochs in which it rises from zero.
    pub warm_up: f32,
    /// Learning rate of scales and clips relative to that of weights.
    pub scale_rate: f32,
    /// Weight decay, on weights only.
    pub decay: f32,
    /// Largest Euclidean norm of all gradients together; 0 does not clip.
    pub clip: f32,
    /// Part of the target that is spread over all classes.
    pub label_smoothing: f32,
    /// Distillation from the float network, if any.
    pub distillation: Option<Distillation>,
    /// How scales of weights are found.
    pub scales: WeightScales,
    /// Part of a batch's statistics in the running statistics of batch normalization.
    pub norm_momentum: f32,
    /// Last epochs in which batch normalization's statistics stand still, as on the device, and biases are whole. At few
    /// bits a step that is ever so small moves weights to another code and sums with them: statistics that do not follow
    /// then cost more than they bring.
    pub frozen: f32,
    /// Random changes to images.
    pub augmentation: Augmentation,
    /// Of everything random.
    pub seed: u64,
}

impl Recipe {
    /// Fine-tuning of a quantized network from its float weights.
    pub fn finetune() -> Self {
        Self {
            epochs: 8,
            batch: 64,
            optimizer: Optimizer::ADAM,
            rate: 1e-3,
            schedule: Schedule::Cosine,
            warm_up: 0.25,
            scale_rate: 1.0,
            decay: 1e-4,
            clip: 0.0,
            label_smoothing: 0.1,
            distillation: Some(Distillation { weight: 0.5, temperature: 2.0 }),
            scales: WeightScales::Learned,
            norm_momentum: 0.1,
            frozen: 0.0,
            augmentation: Augmentation { overhang: 0, mirror: true, colour: 0.0 },
            seed: 1,
        }
    }

    /// The same on images of some of the classes: the float network's answers hold all others in their place. Labels would
    /// teach that there are no others, and a higher rate would leave them behind.
    #[must_use]
    pub fn keeping_all(self) -> Self {
        let distillation = Some(Distillation { weight: 1.0, temperature: 1.0 });
        Self { distillation, rate: KEEPING_RATE.min(self.rate), label_smoothing: 0.0, ..self }
    }

    /// Training of a float network from random weights.
    pub fn from_scratch() -> Self {
        Self {
            epochs: 30,
            rate: 4e-3,
            warm_up: 2.0,
            decay: 0.03,
            distillation: None,
            batch: 128,
            ..Self::finetune()
        }
    }

    /// Checks what a person may have typed.
    ///
    /// # Errors
    /// If a setting has no meaning.
    pub fn check(&self) -> Result<(), TrainError> {
        let check = |name, value: f32, holds: bool, expected| {
            let wrong = || TrainError::Setting { name, found: value.to_string(), expected };
            if holds { Ok(()) } else { Err(wrong()) }
        };
        let positive = |value: f32| value > 0.0 && value.is_finite();
        let part = |value: f32| (0.0..1.0).contains(&value);
        let not_negative = |value: f32| value >= 0.0 && value.is_finite();
        check("epochs", self.epochs as f32, (1..=100_000).contains(&self.epochs), "1 to 100,000")?;
        check("batch size", self.batch as f32, (2..=65_536).contains(&self.batch), "2 to 65,536")?;
        let overhang = self.augmentation.overhang;
        check("overhang of crops", overhang.into(), overhang <= 1024, "0 to 1,024 pixels")?;
        check("learning rate", self.rate, positive(self.rate), "above 0")?;
        check("warm-up", self.warm_up, not_negative(self.warm_up), "epochs, at least 0")?;
        check("rate of scales", self.scale_rate, not_negative(self.scale_rate), "at least 0")?;
        check("weight decay", self.decay, not_negative(self.decay), "at least 0")?;
        check("gradient clip", self.clip, not_negative(self.clip), "at least 0")?;
        check("label smoothing", self.label_smoothing, part(self.label_smoothing), "from 0 to below 1")?;
        check("frozen epochs", self.frozen, not_negative(self.frozen), "at least 0")?;
        check(
            "colour change",
            self.augmentation.colour,
            part(self.augmentation.colour),
            "from 0 to below 1",
        )?;
        match self.optimizer {
            Optimizer::Adam { beta1, beta2 } => {
                check("decay of first moments", beta1, part(beta1), "from 0 to below 1")?;
                check("decay of second moments", beta2, part(beta2), "from 0 to below 1")?;
            }
            Optimizer::Sgd { momentum } => check("momentum", momentum, part(momentum), "from 0 to below 1")?,
        }
        if let Schedule::Step { epochs, factor } = self.schedule {
            check("epochs between falls of the learning rate", epochs, positive(epochs), "above 0")?;
            check(
                "factor of the learning rate",
                factor,
                factor > 0.0 && factor <= 1.0,
                "above 0, at most 1",
            )?;
        }
        let momentum = self.norm_momentum;
        check(
            "momentum of batch normalization",
            momentum,
            momentum > 0.0 && momentum <= 1.0,
            "above 0, at most 1",
        )?;
        if let Some(Distillation { weight, temperature }) = self.distillation {
            check("weight of distillation", weight, (0.0..=1.0).contains(&weight), "from 0 to 1")?;
            check("temperature of distillation", temperature, positive(temperature), "above 0")?;
        }
        Ok(())
    }

    /// The learning rate at an epoch, which need not be whole.
    pub fn rate_at(&self, epoch: f64) -> f32 {
        let (peak, warm_up) = (f64::from(self.rate), f64::from(self.warm_up));
        if epoch < warm_up {
            return (peak * epoch / warm_up) as f32;
        }
        let left = (f64::from(self.epochs) - warm_up).max(f64::MIN_POSITIVE);
        let done = ((epoch - warm_up) / left).clamp(0.0, 1.0);
        let rate = match self.schedule {
            Schedule::Cosine => peak * 0.5 * (1.0 + (PI * done).cos()),
            Schedule::Step { epochs, factor } => {
                peak * f64::from(factor).powf(((epoch - warm_up) / f64::from(epochs)).floor())
            }
        };
        rate as f32
    }

    /// Whether batch normalization stands still at an epoch, which need not be whole.
    pub fn is_frozen_at(&self, epoch: f64) -> bool {
        epoch >= f64::from(self.epochs) - f64::from(self.frozen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_and_fall() {
        let cosine = Recipe { epochs: 10, rate: 1.0, warm_up: 2.0, frozen: 1.0, ..Recipe::finetune() };
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        for (epoch, expected) in [(0.0, 0.0), (1.0, 0.5), (2.0, 1.0), (6.0, 0.5), (10.0, 0.0), (11.0, 0.0)] {
            near(cosine.rate_at(epoch), expected);
        }
        let step = Recipe { schedule: Schedule::Step { epochs: 2.0, factor: 0.1 }, warm_up: 0.0, ..cosine };
        for (epoch, expected) in [(0.0, 1.0), (1.9, 1.0), (2.0, 0.1), (4.5, 0.01)] {
            near(step.rate_at(epoch), expected);
        }
        assert!(!step.is_frozen_at(8.9) && step.is_frozen_at(9.0));
    }

    #[test]
    fn stored_images_are_not_smaller_than_the_network_s() {
        for (stored, holds) in
            [(0, false), (127, false), (128, true), (1024, true), (1025, false), (usize::MAX, false)]
        {
            assert_eq!(Augmentation::check_stored(stored, 128).is_ok(), holds, "{stored}");
        }
    }

    #[test]
    fn meaningless_settings_are_named() {
        assert_eq!(Recipe::finetune().check(), Ok(()));
        assert_eq!(Recipe::from_scratch().check(), Ok(()));
        assert_eq!(Recipe::finetune().keeping_all().check(), Ok(()));
        for (wrong, name) in [
            (Recipe { epochs: 0, ..Recipe::finetune() }, "epochs"),
            (Recipe { rate: f32::NAN, ..Recipe::finetune() }, "learning rate"),
            (Recipe { batch: 1, ..Recipe::finetune() }, "batch size"),
            (Recipe { label_smoothing: 1.0, ..Recipe::finetune() }, "label smoothing"),
            (
                Recipe { optimizer: Optimizer::Adam { beta1: f32::NAN, beta2: 0.9 }, ..Recipe::finetune() },
                "decay of first moments",
            ),
            (
                Recipe { optimizer: Optimizer::Adam { beta1: 0.9, beta2: 1.0 }, ..Recipe::finetune() },
                "decay of second moments",
            ),
            (Recipe { optimizer: Optimizer::Sgd { momentum: -0.1 }, ..Recipe::finetune() }, "momentum"),
            (
                Recipe { schedule: Schedule::Step { epochs: 0.0, factor: 0.1 }, ..Recipe::finetune() },
                "epochs between falls of the learning rate",
            ),
            (
                Recipe {
                    schedule: Schedule::Step { epochs: 1.0, factor: f32::INFINITY },
                    ..Recipe::finetune()
                },
                "factor of the learning rate",
            ),
        ] {
            assert!(matches!(wrong.check(), Err(TrainError::Setting { name: found, .. }) if found == name));
        }
    }
}
