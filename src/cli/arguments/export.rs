//! Arguments of `eval` and `export`.

use super::{BitsArgument, BudgetArguments, Inputs, SplitName, values};
use crate::flow::{Artefact, PackageName};
use crate::link::Link;
use clap::Args;
use std::path::{Path, PathBuf};

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
    /// Measure at most this many images [default: all].
    #[arg(long, value_name = "N", value_parser = values::at_least(1))]
    pub limit: Option<usize>,
    /// Images to measure on: test images, seen by no search and no training; reward images, by which both choose; or
    /// all validation images [default: validation, but test in packages and for what reward images may have chosen:
    /// policies from links and files, and trained weights].
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<SplitName>,
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
#[command(next_help_heading = "Files to write")]
#[group(required = true, multiple = true)]
pub struct Outputs {
    /// Write the firmware package, which has all of the others in it.
    #[arg(short, long, value_name = "ZIP")]
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
