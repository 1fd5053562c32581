//! Memory that a network takes on a microcontroller, and the microcontrollers.
//!
//! Two models count it ([`MemoryModel`]): the papers' ([`paper`]), to compare with published figures, and the device's,
//! which says to the byte what the exported firmware takes. On the device all activations live in one arena; a
//! [`Plan`] says where. Constants are counted by [`Flash`], code for each kind of [`Core`]. The [`catalogue`] lists
//! microcontrollers with their memories; what of them a network may take, beside its stack and a [`Reserve`] for the rest of
//! the firmware, is [`Mcu::budget`].
//!
//! ```
//! use bitsmith::{memory::{Budget, MemoryModel}, net::Spec, quant::{Bits, Policy}};
//!
//! let graph = "mobilenet-v1-0.75-192".parse::<Spec>()?.build();
//! let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
//! let footprint = MemoryModel::Paper.footprint(&graph, &policy);
//! for excess in footprint.excesses(&graph, &policy, Budget::PAPER) {
//!     println!("{excess}"); // 648 KiB of RAM, 148 KiB above the budget of 500 KiB (peak: pw1)
//! }
//! # Ok::<(), bitsmith::net::SpecError>(())
//! ```

mod arena;
mod budget;
mod bytes;
pub mod catalogue;
mod core;
mod flash;
mod footprint;
pub mod layout;
mod lifetimes;
pub mod paper;
mod reserve;
mod routine;
#[cfg(test)]
mod sample;
mod stream;

pub use arena::{Plan, Scratch};
pub use budget::{Budget, Excess, Memory, Names, Usage};
pub use bytes::{ByteUnit, Bytes, BytesError};
pub use catalogue::Mcu;
pub use core::Core;
pub use flash::{Flash, blob_bytes};
pub use footprint::{Footprint, MemoryModel, Step};
pub use lifetimes::Lifetimes;
pub use reserve::{Placement, Reserve};
pub use routine::{BLOCK_STEP, Routine, scratch_bytes};
