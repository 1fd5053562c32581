//! Values of the command line's words.

use crate::memory::{Core, MemoryModel};
use crate::net::Padding;
use crate::quant::Bits;
use crate::search::Allocator;
use clap::{ValueEnum, builder::PossibleValue};
use std::path::{Path, PathBuf};

/// A policy as `--bits` takes it.
#[derive(Clone)]
pub enum BitsArgument {
    /// The same widths everywhere.
    Widths(Widths),
    /// A file that has the width of every tensor.
    File(PathBuf),
}

impl std::str::FromStr for BitsArgument {
    type Err = String;

    /// Two widths with a slash, or the name of a file that is there.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(widths) => Ok(Self::Widths(widths)),
            Err(_) if Path::new(text).is_file() => Ok(Self::File(text.into())),
            Err(error) => Err(format!("{error}; or a file with a policy")),
        }
    }
}

impl std::fmt::Display for BitsArgument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Widths(Widths { weights, activations }) => write!(f, "{weights}/{activations}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Widths of all weights and all activations.
#[derive(Clone, Copy)]
pub struct Widths {
    pub weights: Bits,
    pub activations: Bits,
}

impl std::str::FromStr for Widths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bits = |part: &str| part.parse().ok().and_then(|count: u32| Bits::try_from(count).ok());
        let widths = text.split_once('/').and_then(|(w, a)| Some((bits(w)?, bits(a)?)));
        let (weights, activations) = widths
            .ok_or("expected two of 2, 4 and 8 with a slash between them: weights/activations, e.g. 4/8")?;
        Ok(Self { weights, activations })
    }
}

/// Names of the allocators.
#[derive(Clone, Copy, ValueEnum)]
pub enum AllocatorName {
    /// Halve the largest tensors until it fits.
    Rule,
    /// One width for all weights, one for all activations.
    Uniform,
}

/// Names of the memory models.
#[derive(Clone, Copy, ValueEnum)]
pub enum MemoryName {
    /// As the papers count.
    Paper,
    /// As the firmware takes it.
    Device,
}

impl MemoryName {
    /// The memory model; firmware is counted for a Cortex-M4 where no core is known.
    pub fn on(self, core: Option<Core>) -> MemoryModel {
        match self {
            MemoryName::Paper => MemoryModel::Paper,
            MemoryName::Device => MemoryModel::Device(core.unwrap_or_default()),
        }
    }
}

/// Names of the padding conventions.
#[derive(Clone, Copy, ValueEnum)]
pub enum PaddingName {
    /// SAME.
    Tensorflow,
    /// Symmetric.
    Pytorch,
}

impl From<PaddingName> for Padding {
    fn from(name: PaddingName) -> Self {
        match name {
            PaddingName::Tensorflow => Padding::TensorFlow,
            PaddingName::Pytorch => Padding::PyTorch,
        }
    }
}

impl ValueEnum for Allocator {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.explanation()))
    }
}
