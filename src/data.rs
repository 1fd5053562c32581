//! Images: from files and folders to the bytes of a network's input.
//!
//! ```text
//! Archive / Folder --Sources--> Dataset --Splits--> image numbers --read--> Decode --> Preprocess --> bytes
//!                               |
//!                               +--ClassMap--> which output of the network is which class
//! ```
//!
//! Everything here gives the same result natively and in a browser: listings are sorted, samples come from
//! a seeded generator, decoding and resizing are integer arithmetic. Each image is decoded on its own and
//! fails on its own: a broken file is an error to name and count, never the end of a run.

pub mod archive;
pub mod charset;
pub mod class_map;
pub mod decode;
mod error;
pub mod files;
#[cfg(not(target_arch = "wasm32"))]
mod folder;
pub mod imagenet;
pub mod kind;
pub mod labels;
pub mod layout;
pub mod listing;
pub mod passed_over;
pub mod preprocess;
mod resize;
pub mod sources;
pub mod split;
mod split_name;
#[cfg(test)]
mod testing;

pub use archive::{Archive, Limits};
pub use charset::Charset;
pub use class_map::{ClassMap, MatchedBy, without_background};
pub use decode::{Decode, PureRust, RgbImage, decoding_bytes};
pub use error::DataError;
pub use files::{FileInfo, Files, MAX_FILE_BYTES, Names, check_file_size};
#[cfg(not(target_arch = "wasm32"))]
pub use folder::Folder;
pub use kind::Kind;
pub use listing::{Class, Dataset, ImageRef, LabelFile, Split};
pub use passed_over::{PassedOver, Reason};
pub use preprocess::{Preprocess, Resize};
pub use sources::{Source, Sources};
pub use split::Splits;
