//! Where the bytes come from: an archive, a folder, or whatever else lists files and reads one by number.

use super::charset::Charset;
use super::error::DataError;
use super::passed_over::PassedOver;

/// Bytes of the largest file that is read, of an image or of labels: 64 MiB.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Refuses a file that is too large before it is read.
///
/// # Errors
/// If it has more than [`MAX_FILE_BYTES`] bytes.
pub fn check_file_size(bytes: u64) -> Result<(), DataError> {
    check_limit(bytes, MAX_FILE_BYTES, "bytes")
}

/// Refuses `found` when it is above `limit`.
pub(super) fn check_limit(found: u64, limit: u64, unit: &'static str) -> Result<(), DataError> {
    if found > limit { Err(DataError::TooLarge { limit, found, unit }) } else { Ok(()) }
}

/// A file of a folder or an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Path inside the folder or archive, components separated by `/`.
    pub path: String,
    /// Size in bytes, unpacked.
    pub size: u64,
}

/// How the names of files became text, where they did not say how they are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The user said so.
    Given(Charset),
    /// A guess.
    Guessed(Charset),
}

/// Files that are listed at once and read one at a time.
pub trait Files {
    /// All files, sorted by path (bytewise).
    fn files(&self) -> &[FileInfo];

    /// The bytes of file number `index` of [`Files::files`].
    ///
    /// # Errors
    /// A [`DataError`] which names the file; the other files can still be read.
    fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError>;

    /// The first `count` bytes of a file, all of them if it is shorter.
    ///
    /// # Errors
    /// As [`Files::read`].
    fn start(&mut self, index: usize, count: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = self.read(index)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// What is there and cannot be listed, such as links.
    fn passed_over(&self) -> &[PassedOver] {
        &[]
    }

    /// How names became text; `None` where they say it themselves.
    fn names(&self) -> Option<Names> {
        None
    }
}

/// The error of a number that is not in the listing.
pub(super) fn no_such_file(index: usize, count: usize) -> DataError {
    DataError::Io(std::io::Error::new(
        std::io::ErrorKind::NotFound,
        format!("file number {index} of {count}"),
    ))
}
