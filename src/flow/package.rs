//! The firmware package of a measured policy.

use super::{Epochs, Figure};
use crate::export::onnx::{self, Outputs};
use crate::export::{
    self, Accuracy, ExportError, GoldenImage, PackageInfo, PackageName, Report, identifier, model, policy,
};
use crate::link::Link;
use crate::net::Network;
use crate::quant::QuantizedNetwork;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Images of the self-test.
const GOLDEN: usize = 4;

/// A file to hand over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Artefact {
    /// Everything: the firmware package.
    Package,
    /// The network in one file.
    Model,
    /// The same for ONNX Runtime.
    Onnx,
    /// What it takes and where it came from, for people.
    Report,
    /// The same for programs.
    ReportJson,
    /// The width of every tensor, by name.
    Policy,
    /// The same as HAQ's `strategy` list.
    Haq,
}

impl Artefact {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 7] =
        [Self::Package, Self::Model, Self::Onnx, Self::Report, Self::ReportJson, Self::Policy, Self::Haq];

    /// The file name of a network's artefact; `name` is that of its package.
    pub fn file_name(self, name: &str) -> String {
        let ending = match self {
            Self::Package => ".zip",
            Self::Model => ".bin",
            Self::Onnx => ".onnx",
            Self::Report => "-report.html",
            Self::ReportJson => "-report.json",
            Self::Policy => "-policy.json",
            Self::Haq => "-haq.json",
        };
        format!("{name}{ending}")
    }
}

/// What a package is made of, besides the network. The same parts give the same bytes in the browser and on the
/// command line.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// What it is called; after the network if `None`.
    pub name: Option<&'a PackageName>,
    /// Policy, device and budget.
    pub link: &'a Link,
    /// SHA-256 of the weights file in hexadecimal.
    pub weights_sha256: &'a str,
    /// Where the images came from.
    pub images: &'a str,
    /// Accuracy of the integers.
    pub integers: Figure,
    /// Training behind the weights, if they were trained after they were loaded.
    pub trained: Option<Epochs>,
    /// Where the ranges of activations come from, if not from the calibration images alone.
    pub ranges: Option<&'a str>,
    /// Accuracy of the float network; left out unless it is of the same images.
    pub float: Option<Figure>,
    /// Pixels of the calibration images; the first ones become the self-test.
    pub calibration: &'a [Arc<[u8]>],
    /// The right output for each of them.
    pub targets: &'a [usize],
}

/// What a network's package is called unless it is given a name.
pub fn default_name(network: &Network) -> String {
    identifier(network.name())
}

impl Package<'_> {
    /// Name of the folder in the archive, and of the archive itself without its ending.
    pub fn name(&self) -> String {
        self.name.map_or_else(|| default_name(&self.link.network), PackageName::to_string)
    }

    /// One of the files that the package is made of, or the package itself.
    ///
    /// # Errors
    /// If the network cannot be exported; see [`export::package()`].
    pub fn artefact(&self, network: &QuantizedNetwork, artefact: Artefact) -> Result<Vec<u8>, ExportError> {
        let policy = &network.policy;
        Ok(match artefact {
            Artefact::Package => self.zip(network)?,
            Artefact::Model => model::write(network)?,
            Artefact::Onnx => onnx::write(network, Outputs::Logits)?,
            Artefact::Report => Report::of(network, &self.info())?.html()?.into(),
            Artefact::ReportJson => Report::of(network, &self.info())?.json().into(),
            Artefact::Policy => policy::write(&network.network, policy).into(),
            Artefact::Haq => policy::write_haq(network.graph(), policy).into(),
        })
    }

    /// The zip archive.
    ///
    /// # Errors
    /// If the network cannot be exported; see [`export::package()`].
    pub fn zip(&self, network: &QuantizedNetwork) -> Result<Vec<u8>, ExportError> {
        let golden = self.calibration.iter().zip(self.targets).take(GOLDEN);
        let golden: Vec<_> = golden.map(|(pixels, &label)| GoldenImage { pixels, label }).collect();
        export::package(network, &self.info(), &golden)
    }

    fn info(&self) -> PackageInfo {
        let accuracy = |figure: Figure| Accuracy {
            correct: figure.tally.correct,
            images: figure.tally.images,
            subset: figure.images.subset.name().into(),
            of: figure.images.of,
            stopped: figure.stopped,
            images_used: figure.to_string(),
        };
        PackageInfo {
            name: self.name(),
            link: Some(self.link.encode()),
            device: self.link.mcu().map(|mcu| mcu.name.to_owned()),
            core: self.link.memory.core().unwrap_or_default(),
            budget: Some(self.link.budget),
            accuracy: Some(accuracy(self.integers)),
            float_accuracy: self.float.filter(|float| self.integers.is_comparable(float)).map(accuracy),
            trained_epochs: self.trained.map(|epochs| epochs.kept),
            trained: self.trained.map(|epochs| epochs.to_string()),
            weights_sha256: Some(self.weights_sha256.to_owned()),
            ranges: self.ranges.map(ToOwned::to_owned),
            images: Some(self.images.to_owned()),
            allocator: Some(self.link.origin.to_string()),
            seed: Some(self.link.seed),
        }
    }
}
