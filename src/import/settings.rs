//! What the tensors of a network do not show, and where each value came from.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A setting of a network as it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Which.
    pub kind: SettingKind,
    /// Its value, for people.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
}

/// Settings that weights give wrong answers without, and no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettingKind {
    /// Rows and columns of the input.
    Side,
    /// Where the zeros go at stride 2.
    Padding,
    /// Epsilon of batch normalization.
    Epsilon,
    /// Normalization of the image.
    Normalization,
    /// Activation of a layer where a tool's network differs from the zoo's.
    Activation,
    /// How the outputs become classes.
    Head,
    /// How an image becomes the channels that the network has.
    Channels,
    /// Ranges of activations.
    Ranges,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// The caller gave it: an option of the command line, a field of the page.
    Given,
    /// The file's metadata state it.
    Stated,
    /// Nobody says it; why this value was taken.
    Assumed(String),
    /// The file fixes it: its graph has no other.
    Fixed,
    /// The link that was opened has it.
    Linked,
}

impl SettingKind {
    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            SettingKind::Side => "input size",
            SettingKind::Padding => "padding",
            SettingKind::Epsilon => "epsilon of batch normalization",
            SettingKind::Normalization => "preprocessing",
            SettingKind::Activation => "activation of the first layer",
            SettingKind::Head => "classes",
            SettingKind::Channels => "input channels",
            SettingKind::Ranges => "ranges of activations",
        }
    }
}

impl fmt::Display for SettingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

impl Setting {
    /// Whether nobody said the value.
    pub fn is_assumed(&self) -> bool {
        matches!(self.origin, Origin::Assumed(_))
    }

    /// Whether nobody said the value, and images with known labels can tell whether it is right.
    pub fn can_be_checked(&self) -> bool {
        self.is_assumed() && matches!(self.kind, SettingKind::Normalization | SettingKind::Padding)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, value, origin } = self;
        match origin {
            Origin::Given => write!(f, "{kind}: {value}, as you say"),
            Origin::Stated => write!(f, "{kind}: {value}, as the file says"),
            Origin::Assumed(why) => write!(f, "{kind}: {value} assumed: {why}"),
            Origin::Fixed => write!(f, "{kind}: {value}, which the file fixes"),
            Origin::Linked => write!(f, "{kind}: {value}, as the link says"),
        }
    }
}
