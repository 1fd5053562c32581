//! What firmware takes beside the network, and where it lies in the blocks of a microcontroller's RAM.

use super::{
    Budget, Core,
    catalogue::{Mcu, RamBlock, RamUse},
};
use serde::{Deserialize, Serialize};

/// Bytes that firmware takes beside the network and its stack: vector table, start-up code, C library, drivers and their
/// buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reserve {
    /// Bytes of FLASH.
    pub flash: usize,
    /// Bytes of RAM.
    pub ram: usize,
}

impl Reserve {
    /// Nothing but the network and its stack.
    pub const NONE: Self = Self { flash: 0, ram: 0 };
}

impl Default for Reserve {
    /// A small firmware without an operating system: clocks, a serial port, a camera's driver, `printf`. What uses USB, a
    /// radio or an operating system takes more.
    fn default() -> Self {
        Self { flash: 16 << 10, ram: 4 << 10 }
    }
}

/// Where the RAM of a firmware lies: the arena, the stack and the reserve, each in one block.
///
/// Arena and reserve lie where DMA reaches, since a camera may write to either; the stack may also lie in tightly coupled
/// memory. Stack and reserve leave the arena as much room as they can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Block of the arena.
    pub arena: &'static RamBlock,
    /// Block of the stack.
    pub stack: &'static RamBlock,
    /// Block of the reserve.
    pub reserve: &'static RamBlock,
    /// Bytes that are left for the arena.
    pub arena_bytes: usize,
}

impl Placement {
    /// What lies in a block: `the arena`, `the stack`, `the reserve`.
    pub fn names_in(&self, block: &RamBlock) -> impl Iterator<Item = &'static str> {
        let parts = [(self.arena, "the arena"), (self.stack, "the stack"), (self.reserve, "the reserve")];
        parts.into_iter().filter(move |(of, _)| of.name == block.name).map(|(_, name)| name)
    }
}

impl Mcu {
    /// Where arena, stack and reserve lie; `None` if stack and reserve alone are too much.
    pub fn placement(&self, reserve: Reserve) -> Option<Placement> {
        let stack_bytes = self.code.stack_bytes();
        // The arena starts at a multiple of 8 bytes.
        let reserve_bytes = reserve.ram.checked_next_multiple_of(8)?;
        let reached = || self.ram.iter().filter(|block| block.holds == RamUse::Data);
        let stacks = || self.ram.iter().filter(|block| block.holds != RamUse::Other);
        let mut best: Option<Placement> = None;
        for arena in reached() {
            for (stack, reserve) in stacks().flat_map(|stack| reached().map(move |reserve| (stack, reserve)))
            {
                let left = |block: &RamBlock| {
                    let stack = if std::ptr::eq(block, stack) { stack_bytes } else { 0 };
                    let reserve = if std::ptr::eq(block, reserve) { reserve_bytes } else { 0 };
                    block.bytes.checked_sub(stack)?.checked_sub(reserve)
                };
                let (Some(arena_bytes), Some(_), Some(_)) = (left(arena), left(stack), left(reserve)) else {
                    continue;
                };
                let placement = Placement { arena, stack, reserve, arena_bytes };
                let rank = |p: &Placement| (p.arena_bytes, p.stack.holds == RamUse::TightlyCoupled);
                if best.as_ref().is_none_or(|best| rank(&placement) > rank(best)) {
                    best = Some(placement);
                }
            }
        }
        best
    }

    /// What a network may take: FLASH without the reserve, and the room that stack and reserve leave for the arena.
    /// `None` if the size of the FLASH is open.
    pub fn budget(&self, reserve: Reserve) -> Option<Budget> {
        let flash = self.flash?.bytes.saturating_sub(reserve.flash);
        Some(Budget { flash, ram: self.arena_bytes(reserve) })
    }

    /// Bytes of RAM that a network's arena may take; 0 if there is no room beside stack and reserve.
    pub fn arena_bytes(&self, reserve: Reserve) -> usize {
        self.placement(reserve).map_or(0, |placement| placement.arena_bytes)
    }

    /// The core whose code the firmware is.
    pub const fn core(&self) -> Core {
        self.code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(slug: &str, reserve: Reserve) -> (&'static str, &'static str, &'static str, usize) {
        let mcu = Mcu::by_slug(slug).expect(slug);
        let Placement { arena, stack, reserve, arena_bytes } = mcu.placement(reserve).expect(slug);
        (arena.name, stack.name, reserve.name, arena_bytes)
    }

    #[test]
    fn stack_and_reserve_leave_the_arena_as_much_as_they_can() {
        let reserve = Reserve { flash: 0, ram: 4096 };
        // One block holds all of it.
        assert_eq!(placed("nrf52840", reserve), ("RAM", "RAM", "RAM", (256 << 10) - 4096 - 1024));
        // Tightly coupled memory holds the stack, but no drivers.
        assert_eq!(
            placed("stm32f429zi", reserve),
            ("SRAM1 to SRAM3", "CCM", "SRAM1 to SRAM3", (192 << 10) - 4096)
        );
        // Other blocks hold both: neither the ITCM nor the backup SRAM.
        assert_eq!(placed("stm32h743zi", reserve), ("AXI SRAM", "DTCM", "SRAM1 to SRAM3", 512 << 10));
        assert_eq!(placed("stm32l476rg", reserve), ("SRAM1", "SRAM2", "SRAM2", 96 << 10));
        // What no other block has room for lies beside the arena; a byte more takes eight.
        let reserve = Reserve { flash: 0, ram: (32 << 10) + 1 };
        assert_eq!(placed("stm32l476rg", reserve), ("SRAM1", "SRAM2", "SRAM1", (64 << 10) - 8));
        // A large reserve takes the largest block, and the arena the next one.
        let reserve = Reserve { flash: 0, ram: 500 << 10 };
        assert_eq!(placed("stm32h743zi", reserve), ("SRAM1 to SRAM3", "DTCM", "AXI SRAM", 288 << 10));
    }

    #[test]
    fn a_reserve_that_is_too_large_leaves_nothing() {
        let mcu = Mcu::by_slug("stm32f103c8").expect("in the catalogue");
        for ram in [20 << 10, usize::MAX] {
            let budget = mcu.budget(Reserve { flash: usize::MAX, ram });
            assert_eq!(budget, Some(Budget { flash: 0, ram: 0 }));
        }
        let budget = mcu.budget(Reserve { flash: 1 << 10, ram: 19 << 10 });
        assert_eq!(budget, Some(Budget { flash: 63 << 10, ram: 0 }), "the stack takes the rest");
    }
}
