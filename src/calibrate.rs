//! From a float network and some images to a network in integers.
//!
//! 1. An [`Observer`] runs the float network over a few hundred images and keeps, for every tensor, a
//!    histogram of its values and, for every channel of every layer, mean and deviation of the sums before batch
//!    normalization. This does not depend on the policy.
//! 2. A [`Quantization`] walks through the network layer by layer for one [`Policy`](crate::quant::Policy).
//!    It runs the integers of the layers before on the same images and re-estimates the statistics of batch
//!    normalization, so that the layer's output keeps the mean and the deviation it had in the float network.
//!    Without that, 4-bit weights collapse.
//!
//! The correction costs nothing on the device: it goes into the multipliers and biases that are there anyway.

mod channel;
mod coding;
mod convert;
mod inputs;
mod moments;
mod observe;
mod pass;
mod prepare;
mod quantize;
mod settle;
mod sums;
mod trained;
mod unfold;
mod walk;

pub use coding::Codings;
pub use convert::{Conversion, LayerIntegers, SumsWanted};
pub use moments::Moments;
pub use observe::{Calibration, Observer};
pub use prepare::{Preparation, PreparedCodes};
pub use quantize::Quantization;
pub use sums::SumMoments;
pub use trained::trained;
pub use unfold::has_folded;
pub use walk::Walk;

use crate::float::FloatError;
use crate::infer::InferError;
use crate::quant::{Granularity, RangeMethod, RequantizerError, WeightRange};
use serde::{Deserialize, Serialize};

/// Which codes weights get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rounding {
    /// The nearest.
    Nearest,
    /// Those with which the layer's sums follow the float network's best; see
    /// [`InputCovariance`](crate::quant::InputCovariance). The nearest all the same for weights that share a scale over
    /// all output channels, for codebooks, and where no statistics are re-estimated.
    #[default]
    Output,
}

/// How a network is quantized.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What shares a weight scale.
    pub granularity: Granularity,
    /// How weights are clipped.
    pub weights: WeightRange,
    /// Which codes weights below 8 bits get.
    pub rounding: Rounding,
    /// How activations are clipped.
    pub activations: RangeMethod,
    /// Whether batch normalization's statistics are re-estimated on the quantized network.
    pub reestimate: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            granularity: Granularity::PerChannel,
            weights: WeightRange::Mse,
            rounding: Rounding::Output,
            activations: RangeMethod::Robust,
            reestimate: true,
        }
    }
}

/// Why a network cannot be calibrated or quantized.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CalibrateError {
    /// There is nothing to calibrate with.
    #[error("no calibration images: add at least one image")]
    NoImages,
    /// The float network does not run.
    #[error(transparent)]
    Float(#[from] FloatError),
    /// The integer network does not run.
    #[error(transparent)]
    Infer(#[from] InferError),
    /// A pool or an add has no integer form.
    #[error("layer {layer}: {error}; give its tensors more bits or calibrate with other images")]
    Layer {
        /// Its name.
        layer: String,
        /// What is wrong.
        error: RequantizerError,
    },
    /// An output channel of a layer with weights has no integer form.
    #[error(
        "layer {layer}, output channel {channel}: {error}; look for a value out of range among the weights and the batch \
         normalization of this channel, and use other weights"
    )]
    Channel {
        /// Name of the layer.
        layer: String,
        /// Number of the channel, from 0.
        channel: usize,
        /// What is wrong.
        error: RequantizerError,
    },
    /// A layer that needs weights has none.
    #[error("layer {layer} has no weights: expected those of its shape; load the weights again")]
    NoWeights {
        /// Name of the layer.
        layer: String,
    },
}
