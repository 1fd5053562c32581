//! Microcontrollers and their memories.
//!
//! RAM is a list of blocks, since an arena must lie in one piece; what a network may take of it is
//! [`Mcu::budget`]. Facts that no source at hand states are left out.

mod table;

pub use table::MCUS;

use super::Core;

/// A microcontroller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mcu {
    /// Name for links and command lines: the part number in small letters.
    pub slug: &'static str,
    /// Part number as its maker writes it.
    pub name: &'static str,
    /// Processor cores, as its maker writes them.
    pub core: &'static str,
    /// The core that runs the network, as far as the size of its code goes.
    pub code: Core,
    /// Highest clock in MHz, where known.
    pub mhz: Option<u32>,
    /// Whether the core has the DSP extension of Armv7E-M or Armv8-M; without it the portable kernels run.
    pub dsp: bool,
    /// Where the firmware's constants live; `None` if it is a part of the board's maker's choice.
    pub flash: Option<FlashMemory>,
    /// Blocks of RAM.
    pub ram: &'static [RamBlock],
    /// What else one should know.
    pub note: Option<&'static str>,
    /// Where these facts were read.
    pub source: &'static str,
}

/// Non-volatile memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashMemory {
    /// Bytes.
    pub bytes: usize,
    /// Whether it is on the chip; otherwise on the board or in the package.
    pub on_chip: bool,
}

/// RAM with consecutive addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamBlock {
    /// Its maker's name for it.
    pub name: &'static str,
    /// Bytes.
    pub bytes: usize,
    /// What of a firmware can lie there.
    pub holds: RamUse,
}

/// What of a firmware a block of RAM can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RamUse {
    /// All of it; DMA reaches it.
    Data,
    /// The stack: fast, but out of reach for most DMA.
    TightlyCoupled,
    /// Nothing that a linker places by itself: memory for instructions, behind a switch, or of another core.
    Other,
}

impl Mcu {
    /// The microcontroller of this slug, in any case.
    pub fn by_slug(slug: &str) -> Option<&'static Mcu> {
        MCUS.iter().find(|mcu| mcu.slug.eq_ignore_ascii_case(slug))
    }

    /// The largest block of RAM that can hold an arena.
    pub fn arena_block(&self) -> &'static RamBlock {
        let largest = self.ram.iter().rev().filter(|block| block.holds == RamUse::Data);
        largest.max_by_key(|block| block.bytes).expect("every entry of the table has RAM")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, Reserve};
    use std::collections::HashSet;

    #[test]
    fn entries_are_complete_and_told_apart() {
        assert!(MCUS.len() >= 25, "{}", MCUS.len());
        let mut slugs = HashSet::new();
        for mcu in MCUS {
            assert!(slugs.insert(mcu.slug), "{} twice", mcu.slug);
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(mcu.slug.chars().all(is_plain), "{}", mcu.slug);
            assert!(!mcu.ram.is_empty() && !mcu.source.is_empty(), "{}", mcu.slug);
            assert!(mcu.ram.iter().all(|block| block.bytes > 0 && block.bytes % 1024 == 0), "{}", mcu.slug);
            assert_eq!(Mcu::by_slug(&mcu.slug.to_uppercase()), Some(mcu));
            let armv7e = ["Cortex-M4", "Cortex-M7"].iter().any(|core| mcu.core.contains(core));
            assert!(mcu.dsp || !armv7e, "{}: all M4 and M7 have the DSP extension", mcu.slug);
        }
    }

    #[test]
    fn the_papers_target() {
        let mcu = Mcu::by_slug("stm32h743zi").expect("in the table");
        assert_eq!(mcu.arena_block().name, "AXI SRAM");
        // Stack and reserve lie in other blocks.
        let left = Budget { flash: (2 << 20) - (16 << 10), ram: 512 << 10 };
        assert_eq!(mcu.budget(Reserve::default()), Some(left));
        let total: usize = mcu.ram.iter().map(|block| block.bytes).sum();
        assert_eq!(total, (1 << 20) + (36 << 10), "1 MiB and 36 KiB with ITCM, SRAM3 and backup");
    }

    #[test]
    fn unknown_slugs_and_sizes_are_none() {
        assert_eq!(Mcu::by_slug("stm32"), None);
        assert_eq!(Mcu::by_slug("gap8").and_then(|mcu| mcu.budget(Reserve::NONE)), None);
    }
}
