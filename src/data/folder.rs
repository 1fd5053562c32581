//! A folder on disk.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::charset::{Charset, decode_names};
use super::error::DataError;
use super::files::{FileInfo, Files, Names, check_file_size, no_such_file};
use super::passed_over::{PassedOver, Reason};

/// A folder on disk with everything below it, hidden files too. Links to folders and files are followed, as
/// torchvision's `ImageFolder` does; a link to a folder that the walk is in is passed over, so that the walk ends.
#[derive(Clone, Debug)]
pub struct Folder {
    files: Vec<FileInfo>,
    on_disk: Vec<PathBuf>,
    passed_over: Vec<PassedOver>,
    names: Option<Names>,
}

impl Folder {
    /// Lists the files below `root`; names that are not UTF-8 are read as `names` says, or as a guess.
    ///
    /// # Errors
    /// When a folder cannot be read, with its path.
    pub fn open(root: &Path, names: Option<Charset>) -> Result<Self, DataError> {
        let mut walk = Walk::default();
        let canonical = root.canonicalize().map_err(|error| in_folder(root, error))?;
        walk.enter(root, b"", &mut vec![canonical])?;
        let raw: Vec<&[u8]> = walk.found.iter().map(|(path, ..)| path.as_slice()).collect();
        let (paths, names) = decode_names(&raw, names);
        let files = paths.into_iter().zip(walk.found);
        let mut files: Vec<_> =
            files.map(|(path, (_, size, on_disk))| (FileInfo { path, size }, on_disk)).collect();
        files.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        let (files, on_disk) = files.into_iter().unzip();
        Ok(Folder { files, on_disk, passed_over: walk.passed_over, names })
    }

    /// A single file, listed by its name.
    ///
    /// # Errors
    /// When it is not there, with its path.
    pub fn file(path: &Path) -> Result<Self, DataError> {
        let metadata = fs::metadata(path).map_err(|error| in_folder(path, error))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let files = vec![FileInfo { path: name, size: metadata.len() }];
        Ok(Folder { files, on_disk: vec![path.to_owned()], passed_over: Vec::new(), names: None })
    }

    fn path(&self, index: usize) -> Result<&Path, DataError> {
        self.on_disk.get(index).map(PathBuf::as_path).ok_or_else(|| no_such_file(index, self.on_disk.len()))
    }
}

impl Files for Folder {
    fn files(&self) -> &[FileInfo] {
        &self.files
    }

    fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
        let path = self.path(index)?;
        let size = self.files.get(index).map_or(0, |file| file.size);
        check_file_size(size).map_err(|error| error.in_file(&path.display().to_string()))?;
        fs::read(path).map_err(|error| in_folder(path, error))
    }

    fn start(&mut self, index: usize, count: usize) -> Result<Vec<u8>, DataError> {
        let path = self.path(index)?;
        let mut start = Vec::with_capacity(count);
        let file = fs::File::open(path).map_err(|error| in_folder(path, error))?;
        file.take(count as u64).read_to_end(&mut start).map_err(|error| in_folder(path, error))?;
        Ok(start)
    }

    fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    fn names(&self) -> Option<Names> {
        self.names
    }
}

fn in_folder(path: &Path, error: std::io::Error) -> DataError {
    DataError::from(error).in_file(&path.display().to_string())
}

#[derive(Default)]
struct Walk {
    /// Path below the root as bytes, size, path on disk.
    found: Vec<(Vec<u8>, u64, PathBuf)>,
    passed_over: Vec<PassedOver>,
}

impl Walk {
    /// `above` are the folders that the walk is in, without links.
    fn enter(&mut self, folder: &Path, prefix: &[u8], above: &mut Vec<PathBuf>) -> Result<(), DataError> {
        for entry in fs::read_dir(folder).map_err(|error| in_folder(folder, error))? {
            let entry = entry.map_err(|error| in_folder(folder, error))?;
            let on_disk = entry.path();
            let name = [prefix, entry.file_name().as_encoded_bytes()].concat();
            let pass_over = |reason| PassedOver { path: String::from_utf8_lossy(&name).into_owned(), reason };
            // Of links what they lead to.
            let Ok(metadata) = fs::metadata(&on_disk) else {
                self.passed_over.push(pass_over(Reason::Link));
                continue;
            };
            if metadata.is_file() {
                self.found.push((name, metadata.len(), on_disk));
            } else if metadata.is_dir() {
                let canonical = on_disk.canonicalize().map_err(|error| in_folder(&on_disk, error))?;
                if above.contains(&canonical) {
                    self.passed_over.push(pass_over(Reason::Link));
                    continue;
                }
                above.push(canonical);
                self.enter(&on_disk, &[&name, &b"/"[..]].concat(), above)?;
                above.pop();
            }
        }
        Ok(())
    }
}
