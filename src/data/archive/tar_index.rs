//! Where the files of a tar lie.

use std::io::{Read, Seek, SeekFrom};

use super::{DataError, Found, Index, Limits, check, damaged_or_io, plain_path};
use crate::data::charset::{Charset, decode_names};
use crate::data::error::first_bytes;
use crate::data::files::FileInfo;
use crate::data::passed_over::{PassedOver, Reason};

/// A tar consists of blocks of this many bytes.
pub const BLOCK: usize = 512;

/// Walks the headers. The walk itself would take an archive that was cut between two files for a shorter
/// one, so that the end of every file and of the archive is looked for.
pub fn open(
    reader: &mut (impl Read + Seek),
    kind: &'static str,
    limits: &Limits,
    names: Option<Charset>,
) -> Result<Index, DataError> {
    let damaged = |error| damaged_or_io(kind, "a tar header", error);
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let mut archive = tar::Archive::new(&mut *reader);
    let (mut raw, mut links) = (Vec::new(), Vec::new());
    let mut end = 0;
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        // Of a pax or GNU name in its own block, else of the header.
        let name = entry.path_bytes().into_owned();
        let path = || plain_path(&String::from_utf8_lossy(&name));
        let place = entry.raw_file_position();
        let kind_of_entry = entry.header().entry_type();
        if kind_of_entry.is_gnu_sparse() {
            return Err(DataError::UnsupportedArchive { kind, found: format!("the sparse file {}", path()) });
        }
        let file_end = place.saturating_add(entry.size());
        if file_end > length {
            return Err(DataError::DamagedArchive {
                kind,
                expected: format!("{file_end} bytes up to the end of {}", path()),
                found: format!("{length} bytes"),
            });
        }
        end = file_end.next_multiple_of(BLOCK as u64);
        if kind_of_entry.is_symlink() || kind_of_entry.is_hard_link() {
            links.push(PassedOver { path: path(), reason: Reason::Link });
        } else if kind_of_entry.is_file() && !name.ends_with(b"/") {
            check(raw.len() as u64 + 1, limits.files, "files")?;
            raw.push((name, entry.size(), place));
        }
    }
    expect_end(reader, end, kind)?;
    let bytes: Vec<&[u8]> = raw.iter().map(|(name, ..)| name.as_slice()).collect();
    let (paths, names) = decode_names(&bytes, names);
    let found = paths
        .into_iter()
        .zip(&raw)
        .map(|(path, &(_, size, place))| Found { info: FileInfo { path: plain_path(&path), size }, place });
    Ok(Index { found: found.collect(), passed_over: links, names })
}

/// A tar ends with blocks of zeros.
fn expect_end(reader: &mut (impl Read + Seek), end: u64, kind: &'static str) -> Result<(), DataError> {
    let mut mark = Vec::with_capacity(BLOCK);
    reader.seek(SeekFrom::Start(end))?;
    reader.take(BLOCK as u64).read_to_end(&mut mark)?;
    if mark.len() == BLOCK && mark.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    Err(DataError::DamagedArchive {
        kind,
        expected: format!("the end mark of {BLOCK} zeros after the last file, at byte {end}"),
        found: first_bytes(&mark),
    })
}

/// Reads the `size` bytes at `place`, both as found by [`open`].
pub fn read(reader: &mut (impl Read + Seek), place: u64, size: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    reader.seek(SeekFrom::Start(place))?;
    reader.take(size).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == size {
        return Ok(bytes);
    }
    Err(DataError::DamagedArchive {
        kind: "tar",
        expected: format!("{size} bytes"),
        found: format!("{} bytes", bytes.len()),
    })
}
