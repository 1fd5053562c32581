//! Values of the command line's words.

use crate::flow::Subset;
use crate::memory::catalogue::MCUS;
use crate::memory::{Core, Mcu, MemoryModel};
use crate::net::{MAP_SIDES, Padding};
use crate::quant::Bits;
use crate::search::Allocator;
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
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

/// Names of the parts of the images that accuracy is measured on.
#[derive(Clone, Copy, ValueEnum)]
pub enum SplitName {
    Test,
    Reward,
    Validation,
}

impl From<SplitName> for Subset {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Test => Self::Test,
            SplitName::Reward => Self::Reward,
            SplitName::Validation => Self::Validation,
        }
    }
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

impl From<Padding> for PaddingName {
    fn from(padding: Padding) -> Self {
        match padding {
            Padding::TensorFlow => PaddingName::Tensorflow,
            Padding::PyTorch => PaddingName::Pytorch,
        }
    }
}

impl std::fmt::Display for PaddingName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            PaddingName::Tensorflow => "tensorflow",
            PaddingName::Pytorch => "pytorch",
        })
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

/// Those allocators that need no weights and no images.
pub fn without_measuring() -> impl TypedValueParser<Value = Allocator> {
    let allocators = || Allocator::ALL.into_iter().filter(|allocator| !allocator.measures());
    let names = allocators().filter_map(|allocator| allocator.to_possible_value());
    PossibleValuesParser::new(names).try_map(move |name| {
        allocators().find(|allocator| allocator.name() == name).ok_or("no such allocator")
    })
}

/// A microcontroller of the catalogue with FLASH of a known size.
pub fn device(name: &str) -> Result<&'static Mcu, String> {
    let mcu = Mcu::by_slug(name).ok_or_else(|| {
        let known: Vec<_> = MCUS.iter().map(|mcu| mcu.slug).collect();
        format!("no microcontroller is called '{name}': expected one of {}", known.join(", "))
    })?;
    match mcu.flash {
        Some(_) => Ok(mcu),
        None => Err(format!("{} has no FLASH of its own: give --flash and --ram instead", mcu.name)),
    }
}

/// A count from `least` on.
pub fn at_least(least: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..)
}

/// Rows and columns of an image.
pub fn side() -> RangedU64ValueParser<u16> {
    RangedU64ValueParser::new().range(*MAP_SIDES.start() as u64..=*MAP_SIDES.end() as u64)
}

/// Neurons of a layer: more would take days and gigabytes.
pub fn hidden() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=4096)
}

/// Bits of weights on average.
pub fn mean_bits(text: &str) -> Result<f64, String> {
    number(text, |bits| (2.0..=8.0).contains(&bits), "2 to 8")
}

/// A part of 1.
pub fn part(text: &str) -> Result<f64, String> {
    number(text, |part| (0.0..=1.0).contains(&part), "a number from 0 to 1")
}

/// A number from 0 on.
pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text, |number| number >= 0.0 && number.is_finite(), "a number from 0 on")
}

fn number(text: &str, holds: impl Fn(f64) -> bool, expected: &str) -> Result<f64, String> {
    text.parse().ok().filter(|&number| holds(number)).ok_or_else(|| format!("expected {expected}"))
}

/// 2, 4 or 8.
#[cfg(feature = "train")]
pub fn bits(text: &str) -> Result<Bits, String> {
    let bits = text.parse().ok().and_then(|count: u32| Bits::try_from(count).ok());
    bits.ok_or_else(|| "expected 2, 4 or 8".into())
}

/// Classes that a network of the zoo can have.
pub fn classes(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|classes| (2..=10_000).contains(classes))
        .ok_or_else(|| "expected 2 to 10,000".into())
}
