//! The folder where training keeps its checkpoint, with what it is of.

use super::super::output;
use crate::flow::Key;
use crate::train::{Checkpoint, Recipe};
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the file in the folder of checkpoints.
const FILE: &str = "training.checkpoint";
/// What the file begins with.
const MAGIC: &[u8] = b"bitsmith training 1\n";

/// A folder for the checkpoint of one training.
pub struct Place {
    path: PathBuf,
    of: Key,
    recipe: Recipe,
}

/// What is in the file.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// What training began with, and all images that it sees.
    of: Key,
    /// Of `checkpoint`.
    sum: Key,
    /// See [`Checkpoint::to_bytes`].
    checkpoint: Vec<u8>,
}

impl Place {
    /// In a folder, which is created if it is not there. `of` is the key of what training begins with and of all images
    /// that it sees.
    pub fn new(folder: &Path, of: Key, recipe: &Recipe) -> anyhow::Result<Self> {
        output::create_folder(folder)?;
        Ok(Self { path: folder.join(FILE), of, recipe: recipe.clone() })
    }

    /// What is kept, if anything is: bytes of a checkpoint of this training.
    pub fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let name = || format!("{}", self.path.display());
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.with_context(name)?,
        };
        let stored = bytes.strip_prefix(MAGIC).and_then(|rest| postcard::from_bytes::<Stored>(rest).ok());
        let stored = stored.filter(|stored| Key::of(&stored.checkpoint) == stored.sum);
        let stored = stored.with_context(|| {
            format!(
                "{}: expected a checkpoint of training, found something else or a damaged one; remove it or choose \
                 another folder",
                name()
            )
        })?;
        ensure!(
            stored.of == self.of,
            "{}: this checkpoint is of other weights, bits or images; remove it or choose another folder",
            name()
        );
        let checkpoint = Checkpoint::from_bytes(&stored.checkpoint).with_context(name)?;
        ensure!(
            checkpoint.recipe == self.recipe,
            "{}: this checkpoint is of training with other settings; give the same, remove it or choose another folder",
            name()
        );
        Ok(Some(stored.checkpoint))
    }

    /// Keeps a checkpoint in the place of the one before.
    pub fn write(&self, checkpoint: &[u8]) -> anyhow::Result<()> {
        let checkpoint = checkpoint.to_vec();
        let stored = Stored { of: self.of, sum: Key::of(&checkpoint), checkpoint };
        output::write(&self.path, &postcard::to_extend(&stored, MAGIC.to_vec())?)
    }
}
