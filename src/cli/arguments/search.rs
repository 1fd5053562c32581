//! Arguments of `search`.

use super::{BUDGETS, DeviceArguments, FILES, INTERNALS, Inputs, MemoryName, SEARCH, values};
use crate::memory::Bytes;
use crate::search::{AgentSettings, Allocator};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `search`.
#[derive(Args)]
pub struct Search {
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub on: DeviceArguments,
    /// Bytes of FLASH, e.g. 512KiB; several with commas between them are searched one after the other.
    #[arg(long, value_name = "BYTES", value_delimiter = ',', conflicts_with_all = ["mean_bits", "device"], help_heading = BUDGETS)]
    pub flash: Vec<Bytes>,
    /// Instead of --flash: so much FLASH that weights can have this many bits on average, from 2 to 8, e.g. 3,4,6.
    #[arg(long, value_name = "BITS", value_delimiter = ',', conflicts_with = "device", value_parser = values::mean_bits, help_heading = BUDGETS)]
    pub mean_bits: Vec<f64>,
    /// Bytes of RAM, e.g. 64KiB; with several, every FLASH is searched with each.
    #[arg(long, value_name = "BYTES", value_delimiter = ',', conflicts_with = "device", help_heading = BUDGETS)]
    pub ram: Vec<Bytes>,
    /// What counts: all that the shipped firmware takes, or what the papers count.
    #[arg(long, default_value = "device", help_heading = BUDGETS)]
    pub memory: MemoryName,
    /// Allocators, one after the other, with commas between them.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "agent", help_heading = SEARCH)]
    pub allocator: Vec<Allocator>,
    /// Policies that each allocator may score, probes of sensitivity included; the run-off is not.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = values::at_least(1), help_heading = SEARCH)]
    pub episodes: usize,
    /// Seed of all random numbers; several are searched one after the other.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1", help_heading = SEARCH)]
    pub seed: Vec<u64>,
    /// Give a tensor its width: LAYER.weights=BITS or LAYER.output=BITS. Can be given several times.
    #[arg(long, value_name = "TENSOR=BITS", help_heading = SEARCH)]
    pub pin: Vec<String>,
    /// Let the agent start from nothing instead of from the policies of the simpler allocators.
    #[arg(long, help_heading = SEARCH)]
    pub no_warm_start: bool,
    /// Leave unused what a policy leaves of the budget.
    #[arg(long, help_heading = SEARCH)]
    pub no_fill: bool,
    /// Do not score each allocator's finalists once more, on up to four times as many training images.
    #[arg(long, help_heading = SEARCH)]
    pub no_run_off: bool,
    /// Weights below 8 bits become values of a codebook for each layer (k-means), which counts as well: a baseline
    /// that no kernel computes with.
    #[arg(long, help_heading = SEARCH)]
    pub codebooks: bool,
    /// How often, from 0 to 1, the agent's episodes repeat the best policy so far but for a few decisions.
    #[arg(long, value_name = "PART", default_value_t = AgentSettings::default().restart, value_parser = values::part, help_heading = INTERNALS)]
    pub restart: f64,
    /// Decisions that such an episode takes again, on average.
    #[arg(long, value_name = "N", default_value_t = AgentSettings::default().redecided, value_parser = values::not_negative, help_heading = INTERNALS)]
    pub redecided: f64,
    /// Episodes that the agent draws for each that is scored; 1 scores all.
    #[arg(long, value_name = "N", default_value_t = AgentSettings::default().proposals, value_parser = values::at_least(1), help_heading = INTERNALS)]
    pub proposals: usize,
    /// Updates of the agent's networks for each decision of an episode.
    #[arg(long, value_name = "N", default_value_t = AgentSettings::default().updates, value_parser = values::not_negative, help_heading = INTERNALS)]
    pub updates: f64,
    /// Neurons of each hidden layer of the agent's networks.
    #[arg(long, value_name = "N", default_value_t = AgentSettings::default().hidden, value_parser = values::hidden(), help_heading = INTERNALS)]
    pub hidden: usize,
    /// Train each policy for so many steps before it is scored, from the float weights and always with the same images.
    #[cfg(feature = "train")]
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "codebooks", help_heading = SEARCH)]
    pub tune_steps: u32,
    /// Score with at most this many reward images [default: all].
    #[arg(long, value_name = "N", value_parser = values::at_least(1), help_heading = SEARCH)]
    pub limit: Option<usize>,
    /// Memory for what policies have in common.
    #[arg(long, value_name = "BYTES", default_value = "256MiB", help_heading = INTERNALS)]
    pub cache: Bytes,
    /// Leave out the last measurement on the test images.
    #[arg(long, help_heading = SEARCH)]
    pub no_test: bool,
    /// Write every episode to this file as comma-separated values; with several runs, see --log.
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub csv: Option<PathBuf>,
    /// Write every episode to this file as JSON. With several budgets or seeds, each run has a file of its own, with
    /// FLASH, RAM and seed before the ending.
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub log: Option<PathBuf>,
    /// Folder where the state of a run is kept, so that it goes on when it was interrupted, and the scores of all
    /// policies, which later runs with the same weights and images use.
    #[arg(long, value_name = "FOLDER", help_heading = FILES)]
    pub checkpoint: Option<PathBuf>,
}

impl Search {
    /// Steps of training before each score.
    pub fn tune_steps(&self) -> u32 {
        #[cfg(feature = "train")]
        return self.tune_steps;
        #[cfg(not(feature = "train"))]
        0
    }
}
