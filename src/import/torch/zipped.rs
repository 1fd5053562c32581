//! The form of PyTorch 1.6 and later: a zip archive with the pickle in `data.pkl` and each storage in `data/KEY`, all in
//! one folder. torch.save does not compress, so that storages are read where they lie.

use super::TorchError;
use crate::guarded::guarded;
use flate2::read::DeflateDecoder;
use std::borrow::Cow;
use std::io::{Cursor, Read};
use zip::{CompressionMethod, ZipArchive};

/// Files of a checkpoint, one for each tensor and a few more.
const MOST_FILES: usize = 1 << 16;

/// Bytes that unpacking may take, beside as many as the file has.
const MOST_UNPACKED: u64 = 4 << 20;

/// The files of a checkpoint.
pub(super) struct Zipped<'a> {
    bytes: &'a [u8],
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// What stands before all names, with its slash.
    folder: String,
    /// Bytes that unpacking may still take.
    unpackable: u64,
}

impl<'a> Zipped<'a> {
    /// Reads the directory.
    ///
    /// # Errors
    /// If it is damaged or too long, or if this is no checkpoint of weights.
    pub fn open(bytes: &'a [u8]) -> Result<Self, TorchError> {
        let archive = guarded(|| ZipArchive::new(Cursor::new(bytes))).map_err(TorchError::Archive)?;
        let archive = archive.map_err(|error| TorchError::Archive(error.to_string()))?;
        if archive.len() > MOST_FILES {
            return Err(TorchError::TooMuch { what: "files", most: MOST_FILES });
        }
        let shortest = archive
            .file_names_raw()
            .filter_map(|name| std::str::from_utf8(name).ok()?.strip_suffix("data.pkl"))
            .filter(|folder| folder.is_empty() || folder.ends_with('/'))
            .min_by_key(|folder| folder.len());
        let Some(folder) = shortest.map(str::to_owned) else {
            return Err(TorchError::Archive("it holds no data.pkl".into()));
        };
        let script = [format!("{folder}constants.pkl"), format!("{folder}code/")];
        if archive.file_names_raw().any(|name| script.iter().any(|mark| name.starts_with(mark.as_bytes()))) {
            return Err(TorchError::TorchScript);
        }
        let mut zipped =
            Self { bytes, archive, folder, unpackable: MOST_UNPACKED.saturating_add(bytes.len() as u64) };
        match zipped.file("byteorder")? {
            Some(order) if *order != *b"little" => Err(TorchError::BigEndian),
            _ => Ok(zipped),
        }
    }

    /// The pickle.
    pub fn pickle(&mut self) -> Result<Cow<'a, [u8]>, TorchError> {
        self.file("data.pkl")?.ok_or_else(|| TorchError::Archive("it holds no data.pkl".into()))
    }

    /// The bytes of a storage, if it is there.
    pub fn storage(&mut self, key: &str) -> Result<Option<Cow<'a, [u8]>>, TorchError> {
        self.file(&format!("data/{key}"))
    }

    /// The bytes of a file by its name within the folder.
    fn file(&mut self, name: &str) -> Result<Option<Cow<'a, [u8]>>, TorchError> {
        let damaged = |reason: &dyn std::fmt::Display| TorchError::Archive(format!("{name}: {reason}"));
        let path = format!("{}{name}", self.folder);
        let Some(index) = self.archive.index_for_name_raw(path.as_bytes()) else { return Ok(None) };
        let entry = guarded(|| self.archive.by_index_raw(index)).map_err(|said| damaged(&said))?;
        let entry = entry.map_err(|error| damaged(&error))?;
        let (packed, size, checksum) = (entry.compressed_size(), entry.size(), entry.crc32());
        let start = entry.data_start().unwrap_or(u64::MAX);
        let range = usize::try_from(start).ok().zip(usize::try_from(start.saturating_add(packed)).ok());
        let Some(packed) = range.and_then(|(start, end)| self.bytes.get(start..end)) else {
            return Err(damaged(&"its bytes are not all there"));
        };
        let method = if entry.encrypted() { None } else { Some(entry.compression()) };
        let contents = match method {
            Some(CompressionMethod::Stored) => Cow::Borrowed(packed),
            Some(CompressionMethod::Deflated) => {
                if size > self.unpackable {
                    return Err(damaged(&format!("it unpacks to {size} bytes, more than a checkpoint does")));
                }
                self.unpackable -= size;
                let mut unpacked = Vec::new();
                let unpacking = DeflateDecoder::new(packed).take(size).read_to_end(&mut unpacked);
                unpacking.map_err(|error| damaged(&error))?;
                Cow::Owned(unpacked)
            }
            _ => return Err(damaged(&"it is encrypted or compressed in a way that torch.save does not use")),
        };
        if contents.len() as u64 != size {
            return Err(damaged(&format!("expected {size} bytes, found {}", contents.len())));
        }
        // torch.save writes zero where it is told to count no checksums.
        if checksum != 0 && crc32fast::hash(&contents) != checksum {
            return Err(damaged(&"its bytes do not have the checksum of the directory"));
        }
        Ok(Some(contents))
    }
}
