//! From real numbers to integers of 2, 4 or 8 bits.
//!
//! # Numeric contract
//!
//! One set of integer semantics holds everywhere: in `infer`, in the C runtime, in every export.
//!
//! - A tensor of b bits holds unsigned codes q in 0..=2^b - 1 that stand for the real numbers
//!   `scale * (q - zero_point)` ([`Quantizer`]). Weights have a scale and a zero point per output channel, or one
//!   for the whole layer.
//! - Convolution, depthwise convolution, linear layer:
//!   `acc = bias + sum x_q * (w_q - w_zero_point)` in i32, exactly. The input's zero point is folded into the
//!   bias; outside the map x_q is the code of real zero.
//! - [`Requantizer`]: `y_q = clamp(y_zero_point + floor(acc * multiplier / 2^shift), 0, 2^b - 1)`, the product in
//!   i64, one multiplier and shift per output channel. Batch normalization is part of it (integer channel
//!   normalization, arXiv 1905.13082), and half a step is part of the bias, so that floor rounds to nearest.
//! - Logits leave out zero point and clamp: `floor(acc * multiplier / 2^shift)` in i32, all on one scale.
//! - [`AddRequantizer`]: `y_q = clamp(floor((a_q * m_a + b_q * m_b + offset) / 2^shift), 0, 2^b - 1)`, all of it
//!   exact in i32.
//! - Global average pool: the requantizer of a convolution over the sum of the codes of a channel.
//! - Max pool: the largest code under the window. Average pool: `y_q = floor((2 sum + count) / (2 count))` of the `count`
//!   codes under the window. Pads are left out of both, and the output has the quantizer of the input.
//!
//! A [`QuantizedNetwork`] is a network in these terms; [`Policy`] says which width each tensor has.

mod bits;
mod codebook;
mod grids;
mod histogram;
mod network;
mod output_error;
mod packed;
mod policy;
mod quantizer;
mod range;
mod requantizer;
mod weights;

pub use bits::{Bits, UnknownWidth};
pub use codebook::{codebook_bytes, with_codebook};
pub use grids::Grids;
pub use histogram::Histogram;
pub use network::{Kernel, QuantizedLayer, QuantizedNetwork};
pub use output_error::InputCovariance;
pub use packed::{pack, unpack};
pub use policy::{Policy, Slot};
pub use quantizer::Quantizer;
pub use range::RangeMethod;
pub use requantizer::{AddRequantizer, Requantizer, RequantizerError};
pub use weights::{Granularity, WeightCodes, WeightRange};
