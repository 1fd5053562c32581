//! What the command line says of weights that their file does not say, or says wrongly.

use super::arguments::PaddingName;
use crate::import::{ImportOptions, channels};
use crate::net::{ColourRange, Normalization};
use clap::{Args, ValueEnum};
use std::str::FromStr;

/// How the network was trained, where its file does not say.
#[derive(Args)]
pub struct WeightsArguments {
    /// How a colour x from 0 to 255 becomes the network's input, e.g. 'x/127.5 - 1', 'x/255', 'x', or 'imagenet'
    /// [default: as the file says, else as its tool's networks are trained].
    #[arg(long, value_name = "FORMULA", conflicts_with_all = ["mean", "std", "pixel_range"],
        value_parser = Normalization::from_str)]
    pub preprocessing: Option<Normalization>,
    /// Mean of the colours, one number or one for each of red, green and blue, e.g. 0.485,0.456,0.406
    /// [default: of --preprocessing].
    #[arg(long, value_name = "R,G,B", requires = "std", value_parser = colours)]
    pub mean: Option<Colours>,
    /// Standard deviation of the colours, as --mean, e.g. 0.229,0.224,0.225 [default: of --preprocessing].
    #[arg(long, value_name = "R,G,B", requires = "mean", value_parser = colours)]
    pub std: Option<Colours>,
    /// What colours go up to, of which --mean and --std are.
    #[arg(long, value_name = "MOST", default_value = "1", requires = "mean")]
    pub pixel_range: RangeName,
    /// Epsilon of batch normalization, e.g. 0.001 [default: as the file says, else as its tool has it].
    #[arg(long, value_name = "NUMBER", value_parser = epsilon)]
    pub epsilon: Option<f32>,
    /// Where the zeros go at stride 2 [default: as the file says, else as its tool has it].
    #[arg(long)]
    pub padding: Option<PaddingName>,
}

/// A number for each of red, green and blue.
#[derive(Clone, Copy)]
pub struct Colours([f64; 3]);

/// Names of the ranges of colours.
#[derive(Clone, Copy, ValueEnum)]
pub enum RangeName {
    /// From 0 to 1, as torchvision, timm and transformers write them.
    #[value(name = "1")]
    One,
    /// From 0 to 255.
    #[value(name = "255")]
    Codes,
}

impl WeightsArguments {
    /// What the import is told of it.
    ///
    /// # Errors
    /// If mean or deviation are out of range.
    pub fn options(&self) -> anyhow::Result<ImportOptions> {
        let range = match self.pixel_range {
            RangeName::One => ColourRange::One,
            RangeName::Codes => ColourRange::Codes,
        };
        let numbers = match (self.mean, self.std) {
            (Some(Colours(mean)), Some(Colours(std))) => Some(Normalization::new(mean, std, range)?),
            _ => None,
        };
        Ok(ImportOptions {
            padding: self.padding.map(Into::into),
            epsilon: self.epsilon,
            normalization: self.preprocessing.or(numbers),
            ..Default::default()
        })
    }
}

fn colours(text: &str) -> Result<Colours, String> {
    channels(text).map(Colours).ok_or_else(|| "expected one number, or three with commas between them".into())
}

fn epsilon(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(epsilon) if epsilon > 0.0 && epsilon < 1.0 => Ok(epsilon),
        _ => Err("expected a number between 0 and 1, e.g. 0.001".into()),
    }
}
