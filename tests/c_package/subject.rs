//! Networks to export, with images and the logits that Rust computes for them. Needs the modules `packaged`, `joined`
//! and `pooled` at the root of the crate.

#![allow(dead_code, reason = "tests each take what they need")]

use crate::packaged::{exportable_network, noise, with_kernels};
use bitsmith::infer::{Engine, Workspace, reference};
use bitsmith::quant::QuantizedNetwork;

/// A network under test.
#[derive(Clone, Debug)]
pub struct Subject {
    /// For messages and folders.
    pub name: String,
    pub network: QuantizedNetwork,
    pub images: Vec<Vec<u8>>,
    /// Of each image.
    pub logits: Vec<Vec<i32>>,
}

impl Subject {
    /// Computes the logits twice: plainly and by vectors.
    pub fn new(name: String, network: QuantizedNetwork, images: Vec<Vec<u8>>) -> Self {
        let engine = Engine::new(&network).expect("a sound network");
        let mut workspace = Workspace::default();
        let mut logits = |image: &Vec<u8>| {
            let expected = reference::run(&network, image).expect("an image of the right size");
            let found = engine.run(&mut workspace, image).expect("an image of the right size");
            assert_eq!(found, expected, "{name}: vectors and the reference differ");
            expected
        };
        let logits = images.iter().map(&mut logits).collect();
        Self { name, network, images, logits }
    }

    /// The same with depthwise convolutions of these kernels.
    pub fn with_kernels(kernels: &[usize], seed: u64, images: usize) -> Self {
        let quantized = with_kernels(kernels, seed);
        let images = noise(&quantized, images);
        let names: Vec<String> = kernels.iter().map(usize::to_string).collect();
        Self::new(format!("depthwise-{}", names.join("-")), quantized, images)
    }

    /// A network with windowed pools, random integers and images of noise.
    pub fn pooled(seed: u64, images: usize) -> Self {
        let network = crate::pooled::random(seed);
        let images = noise(&network, images);
        Self::new(format!("pooled-random{seed}"), network, images)
    }

    /// A network with functions, products, concatenations and a pool at the end, random integers and images of noise.
    pub fn joined(seed: u64, images: usize) -> Self {
        let network = crate::joined::random(seed);
        let images = noise(&network, images);
        Self::new(format!("joined-random{seed}"), network, images)
    }

    /// Keeps the first images only.
    pub fn truncate(&mut self, images: usize) {
        self.images.truncate(images);
        self.logits.truncate(images);
    }

    /// A network with random integers and images of noise.
    pub fn random(network: &str, classes: u64, seed: u64, images: usize) -> Self {
        let quantized = exportable_network(network, classes, seed);
        let images = noise(&quantized, images);
        Self::new(format!("{network}-random{seed}"), quantized, images)
    }
}
