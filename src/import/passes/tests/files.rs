//! Files of other tools with gates, functions and concatenations compute what their runtimes compute.
//! `tests/networks/make.py` makes them.

use super::super::testing::{close, evaluate_lowered};
use super::super::{LowerOptions, lower};
use crate::import::raw::{Layout, RawGraph};
use crate::import::{keras, onnx, tflite};
use crate::net::Op;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/networks")
}

fn read(name: &str) -> RawGraph {
    let bytes = std::fs::read(folder().join(name)).expect("a file of the repository");
    let failed = |error: &dyn std::error::Error| panic!("{name}: {error}");
    match name.rsplit('.').next() {
        Some("onnx") => onnx::read(&bytes).unwrap_or_else(|error| failed(&error)),
        Some("tflite") => tflite::read(&bytes).unwrap_or_else(|error| failed(&error)),
        _ => {
            let mut unpacked = Vec::new();
            GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).expect("a packed file");
            keras::read_keras(&unpacked).unwrap_or_else(|error| failed(&error))
        }
    }
}

/// The script's image of so many pixels a side, in our order.
fn image(side: usize, layout: Layout) -> Vec<f64> {
    let value = |i: usize| f64::from(((i * 37 % 101) as f64 / 50.0 - 1.0) as f32);
    let pixels = side * side;
    let place = |pixel: usize, channel: usize| match layout {
        Layout::ChannelsLast => 3 * pixel + channel,
        Layout::ChannelsFirst => pixels * channel + pixel,
    };
    (0..pixels).flat_map(|pixel| (0..3).map(move |channel| value(place(pixel, channel)))).collect()
}

#[test]
fn files_compute_what_their_runtimes_compute() {
    let mut compared = 0;
    for tool in ["torch", "keras"] {
        let text = std::fs::read_to_string(folder().join(format!("expected_{tool}.json"))).expect("results");
        let expected: BTreeMap<String, Vec<f64>> = serde_json::from_str(&text).expect("results");
        for (name, expected) in expected {
            let raw = read(&name);
            let image = image(20, raw.layout);
            let network =
                lower(raw, &LowerOptions::default()).unwrap_or_else(|refusals| panic!("{name}: {refusals}"));
            close(&evaluate_lowered(&network, &image), &expected, &name);
            let count =
                |is: fn(&Op) -> bool| network.graph.layers.iter().filter(|layer| is(&layer.op)).count();
            let [functions, products, joined] = [
                count(|op| matches!(op, Op::Lookup(_))),
                count(|op| *op == Op::Multiply),
                count(|op| *op == Op::Concat),
            ];
            let found = [functions, products, joined];
            match name.split(['_', '.']).next() {
                Some("mobile") => assert_eq!(found, [7, 2, 0], "{name}"),
                Some("swish") => assert!(found[0] >= 5 && found[1..] == [1, 1], "{name}: {found:?}"),
                _ => {
                    assert_eq!(found, [0, 0, 2], "{name}");
                    let last = network.graph.layers.last().map(|layer| layer.op);
                    assert_eq!(last, Some(Op::GlobalAvgPool), "{name}");
                }
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 12);
}
