//! Where the bytes come from: an archive, a folder, or whatever else lists files and reads one by number.

use super::error::DataError;

/// A file of a folder or an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Path inside the folder or archive, components separated by `/`.
    pub path: String,
    /// Size in bytes, unpacked.
    pub size: u64,
}

/// Files that are listed at once and read one at a time.
pub trait Files {
    /// All files, sorted by path (bytewise), each path once.
    fn files(&self) -> &[FileInfo];

    /// The bytes of file number `index` of [`Files::files`].
    ///
    /// # Errors
    /// A [`DataError`] which names the file; the other files can still be read.
    fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError>;
}

/// The error of a number that is not in the listing.
pub(super) fn no_such_file(index: usize, count: usize) -> DataError {
    DataError::Io(std::io::Error::new(
        std::io::ErrorKind::NotFound,
        format!("file number {index} of {count}"),
    ))
}

#[cfg(not(target_arch = "wasm32"))]
pub use folder::Folder;

#[cfg(not(target_arch = "wasm32"))]
mod folder {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{FileInfo, Files, no_such_file};
    use crate::data::error::DataError;

    /// A folder on disk with everything below it. Hidden folders and links to folders are not entered, so
    /// that the walk ends; links to files are files.
    #[derive(Clone, Debug)]
    pub struct Folder {
        files: Vec<FileInfo>,
        on_disk: Vec<PathBuf>,
    }

    impl Folder {
        /// Lists the files below `root`.
        ///
        /// # Errors
        /// When a folder cannot be read, with its path.
        pub fn open(root: &Path) -> Result<Self, DataError> {
            let mut found = Vec::new();
            walk(root, "", &mut found)?;
            found.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
            let (files, on_disk) = found.into_iter().unzip();
            Ok(Folder { files, on_disk })
        }
    }

    impl Files for Folder {
        fn files(&self) -> &[FileInfo] {
            &self.files
        }

        fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
            let path = self.on_disk.get(index).ok_or_else(|| no_such_file(index, self.on_disk.len()))?;
            fs::read(path).map_err(|error| DataError::from(error).in_file(&path.display().to_string()))
        }
    }

    fn walk(folder: &Path, prefix: &str, found: &mut Vec<(FileInfo, PathBuf)>) -> Result<(), DataError> {
        let in_folder = |error: std::io::Error| DataError::from(error).in_file(&folder.display().to_string());
        for entry in fs::read_dir(folder).map_err(in_folder)? {
            let entry = entry.map_err(in_folder)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(in_folder)?;
            if kind.is_dir() {
                if !name.starts_with('.') {
                    walk(&entry.path(), &format!("{path}/"), found)?;
                }
            } else if let Ok(metadata) = fs::metadata(entry.path())
                && metadata.is_file()
            {
                found.push((FileInfo { path, size: metadata.len() }, entry.path()));
            }
        }
        Ok(())
    }
}
