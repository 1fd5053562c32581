//! Where a policy came from.

use super::Allocator;
use std::fmt;

/// Where a policy came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The user gave it, tensor by tensor.
    ByHand,
    /// It was read from a file.
    File,
    /// An allocator chose it.
    Allocator(Allocator),
}

impl From<Allocator> for Origin {
    fn from(allocator: Allocator) -> Self {
        Self::Allocator(allocator)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByHand => "by hand",
            Self::File => "from a file",
            Self::Allocator(allocator) => allocator.title(),
        })
    }
}
