//! Zip, tar and tar.gz archives, told apart by their first bytes.
//!
//! Opening an archive reads its directory only: a zip has one at its end, a tar is walked from header to
//! header. Each file is then read where it lies, so a large archive is never in memory twice. A tar.gz has
//! no such order and is unpacked once, into memory.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use super::charset::Charset;
use super::error::{DataError, first_bytes};
use super::files::{FileInfo, Files, MAX_FILE_BYTES, Names, check_limit as check, no_such_file};
use super::kind::{self, Kind};
use super::passed_over::{PassedOver, Reason};
use crate::guarded::guarded;

mod tar_index;
mod zip_index;

/// Bounds on what an archive may unpack to, so that a small file cannot fill the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that are unpacked at once: of a whole tar.gz. Files of a zip and of a plain tar are read one by one, and
    /// those that nobody reads count nothing.
    pub total: u64,
    /// Bytes of one file, unpacked.
    pub file: u64,
    /// Number of files.
    pub files: u64,
}

impl Default for Limits {
    /// 2 GiB in all, 64 MiB for one file, 2 million files.
    fn default() -> Self {
        Limits { total: 2 << 30, file: MAX_FILE_BYTES, files: 2_000_000 }
    }
}

/// A tar.gz may unpack to this many times its bytes. Images are compressed already and hardly shrink; headers and
/// padding of many small files do.
pub const MOST_EXPANDED: u64 = 64;

/// And to so many bytes more, however small it is.
pub const ALWAYS_EXPANDED: u64 = 1 << 20;

/// An opened archive. With a reader that can be cloned (bytes in memory) the archive can be cloned too,
/// one for each thread, at no cost.
#[derive(Clone, Debug)]
pub struct Archive<R> {
    name: String,
    limits: Limits,
    container: Container<R>,
    files: Arc<[FileInfo]>,
    /// Of each file its number in the zip, or the position of its first byte in the tar.
    places: Arc<[u64]>,
    passed_over: Arc<[PassedOver]>,
    names: Option<Names>,
}

#[derive(Clone, Debug)]
enum Container<R> {
    Zip(zip::ZipArchive<R>),
    Tar(R),
    UnpackedTar(Cursor<Unpacked>),
}

/// Bytes in memory that clones share.
#[derive(Clone, Debug)]
struct Unpacked(Arc<Vec<u8>>);

impl AsRef<[u8]> for Unpacked {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What an index finds.
#[derive(Default)]
struct Index {
    found: Vec<Found>,
    passed_over: Vec<PassedOver>,
    names: Option<Names>,
}

/// A file as an index finds it.
struct Found {
    info: FileInfo,
    place: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens the archive that `reader` holds, under the default [`Limits`]; `name` is for messages only.
    ///
    /// # Errors
    /// With the archive's name: not an archive, damaged or cut short, above a limit, or unreadable.
    pub fn open(name: &str, reader: R) -> Result<Self, DataError> {
        Self::open_as(name, reader, Limits::default(), None)
    }

    /// [`Archive::open`] under limits of one's own, and with the encoding of names that do not say theirs.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn open_as(name: &str, reader: R, limits: Limits, names: Option<Charset>) -> Result<Self, DataError> {
        alone(|| Self::open_unnamed(name, reader, limits, names)).map_err(|error| error.in_file(name))
    }

    fn open_unnamed(
        name: &str,
        mut reader: R,
        limits: Limits,
        names: Option<Charset>,
    ) -> Result<Self, DataError> {
        let start = read_start(&mut reader)?;
        let (container, index) = match Kind::of(&start) {
            Kind::Archive("zip") => {
                let (archive, index) = zip_index::open(reader, &limits, names)?;
                (Container::Zip(archive), index)
            }
            Kind::Archive("gzip") => {
                let mut unpacked = Cursor::new(unpack(&mut reader, &limits)?);
                let index = tar_index::open(&mut unpacked, "tar.gz", &limits, names)?;
                (Container::UnpackedTar(unpacked), index)
            }
            Kind::Archive("tar") => {
                let index = tar_index::open(&mut reader, "tar", &limits, names)?;
                (Container::Tar(reader), index)
            }
            Kind::Unknown => {
                let found = format!("a file that begins with {}", first_bytes(&start));
                return Err(DataError::UnknownArchive { found });
            }
            _ => return Err(DataError::UnknownArchive { found: kind::describe(&start) }),
        };

        // Of files with the same path the last one counts, as when the archive is unpacked.
        let Index { mut found, mut passed_over, names } = index;
        found.reverse();
        found.sort_by(|a, b| a.info.path.cmp(&b.info.path));
        found.dedup_by(|next, kept| {
            let replaced = next.info.path == kept.info.path;
            if replaced {
                passed_over.push(PassedOver { path: next.info.path.clone(), reason: Reason::Replaced });
            }
            replaced
        });
        let (files, places): (Vec<_>, Vec<_>) = found.into_iter().map(|file| (file.info, file.place)).unzip();
        Ok(Archive {
            name: name.to_owned(),
            limits,
            container,
            files: files.into(),
            places: places.into(),
            passed_over: passed_over.into(),
            names,
        })
    }

    fn at(&self, index: usize) -> Result<(u64, u64), DataError> {
        let place = self.files.get(index).zip(self.places.get(index));
        let (info, &place) =
            place.ok_or_else(|| no_such_file(index, self.files.len()).in_file(&self.name))?;
        Ok((place, info.size))
    }

    fn named(&self, index: usize, error: DataError) -> DataError {
        let path = self.files.get(index).map_or("", |info| &info.path);
        error.in_file(&format!("{}: {path}", self.name))
    }
}

impl<R: Read + Seek> Files for Archive<R> {
    fn files(&self) -> &[FileInfo] {
        &self.files
    }

    fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
        let (place, size) = self.at(index)?;
        let bytes = check(size, self.limits.file, "bytes").and_then(|()| match &mut self.container {
            Container::Zip(archive) => alone(|| zip_index::read(archive, place, size)),
            Container::Tar(reader) => tar_index::read(reader, place, size),
            Container::UnpackedTar(reader) => tar_index::read(reader, place, size),
        });
        bytes.map_err(|error| self.named(index, error))
    }

    fn start(&mut self, index: usize, count: usize) -> Result<Vec<u8>, DataError> {
        let (place, size) = self.at(index)?;
        let count = size.min(count as u64);
        let bytes = match &mut self.container {
            Container::Zip(archive) => alone(|| zip_index::start(archive, place, count)),
            Container::Tar(reader) => tar_index::read(reader, place, count),
            Container::UnpackedTar(reader) => tar_index::read(reader, place, count),
        };
        bytes.map_err(|error| self.named(index, error))
    }

    fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    fn names(&self) -> Option<Names> {
        self.names
    }
}

/// Reads so that a panic of others' code is an error of the archive.
fn alone<T>(read: impl FnOnce() -> Result<T, DataError>) -> Result<T, DataError> {
    let expected = "an archive that can be read".to_owned();
    guarded(read)
        .unwrap_or_else(|found| Err(DataError::DamagedArchive { kind: "zip or tar", expected, found }))
}

/// The first block of the file, or less if it is shorter.
fn read_start(reader: &mut (impl Read + Seek)) -> Result<Vec<u8>, DataError> {
    let mut start = Vec::with_capacity(kind::START);
    reader.seek(SeekFrom::Start(0))?;
    reader.by_ref().take(kind::START as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// Unpacks a whole gzip file; its checksum is verified on the way.
fn unpack(reader: &mut (impl Read + Seek), limits: &Limits) -> Result<Unpacked, DataError> {
    const KIND: &str = "tar.gz";
    let packed = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    let cut = |error| damaged_or_io(KIND, "compressed data up to its end", error);
    let mut unpacked = MultiGzDecoder::new(io::BufReader::new(reader));
    // What is no tar need not be unpacked to its end.
    unpacked.by_ref().take(kind::START as u64).read_to_end(&mut bytes).map_err(cut)?;
    if kind::is_tar(&bytes) {
        let most = limits.total.min(packed.saturating_mul(MOST_EXPANDED).saturating_add(ALWAYS_EXPANDED));
        // One byte more than allowed tells a file at the limit from one above it.
        let left = most.saturating_add(1).saturating_sub(bytes.len() as u64);
        unpacked.take(left).read_to_end(&mut bytes).map_err(cut)?;
        check(bytes.len() as u64, most, "bytes when it is unpacked")?;
    } else {
        return Err(DataError::DamagedArchive {
            kind: KIND,
            expected: "a tar archive inside the gzip file".to_owned(),
            found: first_bytes(&bytes),
        });
    }
    Ok(Unpacked(Arc::new(bytes)))
}

/// Decoders report broken data as I/O errors; what is left is the file system's.
fn damaged_or_io(kind: &'static str, expected: &str, error: io::Error) -> DataError {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | Other | UnexpectedEof => {
            DataError::DamagedArchive { kind, expected: expected.to_owned(), found: error.to_string() }
        }
        _ => DataError::Io(error),
    }
}

/// A path with `/` between its components, without `.` and empty ones.
fn plain_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.join("/")
}
