//! `.keras` archives.

use super::{KerasError, budget::Budget};
use crate::guarded::guarded;
use std::io::{Cursor, Read};
use zip::{ZipArchive, result::ZipError};

/// What an archive holds.
pub struct Parts {
    /// `config.json`: the description of the network.
    pub config: String,
    /// Version of Keras, of `metadata.json`.
    pub version: Option<String>,
    /// `model.weights.h5`.
    pub weights: Vec<u8>,
}

/// Takes an archive apart.
pub fn read(bytes: &[u8], budget: &Budget) -> Result<Parts, KerasError> {
    guarded(|| unpack(bytes, budget)).map_err(KerasError::Archive)?
}

fn unpack(bytes: &[u8], budget: &Budget) -> Result<Parts, KerasError> {
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| KerasError::Archive(error.to_string()))?;
    let config = part(&mut archive, "config.json", budget)?.ok_or_else(|| missing("config.json"))?;
    let config = String::from_utf8(config).map_err(|error| KerasError::Json(error.to_string()))?;
    let version = part(&mut archive, "metadata.json", budget)?.and_then(|json| {
        let metadata: serde_json::Value = serde_json::from_slice(&json).ok()?;
        Some(metadata.get("keras_version")?.as_str()?.to_owned())
    });
    let weights =
        part(&mut archive, "model.weights.h5", budget)?.ok_or_else(|| missing("model.weights.h5"))?;
    Ok(Parts { config, version, weights })
}

fn missing(name: &str) -> KerasError {
    KerasError::Archive(format!("{name} is missing"))
}

/// The bytes of a file of the archive, which may not be more than the archive is worth, whatever it says.
fn part(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    name: &str,
    budget: &Budget,
) -> Result<Option<Vec<u8>>, KerasError> {
    let damaged = |error: String| KerasError::Archive(format!("{name}: {error}"));
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(damaged(error.to_string())),
    };
    let size = file.size();
    budget.take(size, name)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    // One byte more than the archive says tells a file that has more.
    let read = file.take(size.saturating_add(1)).read_to_end(&mut bytes);
    match read.map_err(|error| damaged(error.to_string()))? as u64 {
        found if found == size => Ok(Some(bytes)),
        found => Err(damaged(format!("expected {size} bytes, found {found} or more"))),
    }
}
