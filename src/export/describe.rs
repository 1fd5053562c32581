//! What the templates speak of: a network and its package in plain numbers and names.

mod layer;

use super::{
    blob,
    golden::GoldenVector,
    package::{Accuracy, PackageInfo},
    render::bytes_as_words,
    runtime::SOURCES,
};
use crate::{
    memory::{Flash, Plan, layout},
    net::Layer,
    proportion,
    quant::QuantizedNetwork,
};
use layer::LayerText;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A package. Sizes and offsets are in bytes.
#[derive(Debug, Serialize)]
pub struct Description {
    /// What names in C begin with, in small and in capital letters.
    name: String,
    upper: String,
    /// Of Bitsmith.
    version: &'static str,
    /// Of this package: Bitsmith's, and what tells its weights from others.
    package_version: String,
    network: String,
    title: String,
    side: usize,
    /// Pixels of the shorter side before the middle is cut out.
    shorter_side: usize,
    classes: usize,
    input_bytes: usize,
    macs: u64,
    mean_weight_bits: String,
    arena: usize,
    /// Bytes of stack that a run takes at most.
    stack: usize,
    image_at: usize,
    logits_at: usize,
    flash: FlashText,
    section_bytes: usize,
    layers: Vec<LayerText>,
    /// Whether layers run by several calls, between which a status is looked at.
    has_steps: bool,
    labels: Vec<String>,
    golden: Vec<GoldenText>,
    /// Bytes that the self-test's constants take, about.
    golden_bytes: usize,
    /// C sources of this network.
    own_sources: Vec<&'static str>,
    /// C sources of the runtime.
    sources: Vec<&'static str>,
    /// Headers of the runtime.
    headers: Vec<&'static str>,
    link: Option<String>,
    device: Option<String>,
    budget: Option<BudgetText>,
    accuracy: Option<AccuracyText>,
    float_accuracy: Option<AccuracyText>,
    weights_sha256: Option<String>,
    trained: Option<String>,
    images: Option<String>,
}

#[derive(Debug, Serialize)]
struct FlashText {
    weights: usize,
    parameters: usize,
    descriptors: usize,
    rodata: usize,
    code: usize,
    /// What the code is for.
    core: &'static str,
    total: usize,
}

#[derive(Debug, Serialize)]
struct BudgetText {
    flash: usize,
    ram: usize,
}

#[derive(Debug, Serialize)]
struct AccuracyText {
    /// With its confidence interval.
    top1: String,
    correct: usize,
    images: usize,
    /// Which, with what has chosen by them.
    images_used: String,
}

/// A golden vector; tables are rows of numbers.
#[derive(Debug, Serialize)]
struct GoldenText {
    checksums: String,
    logits: String,
    label: usize,
    found: usize,
    found_text: String,
}

impl Description {
    /// Of a checked network.
    pub fn new(
        network: &QuantizedNetwork,
        info: &PackageInfo,
        vectors: &[GoldenVector],
        section: &[u8],
    ) -> Self {
        let (graph, QuantizedNetwork { policy, labels, .. }) = (network.graph(), network);
        let plan = Plan::new(graph, policy);
        let flash = Flash::of(graph, policy, info.core);
        let (places, section_bytes) = blob::places(graph, policy);
        let layer = |id| LayerText::new(network, &plan, id, places[id].as_ref());
        let layers: Vec<_> = (0..graph.layers.len()).map(layer).collect();
        let label_of =
            |class: usize| labels.as_ref().map_or_else(String::new, |labels| labels[class].clone());
        let golden: Vec<_> = vectors.iter().map(|vector| GoldenText::new(vector, label_of)).collect();
        let golden_bytes = golden_bytes(network, vectors);
        let ending = |ending: &'static str| {
            SOURCES.iter().map(|source| source.name).filter(move |name| name.ends_with(ending))
        };
        Self {
            name: info.name.clone(),
            upper: info.name.to_ascii_uppercase(),
            version: env!("CARGO_PKG_VERSION"),
            package_version: package_version(section),
            network: network.network.to_string(),
            title: network.network.title().to_owned(),
            side: network.network.side(),
            shorter_side: network.network.side() * 256 / 224,
            classes: graph.classes(),
            input_bytes: graph.image().shape.elements(),
            macs: graph.macs(),
            mean_weight_bits: format!("{:.2}", policy.mean_weight_bits(graph)),
            arena: plan.arena,
            stack: info.core.stack_bytes(),
            image_at: plan.tensors[0],
            logits_at: plan.tensors[graph.logits()],
            flash: FlashText {
                weights: flash.weights,
                parameters: flash.parameters,
                descriptors: flash.descriptors,
                rodata: flash.rodata(),
                code: flash.code,
                core: info.core.name(),
                total: flash.total(),
            },
            section_bytes,
            has_steps: layers.iter().any(|layer: &LayerText| !layer.steps.is_empty()),
            layers,
            labels: labels.clone().unwrap_or_default(),
            golden,
            golden_bytes,
            own_sources: own_sources(labels.is_some()),
            sources: ending(".c").collect(),
            headers: ending(".h").collect(),
            link: info.link.clone(),
            device: info.device.clone(),
            budget: info.budget.map(|budget| BudgetText { flash: budget.flash, ram: budget.ram }),
            accuracy: info.accuracy.as_ref().map(AccuracyText::new),
            float_accuracy: info.float_accuracy.as_ref().map(AccuracyText::new),
            weights_sha256: info.weights_sha256.clone(),
            trained: info.trained.clone(),
            images: info.images.clone(),
        }
    }
}

impl AccuracyText {
    fn new(accuracy: &Accuracy) -> Self {
        let Accuracy { correct, images, .. } = *accuracy;
        let top1 = proportion::text_with_interval(correct, images);
        Self { top1, correct, images, images_used: accuracy.images_used.clone() }
    }
}

impl GoldenText {
    fn new(vector: &GoldenVector, label_of: impl Fn(usize) -> String) -> Self {
        let GoldenVector { label, found, checksums, logits, .. } = vector;
        let words = |words: Vec<[u8; 4]>| bytes_as_words(&words.concat());
        Self {
            checksums: words(checksums.iter().map(|crc| crc.to_le_bytes()).collect()),
            logits: logits
                .chunks(8)
                .map(|row| row.iter().map(|l| format!(" {l},")).collect::<String>())
                .fold(String::new(), |text, row| text + "   " + &row + "\n"),
            label: *label,
            found: *found,
            found_text: label_of(*found),
        }
    }
}

/// Sources in C beside the runtime's.
fn own_sources(labels: bool) -> Vec<&'static str> {
    let mut sources = vec!["network.c", "golden.c", "weights.c"];
    if labels {
        sources.push("labels.c");
    }
    sources
}

/// A semantic version with build metadata: two packages with different weights are different versions.
fn package_version(section: &[u8]) -> String {
    let digest: String = Sha256::digest(section).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}+{digest}", env!("CARGO_PKG_VERSION"))
}

/// Constants of golden.c: per image its codes, checksums, logits and two words; per layer three words and its name.
fn golden_bytes(network: &QuantizedNetwork, vectors: &[GoldenVector]) -> usize {
    let image = |v: &GoldenVector| v.pixels.len() + 4 * (v.checksums.len() + v.logits.len() + 2);
    let layer = |layer: &Layer| 12 + layout::align(layer.name.len() + 1);
    vectors.iter().map(image).sum::<usize>() + network.graph().layers.iter().map(layer).sum::<usize>()
}
