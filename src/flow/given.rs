//! What the user says of weights and images that their files do not say, or say wrongly.

use crate::data::{Charset, Resize};
use crate::import::{ImportOptions, RangesFrom};
use crate::net::{MAP_SIDES, Normalization, Padding, Spec};
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
    /// Rows and columns of the image.
    pub side: Option<u16>,
    /// Those of the network in a link, where nobody else says them.
    pub linked_side: Option<u16>,
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
            side: self.side,
            linked_side: self.linked_side,
            padding: self.padding.or(network.map(|network| network.padding)),
            epsilon: self.epsilon,
            normalization: self.normalization,
            ranges: self.ranges,
            ..Default::default()
        }
    }

    /// Rows and columns of the image as a user writes them; `None` if nothing is written.
    ///
    /// # Errors
    /// In a sentence, if they are no number that an image can have.
    pub fn side_of(text: &str) -> Result<Option<u16>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let side = text.parse().ok().filter(|&side: &u16| MAP_SIDES.contains(&side.into()));
        let (least, most) = (MAP_SIDES.start(), MAP_SIDES.end());
        side.map(Some).ok_or_else(|| format!("'{text}': expected a number from {least} to {most}, e.g. 176"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_that_an_image_can_have() {
        for (text, expected) in [
            ("", Ok(None)),
            (" ", Ok(None)),
            ("176", Ok(Some(176))),
            (" 1 ", Ok(Some(1))),
            ("1024", Ok(Some(1024))),
            ("1025", Err("'1025': expected a number from 1 to 1024, e.g. 176")),
            ("0", Err("'0': expected")),
            ("-1", Err("'-1': expected")),
            ("65537", Err("'65537': expected")),
            ("176x176", Err("'176x176': expected")),
        ] {
            match (GivenSettings::side_of(text), expected) {
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{text}: {reason}"),
                (found, expected) => assert_eq!(found, expected.map_err(str::to_owned), "{text}"),
            }
        }
    }

    /// The size that the user says goes before that of the network as which a file is read.
    #[test]
    fn the_import_is_told_of_every_setting() {
        let network = "mobilenet-v1-0.25-128".parse().ok();
        let given = GivenSettings { side: Some(176), linked_side: Some(96), ..GivenSettings::default() };
        let options = given.options(network);
        assert_eq!((options.network, options.side, options.linked_side), (network, Some(176), Some(96)));
    }
}
