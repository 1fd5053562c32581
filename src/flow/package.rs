//! The firmware package of a measured policy.

use super::Tally;
use crate::export::{self, Accuracy, ExportError, GoldenImage, PackageInfo, identifier};
use crate::link::Link;
use crate::quant::QuantizedNetwork;

/// Images of the self-test.
const GOLDEN: usize = 4;

/// What a package is made of, besides the network. The same parts give the same bytes in the browser and on the
/// command line.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// Policy and budget.
    pub link: &'a Link,
    /// Name of the microcontroller, if one was chosen.
    pub device: Option<&'a str>,
    /// SHA-256 of the weights file in hexadecimal.
    pub weights_sha256: &'a str,
    /// Where the images came from.
    pub images: &'a str,
    /// Accuracy of the integers.
    pub integers: Tally,
    /// Accuracy of the float network on the same images, if it was measured.
    pub float: Option<Tally>,
    /// Pixels of the calibration images; the first ones become the self-test.
    pub calibration: &'a [Vec<u8>],
    /// The right output for each of them.
    pub targets: &'a [usize],
}

impl Package<'_> {
    /// Name of the folder in the archive, and of the archive itself without its ending.
    pub fn name(&self) -> String {
        identifier(&self.link.spec.to_string())
    }

    /// The zip archive.
    ///
    /// # Errors
    /// If the network cannot be exported; see [`export::package`].
    pub fn zip(&self, network: &QuantizedNetwork) -> Result<Vec<u8>, ExportError> {
        let accuracy = |tally: Tally| Accuracy { correct: tally.correct, images: tally.images };
        let info = PackageInfo {
            name: self.name(),
            link: Some(self.link.encode()),
            device: self.device.map(str::to_owned),
            budget: Some(self.link.budget),
            accuracy: Some(accuracy(self.integers)),
            float_accuracy: self.float.map(accuracy),
            weights_sha256: Some(self.weights_sha256.to_owned()),
            images: Some(self.images.to_owned()),
        };
        let golden = self.calibration.iter().zip(self.targets).take(GOLDEN);
        let golden: Vec<_> = golden.map(|(pixels, &label)| GoldenImage { pixels, label }).collect();
        export::package(network, &info, &golden)
    }
}
