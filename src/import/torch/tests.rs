//! Checkpoints that PyTorch wrote (`tests/import/torch`), and pickles that nobody should write.

mod hostile;

use super::*;
use crate::import::error::Problem;
use crate::import::passes::{LowerOptions, lower};
use crate::import::tensor::Tensor;
use crate::net::{Function, Op};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What PyTorch finds in a file.
#[derive(Deserialize)]
struct Expected {
    tensors: BTreeMap<String, ExpectedTensor>,
    /// Keys that lead to the tensors.
    taken: Option<String>,
    /// Keys of other networks.
    others: Vec<String>,
}

#[derive(Deserialize)]
struct ExpectedTensor {
    r#type: String,
    shape: Vec<usize>,
    values: Vec<f64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/torch")
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).expect("a file of the repository")
}

fn expected() -> BTreeMap<String, Expected> {
    serde_json::from_slice(&file("expected.json")).expect("the form that its script writes")
}

fn contents_of(bytes: &[u8]) -> Result<Contents<'_>, TorchError> {
    read(Form::of(bytes).expect("a checkpoint"), bytes)
}

fn refusal(bytes: &[u8]) -> String {
    contents_of(bytes).expect_err("refused").to_string()
}

/// Elements of any type as numbers.
fn numbers(tensor: &Tensor) -> Vec<f64> {
    if let Some(values) = tensor.to_f32().filter(|_| tensor.dtype != Dtype::F64) {
        return values.into_iter().map(f64::from).collect();
    }
    let size = tensor.dtype.bitsize() / 8;
    let number = |bytes: &[u8]| {
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(bytes);
        if tensor.dtype == Dtype::F64 { f64::from_le_bytes(wide) } else { i64::from_le_bytes(wide) as f64 }
    };
    tensor.data.chunks(size).map(number).collect()
}

#[test]
fn all_forms_give_the_tensors_that_pytorch_finds() {
    for (name, expected) in expected() {
        let bytes = file(&name);
        let Contents { tensors, metadata, notes } = contents_of(&bytes).expect(&name);
        assert!(metadata.is_empty(), "{name}");
        let names = |of: Vec<&String>| of.into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(names(tensors.keys().collect()), names(expected.tensors.keys().collect()), "{name}");
        for (tensor, ExpectedTensor { r#type, shape, values }) in &expected.tensors {
            let found = &tensors[tensor];
            assert_eq!(found.shape, *shape, "{name}: {tensor}");
            assert_eq!(numbers(found), *values, "{name}: {tensor}");
            assert_eq!(found.is_float(), r#type.contains("float"), "{name}: {tensor} of type {type}");
        }
        let others: Vec<_> = notes.iter().map(|note| note.key.clone()).collect();
        assert_eq!(others, expected.others, "{name}");
        let taken = expected.taken.unwrap_or("the checkpoint itself".into());
        assert!(notes.iter().all(|note| note.reason == format!("{taken} is the network")), "{notes:?}");
    }
}

#[test]
fn tensors_in_one_piece_are_not_copied() {
    let bytes = file("tensors.pth");
    let found = contents_of(&bytes).expect("a checkpoint");
    let copied = found.tensors.iter().filter(|(_, tensor)| matches!(tensor.data, Cow::Owned(_)));
    let copied: Vec<_> = copied.map(|(name, _)| name.as_str()).collect();
    assert_eq!(copied, ["a_column", "a_transposed", "channels_last", "expanded"]);
}

#[test]
fn what_is_no_network_is_refused_in_words() {
    for (name, part) in [
        ("script.pt", "torch.jit.load('net.pt').state_dict()"),
        ("sparse.pth", "tensor 'w' of the checkpoint is sparse"),
        ("nothing.pth", "no state dict, only 'epoch', 'names'"),
        ("several.pth", "several networks (generator, critic)"),
        ("plain.pkl", "torch.save has not written"),
        ("tar.pth", "tar form of 2016"),
    ] {
        let text = refusal(&file(name));
        assert!(text.contains(part), "{name}: {text}");
    }
}

#[test]
fn other_machines_are_named() {
    let little = file("zip_2.pth");
    let place = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).rposition(|window| window == text);
    // The archive's checksum does not fit then, but that of files without one is not looked at.
    let mut big = file("no_checksums.pth");
    let at = place(&big, b"little").expect("a byte order");
    big[at..at + 6].copy_from_slice(b"big   ");
    assert!(refusal(&big).contains("big-endian"), "{}", refusal(&big));
    let mut damaged = little;
    damaged[place(&file("zip_2.pth"), b"little").expect("a byte order")] = b'x';
    assert!(refusal(&damaged).contains("checksum"), "{}", refusal(&damaged));
    let mut legacy = file("legacy.pth");
    let at = place(&legacy, b"little_endian").expect("a byte order") + 13;
    // BINPUT and its number stand between the key and NEWTRUE.
    assert_eq!(legacy[at + 2], 0x88);
    legacy[at + 2] = 0x89;
    assert!(refusal(&legacy).contains("big-endian"));
}

#[test]
fn a_cut_file_is_never_a_network_and_never_a_panic() {
    for name in
        ["zip_2.pth", "zip_4.pth", "legacy.pth", "module_legacy.pth", "checkpoint.pth", "deflated.pth"]
    {
        let bytes = file(name);
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            // So short that it says nothing of itself.
            let Some(form) = Form::of(cut) else { continue };
            let error = read(form, cut).expect_err("cut off").to_string();
            assert!(error.len() > 20, "{name} up to {end}: {error}");
        }
    }
}

#[test]
fn a_changed_byte_is_never_a_panic() {
    for name in ["zip_2.pth", "legacy.pth", "tensors.pth", "tensors_legacy.pth", "no_checksums.pth"] {
        let bytes = file(name);
        for at in 0..bytes.len() {
            for flip in [0xff, 0x01, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                let Some(form) = Form::of(&changed) else { continue };
                if let Err(error) = read(form, &changed) {
                    assert!(error.to_string().len() > 20, "{name} at {at}: {error}");
                }
            }
        }
    }
}

/// A file of ones with all the tensors that a network asks for.
fn ones(json: &[u8]) -> Vec<u8> {
    let view =
        |shape: &[usize], bytes| TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("as many bytes");
    let other = safetensors::serialize([("other", view(&[1], &[0; 4]))], None).expect("a tensor");
    let Err(BlocksError::Tensors(problems)) = read_blocks(json, &other) else {
        panic!("expected missing tensors")
    };
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = problems
        .into_iter()
        .filter_map(|problem| match problem {
            Problem::Missing { name, expected } => {
                let bytes = 1.0_f32.to_le_bytes().repeat(expected.iter().product());
                Some((name, expected, bytes))
            }
            _ => None,
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| (name.as_str(), view(shape, bytes)));
    safetensors::serialize(views, None).expect("tensors")
}

/// MobileNetV3 of Once-for-All: the pool stands before the layer that mixes features; blocks of both versions.
#[test]
fn gates_and_functions_of_searched_networks_are_taken() {
    let conv = |channels: [usize; 2], kernel: usize, norm: bool| {
        let [inputs, outputs] = channels;
        json!({"name": "ConvLayer", "in_channels": inputs, "out_channels": outputs, "kernel_size": kernel,
            "stride": if kernel == 3 { 2 } else { 1 }, "use_bn": norm, "act_func": "h_swish"})
    };
    let inverted = |outputs: usize, ratio: usize, activation: &str| {
        json!({"name": "MBConvLayer", "in_channels": 16, "out_channels": outputs, "kernel_size": 5, "stride": 1,
            "expand_ratio": ratio, "act_func": activation, "use_se": true})
    };
    let around = json!({"name": "IdentityLayer", "in_channels": 16, "out_channels": 16});
    let network = json!({
        "name": "MobileNetV3", "bn": {"momentum": 0.1, "eps": 1e-5}, "resolution": 32,
        "first_conv": conv([3, 16], 3, true),
        "blocks": [
            {"name": "ResidualBlock", "conv": inverted(16, 1, "relu"), "shortcut": around},
            {"name": "MobileInvertedResidualBlock", "mobile_inverted_conv": inverted(8, 2, "swish"), "shortcut": null},
        ],
        "final_expand_layer": conv([8, 12], 1, true),
        "feature_mix_layer": conv([12, 20], 1, false),
        "classifier": {"name": "LinearLayer", "in_features": 20, "out_features": 10, "bias": true},
    });
    let json = network.to_string().into_bytes();
    let graph = read_blocks(&json, &ones(&json)).expect("a network");
    let place = |name: &str| graph.nodes.iter().position(|node| node.name == name).expect(name);
    let order =
        ["blocks.0.conv.depth_conv.se.mul", "final_expand_layer.conv", "mean", "feature_mix_layer.conv"];
    assert!(order.map(place).is_sorted());
    let network = lower(graph, &LowerOptions::default()).expect("a network that can be taken").graph;
    let count = |op: Op| network.layers.iter().filter(|layer| layer.op == op).count();
    let functions = [Function::HardSwish, Function::Swish, Function::HardSigmoid];
    assert_eq!(functions.map(|function| count(Op::Lookup(function))), [3, 2, 2]);
    assert_eq!((count(Op::Multiply), network.classes()), (2, 10));
}
