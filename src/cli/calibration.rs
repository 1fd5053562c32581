//! How the command line calibrates and quantizes.

use super::arguments::at_least;
use crate::calibrate::{Rounding, Settings};
use crate::import::RangesFrom;
use crate::quant::{Granularity, RangeMethod, WeightRange};
use clap::{Args, ValueEnum};

/// Calibration images, and what is made of them.
#[derive(Args)]
#[command(next_help_heading = "Quantization")]
pub struct CalibrationArguments {
    /// Calibrate with at most this many images.
    #[arg(id = "calibration", long, value_name = "N", default_value_t = crate::flow::CALIBRATION, value_parser = at_least(1))]
    pub images: usize,
    /// Where activations are clipped: robust, mse, minmax, or percentile=P, which keeps P percent of the values.
    #[arg(long, value_name = "METHOD", default_value = "robust", value_parser = range_method)]
    clip_activations: RangeMethod,
    /// Where the ranges of activations at 8 bits come from: the calibration images, or the file, where it holds integers
    /// with ranges. Of fewer bits they always come from the images.
    #[arg(long, default_value = "images")]
    ranges: RangesName,
    /// Where weights are clipped that are rounded to the nearest code.
    #[arg(long, default_value = "mse")]
    clip_weights: WeightRangeName,
    /// Which codes weights of 2 and 4 bits get: those with which the layer's sums follow the float network's best on the
    /// calibration images, or the nearest. The first keeps far more accuracy, above all at 2 bits, and takes seconds more.
    #[arg(long, default_value = "output")]
    round: RoundingName,
    /// Give all output channels of a layer the same weight scale, and all weights the nearest code.
    #[arg(long)]
    per_layer: bool,
}

impl CalibrationArguments {
    /// Where the ranges of activations come from.
    pub fn ranges(&self) -> RangesFrom {
        match self.ranges {
            RangesName::Images => RangesFrom::Images,
            RangesName::File => RangesFrom::File,
        }
    }

    /// As the quantizer takes them.
    pub fn settings(&self) -> Settings {
        Settings {
            granularity: if self.per_layer { Granularity::PerLayer } else { Granularity::PerChannel },
            weights: match self.clip_weights {
                WeightRangeName::Minmax => WeightRange::MinMax,
                WeightRangeName::Mse => WeightRange::Mse,
            },
            rounding: match self.round {
                RoundingName::Nearest => Rounding::Nearest,
                RoundingName::Output => Rounding::Output,
            },
            activations: self.clip_activations,
            ..Settings::default()
        }
    }
}

/// Where ranges come from.
#[derive(Clone, Copy, ValueEnum)]
enum RangesName {
    /// The calibration images.
    Images,
    /// The file.
    File,
}

/// Names of the ways to clip weights.
#[derive(Clone, Copy, ValueEnum)]
enum WeightRangeName {
    /// Not at all.
    Minmax,
    /// Where the squared error is smallest.
    Mse,
}

/// Names of the ways to round weights.
#[derive(Clone, Copy, ValueEnum)]
enum RoundingName {
    /// To the nearest code.
    Nearest,
    /// So that the error of the layer's sums is smallest.
    Output,
}

fn range_method(text: &str) -> Result<RangeMethod, String> {
    if let Some(percent) = text.strip_prefix("percentile=") {
        return match percent.parse() {
            Ok(percent) if (50.0..=100.0).contains(&percent) => Ok(RangeMethod::Percentile(percent)),
            _ => Err(format!("{percent:?} is no percentage from 50 to 100, e.g. percentile=99.9")),
        };
    }
    match text {
        "robust" => Ok(RangeMethod::Robust),
        "mse" => Ok(RangeMethod::Mse),
        "minmax" => Ok(RangeMethod::MinMax),
        _ => Err("expected robust, mse, minmax or percentile=P".into()),
    }
}
