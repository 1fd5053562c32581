//! A limit for what a file may cost.

use super::TfliteError;

/// Bytes that a small file may cost.
const BASE: usize = 64 << 20;

/// Memory that is still to be given out. Parts of a file can be named again and again, so its size alone limits nothing.
pub struct Budget {
    limit: usize,
    left: usize,
}

impl Budget {
    /// For a file of so many bytes: each may be an 8-bit weight, which becomes a float of four.
    pub fn new(file: usize) -> Self {
        let limit = file.saturating_mul(4).saturating_add(BASE);
        Self { limit, left: limit }
    }

    /// Takes `bytes` out of it, before they are allocated.
    pub fn charge(&mut self, bytes: usize) -> Result<(), TfliteError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(TfliteError::TooLarge { limit: self.limit }),
        }
    }
}
