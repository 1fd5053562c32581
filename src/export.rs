//! From a network in integers to files that firmware engineers work with.
//!
//! - [`model`] is the network as one file, `model.bin`: everything that inference needs, versioned and checksummed.
//! - [`onnx`] is the network for ONNX Runtime: the same codes and logits, bit for bit, by other people's code.
//! - [`policy`] is the width of every tensor as JSON, for our tools and for HAQ's.
//! - [`Report`] says what the network takes, where it came from and how good it is, as HTML and as JSON.
//! - [`package()`] is the network as C with all of these: one folder with the runtime's sources, constant tables, golden
//!   vectors, examples and a README, zipped, that CMake, PlatformIO, Arduino, Zephyr and CMSIS-Pack take as it is. The
//!   same network always gives the same bytes, natively and in a browser.
//!
//! The arena and the constants of the compiled package take what [`memory`](crate::memory) says, to the byte.

mod archive;
mod blob;
mod check;
mod describe;
mod error;
mod escape;
mod golden;
pub mod model;
mod name;
pub mod onnx;
mod package;
mod packed;
pub mod policy;
mod render;
mod report;
mod runtime;

pub use error::ExportError;
pub use golden::GoldenImage;
pub use name::{PackageName, identifier};
pub use package::{Accuracy, PackageInfo, package};
pub(crate) use render::grouped;
pub use report::Report;
