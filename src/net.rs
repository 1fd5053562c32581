//! What a network computes: a [`Graph`] of layers over tensors, with shapes, padding and multiply-accumulates.
//!
//! Graphs hold no weights; a [`Model`] is a graph with them. The [`zoo`] builds those of the three supported families from a [`Spec`], which
//! has a name that people type and share:
//!
//! ```
//! use bitsmith::net::Spec;
//!
//! let graph = "mobilenet-v1-0.25-128".parse::<Spec>()?.build();
//! assert_eq!(graph.macs(), 13_570_048);
//! assert_eq!(graph.layers.len(), 29);
//! # Ok::<(), bitsmith::net::SpecError>(())
//! ```

pub mod checked;
pub mod code;
mod function;
mod graph;
mod model;
mod network;
mod normalization;
mod predict;
mod shape;
mod spec;
mod supports;
pub mod zoo;

pub use function::Function;
pub use graph::{Activation, Graph, Layer, LayerId, Op, Tensor, TensorId, Window};
pub use model::{Affine, BatchNorm, LayerWeights, Model};
pub use network::Network;
pub use normalization::{ColourRange, Normalization, NormalizationError};
pub use predict::{argmax, top};
pub use shape::{Pads, Shape};
pub use spec::{Family, Padding, Spec, SpecError, Width};
pub use supports::{
    CHANNELS, DEPTH, GAPLESS, IMAGE_CHANNELS, MAP_SIDES, Reason, WINDOW_SIDES, supports, supports_image,
    supports_map, supports_window,
};
