//! From a network in integers to files that firmware engineers work with.
//!
//! - [`model`] is the network as one file, `model.bin`: everything that inference needs, versioned and checksummed.
//! - [`package`] is the network as C: one folder with the runtime's sources, constant tables, golden vectors, an
//!   example and a README, zipped. The same network always gives the same bytes, natively and in a browser.
//!
//! The arena and the constants of the compiled package take what [`memory`](crate::memory) says, to the byte.

mod archive;
mod blob;
mod check;
mod describe;
mod error;
mod golden;
pub mod model;
mod package;
mod packed;
mod render;
mod runtime;

pub use error::ExportError;
pub use golden::GoldenImage;
pub use package::{Accuracy, PackageInfo, identifier, package};
