//! Files that are not used, and why.

use std::fmt;

/// A file that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: Reason,
}

/// Why a file is not used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Made by an operating system or a storage device: `Thumbs.db`, `@eaDir`, names that begin with a dot.
    System,
    /// Another kind of file.
    NoImage,
    /// An image of a format that is not read, by name.
    Format(&'static str),
    /// An archive inside a folder or an archive.
    Archive(&'static str),
    /// A file with labels: it was used, but is no image.
    Labels,
    /// An image in no class folder, which no file with labels names.
    NoClass,
    /// An image beside the folders of the splits.
    BesideSplits,
    /// A link in an archive, or one on disk that leads nowhere or back to a folder above it.
    Link,
    /// A file that a later one of the same name in the archive replaces.
    Replaced,
    /// A file that cannot be read, and why.
    Unreadable(String),
}

impl Reason {
    /// Whether somebody may have meant the file to be used.
    #[must_use]
    pub fn is_worth_a_look(&self) -> bool {
        !matches!(self, Reason::System | Reason::NoImage | Reason::Labels | Reason::Replaced)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::System => f.write_str(
                "made by an operating system (Thumbs.db, @eaDir, __MACOSX, names that begin with a dot)",
            ),
            Reason::NoImage => f.write_str("no image"),
            Reason::Format(name) => write!(f, "a {name} image; convert it to JPEG or PNG"),
            Reason::Archive(name) => write!(f, "a {name} archive inside; give it by itself"),
            Reason::Labels => f.write_str("labels of images in no class folder, used"),
            Reason::NoClass => f.write_str("an image in no class folder, without a label"),
            Reason::BesideSplits => f.write_str("an image beside the folders of the splits"),
            Reason::Link => f.write_str("a link that cannot be followed"),
            Reason::Replaced => f.write_str("replaced by a later file of the same name in the archive"),
            Reason::Unreadable(why) => write!(f, "cannot be read: {why}"),
        }
    }
}

/// Names that systems give: of files, or of folders with all that is in them.
const SYSTEM: [&str; 9] = [
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
];

/// Whether a path is of a file that no person made.
pub(super) fn is_system(path: &str) -> bool {
    path.split('/').any(|part| {
        part.starts_with('.') || SYSTEM.iter().any(|name| part.trim_end().eq_ignore_ascii_case(name))
    })
}
