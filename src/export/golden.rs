//! What the network must compute for some images, so that firmware can test itself.

use super::{ExportError, packed};
use crate::{
    infer::{Engine, Workspace, argmax},
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
    /// Runs images through a network.
    pub fn all(network: &QuantizedNetwork, images: &[GoldenImage]) -> Result<Vec<Self>, ExportError> {
        let engine = Engine::new(network)?;
        let mut workspace = Workspace::default();
        images.iter().map(|image| Self::new(network, &engine, &mut workspace, image)).collect()
    }

    fn new(
        network: &QuantizedNetwork,
        engine: &Engine,
        workspace: &mut Workspace,
        image: &GoldenImage,
    ) -> Result<Self, ExportError> {
        let (graph, policy) = (network.graph(), &network.policy);
        let GoldenImage { pixels, label } = *image;
        if label >= graph.classes() {
            return Err(ExportError::Label { label, classes: graph.classes() });
        }
        let mut checksums = Vec::with_capacity(graph.layers.len());
        let logits = engine.run_observed(workspace, pixels, |layer, codes| {
            let output = graph.layers[layer].output;
            checksums.push(crc32fast::hash(&packed::activation(graph, policy, output, codes)));
        })?;
        let bytes: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
        checksums.push(crc32fast::hash(&bytes));
        Ok(Self { pixels: pixels.to_vec(), label, found: argmax(logits), checksums, logits: logits.to_vec() })
    }
}
