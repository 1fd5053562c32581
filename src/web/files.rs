//! Files that the user picked, read where they lie.

use super::wire::describe;
use crate::data::{
    Archive, Charset, DataError, FileInfo, Files, Kind, Limits, Source, check_file_size, kind,
};
use js_sys::Uint8Array;
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use web_sys::{Blob, File, FileReaderSync};

/// Files and folders that are named when many are picked.
const NAMED: usize = 3;
/// Bytes read from a file at a time.
const CHUNK: u64 = 1 << 18;

/// Reads part of a file; only in workers.
fn read_slice(blob: &Blob, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let failed = |error| io::Error::other(describe(&error));
    let slice = blob.slice_with_f64_and_f64(start as f64, end as f64).map_err(failed)?;
    let reader = FileReaderSync::new().map_err(failed)?;
    let buffer = reader.read_as_array_buffer(&slice).map_err(failed)?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// All bytes of a file.
///
/// # Errors
/// If the browser cannot read it, e.g. because it was changed or moved since it was picked.
pub fn read_all(file: &File) -> Result<Vec<u8>, DataError> {
    let whole = read_slice(file, 0, file.size() as u64);
    whole.map_err(|error| DataError::from(error).in_file(&file.name()))
}

/// A file as a reader, so that an archive is read entry by entry.
pub struct FileReader {
    blob: Blob,
    len: u64,
    position: u64,
    chunk: Vec<u8>,
    chunk_start: u64,
}

impl FileReader {
    /// Reads from the beginning.
    pub fn new(file: &File) -> Self {
        let blob: &Blob = file;
        Self { blob: blob.clone(), len: file.size() as u64, position: 0, chunk: Vec::new(), chunk_start: 0 }
    }
}

impl Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let inside = self.position.checked_sub(self.chunk_start).filter(|&at| at < self.chunk.len() as u64);
        let at = match inside {
            Some(at) => at as usize,
            None if self.position >= self.len => return Ok(0),
            None => {
                let end = (self.position + CHUNK.max(out.len() as u64)).min(self.len);
                self.chunk = read_slice(&self.blob, self.position, end)?;
                self.chunk_start = self.position;
                0
            }
        };
        let n = out.len().min(self.chunk.len() - at);
        out[..n].copy_from_slice(&self.chunk[at..at + n]);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
        };
        self.position = target.ok_or_else(|| io::Error::other("a position before the beginning"))?;
        Ok(self.position)
    }
}

/// The files of a folder that the user picked.
struct Picked {
    infos: Vec<FileInfo>,
    files: Vec<File>,
}

impl Files for Picked {
    fn files(&self) -> &[FileInfo] {
        &self.infos
    }

    fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("file number {index}"));
        let file = self.files.get(index).ok_or_else(missing)?;
        check_file_size(file.size() as u64).map_err(|error| error.in_file(&file.name()))?;
        read_all(file)
    }

    fn start(&mut self, index: usize, count: usize) -> Result<Vec<u8>, DataError> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("file number {index}"));
        start(self.files.get(index).ok_or_else(missing)?, count)
    }
}

/// The first bytes of a file.
fn start(file: &File, count: usize) -> Result<Vec<u8>, DataError> {
    let start = read_slice(file, 0, (file.size() as u64).min(count as u64));
    start.map_err(|error| DataError::from(error).in_file(&file.name()))
}

/// What the user picked or dropped, with their paths: archives are opened, all other files form one folder. `names` is
/// the encoding of names in archives that do not state it.
///
/// # Errors
/// If an archive is damaged, or of a format that is not read.
pub fn open(files: Vec<File>, paths: &[String], names: Option<Charset>) -> Result<Vec<Source>, DataError> {
    let mut sources = Vec::new();
    let mut loose = Vec::new();
    for (file, path) in files.into_iter().zip(paths) {
        if is_archive(&file, path)? {
            let archive = Archive::open_as(path, FileReader::new(&file), Limits::default(), names)?;
            let name = path.rsplit('/').next().unwrap_or(path).to_owned();
            sources.push(Source { name, files: Box::new(archive) });
        } else {
            loose.push((FileInfo { path: path.clone(), size: file.size() as u64 }, file));
        }
    }
    if !loose.is_empty() {
        loose.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        let folders: Vec<String> = loose.iter().map(|(info, _)| info.path.clone()).collect();
        let (infos, files) = loose.into_iter().unzip();
        sources.push(Source { name: picked_name(&folders), files: Box::new(Picked { infos, files }) });
    }
    Ok(sources)
}

/// What was picked, in a few words: the folder or the archives by name, of many the first.
pub fn picked_name(paths: &[String]) -> String {
    let tops: BTreeSet<&str> = paths.iter().filter_map(|path| path.split('/').next()).collect();
    let named: Vec<&str> = tops.iter().take(NAMED).copied().collect();
    match tops.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// By its name, or by its bytes if it was picked by itself: one that is called an archive and is none is refused.
fn is_archive(file: &File, path: &str) -> Result<bool, DataError> {
    let name = path.to_ascii_lowercase();
    if [".zip", ".tar", ".tgz", ".tar.gz"].iter().any(|ending| name.ends_with(ending)) {
        return Ok(true);
    }
    Ok(!path.contains('/') && matches!(Kind::of(&start(file, kind::START)?), Kind::Archive(_)))
}
