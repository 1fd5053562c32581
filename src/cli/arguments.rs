//! The command line's words.

mod values;

pub use values::{AllocatorName, BitsArgument, MemoryName, PaddingName};

use super::calibration::CalibrationArguments;
use crate::data::Charset;
use crate::flow::{Artefact, PackageName};
use crate::link::Link;
use crate::memory::{Bytes, Mcu, Reserve};
use crate::net::Spec;
use crate::search::Allocator;
use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};

/// Fits convolutional networks into microcontrollers: a width of 2, 4 or 8 bits for every tensor.
#[derive(Parser)]
#[command(name = "bitsmith", version, after_help = "Exit codes: 0 done, 1 failed, 2 wrong arguments.")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Show a network's layers, sizes and multiply-accumulates.
    Inspect(Inspect),
    /// Choose a policy that fits a budget of FLASH and RAM.
    Policy(Policy),
    /// Search for the most accurate policy under a budget of FLASH and RAM.
    Search(Box<Search>),
    /// Measure the accuracy of a policy in integers.
    Eval(Eval),
    /// Measure a policy and write its firmware package.
    Export(Box<Export>),
    /// Train a quantized network from its float weights.
    #[cfg(feature = "train")]
    Finetune(Box<super::finetune::Finetune>),
    /// Train a float network from random weights.
    #[cfg(feature = "train")]
    Train(Box<super::train::Train>),
    /// Say what a link holds.
    Link(LinkText),
}

/// Arguments of `inspect`.
#[derive(Args)]
pub struct Inspect {
    #[command(flatten)]
    pub network: Network,
}

/// A network of the zoo.
#[derive(Args)]
pub struct Network {
    /// The network, e.g. mobilenet-v1-0.75-224, mobilenet-v2-0.35-128, mnasnet-0.5-128.
    #[arg(value_name = "NET")]
    name: Spec,
    /// Number of classes.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    classes: u64,
    /// Where the zeros go at stride 2 [default: tensorflow, for mnasnet pytorch].
    #[arg(long)]
    padding: Option<PaddingName>,
}

impl Network {
    /// The network that is meant.
    pub fn spec(&self) -> anyhow::Result<Spec> {
        let spec = self.name.with_classes(self.classes)?;
        Ok(self.padding.map_or(spec, |padding| spec.with_padding(padding.into())))
    }
}

/// Arguments of `policy`.
#[derive(Args)]
pub struct Policy {
    #[command(flatten)]
    pub network: Network,
    #[command(flatten)]
    pub budget: BudgetArguments,
    /// How the policy is chosen.
    #[arg(long, default_value = "rule")]
    pub allocator: AllocatorName,
}

/// A microcontroller, and what of it is not for the network.
#[derive(Args)]
pub struct DeviceArguments {
    /// A microcontroller of the catalogue, e.g. stm32h743zi, instead of --flash and --ram.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Bytes of FLASH that start-up code, C library and drivers of the device take.
    #[arg(long, value_name = "BYTES", default_value_t = Bytes(Reserve::default().flash), requires = "device", conflicts_with_all = ["flash", "ram"])]
    reserve_flash: Bytes,
    /// Bytes of RAM that they take; the network's stack is counted by itself.
    #[arg(long, value_name = "BYTES", default_value_t = Bytes(Reserve::default().ram), requires = "device", conflicts_with_all = ["flash", "ram"])]
    reserve_ram: Bytes,
}

impl DeviceArguments {
    /// The microcontroller, if one is given.
    pub fn device(&self) -> anyhow::Result<Option<&'static Mcu>> {
        self.device.as_deref().map(super::policy::device_named).transpose()
    }

    /// What of it is not for the network.
    pub fn reserve(&self) -> Reserve {
        Reserve { flash: self.reserve_flash.0, ram: self.reserve_ram.0 }
    }

    /// Whether a microcontroller is given.
    pub fn is_given(&self) -> bool {
        self.device.is_some()
    }
}

/// A budget and how it is counted.
#[derive(Args)]
pub struct BudgetArguments {
    #[command(flatten)]
    pub on: DeviceArguments,
    /// Bytes of FLASH that the network may take, e.g. 2048000, 2MiB.
    #[arg(long, value_name = "BYTES", conflicts_with = "device")]
    pub flash: Option<Bytes>,
    /// Bytes of RAM that the network may take beside its stack, e.g. 512000, 512KiB.
    #[arg(long, value_name = "BYTES", conflicts_with = "device")]
    pub ram: Option<Bytes>,
    /// What counts: all that the shipped firmware takes, or what the papers count.
    #[arg(long, default_value = "device")]
    pub memory: MemoryName,
}

impl BudgetArguments {
    /// Whether any budget was given.
    pub fn is_given(&self) -> bool {
        self.on.is_given() || self.flash.is_some() || self.ram.is_some()
    }
}

/// A trained network, and images to calibrate and measure it with.
#[derive(Args)]
pub struct Inputs {
    /// Weights in safetensors format.
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,
    /// The network in the file, where its tensors do not tell; its side is the images' side.
    #[arg(long, value_name = "NET")]
    pub network: Option<Spec>,
    #[command(flatten)]
    pub images: ImageArguments,
    #[command(flatten)]
    pub calibration: CalibrationArguments,
}

/// Images and how they are read.
#[derive(Args)]
pub struct ImageArguments {
    /// Images in class folders: a folder, zip, tar or tar.gz. Can be given several times; names such as train and val
    /// say which part a folder or archive is.
    #[arg(long, value_name = "PATH", required = true)]
    pub images: Vec<PathBuf>,
    /// Encoding of names in archives that do not state it, e.g. gbk, cp932, windows-1251 [default: a guess, which is
    /// shown].
    #[arg(long, value_name = "ENCODING")]
    pub names: Option<Charset>,
}

/// Arguments of `search`.
#[derive(Args)]
pub struct Search {
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub on: DeviceArguments,
    /// Bytes of FLASH, e.g. 512KiB; several with commas between them are searched one after the other.
    #[arg(long, value_name = "BYTES", value_delimiter = ',', conflicts_with_all = ["mean_bits", "device"])]
    pub flash: Vec<Bytes>,
    /// Instead of --flash: so much FLASH that weights can have this many bits on average, from 2 to 8, e.g. 3,4,6.
    #[arg(long, value_name = "BITS", value_delimiter = ',', conflicts_with = "device")]
    pub mean_bits: Vec<f64>,
    /// Bytes of RAM, e.g. 64KiB; with several, every FLASH is searched with each.
    #[arg(long, value_name = "BYTES", value_delimiter = ',', conflicts_with = "device")]
    pub ram: Vec<Bytes>,
    /// What counts: all that the shipped firmware takes, or what the papers count.
    #[arg(long, default_value = "device")]
    pub memory: MemoryName,
    /// Allocators, one after the other, with commas between them.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "agent")]
    pub allocator: Vec<Allocator>,
    /// Policies that each allocator may score, probes of sensitivity included; the run-off is not.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub episodes: usize,
    /// Seed of all random numbers; several are searched one after the other.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "234")]
    pub seed: Vec<u64>,
    /// Give a tensor its width: LAYER.weights=BITS or LAYER.output=BITS. Can be given several times.
    #[arg(long, value_name = "TENSOR=BITS")]
    pub pin: Vec<String>,
    /// Let the agent start from nothing instead of from the policies of the simpler allocators.
    #[arg(long)]
    pub no_warm_start: bool,
    /// Leave unused what a policy leaves of the budget.
    #[arg(long)]
    pub no_fill: bool,
    /// Do not score each allocator's finalists once more, on up to four times as many training images.
    #[arg(long)]
    pub no_run_off: bool,
    /// Weights below 8 bits become values of a codebook for each layer (k-means), which counts as well: a baseline
    /// that no kernel computes with.
    #[arg(long)]
    pub codebooks: bool,
    /// How often, from 0 to 1, the agent's episodes repeat the best policy so far but for a few decisions.
    #[arg(long, value_name = "PART", default_value_t = crate::search::AgentSettings::default().restart)]
    pub restart: f64,
    /// Decisions that such an episode takes again, on average.
    #[arg(long, value_name = "N", default_value_t = crate::search::AgentSettings::default().redecided)]
    pub redecided: f64,
    /// Episodes that the agent draws for each that is scored; 1 scores all.
    #[arg(long, value_name = "N", default_value_t = crate::search::AgentSettings::default().proposals)]
    pub proposals: usize,
    /// Updates of the agent's networks for each decision of an episode.
    #[arg(long, value_name = "N", default_value_t = crate::search::AgentSettings::default().updates)]
    pub updates: f64,
    /// Neurons of each hidden layer of the agent's networks.
    #[arg(long, value_name = "N", default_value_t = crate::search::AgentSettings::default().hidden)]
    pub hidden: usize,
    /// Train each policy for so many steps before it is scored, from the float weights and always with the same images.
    #[cfg(feature = "train")]
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "codebooks")]
    pub tune_steps: u32,
    /// Score with at most this many reward images.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Memory for what policies have in common.
    #[arg(long, value_name = "BYTES", default_value = "256MiB")]
    pub cache: Bytes,
    /// Leave out the last measurement on the test images.
    #[arg(long)]
    pub no_test: bool,
    /// Write every episode to this file as comma-separated values; with several runs, see --log.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write every episode to this file as JSON. With several budgets or seeds, each run has a file of its own, with
    /// FLASH, RAM and seed before the ending.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Folder where the state of a run is kept, so that it goes on when it was interrupted, and the scores of all
    /// policies, which later runs with the same weights and images use.
    #[arg(long, value_name = "FOLDER")]
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

/// Arguments of `eval`.
#[derive(Args)]
pub struct Eval {
    #[command(flatten)]
    pub inputs: Inputs,
    /// Policy to measure, as a link.
    #[arg(long, value_name = "LINK", conflicts_with = "bits")]
    pub link: Option<Link>,
    /// Policies to measure, each as widths of all weights and all activations, e.g. 4/8, or as a file: policy.json, or a
    /// list as HAQ's. Several with commas, e.g. 8/8,4/8,best.json.
    #[arg(long, value_name = "W/A|FILE", value_delimiter = ',', default_value = "8/8")]
    pub bits: Vec<BitsArgument>,
    /// Measure at most this many images.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Leave out the float network's accuracy.
    #[arg(long)]
    pub no_float: bool,
}

/// Arguments of `export`.
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    pub eval: Eval,
    #[command(flatten)]
    pub budget: BudgetArguments,
    /// What the package is called, and its functions, files and targets begin with, e.g. cats_and_dogs [default: after the
    /// network].
    #[arg(long, value_name = "NAME")]
    pub name: Option<PackageName>,
    #[command(flatten)]
    pub outputs: Outputs,
}

/// What to write, and where: any number of these, one at least.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub struct Outputs {
    /// Write the firmware package, which has all of the others in it.
    #[arg(long, value_name = "ZIP")]
    pub out: Option<PathBuf>,
    /// Write the network as one file, model.bin.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Write the network for ONNX Runtime.
    #[arg(long, value_name = "FILE")]
    pub onnx: Option<PathBuf>,
    /// Write the report: HTML.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    pub report_json: Option<PathBuf>,
    /// Write the policy: the width of every tensor, as JSON.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Write the policy as HAQ's strategy list: [weight bits, bits of the input] for each layer.
    #[arg(long, value_name = "FILE")]
    pub haq: Option<PathBuf>,
}

impl Outputs {
    /// The artefacts that are wanted, and where they go.
    pub fn wanted(&self) -> Vec<(Artefact, &Path)> {
        let path = |artefact| match artefact {
            Artefact::Package => &self.out,
            Artefact::Model => &self.model,
            Artefact::Onnx => &self.onnx,
            Artefact::Report => &self.report,
            Artefact::ReportJson => &self.report_json,
            Artefact::Policy => &self.policy,
            Artefact::Haq => &self.haq,
        };
        let wanted =
            Artefact::ALL.into_iter().filter_map(|artefact| Some((artefact, path(artefact).as_deref()?)));
        wanted.collect()
    }
}

/// Arguments of `link`.
#[derive(Args)]
pub struct LinkText {
    /// A link, or the part after its #.
    #[arg(value_name = "LINK")]
    pub link: Link,
}
