//! What the user says of weights and images that their files do not say, or say wrongly.

use crate::data::{Charset, Resize};
use crate::import::{ImportOptions, RangesFrom};
use crate::net::{Normalization, Padding, Spec};
use serde::{Deserialize, Serialize};

/// Settings of weights that the user gives; each goes before what the file states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GivenSettings {
    /// Normalization of the image.
    pub normalization: Option<Normalization>,
    /// Epsilon of all batch normalizations.
    pub epsilon: Option<f32>,
    /// Where the zeros go at stride 2.
    pub padding: Option<Padding>,
    /// Where the ranges of activations come from.
    pub ranges: RangesFrom,
}

/// How images are read, as the user says; each goes before what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GivenReading {
    /// How they become squares.
    pub resize: Option<Resize>,
    /// Encoding of names in archives that do not state it.
    pub names: Option<Charset>,
}

impl GivenSettings {
    /// What the import is told. `network` overrides what the file says of itself, its padding too.
    pub fn options(&self, network: Option<Spec>) -> ImportOptions {
        ImportOptions {
            network,
            padding: self.padding.or(network.map(|network| network.padding)),
            epsilon: self.epsilon,
            normalization: self.normalization,
            ranges: self.ranges,
            ..Default::default()
        }
    }

    /// The same with what a check of the preprocessing has found to be better.
    #[must_use]
    pub fn with(self, verdict: &super::PreprocessingVerdict) -> Self {
        let Some(choice) = verdict.better() else { return self };
        Self {
            normalization: if verdict.assumed.0 { Some(choice.normalization) } else { self.normalization },
            padding: if verdict.assumed.1 { choice.padding } else { self.padding },
            ..self
        }
    }
}
