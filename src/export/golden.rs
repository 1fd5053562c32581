//! What the network must compute for some images, so that firmware can test itself.

use super::{ExportError, packed};
use crate::{
    infer::{argmax, reference},
    quant::QuantizedNetwork,
};

/// An image for the self-test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoldenImage<'a> {
    /// Its codes, `[h, w, 3]`, of the network's input size.
    pub pixels: &'a [u8],
    /// Its class, as a number of a logit.
    pub label: usize,
}

/// What the network computes for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenVector {
    /// The image's codes.
    pub pixels: Vec<u8>,
    /// The image's class.
    pub label: usize,
    /// The class the network finds.
    pub found: usize,
    /// CRC-32 of each layer's output as it lies in the arena, by [`LayerId`](crate::net::LayerId).
    pub checksums: Vec<u32>,
    /// One integer per class.
    pub logits: Vec<i32>,
}

impl GoldenVector {
    /// Runs the reference.
    pub fn new(network: &QuantizedNetwork, image: &GoldenImage) -> Result<Self, ExportError> {
        let QuantizedNetwork { graph, policy, .. } = network;
        let GoldenImage { pixels, label } = *image;
        if label >= graph.classes() {
            return Err(ExportError::Label { label, classes: graph.classes() });
        }
        let reference::Trace { tensors, logits } = reference::trace(network, pixels)?;
        let checksum = |output: usize| {
            if output == graph.logits() {
                let bytes: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
                crc32fast::hash(&bytes)
            } else {
                crc32fast::hash(&packed::activation(graph, policy, output, &tensors[output]))
            }
        };
        let checksums = graph.layers.iter().map(|layer| checksum(layer.output)).collect();
        Ok(Self { pixels: pixels.to_vec(), label, found: argmax(&logits), checksums, logits })
    }
}
