//! Where the files of a zip lie.

use std::io::{Read, Seek};

use zip::result::{ZipError, ZipResult};
use zip::{CompressionMethod, ZipArchive};

use super::{DataError, Found, Limits, check, damaged_or_io, plain_path};
use crate::data::files::FileInfo;

const KIND: &str = "zip";

/// Reads the central directory. The sizes it states are held to on reading.
pub fn open<R: Read + Seek>(reader: R, limits: &Limits) -> Result<(ZipArchive<R>, Vec<Found>), DataError> {
    let archive =
        ZipArchive::new(reader).map_err(|error| data_error("a directory of its files at the end", error))?;
    check(archive.len() as u64, limits.files, "files")?;
    let mut found = Vec::with_capacity(archive.len());
    let mut total = 0_u64;
    for index in 0..archive.len() {
        let (info, is_file) =
            describe(&archive, index).map_err(|error| data_error("an entry of the directory", error))?;
        total = total.saturating_add(info.size);
        if is_file {
            found.push(Found { info, place: index as u64 });
        }
    }
    check(total, limits.total, "bytes")?;
    Ok((archive, found))
}

fn describe<R: Read + Seek>(archive: &ZipArchive<R>, index: usize) -> ZipResult<(FileInfo, bool)> {
    let entry = archive.by_index_data(index)?;
    // Some Windows programs separate folders by backslashes.
    let path = plain_path(&entry.name()?.replace('\\', "/"));
    Ok((FileInfo { path, size: entry.size() }, entry.is_file()))
}

/// Reads file number `place`, which must unpack to exactly `size` bytes with the stored checksum.
pub fn read<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    place: u64,
    size: u64,
) -> Result<Vec<u8>, DataError> {
    let index = usize::try_from(place).unwrap_or(usize::MAX);
    let entry = archive.by_index_data(index).map_err(|error| data_error("a file", error))?;
    if entry.encrypted() {
        return Err(DataError::UnsupportedArchive {
            kind: KIND,
            found: "a file that is encrypted".to_owned(),
        });
    }
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(DataError::UnsupportedArchive {
            kind: KIND,
            found: format!("a file compressed by {}", entry.compression()),
        });
    }
    let file = archive.by_index(index).map_err(|error| data_error("a file", error))?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // One byte more than stated tells a file that unpacks to more than it says.
    file.take(size.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| damaged_or_io(KIND, "a file that unpacks to its checksum", error))?;
    if bytes.len() as u64 == size {
        return Ok(bytes);
    }
    Err(DataError::DamagedArchive {
        kind: KIND,
        expected: format!("{size} bytes"),
        found: if bytes.len() as u64 > size { "more".to_owned() } else { format!("{} bytes", bytes.len()) },
    })
}

fn data_error(expected: &str, error: ZipError) -> DataError {
    match error {
        ZipError::Io(error) => damaged_or_io(KIND, expected, error),
        ZipError::UnsupportedArchive(found) => {
            DataError::UnsupportedArchive { kind: KIND, found: found.to_owned() }
        }
        other => {
            DataError::DamagedArchive { kind: KIND, expected: expected.to_owned(), found: other.to_string() }
        }
    }
}
