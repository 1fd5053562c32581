//! What a search has found as a link.

use crate::link;
use crate::search::Allocator;

impl From<Allocator> for link::Allocator {
    fn from(allocator: Allocator) -> Self {
        match allocator {
            Allocator::Uniform => Self::Uniform,
            Allocator::Rule => Self::Rule,
            Allocator::NotchDown => Self::NotchDown,
            Allocator::Random => Self::Random,
            Allocator::Greedy => Self::Greedy,
            Allocator::Exact => Self::Exact,
            Allocator::Evolution => Self::Evolution,
            Allocator::Agent => Self::Agent,
        }
    }
}
