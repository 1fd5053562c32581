//! Inference in integers, twice: [`mod@reference`] is the numeric contract of [`quant`](crate::quant) in plain loops;
//! [`Engine`] computes the same logits, bit for bit, with vector instructions on the desktop and in the browser.
//!
//! An engine refuses networks whose accumulators may leave 32 bits, so its arithmetic is exact. It is put together
//! from parts that calibration and search use on their own: [`PreparedKernel`] gives the sums of products of one
//! layer, [`RowRequantizer`] takes them to codes.
//!
//! Vector instructions are chosen when the crate is compiled: SSE2 by default, AVX2 with
//! `-C target-cpu=x86-64-v3`, simd128 in Wasm with `-C target-feature=+simd128`. Results do not depend on them.

mod check;
mod engine;
mod kernel;
mod pool;
mod reach;
pub mod reference;
mod requantize;
mod step;

pub use crate::net::{argmax, top};
pub use check::{InferError, check_network};
pub use engine::{Engine, Workspace};
pub use kernel::{PreparedKernel, Scratch, Taps};
pub use reach::Reach;
pub use requantize::{RowRequantizer, requantize_row};
pub use step::{EngineLayer, EngineStep};
