//! Zip archives whose bytes depend on nothing but their content.

use super::ExportError;
use std::io::{Cursor, Write};
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, with slashes.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl File {
    /// A file with a path and a content.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into() }
    }
}

/// The archive of files, in their order, below one folder. Times are 1980-01-01, when zip's calendar begins.
pub fn zip(folder: &str, files: &[File]) -> Result<Vec<u8>, ExportError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::DEFAULT)
        .system(System::Unix)
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let write = |archive: &mut ZipWriter<_>, file: &File| -> Result<(), zip::result::ZipError> {
        archive.start_file(format!("{folder}/{}", file.path), options)?;
        Ok(archive.write_all(&file.bytes)?)
    };
    for file in files {
        write(&mut archive, file)
            .map_err(|error| ExportError::Assembly(format!("{}: {error}", file.path)))?;
    }
    let bytes = archive.finish().map_err(|error| ExportError::Assembly(error.to_string()))?;
    Ok(bytes.into_inner())
}
