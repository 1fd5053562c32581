//! How much memory a file may ask for.

use super::KerasError;
use std::cell::Cell;

/// What any file may take, however small it is.
const ALWAYS: u64 = 64 << 20;

/// Memory that is left to a file: four times its bytes and 64 MiB. Everything whose size the file states is taken from it
/// before it is allocated.
pub struct Budget {
    file_bytes: usize,
    limit: u64,
    left: Cell<u64>,
}

impl Budget {
    /// That of a file of so many bytes.
    pub fn of(file_bytes: usize) -> Self {
        let limit = (file_bytes as u64).saturating_mul(4).saturating_add(ALWAYS);
        Self { file_bytes, limit, left: Cell::new(limit) }
    }

    /// Takes `bytes` for `what`.
    ///
    /// # Errors
    /// If there are not so many left.
    pub fn take(&self, bytes: u64, what: &str) -> Result<(), KerasError> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(KerasError::TooLarge {
                what: what.into(),
                file_bytes: self.file_bytes,
                limit: self.limit,
            }),
        }
    }
}
