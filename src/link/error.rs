//! What can be wrong with a link.

use crate::net::SpecError;

/// Why a text is no link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No text.
    #[error("the link is empty: expected the text after '#'; copy the whole link")]
    Empty,
    /// Something else.
    #[error(
        "this is not a link of Bitsmith: expected a text that begins with '1' or '2' after '#', found {0:?}"
    )]
    Foreign(char),
    /// A format of the future.
    #[error(
        "the link was made by a newer version of Bitsmith: expected link format 1 or 2, found {0}; update Bitsmith or \
         reload the page"
    )]
    Newer(char),
    /// A character that no link has.
    #[error(
        "character {position} of the link is {found:?}: expected only letters, digits, '-' and '_'; copy the link \
         again"
    )]
    Character {
        /// Position in the text after `#`, from 1.
        position: usize,
        /// The character.
        found: char,
    },
    /// The end is missing.
    #[error("the link is cut off: expected {expected} characters, found {found}; copy the whole link")]
    Truncated {
        /// Characters after `#` that the beginning announces.
        expected: usize,
        /// Characters that are there.
        found: usize,
    },
    /// There is more than a link.
    #[error(
        "the link is too long: expected {expected} characters, found {found}; copy the link and nothing else"
    )]
    TooLong {
        /// Characters after `#` that the beginning announces.
        expected: usize,
        /// Characters that are there.
        found: usize,
    },
    /// Some characters are not those that were written.
    #[error("the link is damaged: its checksum does not agree with its content; copy it again")]
    Damaged,
    /// An intact link to a network that is not supported.
    #[error("the link is to a network that this version does not know: {0}; update Bitsmith")]
    Network(#[from] SpecError),
    /// An intact link with a number that has no meaning.
    #[error("the link names {what} number {code}, which this version does not know; update Bitsmith")]
    Code {
        /// What the number stands for, with its article.
        what: &'static str,
        /// The number.
        code: u64,
    },
    /// An intact link with a field that may not be passed over.
    #[error(
        "the link was made by a newer version of Bitsmith: its field {0} must be understood, and this version does not \
         know it; update Bitsmith or reload the page"
    )]
    Field(u64),
    /// An intact link to a network that was built otherwise.
    #[error(
        "the link holds widths for {found} tensors, but {network} has {expected}; it was made by another version of \
         Bitsmith"
    )]
    Tensors {
        /// The network.
        network: String,
        /// Tensors whose width is a choice.
        expected: usize,
        /// Widths in the link.
        found: u64,
    },
    /// An intact link with contents that do not follow the format.
    #[error("the link's contents do not follow the format ({0}); it was not made by Bitsmith")]
    Malformed(&'static str),
}
