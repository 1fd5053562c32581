//! Training: float networks, and networks quantized as any [`Policy`](crate::quant::Policy) says.
//!
//! Fake quantization rounds as the integers do, so that what is trained is what is shipped:
//!
//! - Weights are rounded to the grid of their output channel before every product; gradients pass straight through
//!   where nothing was clamped. Scales are learned (LSQ, arXiv 1902.08153) or follow the extremes of the weights.
//! - Activations are clipped and rounded down after half a step was added, as the integer requantizer does. Clips are
//!   learned (PACT, arXiv 1805.06085), with LSQ's share of the rounding error in their gradient.
//! - Batch normalization stays between sums and rounding. In the last epochs its statistics stand still; slope and
//!   offset are then those of the requantizer, and biases whole numbers of accumulator steps.
//!
//! A [`Plan`] lays the network out once; a [`Stepper`] takes optimization steps on a device; all numbers that change are
//! one [`State`], the same on every device, so that a checkpoint moves between them. The steppers come with the feature
//! `train`; all else is always there, so that page and training worker speak the same language.

#[cfg(feature = "train")]
mod any;
mod batch;
#[cfg(feature = "train")]
mod cpu;
mod device;
mod error;
mod fresh;
mod images;
mod job;
mod plan;
mod random;
mod recipe;
mod result;
#[cfg(feature = "train")]
mod session;
mod state;
mod stepper;
mod trainer;
mod tune;
#[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
pub mod webgpu;

#[cfg(feature = "train")]
pub use any::AnyStepper;
pub use batch::{Augment, Batch};
#[cfg(feature = "train")]
pub use cpu::CpuStepper;
pub use device::{DeviceChoice, DeviceReport, Turn};
pub use error::TrainError;
pub use fresh::fresh;
pub use images::Images;
pub use job::Job;
pub use plan::{
    AffinePlan, Geometry, ImagePlan, KernelPlan, Plan, TensorGrid, Unit, UnitOp, WeightGrid, WeightScales,
};
pub use recipe::{Augmentation, Distillation, Optimizer, Recipe, Schedule};
pub use result::Trained;
#[cfg(feature = "train")]
pub use session::Session;
pub use state::State;
pub use stepper::{Control, Metrics, Norm, Stepper};
pub use trainer::{Checkpoint, Point, Progress, Report, Trainer};
pub use tune::tune;
