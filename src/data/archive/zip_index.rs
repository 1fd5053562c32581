//! Where the files of a zip lie.

use std::io::{Read, Seek};

use zip::read::ZipFileEntry;
use zip::result::{ZipError, ZipResult};
use zip::{CompressionMethod, ZipArchive};

use super::{DataError, Found, Index, Limits, check, damaged_or_io, plain_path};
use crate::data::charset::{Charset, decode_names};
use crate::data::files::FileInfo;
use crate::data::passed_over::{PassedOver, Reason};

const KIND: &str = "zip";

/// Bytes that a byte of deflated data can become: 258 for two bits (RFC 1951).
const MOST_INFLATED: u64 = 1032;

/// General purpose flag: the name is UTF-8. The zip crate also sets it where it takes the name from Info-ZIP's Unicode
/// path field.
const UTF_8_FLAG: u16 = 1 << 11;

/// Reads the central directory. The sizes it states are held to on reading.
pub fn open<R: Read + Seek>(
    reader: R,
    limits: &Limits,
    names: Option<Charset>,
) -> Result<(ZipArchive<R>, Index), DataError> {
    let archive =
        ZipArchive::new(reader).map_err(|error| data_error("a directory of its files at the end", error))?;
    check(archive.len() as u64, limits.files, "files")?;
    let entries = (0..archive.len()).map(|index| archive.by_index_data(index)).collect::<ZipResult<Vec<_>>>();
    let entries = entries.map_err(|error| data_error("an entry of the directory", error))?;
    let is_marked = |entry: &ZipFileEntry| entry.flags().as_u16() & UTF_8_FLAG != 0;
    let unmarked: Vec<&[u8]> = entries.iter().filter(|e| !is_marked(e)).map(ZipFileEntry::name_raw).collect();
    let (unmarked, names) = decode_names(&unmarked, names);
    let mut unmarked = unmarked.into_iter();
    let mut index = Index { names, ..Index::default() };
    for (place, entry) in entries.iter().enumerate() {
        let marked = is_marked(entry).then(|| String::from_utf8_lossy(entry.name_raw()).into_owned());
        let name = marked.or_else(|| unmarked.next()).unwrap_or_default();
        // Some Windows programs separate folders by backslashes.
        let path = plain_path(&name.replace('\\', "/"));
        if entry.is_symlink() {
            index.passed_over.push(PassedOver { path, reason: Reason::Link });
        } else if entry.is_file() {
            index.found.push(Found { info: FileInfo { path, size: entry.size() }, place: place as u64 });
        }
    }
    drop(entries);
    Ok((archive, index))
}

/// Reads file number `place`, which must unpack to exactly `size` bytes with the stored checksum.
pub fn read<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    place: u64,
    size: u64,
) -> Result<Vec<u8>, DataError> {
    // One byte more than stated tells a file that unpacks to more than it says.
    let bytes = start(archive, place, size.saturating_add(1))?;
    if bytes.len() as u64 == size {
        return Ok(bytes);
    }
    Err(DataError::DamagedArchive {
        kind: KIND,
        expected: format!("{size} bytes"),
        found: if bytes.len() as u64 > size { "more".to_owned() } else { format!("{} bytes", bytes.len()) },
    })
}

/// The first `count` bytes of file number `place`, all of them if it is shorter.
pub fn start<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    place: u64,
    count: u64,
) -> Result<Vec<u8>, DataError> {
    const METHODS: [CompressionMethod; 3] =
        [CompressionMethod::Stored, CompressionMethod::Deflated, CompressionMethod::Deflate64];
    let index = usize::try_from(place).unwrap_or(usize::MAX);
    let entry = archive.by_index_data(index).map_err(|error| data_error("a file", error))?;
    if entry.encrypted() {
        return Err(DataError::UnsupportedArchive {
            kind: KIND,
            found: "a file that is encrypted".to_owned(),
        });
    }
    if !METHODS.contains(&entry.compression()) {
        return Err(DataError::UnsupportedArchive {
            kind: KIND,
            found: format!("a file compressed by {}", entry.compression()),
        });
    }
    let most = entry.compressed_size().saturating_mul(MOST_INFLATED);
    let likely = entry.size().min(count).min(most);
    let file = archive.by_index(index).map_err(|error| data_error("a file", error))?;
    let mut bytes = Vec::with_capacity(usize::try_from(likely).unwrap_or(0));
    file.take(count)
        .read_to_end(&mut bytes)
        .map_err(|error| damaged_or_io(KIND, "a file that unpacks to its checksum", error))?;
    Ok(bytes)
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
