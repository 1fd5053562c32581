//! The three widths.

use serde::{Deserialize, Serialize};

/// Width of the elements of a tensor in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Bits {
    /// 2 bits: 4 levels.
    B2,
    /// 4 bits: 16 levels.
    B4,
    /// 8 bits: 256 levels.
    B8,
}

/// A number of bits that is not 2, 4 or 8.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a width of {0} bits: expected 2, 4 or 8")]
pub struct UnknownWidth(pub u32);

impl Bits {
    /// All widths, narrowest first.
    pub const ALL: [Bits; 3] = [Bits::B2, Bits::B4, Bits::B8];

    /// Number of bits.
    pub const fn count(self) -> usize {
        match self {
            Bits::B2 => 2,
            Bits::B4 => 4,
            Bits::B8 => 8,
        }
    }

    /// Largest code: 3, 15 or 255.
    pub const fn max_code(self) -> u8 {
        match self {
            Bits::B2 => 3,
            Bits::B4 => 15,
            Bits::B8 => 255,
        }
    }

    /// Elements that fit one byte: 4, 2 or 1.
    pub const fn per_byte(self) -> usize {
        8 / self.count()
    }

    /// Bytes that `elements` take when they start on a byte.
    pub const fn bytes(self, elements: usize) -> usize {
        elements.div_ceil(self.per_byte())
    }

    /// The next narrower width.
    pub const fn narrower(self) -> Option<Bits> {
        match self {
            Bits::B2 => None,
            Bits::B4 => Some(Bits::B2),
            Bits::B8 => Some(Bits::B4),
        }
    }

    /// The next wider width.
    pub const fn wider(self) -> Option<Bits> {
        match self {
            Bits::B2 => Some(Bits::B4),
            Bits::B4 => Some(Bits::B8),
            Bits::B8 => None,
        }
    }
}

impl TryFrom<u32> for Bits {
    type Error = UnknownWidth;

    fn try_from(count: u32) -> Result<Self, UnknownWidth> {
        match count {
            2 => Ok(Bits::B2),
            4 => Ok(Bits::B4),
            8 => Ok(Bits::B8),
            other => Err(UnknownWidth(other)),
        }
    }
}

impl std::fmt::Display for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.count())
    }
}
