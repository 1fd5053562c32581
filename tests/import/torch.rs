//! Networks of MCUNet's code against what that code answers, and checkpoints against the same weights in safetensors.
//! `tests/import/torch/make.py` writes the files.

use crate::archive::Archive;
use crate::raw_graph::{Map, run};
use crate::sides::{description, weights};
use bitsmith::import::raw::{RawGraph, RawOp};
use bitsmith::import::torch::{BlocksError, is_blocks, read_blocks};
use bitsmith::import::{ImportError, ImportOptions, Naming, Problem, SettingKind, import, import_blocks};
use bitsmith::net::{Family, Normalization};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/torch");
    std::fs::read(folder.join(name)).expect("a file of the repository")
}

/// A file of the shared data folder, or `None` with a line that says what is skipped.
fn shared(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("BITSMITH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = folder.join("data/weights").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(std::fs::read(path).expect("a file"))
}

/// The script's image: numbers from -1 to 1.
fn image(side: usize) -> Map {
    let value = |i: usize| f64::from((i as f64 * 7919.0 % 255.0 / 127.5 - 1.0) as f32);
    Map { dims: vec![1, 3, side, side], values: (0..3 * side * side).map(value).collect() }
}

fn agrees(graph: &RawGraph, expected: &str) {
    let side = graph.inputs[0].dims[2].expect("a resolution");
    assert_eq!(graph.inputs[0].dims, [None, Some(3), Some(side), Some(side)]);
    let expected: Vec<f64> = serde_json::from_slice(&file(expected)).expect("logits");
    let logits = run(graph, image(side));
    let difference = logits.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("largest difference {difference:e}");
    assert_eq!(logits.len(), expected.len());
    assert!(difference < 1e-4, "{logits:?}, expected {expected:?}");
}

fn config() -> Value {
    serde_json::from_slice(&file("blocks.json")).expect("JSON")
}

fn read(config: &Value) -> Result<RawGraph, BlocksError> {
    read_blocks(config.to_string().as_bytes(), &file("blocks.pth"))
}

#[test]
fn all_layers_of_mcunet_answer_as_its_code_does() {
    let graph = read_blocks(&file("blocks.json"), &file("blocks.pth")).expect("a network");
    assert!(!graph.nodes.iter().any(|node| matches!(node.op, RawOp::Unsupported { .. })));
    agrees(&graph, "blocks_expected.json");
}

#[test]
fn a_searched_network_answers_as_its_code_does() {
    let name = "proxyless-w0.3-r176_imagenet";
    let (Some(json), Some(weights)) = (shared(&format!("{name}.json")), shared(&format!("{name}.pth")))
    else {
        return;
    };
    assert!(is_blocks(&json));
    let graph = read_blocks(&json, &weights).expect("a network");
    assert_eq!(graph.name, "ProxylessNASNets");
    assert_eq!(graph.inputs[0].dims, [None, Some(3), Some(176), Some(176)]);
    agrees(&graph, "proxyless_expected.json");
    // Without the description it is none of the zoo's.
    let error = import(&weights, &ImportOptions::default()).expect_err("searched kernels");
    assert!(matches!(error, ImportError::Tensors(_)), "{error}");
}

/// As it is for the same tensors without a description.
#[test]
fn preprocessing_that_nobody_says_is_that_of_mcunet() {
    let (json, weights) = (description(Value::Null), weights(None));
    let found = import_blocks(&json, &weights, &ImportOptions::default()).expect("a network");
    assert_eq!(found.model.normalization, Naming::Mcunet.usual_normalization(Family::MobileNetV2));
    let setting = found.settings.iter().find(|setting| setting.kind == SettingKind::Normalization);
    assert!(setting.is_some_and(|setting| setting.is_assumed() && setting.to_string().contains("MCUNet")));
    let said = ImportOptions { normalization: Some(Normalization::IMAGENET), ..ImportOptions::default() };
    let found = import_blocks(&json, &weights, &said).expect("a network");
    assert_eq!(found.model.normalization, Normalization::IMAGENET);
}

#[test]
fn a_description_is_told_by_what_it_says() {
    assert!(is_blocks(&file("blocks.json")));
    for other in ["", "{}", "[]", r#"{"first_conv": {}, "blocks": []}"#, r#"{"layers": []}"#] {
        assert!(!is_blocks(other.as_bytes()), "{other}");
        let error = read_blocks(other.as_bytes(), &file("blocks.pth")).expect_err(other);
        assert!(error.to_string().contains("expected first_conv, blocks and classifier"), "{error}");
    }
    let long = vec![b' '; 1 << 20];
    assert!(matches!(read_blocks(&long, &[]), Err(BlocksError::TooLong { .. })));
    assert!(matches!(read_blocks(&file("blocks.json"), b"words"), Err(BlocksError::File(_))));
}

#[test]
fn tensors_of_another_network_are_named() {
    let mut other = config();
    other["blocks"][2]["mobile_inverted_conv"]["kernel_size"] = json!(3);
    other["blocks"][0]["mobile_inverted_conv"]["use_se"] = json!(true);
    other["blocks"][8]["mobile_inverted_conv"] = Value::Null;
    let Err(BlocksError::Tensors(problems)) = read(&other) else { panic!("another network") };
    let name = |at: usize, rest: &str| format!("blocks.{at}.mobile_inverted_conv.{rest}");
    for problem in [
        Problem::Missing { name: name(0, "depth_conv.se.fc.reduce.weight"), expected: vec![8, 4, 1, 1] },
        Problem::Shape {
            name: name(2, "depth_conv.conv.weight"),
            expected: vec![8, 1, 3, 3],
            found: vec![8, 1, 5, 5],
        },
        Problem::Unexpected { name: name(8, "depth_conv.bn.bias"), found: vec![7] },
    ] {
        assert!(problems.contains(&problem), "{problem:?}: {problems:?}");
    }
    let text = BlocksError::Tensors(problems).to_string();
    assert!(text.starts_with("the tensors do not fit the network of the JSON:\n- "), "{text}");
    assert!(text.contains("more"), "{text}");
}

#[test]
fn what_is_not_known_is_a_node_that_says_so() {
    for (change, value, reason) in [
        ("/blocks/3/mobile_inverted_conv/name", json!("FusedLayer"), "a layer of class 'FusedLayer'"),
        ("/blocks/3/mobile_inverted_conv/pool_type", json!("lp"), "a pool of type 'lp'"),
        ("/blocks/3/mobile_inverted_conv/stride", json!(0), "a window or step out of range"),
        ("/blocks/2/mobile_inverted_conv/act_func", json!("gelu"), "the activation 'gelu'"),
        (
            "/blocks/2/mobile_inverted_conv/stride",
            json!(0),
            "a convolution with an even kernel or a step out of range",
        ),
        ("/blocks/7/mobile_inverted_conv/has_shuffle", json!(true), "a shuffle of channels"),
        ("/bn/ws_eps", json!(1e-5), "a convolution with standardized weights"),
        ("/first_conv/ops_order", json!("weight_bn_warp"), "a step 'warp'"),
    ] {
        let mut other = config();
        *other.pointer_mut(change).expect(change) = value;
        let graph = read(&other).expect(change);
        let expected = RawOp::Unsupported { reason: reason.into() };
        assert!(graph.nodes.iter().any(|node| node.op == expected), "{change}: {:?}", graph.nodes);
    }
}

#[test]
fn numbers_out_of_all_proportion_are_problems() {
    for change in ["in_channels", "out_channels", "mid_channels", "kernel_size", "expand_ratio"] {
        for value in [json!(u64::MAX), json!(0)] {
            let mut other = config();
            other["blocks"][8]["mobile_inverted_conv"][change] = value;
            assert!(matches!(read(&other), Err(BlocksError::Tensors(_)) | Ok(_)), "{change}");
        }
    }
    let mut other = config();
    other["first_conv"]["groups"] = json!(0);
    assert!(matches!(read(&other), Err(BlocksError::Tensors(_))));
    other["first_conv"]["groups"] = json!(-1);
    assert!(matches!(read(&other), Err(BlocksError::Json(_))));
}

#[test]
fn a_convolution_of_nothing_is_not_supported() {
    let config = json!({
        "first_conv": {"name": "ConvLayer", "in_channels": 0, "out_channels": 4, "use_bn": false, "act_func": null},
        "blocks": [],
        "classifier": {"name": "LinearLayer", "in_features": 4, "out_features": 2},
    });
    let mut archive = Archive::default();
    archive.put("first_conv.conv.weight", &[4, 0, 3, 3], &[]);
    archive.put("classifier.linear.weight", &[2, 4], &[0.5; 8]);
    archive.put("classifier.linear.bias", &[2], &[0.5; 2]);
    let graph = read_blocks(config.to_string().as_bytes(), &archive.bytes()).expect("a network");
    assert_eq!(graph.inputs[0].dims, [None, Some(3), None, None]);
    let reason = "a convolution of no channels".to_owned();
    assert_eq!(graph.nodes[0].op, RawOp::Unsupported { reason });
    assert_eq!(graph.nodes[2].op, RawOp::Dense);
}

#[test]
fn a_checkpoint_gives_the_model_of_the_same_weights_in_safetensors() {
    let name = "imagenette10_mnasnet_0.5_128";
    let (Some(checkpoint), Some(weights)) =
        (shared(&format!("{name}.pth")), shared(&format!("{name}.safetensors")))
    else {
        return;
    };
    let expected = import(&weights, &ImportOptions::default()).expect("weights").model;
    // What the metadata say there has to be said here.
    let options = ImportOptions {
        network: Some(expected.network.zoo().expect("a network of the zoo")),
        normalization: Some(expected.normalization),
        ..Default::default()
    };
    let mut found = import(&checkpoint, &options).expect("a checkpoint");
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    found.model.labels = expected.labels.clone();
    assert_eq!(found.model, expected);
    for end in (0..checkpoint.len()).step_by(checkpoint.len() / 100) {
        import(&checkpoint[..end], &options).expect_err("cut off");
    }
}

/// A checkpoint of the form before PyTorch 1.6, with state dicts of the archives' tensors under these keys.
fn checkpoint(states: &[(&str, &Archive)]) -> Vec<u8> {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let number = |number: usize| [b"J", &(number as u32).to_le_bytes()[..]].concat();
    let tuple = |numbers: &[usize]| {
        [b"(", &numbers.iter().flat_map(|&n| number(n)).collect::<Vec<_>>()[..], b"t"].concat()
    };
    let mut object = b"\x80\x02}".to_vec();
    let mut storages = Vec::new();
    for (key, archive) in states {
        object.extend([&text(key)[..], b"ccollections\nOrderedDict\n)R("].concat());
        for (name, (_, shape, bytes)) in &archive.tensors {
            let strides: Vec<usize> = (1..=shape.len()).map(|axis| shape[axis..].iter().product()).collect();
            let storage = [
                &text("storage")[..],
                b"ctorch\nFloatStorage\n",
                &text(&storages.len().to_string()),
                &text("cpu"),
                &number(bytes.len() / 4),
            ];
            object.extend(
                [&text(name)[..], b"ctorch._utils\n_rebuild_tensor_v2\n((", &storage.concat(), b"tQ"]
                    .concat(),
            );
            object.extend([&number(0)[..], &tuple(shape), &tuple(&strides), b"\x89}tR"].concat());
            storages.push(bytes);
        }
        object.extend(b"us");
    }
    let keys: Vec<u8> = (0..storages.len()).flat_map(|key| text(&key.to_string())).collect();
    let magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    let mut file = [&magic[..], &object, b".\x80\x02](", &keys, b"e."].concat();
    for storage in storages {
        file.extend((storage.len() as u64 / 4).to_le_bytes());
        file.extend(storage);
    }
    file
}

#[test]
fn names_of_every_tool_are_read_from_checkpoints() {
    for (network, naming) in [
        ("mobilenet-v1-0.25-224", Naming::Timm),
        ("mobilenet-v2-0.35-224", Naming::Torchvision),
        ("mobilenet-v2-0.35-224", Naming::Haq),
        ("mnasnet-0.35-224", Naming::Mcunet),
        ("mobilenet-v1-0.25-224", Naming::Transformers),
    ] {
        let archive = Archive::of(network, naming);
        let mut other = archive.clone();
        let name = other.tensors.keys().next().expect("tensors").clone();
        other.poke(&name, 0, 9.0);
        let options = ImportOptions::default();
        let expected = import(&archive.bytes(), &options).expect(network);
        for (states, noted) in [
            (&[("state_dict", &archive)][..], None),
            (&[("model_ema", &other), ("model", &archive)], Some("model_ema")),
            (&[("anything", &archive)], None),
            (&[("ema", &archive)], None),
        ] {
            let found = import(&checkpoint(states), &options).expect(network);
            assert_eq!(found.model, expected.model, "{network} in {naming} names");
            let notes: Vec<_> = found.notes.iter().map(|note| note.key.as_str()).collect();
            assert_eq!(notes, noted.into_iter().collect::<Vec<_>>());
            if let Some(note) = found.notes.first() {
                let expected = format!(
                    "checkpoint model_ema = '{} tensors' is not used: model is the network",
                    other.tensors.len()
                );
                assert_eq!(note.to_string(), expected);
            }
        }
    }
}
