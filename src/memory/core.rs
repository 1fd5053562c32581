//! Cores, as far as memory goes: how much code the runtime is on them, and how much stack it takes.

use super::Routine;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of core: those for which the compiler makes code of about the same size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Core {
    /// Armv6-M: Cortex-M0 and -M0+.
    CortexM0,
    /// Armv7-M: Cortex-M3, without the DSP extension.
    CortexM3,
    /// Cortex-M4 and -M7.
    #[default]
    CortexM4,
    /// Cortex-M33 with the DSP extension.
    CortexM33,
    /// RV32IMC, with or without atomics.
    RiscV32,
    /// RV64GC; pointers take 8 bytes.
    RiscV64,
    /// Xtensa LX7.
    Xtensa,
}

/// Bytes of code: of each routine by [`Routine::ALL`], of what runs the layers in order, and of each layer's call.
struct Code {
    routines: [usize; Routine::ALL.len()],
    /// What both depthwise routines share.
    depthwise: usize,
    network: usize,
    call: usize,
}

impl Core {
    /// All of them.
    pub const ALL: [Core; 7] = [
        Self::CortexM0,
        Self::CortexM3,
        Self::CortexM4,
        Self::CortexM33,
        Self::RiscV32,
        Self::RiscV64,
        Self::Xtensa,
    ];

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CortexM0 => "Cortex-M0+",
            Self::CortexM3 => "Cortex-M3",
            Self::CortexM4 => "Cortex-M4, -M7",
            Self::CortexM33 => "Cortex-M33",
            Self::RiscV32 => "RV32IMC",
            Self::RiscV64 => "RV64GC",
            Self::Xtensa => "Xtensa LX7",
        }
    }

    /// Bytes of a routine's code: an allowance, a little above what GCC 12 makes of it at `-O2`. What several routines
    /// share counts for the one that every network has: dot products, packing, requantization and what they call of the
    /// compiler's library for [`Routine::Pointwise`], rows under a window for [`Routine::Conv`]. What the depthwise
    /// routines share is [`depthwise_bytes`](Self::depthwise_bytes). [`Routine::Concat`] runs the code of
    /// [`Routine::Lookup`] and has none of its own.
    pub const fn routine_bytes(self, routine: Routine) -> usize {
        self.code().routines[routine as usize]
    }

    /// Bytes of the code that depthwise convolutions share, whatever their kernels.
    pub const fn depthwise_bytes(self) -> usize {
        self.code().depthwise
    }

    /// Bytes of the code that runs a network of so many layers in order.
    pub const fn network_bytes(self, layers: usize) -> usize {
        let &Code { network, call, .. } = self.code();
        network + call * layers
    }

    /// Bytes of the constant that describes one layer.
    pub const fn descriptor_bytes(self, routine: Routine) -> usize {
        match routine {
            Routine::Pointwise
            | Routine::Conv
            | Routine::Depthwise
            | Routine::DepthwiseAny
            | Routine::Linear => match self {
                Self::RiscV64 => 48,
                _ => 36,
            },
            Routine::Pool | Routine::PoolLogits => 20,
            Routine::Add => 24,
            Routine::MaxPool | Routine::AvgPool => 16,
            Routine::Multiply => 24,
            // Of a concatenation for each map.
            Routine::Lookup | Routine::Concat => match self {
                Self::RiscV64 => 24,
                _ => 16,
            },
        }
    }

    /// Bytes of stack that a run takes at its deepest, its caller's frame and no interrupts included.
    pub const fn stack_bytes(self) -> usize {
        match self {
            Self::CortexM0 | Self::CortexM3 | Self::CortexM4 | Self::CortexM33 | Self::RiscV32 => 1024,
            // No board here runs them. Registers of 64 bits are saved in twice the space; a window of registers in
            // 32 bytes for each call.
            Self::RiscV64 | Self::Xtensa => 2048,
        }
    }

    /// `tests/fits.rs` compares these with what GCC 12.2 and newlib-nano make of networks; calls take more the
    /// larger the arena is. Those of the Cortex-M4 are
    /// what links of version 1 were counted with. No compiler for the Xtensa LX7 is at hand: assumed is the larger of what
    /// GCC makes for the older LX106 and for RV32IMC, and a tenth.
    const fn code(self) -> &'static Code {
        match self {
            Self::CortexM0 => &Code {
                routines: [4600, 890, 1314, 530, 300, 180, 300, 630, 690, 120, 555, 985, 0],
                depthwise: 2496,
                network: 60,
                call: 28,
            },
            Self::CortexM3 => &Code {
                routines: [3240, 870, 1292, 470, 280, 180, 220, 580, 670, 120, 500, 820, 0],
                depthwise: 2038,
                network: 100,
                call: 30,
            },
            Self::CortexM4 => &Code {
                routines: [3500, 880, 1164, 1290, 280, 180, 300, 480, 670, 120, 500, 778, 0],
                depthwise: 2016,
                network: 240,
                call: 24,
            },
            Self::CortexM33 => &Code {
                routines: [3500, 880, 1154, 1275, 280, 180, 300, 480, 670, 120, 500, 780, 0],
                depthwise: 2026,
                network: 300,
                call: 24,
            },
            Self::RiscV32 => &Code {
                routines: [4350, 1080, 1520, 520, 330, 220, 270, 690, 830, 175, 740, 1155, 0],
                depthwise: 2710,
                network: 60,
                call: 38,
            },
            Self::RiscV64 => &Code {
                routines: [4880, 1220, 1740, 600, 350, 230, 320, 790, 950, 180, 810, 1280, 0],
                depthwise: 3160,
                network: 60,
                call: 38,
            },
            Self::Xtensa => &Code {
                routines: [4880, 1190, 1720, 600, 370, 250, 300, 780, 920, 195, 825, 1290, 0],
                depthwise: 3000,
                network: 100,
                call: 42,
            },
        }
    }
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
