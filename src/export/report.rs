//! What a package is made of, for people (`report.html`) and programs (`report.json`): the same facts in both.
//!
//! Sizes are in bytes, accuracies in percent, shapes `[h, w, c]`.

use super::{
    ExportError, model,
    onnx::{self, Outputs},
    package::{Accuracy, PackageInfo},
    policy,
    render::Renderer,
};
use crate::{
    memory::{Budget, Core, Flash, MemoryModel, Plan},
    net::{Graph, Layer, LayerId, Padding, Shape},
    proportion,
    quant::{Bits, Policy, QuantizedNetwork},
    speed::{self, Cycles},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    format: &'static str,
    version: u32,
    network: NetworkFacts,
    accuracy: AccuracyFacts,
    memory: MemoryFacts,
    speed: Option<SpeedFacts>,
    macs_by_width: Vec<WidthFacts>,
    layers: Vec<LayerFacts>,
    provenance: Provenance,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct NetworkFacts {
    name: String,
    family: String,
    image: [usize; 3],
    classes: usize,
    padding: Option<&'static str>,
    macs: u64,
    weights: usize,
    mean_weight_bits: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct AccuracyFacts {
    integers: Option<Top1>,
    float: Option<Top1>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Top1 {
    top1: f64,
    /// Both ends of the 95 % confidence interval (Wilson's).
    interval: [f64; 2],
    /// Both in words.
    text: String,
    #[serde(flatten)]
    accuracy: Accuracy,
}

/// Both models, and the budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct MemoryFacts {
    device_model: DeviceMemory,
    paper_model: Totals,
    budget: Option<Totals>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct DeviceMemory {
    flash: usize,
    ram: usize,
    weights: usize,
    parameters: usize,
    descriptors: usize,
    code_allowance: usize,
    /// The core that the allowance is for, and the bytes of stack that a run takes at most.
    core: &'static str,
    stack: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Totals {
    flash: usize,
    ram: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct SpeedFacts {
    model: &'static str,
    device: String,
    core: &'static str,
    mhz: Option<u32>,
    cycles: Cycles,
    milliseconds: Option<[f64; 2]>,
}

/// Multiply-accumulates between codes of two widths.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct WidthFacts {
    weight_bits: usize,
    input_bits: usize,
    macs: u64,
    percent: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct LayerFacts {
    name: String,
    op: &'static str,
    input: [usize; 3],
    output: [usize; 3],
    weight_bits: Option<usize>,
    input_bits: Vec<usize>,
    output_bits: Option<usize>,
    macs: u64,
    /// Weights and parameters in the firmware, and in the papers' model.
    device_flash: usize,
    paper_flash: usize,
    /// All that is in RAM while the layer runs; the papers count layers with weights only.
    device_ram: usize,
    paper_ram: Option<usize>,
    cycles: Option<Cycles>,
    /// Shares of the largest layer in percent, for bars.
    flash_share: usize,
    ram_share: usize,
}

/// Where it all came from.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Provenance {
    generator: String,
    link: Option<String>,
    policy: Option<String>,
    seed: Option<u64>,
    weights_sha256: Option<String>,
    trained_epochs: Option<u32>,
    trained: Option<String>,
    ranges: Option<String>,
    images: Option<String>,
    model_bin_sha256: String,
    model_onnx_sha256: String,
}

impl Report {
    /// Of any network.
    ///
    /// # Errors
    /// If it cannot be exported; see [`model::write`] and [`onnx::write`].
    pub fn of(network: &QuantizedNetwork, info: &PackageInfo) -> Result<Self, ExportError> {
        let (model, onnx) = (model::write(network)?, onnx::write(network, Outputs::Logits)?);
        Ok(Self::new(network, info, &model, &onnx))
    }

    /// Of a checked network; `model` and `onnx` are the bytes of its files.
    pub(super) fn new(network: &QuantizedNetwork, info: &PackageInfo, model: &[u8], onnx: &[u8]) -> Self {
        let (graph, policy) = (network.graph(), &network.policy);
        let mcu = info.device.as_deref().and_then(speed::mcu_named).filter(|mcu| speed::covers(mcu));
        Self {
            format: "bitsmith-report",
            version: 1,
            network: NetworkFacts {
                name: network.network.to_string(),
                family: network.network.title().to_owned(),
                image: sizes(graph.image().shape),
                classes: graph.classes(),
                padding: network.network.zoo().map(|spec| match spec.padding {
                    Padding::TensorFlow => "TensorFlow",
                    Padding::PyTorch => "PyTorch",
                }),
                macs: graph.macs(),
                weights: graph.layers.iter().map(|layer| graph.weight_elements(layer)).sum(),
                mean_weight_bits: rounded(policy.mean_weight_bits(graph)),
            },
            accuracy: AccuracyFacts {
                integers: info.accuracy.clone().map(Top1::new),
                float: info.float_accuracy.clone().map(Top1::new),
            },
            memory: memory(graph, policy, info.core, info.budget),
            speed: mcu.map(|mcu| {
                let cycles = speed::network(graph);
                SpeedFacts {
                    model: speed::MODEL,
                    device: mcu.name.into(),
                    core: mcu.core,
                    mhz: mcu.mhz,
                    cycles,
                    milliseconds: mcu.mhz.map(|mhz| cycles.milliseconds(mhz).map(rounded)),
                }
            }),
            macs_by_width: macs_by_width(graph, policy),
            layers: layers(graph, policy, mcu.is_some()),
            provenance: Provenance {
                generator: format!("Bitsmith {}", env!("CARGO_PKG_VERSION")),
                link: info.link.clone(),
                policy: info.allocator.clone(),
                seed: info.seed,
                weights_sha256: info.weights_sha256.clone(),
                trained_epochs: info.trained_epochs,
                trained: info.trained.clone(),
                ranges: info.ranges.clone(),
                images: info.images.clone(),
                model_bin_sha256: digest(model),
                model_onnx_sha256: digest(onnx),
            },
        }
    }

    /// The text of `report.html`: one file, without scripts and without anything from elsewhere.
    ///
    /// # Errors
    /// If the template is wrong.
    pub fn html(&self) -> Result<String, ExportError> {
        Renderer::new(self)?.render("report.html")
    }

    /// The text of `report.json`.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl Top1 {
    fn new(accuracy: Accuracy) -> Self {
        let Accuracy { correct, images, .. } = accuracy;
        Self {
            top1: rounded(proportion::percent(correct, images)),
            interval: proportion::interval(correct, images).map(rounded),
            text: proportion::text_with_interval(correct, images),
            accuracy,
        }
    }
}

fn memory(graph: &Graph, policy: &Policy, core: Core, budget: Option<Budget>) -> MemoryFacts {
    let flash = Flash::of(graph, policy, core);
    let paper = MemoryModel::Paper.usage(graph, policy);
    MemoryFacts {
        device_model: DeviceMemory {
            flash: flash.total(),
            ram: Plan::new(graph, policy).arena,
            weights: flash.weights,
            parameters: flash.parameters,
            descriptors: flash.descriptors,
            code_allowance: flash.code,
            core: core.name(),
            stack: core.stack_bytes(),
        },
        paper_model: Totals { flash: paper.flash, ram: paper.ram },
        budget: budget.map(|Budget { flash, ram }| Totals { flash, ram }),
    }
}

/// Widths that occur, those with most multiply-accumulates first.
fn macs_by_width(graph: &Graph, policy: &Policy) -> Vec<WidthFacts> {
    let mut rows = Vec::new();
    for weights in Bits::ALL {
        for input in Bits::ALL {
            let same = |(id, layer): &(LayerId, &Layer)| {
                policy.weight(*id) == weights && policy.activation(graph, layer.inputs[0]) == input
            };
            let macs: u64 = graph.weighted_layers().filter(same).map(|(_, l)| graph.layer_macs(l)).sum();
            let percent = rounded(100.0 * macs as f64 / graph.macs() as f64);
            let (weight_bits, input_bits) = (weights.count(), input.count());
            rows.push(WidthFacts { weight_bits, input_bits, macs, percent });
        }
    }
    rows.retain(|row| row.macs > 0);
    rows.sort_by_key(|row| std::cmp::Reverse(row.macs));
    rows
}

fn layers(graph: &Graph, policy: &Policy, with_cycles: bool) -> Vec<LayerFacts> {
    let ram = |model: MemoryModel| {
        let mut bytes = vec![None; graph.layers.len()];
        for step in model.footprint(graph, policy).steps {
            bytes[step.layer] = Some(step.live());
        }
        bytes
    };
    let (device, paper) = (ram(MemoryModel::DEVICE), ram(MemoryModel::Paper));
    let flash = |id: LayerId| crate::memory::blob_bytes(graph, policy, id);
    let largest = |bytes: &mut dyn Iterator<Item = usize>| bytes.max().unwrap_or(0).max(1);
    let most_flash = largest(&mut (0..graph.layers.len()).map(flash));
    let most_ram = largest(&mut device.iter().flatten().copied());
    let layer = |(id, layer): (LayerId, &Layer)| {
        let (device_flash, device_ram) = (flash(id), device[id].unwrap_or(0));
        LayerFacts {
            name: layer.name.clone(),
            op: policy::kind(layer),
            input: sizes(graph.input_shape(layer)),
            output: sizes(graph.output_shape(layer)),
            weight_bits: layer.has_weights().then(|| policy.weight(id).count()),
            input_bits: layer.inputs.iter().map(|&input| policy.activation(graph, input).count()).collect(),
            output_bits: (layer.output != graph.logits())
                .then(|| policy.activation(graph, layer.output).count()),
            macs: graph.layer_macs(layer),
            device_flash,
            paper_flash: MemoryModel::Paper.weight_bytes(graph, layer, policy.weight(id)),
            device_ram,
            paper_ram: paper[id],
            cycles: with_cycles.then(|| speed::layer(graph, layer)),
            flash_share: 100 * device_flash / most_flash,
            ram_share: 100 * device_ram / most_ram,
        }
    };
    graph.layers.iter().enumerate().map(layer).collect()
}

fn sizes(shape: Shape) -> [usize; 3] {
    [shape.height, shape.width, shape.channels]
}

/// Two digits after the point.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
