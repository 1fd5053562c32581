//! Where the values that results depend on came from.

use crate::import::{self, Note, Setting};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A setting, its value, and who chose it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Which setting, e.g. "normalization".
    pub what: String,
    /// The value that is used, e.g. "x / 127.5 - 1".
    pub value: String,
    /// Who chose it.
    pub origin: Origin,
    /// Where exactly, or why, e.g. "--resize", "metadata preprocessing", "usual for Keras".
    pub source: String,
}

/// Who chose a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The user.
    Given,
    /// A file or a folder says so.
    Stated,
    /// Nobody: it is a guess to check.
    Assumed,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Given => "given",
            Origin::Stated => "stated",
            Origin::Assumed => "assumed",
        })
    }
}

impl Provenance {
    /// A value that the user chose, by the option or field `source`.
    pub fn given(what: impl Into<String>, value: impl Into<String>, source: impl Into<String>) -> Self {
        Self { what: what.into(), value: value.into(), origin: Origin::Given, source: source.into() }
    }

    /// A value that a file or folder states, at `source`.
    pub fn stated(what: impl Into<String>, value: impl Into<String>, source: impl Into<String>) -> Self {
        Self { what: what.into(), value: value.into(), origin: Origin::Stated, source: source.into() }
    }

    /// A value that nobody chose, and why this one.
    pub fn assumed(what: impl Into<String>, value: impl Into<String>, source: impl Into<String>) -> Self {
        Self { what: what.into(), value: value.into(), origin: Origin::Assumed, source: source.into() }
    }

    /// Origin and where exactly, e.g. "assumed: usual for Keras".
    pub fn chosen_by(&self) -> String {
        format!("{}: {}", self.origin, self.source)
    }
}

impl From<&Setting> for Provenance {
    fn from(setting: &Setting) -> Self {
        let (what, value) = (setting.kind.title(), setting.value.as_str());
        match &setting.origin {
            import::Origin::Given => Self::given(what, value, "an option or a field"),
            import::Origin::Stated => Self::stated(what, value, "the weights file's metadata"),
            import::Origin::Assumed(why) => Self::assumed(what, value, why),
            import::Origin::Fixed => Self::stated(what, value, "the weights file's graph"),
            import::Origin::Linked => Self::given(what, value, "the link"),
        }
    }
}

impl From<&Note> for Provenance {
    fn from(Note { place, key, value, reason }: &Note) -> Self {
        Self::assumed(format!("{place} {key}"), "not used", format!("'{value}': {reason}"))
    }
}
