//! `model.bin`: a network in one file.
//!
//! `docs/format.md` describes it byte by byte. A network has exactly one file: [`read()`] accepts only what [`write()`]
//! writes, so everything that the file says twice, for the convenience of other readers, is consistent.
//!
//! ```
//! # use bitsmith::{export::model, quant::QuantizedNetwork};
//! # fn keep(network: &QuantizedNetwork) -> Result<(), Box<dyn std::error::Error>> {
//! let bytes = model::write(network)?;
//! assert_eq!(&model::read(&bytes)?, network);
//! # Ok(())
//! # }
//! ```

mod error;
mod fields;
mod own;
mod read;
mod record;
mod write;

pub use error::ModelError;
pub use fields::{Field, VERSION, ZOO_VERSION, header, layer, tensor};
pub use read::read;
pub use write::write;
