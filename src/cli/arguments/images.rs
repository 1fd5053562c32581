//! Arguments for images.

use super::values;
use crate::data::{Charset, Resize};
use clap::Args;
use std::path::PathBuf;

/// Images and how they are read.
#[derive(Args)]
pub struct ImageArguments {
    /// Images in class folders: a folder, zip, tar or tar.gz. Can be given several times; names such as train and val
    /// say which part a folder or archive is.
    #[arg(long, value_name = "PATH", required = true)]
    pub images: Vec<PathBuf>,
    /// Encoding of names in archives that do not state it, e.g. gbk, cp932, windows-1251 [default: a guess, which is
    /// shown].
    #[arg(long, value_name = "ENCODING")]
    pub names: Option<Charset>,
    /// How images become squares: crop, crop=PART of the resized shorter side, stretch or pad [default: crop=0.875, as
    /// ImageNet networks are evaluated].
    #[arg(long, value_name = "HOW")]
    pub resize: Option<Resize>,
    /// Labels of images in no class folder: rows of name and label, or one label a line. Such files inside folders and
    /// archives are found without this option.
    #[arg(long, value_name = "FILE")]
    pub labels: Vec<PathBuf>,
    /// Memory for decoded images in MiB. A measurement of more images is made part by part; a search and training are
    /// refused.
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = values::at_least(1))]
    image_memory: usize,
}

impl ImageArguments {
    /// Memory for decoded images, in bytes.
    pub fn memory(&self) -> u64 {
        (self.image_memory as u64).saturating_mul(1 << 20)
    }
}
