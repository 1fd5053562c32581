//! What there is, what is taken, and by how much it is too much.

use super::ByteUnit;
use serde::{Deserialize, Serialize};
use std::fmt;

/// FLASH and RAM that a network may take, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Budget {
    /// Bytes of FLASH.
    pub flash: usize,
    /// Bytes of RAM.
    pub ram: usize,
}

/// FLASH and RAM that a network takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes of FLASH.
    pub flash: usize,
    /// Bytes of RAM.
    pub ram: usize,
}

/// One of the two memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// Holds weights and code.
    Flash,
    /// Holds activations.
    Ram,
}

/// A budget that is exceeded. Its text is a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Which memory.
    pub memory: Memory,
    /// Bytes needed.
    pub needed: usize,
    /// Bytes allowed.
    pub budget: usize,
    /// Names of the layers that are the cause, worst first: the largest weight tensors for FLASH; for RAM all
    /// layers that do not fit while they run, or the one that takes most if each would fit by itself.
    pub layers: Vec<String>,
}

impl Budget {
    /// The budget of the papers' "2 MB and 512 kB", as their code has it: 2,048,000 and 512,000 bytes.
    pub const PAPER: Self = Self { flash: 2_048_000, ram: 512_000 };

    /// Whether `usage` keeps to the budget.
    pub const fn fits(&self, usage: Usage) -> bool {
        usage.flash <= self.flash && usage.ram <= self.ram
    }
}

impl Excess {
    /// Bytes too many.
    pub const fn bytes(&self) -> usize {
        self.needed - self.budget
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Memory::Flash => "FLASH",
            Memory::Ram => "RAM",
        })
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, needed, budget, layers } = self;
        let unit = ByteUnit::of(&[*needed, self.bytes(), *budget]);
        let [needed, over, budget] = [*needed, self.bytes(), *budget].map(|bytes| unit.text(bytes));
        write!(f, "{needed} of {memory}, {over} above the budget of {budget}")?;
        let cause = match memory {
            Memory::Flash => "largest weights",
            Memory::Ram => "peak",
        };
        write!(f, " ({cause}: {})", Names(layers))
    }
}

/// A list of names that stays short.
pub struct Names<'a>(pub &'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        let shown = &self.0[..self.0.len().min(SHOWN)];
        f.write_str(&shown.join(", "))?;
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excess_reads_as_a_sentence() {
        let names = |n: usize| (1..=n).map(|i| format!("pw{i}")).collect::<Vec<_>>();
        let excess = Excess { memory: Memory::Ram, needed: 614_400, budget: 524_288, layers: names(2) };
        assert_eq!(excess.to_string(), "600 KiB of RAM, 88 KiB above the budget of 512 KiB (peak: pw1, pw2)");
        assert_eq!(Names(&names(6)).to_string(), "pw1, pw2, pw3, pw4 and 2 more");
    }

    #[test]
    fn both_memories_must_fit() {
        let budget = Budget { flash: 100, ram: 10 };
        assert!(budget.fits(Usage { flash: 100, ram: 10 }));
        assert!(!budget.fits(Usage { flash: 101, ram: 10 }));
        assert!(!budget.fits(Usage { flash: 100, ram: 11 }));
    }
}
