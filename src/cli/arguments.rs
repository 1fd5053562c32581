//! The command line's words.

mod export;
mod images;
mod search;
mod values;

pub use export::{Eval, Export};
pub use images::ImageArguments;
pub use search::Search;
#[cfg(feature = "train")]
pub use values::bits;
pub use values::{BitsArgument, MemoryName, PaddingName, SplitName, at_least};

use super::calibration::CalibrationArguments;
use super::weights::WeightsArguments;
use crate::link::Link;
use crate::memory::{Bytes, Mcu, Reserve};
use crate::net::Spec;
use crate::search::Allocator;
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

/// Headings of the arguments of `search`.
const BUDGETS: &str = "Device and budgets";
const SEARCH: &str = "Search";
const INTERNALS: &str = "Internals of the search";
const FILES: &str = "Files";

/// Fits convolutional networks into microcontrollers: a width of 2, 4 or 8 bits for every tensor.
#[derive(Parser)]
#[command(
    name = "bitsmith",
    version,
    after_help = "\
Examples:
  bitsmith devices
  bitsmith policy mobilenet-v1-0.75-224 --device stm32h743zi
  bitsmith search --weights net.safetensors --images photos.zip --device stm32f746ng --checkpoint run
  bitsmith export --weights net.safetensors --images photos.zip --bits 4/8 --device stm32f746ng -o net.zip

Exit codes: 0 done, 1 failed, 2 wrong arguments."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Show no progress.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// The whole command line, with all values in its help that are used where nothing is given.
pub fn command() -> clap::Command {
    let command = Arguments::command();
    #[cfg(feature = "train")]
    let command = {
        use super::training::with_defaults;
        use crate::train::Recipe;
        command
            .mut_subcommand("finetune", |command| with_defaults(command, &Recipe::finetune()))
            .mut_subcommand("train", |command| with_defaults(command, &Recipe::from_scratch()))
    };
    command
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Show a network's layers, sizes and multiply-accumulates.
    #[command(after_help = "\
Examples:
  bitsmith inspect mobilenet-v2-0.35-128 --classes 10
  bitsmith inspect resnet8.tflite
  bitsmith inspect mnasnet-0.5-128 --json")]
    Inspect(Inspect),
    /// Choose a policy that fits a budget of FLASH and RAM, without weights or images.
    #[command(after_help = "\
Examples:
  bitsmith policy mobilenet-v1-0.75-224 --device stm32h743zi
  bitsmith policy mnasnet-0.5-128 --flash 512KiB --ram 128KiB --allocator uniform")]
    Policy(Policy),
    /// Search for the most accurate policy under a budget of FLASH and RAM.
    #[command(after_help = "\
Examples:
  bitsmith search --weights net.safetensors --images photos.zip --device stm32f746ng
  bitsmith search --weights net.safetensors --images photos.zip --mean-bits 3,4 --ram 64KiB --allocator rule,agent")]
    Search(Box<Search>),
    /// Measure the accuracy of a policy in integers.
    #[command(after_help = "\
Examples:
  bitsmith eval --weights net.safetensors --images photos.zip --bits 8/8,4/8,4/4
  bitsmith eval --weights net.safetensors --images photos --limit 500 --json")]
    Eval(Box<Eval>),
    /// Measure a policy and write its firmware package.
    #[command(after_help = "\
Examples:
  bitsmith export --weights net.safetensors --images photos.zip --bits 4/8 --device stm32f746ng -o net.zip
  bitsmith export --weights net.safetensors --images photos.zip --flash 1MiB --ram 256KiB --onnx net.onnx")]
    Export(Box<Export>),
    /// Train a quantized network from its float weights.
    #[command(after_help = "\
Examples:
  bitsmith finetune --weights net.safetensors --images photos.zip --bits 4/4 --epochs 4 -o net-4-4.safetensors")]
    #[cfg(feature = "train")]
    Finetune(Box<super::finetune::Finetune>),
    /// Train a float network from random weights.
    #[command(after_help = "\
Examples:
  bitsmith train mobilenet-v1-0.25-32 --classes 10 --images photos.zip --epochs 30 -o net.safetensors")]
    #[cfg(feature = "train")]
    Train(Box<super::train::Train>),
    /// Say what a link holds.
    Link(LinkText),
    /// List the microcontrollers of the catalogue.
    Devices,
    /// Print the script that completes words in a shell.
    #[command(after_help = "\
Examples:
  bitsmith completions bash
  bitsmith completions zsh")]
    Completions(Completions),
}

/// Arguments of `inspect`.
#[derive(Args)]
pub struct Inspect {
    /// A file with a network, or the name of a network of the zoo, e.g. mobilenet-v2-0.35-128.
    #[arg(value_name = "FILE|NET")]
    pub subject: String,
    /// The file in JSON that describes the network, for weights beside it (MCUNet, ProxylessNAS).
    #[arg(long, value_name = "FILE")]
    pub graph: Option<PathBuf>,
    /// Rows and columns of the image, where the file does not fix them [default: as the file says, else 224].
    #[arg(long, value_name = "N", value_parser = values::side())]
    pub side: Option<u16>,
    /// Number of classes of a network of the zoo [default: 1000].
    #[arg(long, value_name = "N", value_parser = values::classes)]
    pub classes: Option<u64>,
    /// Where its zeros go at stride 2 [default: tensorflow, for mnasnet pytorch].
    #[arg(long)]
    pub padding: Option<PaddingName>,
}

/// A network of the zoo.
#[derive(Args)]
#[command(next_help_heading = "Network")]
pub struct Network {
    /// The network, e.g. mobilenet-v1-0.75-224, mobilenet-v2-0.35-128, mnasnet-0.5-128.
    #[arg(value_name = "NET")]
    name: Spec,
    /// Number of classes.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = values::classes)]
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
    #[arg(long, value_name = "NAME", default_value = "rule", value_parser = values::without_measuring())]
    pub allocator: Allocator,
}

/// A microcontroller, and what of it is not for the network.
#[derive(Args)]
#[command(next_help_heading = BUDGETS)]
pub struct DeviceArguments {
    /// A microcontroller of the catalogue, e.g. stm32h743zi, instead of --flash and --ram.
    #[arg(long, value_name = "NAME", value_parser = values::device)]
    pub device: Option<&'static Mcu>,
    /// Bytes of FLASH that start-up code, C library and drivers of the device take.
    #[arg(long, value_name = "BYTES", default_value_t = Bytes(Reserve::default().flash), requires = "device", conflicts_with_all = ["flash", "ram"])]
    reserve_flash: Bytes,
    /// Bytes of RAM that they take; the network's stack is counted by itself.
    #[arg(long, value_name = "BYTES", default_value_t = Bytes(Reserve::default().ram), requires = "device", conflicts_with_all = ["flash", "ram"])]
    reserve_ram: Bytes,
}

impl DeviceArguments {
    /// What of it is not for the network.
    pub fn reserve(&self) -> Reserve {
        Reserve { flash: self.reserve_flash.0, ram: self.reserve_ram.0 }
    }

    /// The microcontroller's name in links.
    pub fn slug(&self) -> Option<String> {
        self.device.map(|mcu| mcu.slug.to_owned())
    }

    /// The reserve of the microcontroller, if one is given.
    pub fn reserve_of_device(&self) -> Option<Reserve> {
        self.device.map(|_| self.reserve())
    }

    /// Whether a microcontroller is given.
    pub fn is_given(&self) -> bool {
        self.device.is_some()
    }
}

/// A budget and how it is counted.
#[derive(Args)]
#[command(next_help_heading = BUDGETS)]
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
#[command(next_help_heading = "Network and images")]
pub struct Inputs {
    /// The network with its weights: ONNX, TFLite, Keras (.h5, .keras), PyTorch (.pth, .pt, .bin) or .safetensors.
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,
    /// The description of the network in JSON, for weights beside it (MCUNet, ProxylessNAS).
    #[arg(long, value_name = "FILE")]
    pub graph: Option<PathBuf>,
    /// Rows and columns of the image, where the file does not fix them: from 1 to 1024; of networks that are told by the
    /// names of their tensors a multiple of 32 from 32 to 320 [default: of --network, else as the file says, else 224].
    #[arg(long, value_name = "N", value_parser = values::side())]
    pub side: Option<u16>,
    #[command(flatten)]
    pub trained: WeightsArguments,
    /// The network in the file, where its tensors do not tell; its side is the image's without --side [default: as the
    /// file says].
    #[arg(long, value_name = "NET")]
    pub network: Option<Spec>,
    /// Keep only the outputs of the images' classes: what the network knows of others is cut off.
    #[arg(long)]
    pub specialise: bool,
    #[command(flatten)]
    pub images: ImageArguments,
    #[command(flatten)]
    pub calibration: CalibrationArguments,
}

/// Arguments of `link`.
#[derive(Args)]
pub struct LinkText {
    /// A link, or the part after its #.
    #[arg(value_name = "LINK")]
    pub link: Link,
}

/// Arguments of `completions`.
#[derive(Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    fn commands() -> Vec<clap::Command> {
        let mut command = command();
        command.build();
        command.get_subcommands().cloned().chain([command.clone()]).collect()
    }

    #[test]
    fn words_are_unambiguous() {
        command().debug_assert();
    }

    /// Whoever reads the help knows what happens where nothing is given. Files are not read or written by default.
    #[test]
    fn every_default_is_in_the_help() {
        let mut silent = Vec::new();
        for command in commands() {
            let name = command.get_name().to_owned();
            for argument in
                command.get_arguments().filter(|a| a.get_action().takes_values() && !a.is_required_set())
            {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let values = argument.get_value_names().unwrap_or_default();
                let names_a_thing = ["FILE", "FOLDER", "ZIP", "LINK", "TENSOR=BITS"];
                let chosen = ["device", "flash", "ram", "mean_bits"].contains(&argument.get_id().as_str());
                if argument.get_default_values().is_empty()
                    && !help.contains("[default: ")
                    && !chosen
                    && !values.iter().any(|value| names_a_thing.contains(&value.as_str()))
                {
                    silent.push(format!("{name} --{}: {help}", argument.get_id()));
                }
            }
        }
        assert!(silent.is_empty(), "{}", silent.join("\n"));
    }

    /// Commands that do something with files or networks show how, in words that the parser takes.
    #[test]
    fn examples_can_be_typed() {
        let mut examples = 0;
        for command in commands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<_> = help.lines().filter(|line| line.starts_with("  bitsmith ")).collect();
            let needs_none = ["link", "devices", "help"].contains(&command.get_name());
            assert!(needs_none || !lines.is_empty(), "{} has no example", command.get_name());
            for line in lines {
                examples += 1;
                let words = line.split_whitespace();
                if let Err(error) = super::command().try_get_matches_from(words)
                    && error.kind() != ErrorKind::DisplayHelp
                {
                    panic!("{line}: {error}");
                }
            }
        }
        assert!(examples > 10, "{examples}");
    }
}
