//! Networks as Keras saves them: `.h5` files of Keras 2 and 3, and `.keras` archives.
//!
//! Both hold a description of the network as JSON and the weights as HDF5. An `.h5` file has the description in the
//! attribute `model_config`; one that `model.save_weights` wrote has weights alone. A `.keras` archive is a zip of
//! `config.json`, `metadata.json` and `model.weights.h5`.
//!
//! What a layer computes at inference becomes nodes of a [`RawGraph`]; models inside models are written out in their
//! place. Code in a file (lambda layers, classes of the user) is never run and becomes
//! [`RawOp::Unsupported`](super::raw::RawOp::Unsupported).
//!
//! What is read of a file is bounded by its size: see `Budget`.

mod archive;
mod bare;
mod budget;
mod builder;
mod calls;
mod config;
mod error;
mod hdf5;
mod layers;
mod model;
mod store;

pub use error::KerasError;

use super::raw::{Constant, RawGraph};
use budget::Budget;
use hdf5::Hdf5;
use std::collections::BTreeMap;
use store::Store;

/// What an `.h5` file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum KerasFile {
    /// A network with its weights.
    Network(RawGraph),
    /// Weights alone, by names as `conv1/kernel` and `conv1_bn/gamma`, in the layout of Keras: kernels
    /// `[rows, columns, inputs, outputs]`, matrices `[inputs, outputs]`.
    Weights(BTreeMap<String, Constant>),
}

/// Reads an `.h5` file: a whole network (`model.save`) or its weights alone (`model.save_weights`).
///
/// # Errors
/// If the bytes are no intact HDF5 file or not one of Keras, or if the description of the network contradicts itself or
/// the weights.
pub fn read_h5(bytes: &[u8]) -> Result<KerasFile, KerasError> {
    let budget = Budget::of(bytes.len());
    let file = Hdf5::open(bytes.to_vec())?;
    let Some(config) = file.text("", "model_config", &budget)? else {
        return Ok(KerasFile::Weights(bare::read(&file, &budget)?));
    };
    let version = file.text("", "keras_version", &budget)?;
    let store = Store::named(file, "model_weights");
    model::read(&config, version.as_deref(), &store, &budget).map(KerasFile::Network)
}

/// Reads a `.keras` archive.
///
/// # Errors
/// If the bytes are no intact archive of Keras, or if the description of the network contradicts itself or the weights.
pub fn read_keras(bytes: &[u8]) -> Result<RawGraph, KerasError> {
    let budget = Budget::of(bytes.len());
    let parts = archive::read(bytes, &budget)?;
    let store = Store::numbered(Hdf5::open(parts.weights)?)?;
    model::read(&parts.config, parts.version.as_deref(), &store, &budget)
}
