//! Where training runs: what the user asks for, and what is told.

use super::trainer::Report;
use serde::{Deserialize, Serialize};

/// What the user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceChoice {
    /// The fastest, by measuring some steps.
    #[default]
    Automatic,
    /// The GPU, even one that is a processor in disguise.
    Gpu,
    /// The processor.
    Cpu,
}

/// Where training runs, and why there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// A name to show.
    pub name: String,
    /// Whether it is the GPU.
    pub gpu: bool,
    /// Whether that GPU is known to be a processor in disguise: slow.
    pub software: bool,
    /// Seconds for a step, if it was measured.
    pub seconds: Option<f64>,
    /// Why not another device; empty if nobody asked for one.
    pub reason: String,
}

impl DeviceReport {
    #[cfg(feature = "train")]
    pub(super) fn cpu(seconds: Option<f64>, reason: String) -> Self {
        Self { name: "processor".into(), gpu: false, software: false, seconds, reason }
    }
}

/// What a turn brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Turn {
    /// Training goes on.
    Report(Report),
    /// The device failed; training goes on from the last checkpoint on another.
    Moved {
        /// What happened.
        reason: String,
        /// The other device.
        device: DeviceReport,
        /// Epoch from which it goes on.
        epoch: u32,
    },
}
