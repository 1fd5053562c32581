//! A policy as the text after `#` in a link, and back.
//!
//! A [`Link`] holds what is needed to show a policy and its memory without weights or images, and to find the policy
//! again. Its text is short enough for a message, and any damage to it is noticed.
//!
//! ```
//! use bitsmith::{
//!     link::Link,
//!     memory::{Budget, MemoryModel},
//!     net::Spec,
//!     quant::{Bits, Policy},
//!     search::Allocator,
//! };
//!
//! let spec: Spec = "mobilenet-v1-0.25-128".parse()?;
//! let policy = Policy::uniform(&spec.build(), Bits::B4, Bits::B8);
//! let link = Link::new(spec, policy, Budget::PAPER, MemoryModel::DEVICE);
//! let link = Link { origin: Allocator::Uniform.into(), device: Some("stm32f767zi".into()), ..link };
//!
//! let text = link.encode();
//! assert!(text.starts_with('2') && text.len() < 160);
//! assert_eq!(text.parse::<Link>()?, link);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Formats
//!
//! A character for the format, then bytes in base64 with the URL-safe alphabet of RFC 4648, without padding characters.
//! Numbers are unsigned LEB128 in their shortest form: seven bits a byte, lowest first, the high bit set in all bytes but
//! the last. Format 2 is written, both are read.
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
//! | number | memory model: 1 paper, 2 device with a Cortex-M4 or -M7; in format 2 also 3 Cortex-M0+, 4 Cortex-M3, 5 RV32IMC, 6 RV64GC, 7 Xtensa LX7, 8 Cortex-M33 |
//! | number | origin of the policy: 1 by hand, 2 uniform, 3 rule, 4 last layers first, 5 random, 6 greedy, 7 exact, 8 evolution, 9 agent; in format 2 also 10 a file |
//! | number | seed |
//! | number | count of tensors |
//! | 2 bits a tensor | bits in the order of [`Slot::all`](crate::quant::Slot::all): 0 for 2 bits, 1 for 4, 2 for 8; lowest bits first, filled up with zeros |
//! | fields | in format 2 only; below |
//! | 4 bytes | CRC-32 (IEEE 802.3) of the format's character and all bytes before, lowest byte first |
//!
//! A field is its tag (a number), its length in bytes (a number), and its content. Each is there once or not at all, tags
//! ascend. A reader passes over a field of an even tag that it does not know, and refuses a link with an odd one.
//!
//! | tag | content |
//! |---|---|
//! | 2 | the microcontroller: its [slug](crate::memory::Mcu::slug) in ASCII, 1 to 32 small letters, digits and hyphens |
//! | 4 | two numbers: bytes of FLASH and of RAM that the microcontroller keeps beside the budgets for start-up code and drivers |
//! | 6 | the first 8 bytes of the SHA-256 of the weights file |
//! | 8 | the first 8 bytes of the SHA-256 that stands for the images |
//!
//! Links are kept for ever: a number never gets another meaning, and another format begins with another character. A link
//! of format 1 names no device, and none is guessed from its budgets, which several devices may share.

mod body;
mod envelope;
mod error;
mod hash;
mod words;

pub use error::LinkError;
pub use hash::HashPrefix;

use crate::{
    memory::{Budget, Mcu, MemoryModel, Reserve},
    net::Network,
    quant::Policy,
    search::Origin,
};
use envelope::Format;
use std::str::FromStr;

/// A policy and what it was made for.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The network.
    pub network: Network,
    /// The bits of its tensors.
    pub policy: Policy,
    /// [Slug](Mcu::slug) of the microcontroller; `None` if the budgets are somebody's own, or not known to be a
    /// device's.
    pub device: Option<String>,
    /// What it may take.
    pub budget: Budget,
    /// What the microcontroller keeps beside the budget for start-up code and drivers; `None` without a microcontroller.
    pub reserve: Option<Reserve>,
    /// How memory is counted.
    pub memory: MemoryModel,
    /// What has chosen the bits.
    pub origin: Origin,
    /// Seed of the run that has chosen them.
    pub seed: u64,
    /// The weights it was made for.
    pub weights: Option<HashPrefix>,
    /// The images it was made with.
    pub images: Option<HashPrefix>,
}

impl Link {
    /// A policy that was given by hand, for a budget.
    pub fn new(network: impl Into<Network>, policy: Policy, budget: Budget, memory: MemoryModel) -> Self {
        let (device, reserve, weights, images) = (None, None, None, None);
        Self {
            network: network.into(),
            policy,
            device,
            budget,
            reserve,
            memory,
            origin: Origin::ByHand,
            seed: 0,
            weights,
            images,
        }
    }

    /// The microcontroller it was made for, if it names one that this version knows.
    pub fn mcu(&self) -> Option<&'static Mcu> {
        Mcu::by_slug(self.device.as_deref()?)
    }

    /// The text after `#`, in format 2: at most 150 characters for the networks of the zoo, all of them letters, digits,
    /// `-` and `_`.
    pub fn encode(&self) -> String {
        envelope::seal(Format::Two, &body::write(self))
    }
}

impl FromStr for Link {
    type Err = LinkError;

    /// Reads the text after `#`, or a whole address with `#` in it; spaces around are allowed.
    fn from_str(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        let fragment = text.rsplit_once('#').map_or(text, |(_, fragment)| fragment);
        let (format, body) = envelope::open(fragment)?;
        body::read(format, &body)
    }
}
