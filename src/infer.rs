//! Integer inference.

mod check;
mod kernel;
mod reach;
pub mod reference;
mod requantize;

pub use check::InferError;
pub use kernel::{PreparedKernel, Scratch};
pub use reach::Reach;
pub use requantize::{RowRequantizer, requantize_row};
