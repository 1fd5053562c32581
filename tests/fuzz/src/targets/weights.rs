//! Weights in safetensors, with metadata and quantizers, and in the files of other tools.

use super::{KIB, MIB, Target, nothing};
use crate::input::Input;
use bitsmith::calibrate::trained;
use bitsmith::import::{ImportOptions, Naming, import, names, save};
use bitsmith::net::{Family, Normalization, Padding, Spec, Width};
use serde_json::{Map, Value, json};

pub const TARGET: Target = Target {
    name: "weights",
    longest: 8 * KIB,
    // A described file has up to `MOST_DATA` bytes more than its description.
    memory: |bytes| 16 * MIB + 64 * bytes,
    prepare: nothing,
    run,
    seeds,
    words: "mean|std|image_mean|pixel_range|255|bn_eps|0.001|padding|TensorFlow SAME|PyTorch symmetric|\
        preprocessing|x/127.5 - 1|(x/255 - mean) / std|imagenet|resolution|128x128|labels|[\"a\", \"b\"]|\
        width|0.25|activation|relu6|resize|crop=0.9|module|model_weights|quantizer.|F16|BF16|F64|I64|U8|\
        __metadata__|data_offsets|shape|dtype|\u{e9}|state_dict|model_ema|_modules|_parameters|_buffers|\
        torch._utils|_rebuild_tensor_v2|_rebuild_parameter|FloatStorage|HalfStorage|OrderedDict|data.pkl",
};

/// Bytes of tensors that a described file may have.
const MOST_DATA: usize = MIB;

const KINDS: [&str; 8] = ["F32", "F16", "BF16", "F64", "I64", "U8", "BOOL", "C64"];

/// The first byte says whether the rest is a file or the description of one, and what the caller knows.
fn run(data: &[u8]) {
    let mut input = Input(data);
    let what = input.byte();
    let options = ImportOptions {
        naming: (what & 2 != 0).then(|| Naming::ALL[usize::from(what >> 4) % Naming::ALL.len()]),
        padding: (what & 4 != 0).then_some(Padding::PyTorch),
        normalization: (what & 8 != 0).then_some(Normalization::UNIT),
        ..ImportOptions::default()
    };
    let described;
    let bytes = if what & 1 == 0 {
        input.rest()
    } else {
        described = file(&mut input);
        &described
    };
    match import(bytes, &options) {
        Ok(imported) => {
            imported.settings.iter().for_each(|setting| drop(setting.to_string()));
            imported.notes.iter().for_each(|note| drop(note.to_string()));
            let saved = save(&imported.model, imported.grids.as_ref()).expect("a whole network");
            let again = import(&saved, &ImportOptions::default()).expect("what was written is read");
            assert_eq!(again.model.network, imported.model.network);
            assert_eq!(again.model.labels, imported.model.labels);
            assert_eq!(again.grids.is_some(), imported.grids.is_some());
            if let Some(grids) = &imported.grids {
                let _ = trained(&imported.model, grids).map_err(|error| error.to_string());
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

/// A tensor of a described file.
#[derive(Clone)]
struct Tensor {
    name: String,
    kind: &'static str,
    shape: Vec<usize>,
}

impl Tensor {
    fn bytes(&self) -> usize {
        let size = match self.kind {
            "F64" | "I64" | "C64" => 8,
            "F32" => 4,
            "F16" | "BF16" => 2,
            _ => 1,
        };
        self.shape.iter().fold(size, |bytes, &side| bytes.saturating_mul(side))
    }
}

/// A file as a tool saves a network, with changes.
fn file(input: &mut Input) -> Vec<u8> {
    let (family, naming, kind) = (input.pick(&Family::ALL), input.pick(&Naming::ALL), input.pick(&KINDS));
    let (width, classes) = (Width(input.pick(&[10, 10, 25, 35])), input.within(1, 16));
    let spec = Spec::new(family, width, 32).and_then(|spec| spec.with_classes(classes as u64));
    let listed = spec.as_ref().map_or_else(|_| Vec::new(), |spec| names(spec, naming));
    let mut tensors: Vec<Tensor> =
        listed.into_iter().map(|(name, shape)| Tensor { name, kind, shape }).collect();
    let (mut metadata, mut fill) = (Map::new(), [0, 0x3c]);
    while !input.is_empty() {
        let (change, at) = (input.below(10), usize::from(input.word()) % tensors.len().max(1));
        let Some(tensor) = tensors.get_mut(at) else { break };
        match change {
            0 => drop(tensors.remove(at)),
            1 => tensor.name = input.text(),
            2 => tensor.kind = input.pick(&KINDS),
            3 => {
                let place = input.below(4);
                if let Some(side) = tensor.shape.get_mut(place) {
                    *side = usize::from(input.word());
                }
            }
            4 => drop(metadata.insert(input.text(), Value::String(input.text()))),
            5 => {
                let prefix = input.text();
                tensors.iter_mut().for_each(|tensor| tensor.name.insert_str(0, &prefix));
            }
            6 => {
                let copy = Tensor { name: input.text(), ..tensor.clone() };
                tensors.push(copy);
            }
            7 => fill = [input.byte(), input.byte()],
            8 => tensor.shape.push(input.below(4)),
            _ => quantizers(&spec, &mut tensors),
        }
    }
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".into(), metadata.into());
    }
    let mut end = 0_usize;
    for tensor in tensors {
        let start = end;
        end = end.saturating_add(tensor.bytes());
        let entry = json!({"dtype": tensor.kind, "shape": tensor.shape, "data_offsets": [start, end]});
        header.insert(tensor.name, entry);
    }
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend(fill.iter().cycle().take(end.min(MOST_DATA)));
    file
}

/// Adds the tensors of trained quantizers, as src/import/quantizers.rs names them.
fn quantizers(spec: &Result<Spec, bitsmith::net::SpecError>, tensors: &mut Vec<Tensor>) {
    let Ok(spec) = spec else { return };
    let graph = spec.build();
    for layer in &graph.layers {
        let channels = graph.output_shape(layer).channels;
        let weights = layer.has_weights().then_some(("weight", channels));
        let output = (layer.output != graph.logits()).then_some(("output", 1));
        for (what, count) in weights.into_iter().chain(output) {
            for (part, kind) in [("scale", "F64"), ("zero_point", "U8"), ("bits", "U8")] {
                let name = format!("quantizer.{}.{what}_{part}", layer.name);
                tensors.push(Tensor { name, kind, shape: vec![count] });
            }
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let entry = |key: &str, value: &str| [&[4, 0, 0][..], &text(key), &text(value)].concat();
    let mut seeds = Vec::new();
    for family in 0..Family::ALL.len() {
        for naming in 0..Naming::ALL.len() {
            seeds.push(vec![1, family as u8, naming as u8, 1, 0, 1]);
        }
    }
    let network = [1, 0, 2, 0, 0, 1];
    for changes in [
        [entry("preprocessing", "x/127.5 - 1"), entry("labels", "[\"a\", \"b\"]")].concat(),
        [entry("mean", "0.485, 0.456, 0.406"), entry("std", "0.2 0.2 0.2"), entry("bn_eps", "1e-5")].concat(),
        [entry("resolution", "64x64"), entry("padding", "TensorFlow SAME"), entry("resize", "stretch")]
            .concat(),
        [&[5, 0, 0][..], &text("module.")].concat(),
        [&[9, 0, 0][..], &[7, 0, 0, 2, 2]].concat(),
        [&[6, 0, 0][..], &text("n_averaged"), &[2, 9, 0, 4]].concat(),
    ] {
        seeds.push([&network[..], &changes].concat());
    }
    let small = json!({"a.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).to_string();
    seeds.push([&[0][..], &(small.len() as u64).to_le_bytes(), small.as_bytes(), &[0; 4]].concat());
    for checkpoint in [
        &include_bytes!("../../../import/torch/legacy.pth")[..],
        include_bytes!("../../../import/torch/zip_5.pth"),
        include_bytes!("../../../import/torch/tensors_legacy.pth"),
        include_bytes!("../../../import/torch/checkpoint_model.pth"),
    ] {
        seeds.push([b"\0", checkpoint].concat());
    }
    for graph in [
        &include_bytes!("../../../onnx_files/block_script_17.onnx")[..],
        include_bytes!("../../../onnx_files/bounded_qoperator_u8s8_channel.onnx"),
        include_bytes!("../../../onnx_files/tf2onnx_13.onnx"),
        include_bytes!("../../../onnx_files/plain_dynamo.onnx"),
        include_bytes!("../../../tflite/tiny_float32.tflite"),
        include_bytes!("../../../tflite/tiny_int8.tflite"),
    ] {
        seeds.push([b"\0", graph].concat());
    }
    seeds.extend([&b"\0PK\x03\x04data.pkl"[..], b"\0\x89HDF\r\n", b"\0<!DOCTYPE html>"].map(<[u8]>::to_vec));
    seeds
}
