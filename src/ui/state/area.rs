//! Where on the page the worker's tasks show.

use crate::flow::{Command, Task};

/// Parts of the page in which the worker's tasks show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Weights.
    Network,
    /// Images.
    Images,
    /// Accuracy.
    Result,
    /// Package.
    Share,
    /// Search.
    Search,
    /// Training.
    Finetune,
}

impl Area {
    pub(super) const ALL: [Self; 6] =
        [Area::Network, Area::Images, Area::Result, Area::Share, Area::Search, Area::Finetune];
    pub(super) const COUNT: usize = Self::ALL.len();

    pub(super) fn of_task(task: Task) -> Self {
        match task {
            Task::Weights | Task::CheckPreprocessing => Area::Network,
            Task::Images => Area::Images,
            Task::Calibrate | Task::Quantize | Task::Evaluate | Task::EvaluateFloat => Area::Result,
            Task::Package => Area::Share,
            Task::Search => Area::Search,
            Task::Finetune => Area::Finetune,
        }
    }

    /// Where a command's progress shows.
    pub(super) fn of_command(command: &Command) -> Option<Self> {
        match command {
            Command::OpenDemo(_)
            | Command::OpenWeights { .. }
            | Command::UseSettings(_)
            | Command::KeepClasses(_)
            | Command::CheckPreprocessing => Some(Area::Network),
            Command::OpenImages { .. } => Some(Area::Images),
            Command::Measure { .. } | Command::MeasureFloat { .. } => Some(Area::Result),
            Command::Package { .. } | Command::SaveTrained => Some(Area::Share),
            Command::Search(_) | Command::ContinueSearch => Some(Area::Search),
            Command::Finetune { .. } | Command::ContinueFinetune { .. } => Some(Area::Finetune),
            Command::Stop(_) | Command::Pause(_) | Command::Resume(_) | Command::Discard(_) => None,
            Command::FindSearch | Command::FindFinetune => None,
        }
    }
}
