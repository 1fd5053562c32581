//! A policy as the text after `#` in a link, and back.
//!
//! A [`Link`] holds what is needed to show a policy and its memory without weights or images, and to find the policy
//! again. Its text is short enough for a message, and any damage to it is noticed.
//!
//! ```
//! use bitsmith::{
//!     link::{Allocator, Link},
//!     memory::{Budget, MemoryModel},
//!     net::Spec,
//!     quant::{Bits, Policy},
//! };
//!
//! let spec: Spec = "mobilenet-v1-0.25-128".parse()?;
//! let policy = Policy::uniform(&spec.build(), Bits::B4, Bits::B8);
//! let (memory, allocator) = (MemoryModel::DEVICE, Allocator::Uniform);
//! let link = Link { spec, policy, budget: Budget::PAPER, memory, allocator, seed: 0 };
//!
//! let text = link.encode();
//! assert!(text.starts_with('1') && text.len() < 160);
//! assert_eq!(text.parse::<Link>()?, link);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Format 1
//!
//! The character `1`, then bytes in base64 with the URL-safe alphabet of RFC 4648, without padding characters.
//! Numbers are unsigned LEB128: seven bits a byte, lowest first, the high bit set in all bytes but the last.
//!
//! | bytes | what |
//! |---|---|
//! | number | length of the following up to the checksum, in bytes |
//! | number | family: 1 MobileNetV1, 2 MobileNetV2, 3 MNasNet |
//! | number | width multiplier in hundredths |
//! | number | side of the image in pixels |
//! | number | classes |
//! | number | padding: 1 TensorFlow, 2 PyTorch |
//! | number | budget of FLASH in bytes |
//! | number | budget of RAM in bytes |
//! | number | memory model: 1 paper, 2 device with a Cortex-M4 or -M7; since 0.2.0 3 Cortex-M0+, 4 Cortex-M3, 5 RV32IMC, 6 RV64GC, 7 Xtensa LX7, 8 Cortex-M33 |
//! | number | allocator: 1 by hand, 2 uniform, 3 rule, 4 last layers first, 5 random, 6 greedy, 7 exact, 8 evolution, 9 agent |
//! | number | seed |
//! | number | count of tensors |
//! | 2 bits a tensor | widths in the order of [`Slot::all`](crate::quant::Slot::all): 0 for 2 bits, 1 for 4, 2 for 8; lowest bits first, filled up with zeros |
//! | 4 bytes | CRC-32 (IEEE 802.3) of the character `1` and all bytes before, lowest byte first |
//!
//! Links are kept for ever: a number never gets another meaning, and another format begins with another character.

mod body;
mod envelope;
mod error;
mod words;

pub use error::LinkError;

use crate::{
    memory::{Budget, MemoryModel},
    net::Spec,
    quant::Policy,
};
use std::str::FromStr;

/// What has chosen the widths of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Allocator {
    /// The user, tensor by tensor.
    ByHand,
    /// All weights at one width, all activations at another.
    Uniform,
    /// The rule that cuts the largest tensors until the budgets hold.
    Rule,
    /// Cuts of the last layers first.
    NotchDown,
    /// The best of random policies.
    Random,
    /// The least measured sensitivity for each byte.
    Greedy,
    /// The least sum of measured sensitivities.
    Exact,
    /// Evolution.
    Evolution,
    /// The reinforcement-learning agent.
    Agent,
}

/// A policy and what it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The network.
    pub spec: Spec,
    /// The widths of its tensors; of `spec.build()`.
    pub policy: Policy,
    /// What it may take.
    pub budget: Budget,
    /// How that is counted.
    pub memory: MemoryModel,
    /// What has chosen the widths.
    pub allocator: Allocator,
    /// Seed of the run that has chosen them.
    pub seed: u64,
}

impl Link {
    /// The text after `#`: at most 100 characters for the networks of the zoo, all of them letters, digits, `-` and `_`.
    pub fn encode(&self) -> String {
        envelope::seal(&body::write(self))
    }
}

impl FromStr for Link {
    type Err = LinkError;

    /// Reads the text after `#`, or a whole address with `#` in it; spaces around are allowed.
    fn from_str(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        let fragment = text.rsplit_once('#').map_or(text, |(_, fragment)| fragment);
        body::read(&envelope::open(fragment)?)
    }
}
