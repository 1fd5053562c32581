//! `bitsmith inspect`.

use super::Report;
use super::arguments::Inspect;
use super::failure::{ensure_argument, wrong};
use super::session::read_network;
use crate::import::{ImportOptions, import_files};
use crate::memory::{Bytes, MemoryModel, paper};
use crate::net::{Network, Op, Spec};
use crate::printable::printable_lines;
use crate::quant::{Bits, Policy};
use anyhow::Context;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Classes of a network of the zoo unless it is said: ImageNet's.
const DEFAULT_CLASSES: u64 = 1000;

/// Shows the layers of a network, and what was found out about its file.
pub fn run(arguments: &Inspect) -> anyhow::Result<Report> {
    let Inspect { subject, graph, side, classes, padding } = arguments;
    let path = Path::new(subject);
    // Whoever has a file of the name of a network means the file.
    if !path.exists() && graph.is_none() {
        let spec =
            subject.parse::<Spec>().map_err(|error| wrong(format!("no file {subject}, and {error}")))?;
        ensure_argument(side.is_none(), || {
            format!("--side is of files: the name {subject} says the side, give another name")
        })?;
        let spec = spec.with_classes(classes.unwrap_or(DEFAULT_CLASSES))?;
        let spec = padding.map_or(spec, |padding| spec.with_padding(padding.into()));
        return Ok(describe(&spec.into(), &[], Value::Null));
    }
    ensure_argument(classes.is_none() && padding.is_none(), || {
        "--classes and --padding are of networks of the zoo: a file says both".into()
    })?;
    let files = read_network(path, graph.as_deref())?;
    let options = ImportOptions { side: *side, ..ImportOptions::default() };
    let (imported, _) = import_files(&files, &options).with_context(|| subject.clone())?;
    let found: Vec<String> = imported
        .settings
        .iter()
        .map(ToString::to_string)
        .chain(imported.remarks.iter().map(ToString::to_string))
        .chain(imported.notes.iter().map(ToString::to_string))
        .map(|text| printable_lines(&text).to_string())
        .collect();
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    Ok(describe(&imported.model.network.named(&stem), &found, json!(found)))
}

fn describe(network: &Network, found: &[String], found_json: Value) -> Report {
    let graph = network.graph();
    let widest = Policy::uniform(graph, Bits::B8, Bits::B8);
    let weight_bytes: usize = graph.layers.iter().map(|l| graph.weight_elements(l)).sum();
    let peak_ram = paper::ram_bytes(graph, &widest);
    let device = MemoryModel::DEVICE.usage(graph, &widest);
    let mut text = format!("{network}, {} classes\n", network.classes());
    for line in found {
        let _ = writeln!(text, "- {line}");
    }
    let columns = graph.layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0).clamp(14, 40);
    let _ = writeln!(
        text,
        "\n{:<columns$} {:<9} {:>13} {:>13} {:>3} {:>10} {:>12}",
        "layer", "kind", "input", "output", "s", "weights", "MACs"
    );
    let mut layers = Vec::new();
    for layer in &graph.layers {
        let kind = match layer.op {
            Op::Conv(w) if w.kernel == 1 => "pointwise",
            Op::Conv(..) => "conv",
            Op::Depthwise(..) => "depthwise",
            Op::Linear => "linear",
            Op::GlobalAvgPool => "pool",
            Op::Add => "add",
            Op::MaxPool(..) => "max pool",
            Op::AvgPool(..) => "avg pool",
            Op::Lookup(function) => function.name(),
            Op::Multiply => "product",
            Op::Concat => "concat",
        };
        let (input, output) = (graph.input_shape(layer), graph.output_shape(layer));
        let (weights, macs) = (graph.weight_elements(layer), graph.layer_macs(layer));
        let stride = layer.window().map_or(1, |w| w.stride);
        let _ = writeln!(
            text,
            "{:<columns$} {kind:<9} {:>13} {:>13} {stride:>3} {weights:>10} {macs:>12}",
            layer.name,
            input.to_string(),
            output.to_string()
        );
        layers.push(json!({
            "name": layer.name,
            "kind": kind,
            "input": [input.height, input.width, input.channels],
            "output": [output.height, output.width, output.channels],
            "kernel": layer.window().map(|w| w.kernel),
            "stride": layer.window().map(|w| w.stride),
            "pads_tlbr": layer.window().map(|w| [w.pads.top, w.pads.left, w.pads.bottom, w.pads.right]),
            "weight_shape": graph.weight_shape(layer),
            "weights": weights,
            "macs": macs,
        }));
    }
    let macs = graph.macs();
    let _ = writeln!(text, "\nMACs             {macs} ({:.1} M)", macs as f64 / 1e6);
    let _ = writeln!(text, "at 8 bits        weights {}, peak RAM {}", Bytes(weight_bytes), Bytes(peak_ram));
    let _ = writeln!(text, "on the device    FLASH {}, RAM {}", Bytes(device.flash), Bytes(device.ram));
    let json = json!({
        "network": network.name(),
        "classes": network.classes(),
        "found": found_json,
        "macs": macs,
        "weight_bytes_8bit": weight_bytes,
        "peak_ram_8bit": peak_ram,
        "device_flash_8bit": device.flash,
        "device_ram_8bit": device.ram,
        "layers": layers,
    });
    Report { text, json }
}
