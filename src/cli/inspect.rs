//! `bitsmith inspect`.

use super::Report;
use super::arguments::Inspect;
use crate::memory::{Bytes, MemoryModel, paper};
use crate::net::{Op, Spec};
use crate::quant::{Bits, Policy};
use serde_json::json;
use std::fmt::Write;

/// Shows the layers of a network.
pub fn run(arguments: &Inspect) -> anyhow::Result<Report> {
    let spec = arguments.network.spec()?;
    Ok(describe(&spec))
}

fn describe(spec: &Spec) -> Report {
    let graph = spec.build();
    let widest = Policy::uniform(&graph, Bits::B8, Bits::B8);
    let weight_bytes: usize = graph.layers.iter().map(|l| graph.weight_elements(l)).sum();
    let peak_ram = paper::ram_bytes(&graph, &widest);
    let device = MemoryModel::DEVICE.usage(&graph, &widest);
    let mut text = format!("{spec}, {} classes\n\n", spec.classes);
    let _ = writeln!(
        text,
        "{:<14} {:<9} {:>13} {:>13} {:>3} {:>10} {:>12}",
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
        };
        let (input, output) = (graph.input_shape(layer), graph.output_shape(layer));
        let (weights, macs) = (graph.weight_elements(layer), graph.layer_macs(layer));
        let stride = layer.window().map_or(1, |w| w.stride);
        let _ = writeln!(
            text,
            "{:<14} {kind:<9} {:>13} {:>13} {stride:>3} {weights:>10} {macs:>12}",
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
        "network": spec.to_string(),
        "classes": spec.classes,
        "macs": macs,
        "weight_bytes_8bit": weight_bytes,
        "peak_ram_8bit": peak_ram,
        "device_flash_8bit": device.flash,
        "device_ram_8bit": device.ram,
        "layers": layers,
    });
    Report { text, json }
}
