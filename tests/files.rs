//! Networks out of the files that their authors have: opened as the page and the command line open them, and computed in
//! real numbers and in integers, against what the format's own runtime computes.
//!
//! The files are in the shared data folder, which is no part of the project; where it is not found (`BITSMITH_SHARED`,
//! else `../shared`) these tests say so and pass.

use bitsmith::calibrate::{Observer, Quantization, Settings};
use bitsmith::export::model;
use bitsmith::float::FloatNetwork;
use bitsmith::import::{ImportError, ImportOptions, Imported, import, import_files, save};
use bitsmith::infer::{Engine, Workspace, reference};
use bitsmith::link::Link;
use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::net::{Model, Normalization, Op};
use bitsmith::quant::{Bits, Policy, QuantizedNetwork};
use safetensors::SafeTensors;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A file of the shared data folder, or `None` with a line that says what is skipped.
fn shared(name: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("BITSMITH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("data/weights").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    bytes
}

fn opened(name: &str) -> Option<Imported> {
    let bytes = shared(name)?;
    Some(import(&bytes, &ImportOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// Image number `index` of `tests/tflite/make_logits.py`.
fn image(index: usize, side: usize) -> Vec<u8> {
    let pixel = |y: usize, x: usize, c: usize| ((31 * y + 17 * x + 91 * c + 7 * index) % 256) as u8;
    (0..side)
        .flat_map(|y| (0..side).flat_map(move |x| (0..3).map(move |c| (y, x, c))))
        .map(|(y, x, c)| pixel(y, x, c))
        .collect()
}

/// Logits that LiteRT computes of these images.
#[derive(Deserialize)]
struct Golden {
    file: String,
    logits: Vec<Vec<f32>>,
}

fn golden(file: &str) -> Vec<Vec<f32>> {
    let all: Vec<Golden> =
        serde_json::from_str(include_str!("tflite/logits.json")).expect("the script's numbers");
    all.into_iter().find(|golden| golden.file == file).expect("a network of the script").logits
}

/// Largest difference as a part of the largest logit.
fn distance(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let largest = expected.iter().flatten().fold(0.0f32, |most, logit| most.max(logit.abs()));
    pairs.fold(0.0f32, |most, (a, b)| most.max((a - b).abs())) / largest
}

fn float_logits(model: &Model, images: &[Vec<u8>]) -> Vec<Vec<f32>> {
    let network = FloatNetwork::new(model).expect("a whole network");
    images.iter().map(|image| network.run(image).expect("an image of its size")).collect()
}

#[test]
fn float_files_compute_what_their_runtime_computes() {
    for (files, side, of) in [
        (["resnet8_cifar10.tflite", "resnet8_cifar10.h5"], 32, "resnet8_cifar10.tflite"),
        (["vww_96.tflite", "vww_96.h5"], 96, "vww_96.tflite"),
    ] {
        let images: Vec<_> = (0..10).map(|index| image(index, side)).collect();
        let expected = golden(of);
        for name in files {
            let Some(imported) = opened(name) else { continue };
            assert_eq!(imported.model.network.side(), side, "{name}");
            let model = Model {
                // Keras' file does not say it; the other does not say it either, as its input is in real numbers.
                normalization: if side == 32 { Normalization::RAW } else { Normalization::UNIT },
                ..imported.model
            };
            let found = distance(&float_logits(&model, &images), &expected);
            assert!(found < 1e-4, "{name}: {found} of the largest logit");
        }
    }
}

/// The first layer, the last, their number, the network's name in the zoo, and the preprocessing.
#[test]
fn published_files_open() {
    for (name, layers, zoo, normalization) in [
        ("resnet8_cifar10.tflite", 14, None, None),
        ("resnet8_cifar10.h5", 14, None, None),
        ("resnet8_cifar10_int8.tflite", 14, None, Some(Normalization::RAW)),
        ("vww_96.tflite", 29, None, None),
        ("vww_96.h5", 29, None, None),
        ("vww_96_int8.tflite", 29, None, Some(Normalization::UNIT)),
        ("mobilenet_v1_0.25_128_quant.tflite", 29, Some("mobilenet-v1-0.25-128"), None),
        ("mobilenet_v1_0.5_160_quant.tflite", 29, Some("mobilenet-v1-0.5-160"), None),
        ("tf2_mobilenet_v2_1.0_224_ptq.tflite", 64, Some("mobilenet-v2-1.0-224"), None),
        ("mobilenet_v1_0.25_224.h5", 29, Some("mobilenet-v1-0.25-224"), Some(Normalization::SIGNED)),
        ("flowers_mobilenet_v1_0.5_224_tl.h5", 29, Some("mobilenet-v1-0.5-224"), None),
        ("flowers_mobilenet_v2_0.35_128_tl.h5", 64, Some("mobilenet-v2-0.35-128"), None),
        ("flowers_mobilenet_v2_0.35_224_tl.h5", 64, Some("mobilenet-v2-0.35-224"), None),
        ("imagenette10_mnasnet_0.5_128.onnx", 64, Some("mnasnet-0.5-128"), None),
        ("imagenette10_mobilenet_v1_0.25_128.onnx", 29, Some("mobilenet-v1-0.25-128"), None),
        ("imagenette10_mobilenet_v1_0.5_128.onnx", 29, Some("mobilenet-v1-0.5-128"), None),
        ("imagenette10_mobilenet_v2_0.35_128.onnx", 64, Some("mobilenet-v2-0.35-128"), None),
    ] {
        let Some(imported) = opened(name) else { continue };
        let network = &imported.model.network;
        assert_eq!(network.zoo().map(|spec| spec.to_string()).as_deref(), zoo, "{name}");
        assert_eq!(network.graph().layers.len(), layers, "{name}");
        if let Some(normalization) = normalization {
            assert_eq!(imported.model.normalization, normalization, "{name}");
        }
        let saved = save(&imported.model, None).expect("a whole network");
        let again = import(&saved, &ImportOptions::default()).expect("what was written").model;
        assert!(again.network.is_same(network) && again.weights == imported.model.weights, "{name}");
    }
}

/// The same weights in two files, after batch normalization was folded or not.
#[test]
fn a_network_is_the_same_in_every_format() {
    for (name, twin) in [
        ("imagenette10_mnasnet_0.5_128.onnx", "imagenette10_mnasnet_0.5_128"),
        ("imagenette10_mobilenet_v1_0.25_128.onnx", "imagenette10_mobilenet_v1_0.25_128"),
        ("imagenette10_mobilenet_v2_0.35_128.onnx", "imagenette10_mobilenet_v2_0.35_128"),
    ] {
        let golden = shared(&format!("{twin}.golden.safetensors"));
        let (Some(imported), Some(golden)) = (opened(name), golden) else { continue };
        let golden = SafeTensors::deserialize(&golden).expect("tensors");
        let bytes = |name: &str| golden.tensor(name).expect("a golden tensor").data().to_vec();
        let images: Vec<_> = bytes("input_spread").chunks(128 * 128 * 3).map(<[u8]>::to_vec).collect();
        let logits: Vec<f32> =
            bytes("logits_spread").as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let expected: Vec<_> = logits.chunks(10).map(<[f32]>::to_vec).collect();
        // The ONNX files take images that are normalized already.
        let model = Model { normalization: Normalization::SIGNED, ..imported.model };
        let found = distance(&float_logits(&model, &images), &expected);
        assert!(found < 1e-4, "{name}: {found} of the largest logit");
    }
    let (Some(h5), Some(twin)) =
        (opened("mobilenet_v1_0.25_224.h5"), opened("mobilenet_v1_0.25_224.safetensors"))
    else {
        return;
    };
    assert_eq!(h5.model, twin.model);
}

/// Integers of a network at the same bits everywhere, calibrated with the script's images.
fn quantized(model: &Model, bits: Bits, images: &[Vec<u8>]) -> QuantizedNetwork {
    let policy = Policy::uniform(model.graph(), bits, bits);
    let mut observer = Observer::new(model, Settings::default()).expect("a whole network");
    observer.add(images).expect("images of its size");
    let calibration = observer.finish().expect("images");
    Quantization::new(model, &calibration, &policy, images).expect("images fit").finish().expect("integers")
}

/// All that is written of a network of no zoo comes back: integers, link, weights.
#[test]
fn a_network_of_no_zoo_goes_the_whole_way() {
    let Some(imported) = opened("resnet8_cifar10.tflite") else { return };
    let model = Model { normalization: Normalization::RAW, ..imported.model };
    let images: Vec<_> = (0..10).map(|index| image(index, 32)).collect();
    let float = float_logits(&model, &images);
    let network = quantized(&model, Bits::B8, &images);
    let adds = network.graph().layers.iter().filter(|layer| layer.op == Op::Add);
    assert!(adds.count() == 3 && network.network.zoo().is_none());
    let engine = Engine::new(&network).expect("integers that can be computed");
    let mut workspace = Workspace::default();
    let scale = network.tensors[network.graph().logits()].scale;
    let mut integers = Vec::new();
    for image in &images {
        let logits = engine.run(&mut workspace, image).expect("an image").to_vec();
        assert_eq!(logits, reference::run(&network, image).expect("an image"));
        integers.push(logits.iter().map(|&logit| (f64::from(logit) * scale) as f32).collect::<Vec<_>>());
    }
    let found = distance(&integers, &float);
    assert!(found < 0.1, "{found} of the largest logit at 8 bits");

    let bytes = model::write(&network).expect("an exportable network");
    assert_eq!(model::read(&bytes).expect("what was written"), network);
    let saved = import(&save(&model, None).expect("a whole network"), &ImportOptions::default());
    assert_eq!(saved.expect("what was written").model, model);
    let link = Link::new(model.network.clone(), network.policy.clone(), Budget::PAPER, MemoryModel::DEVICE);
    let text = link.encode();
    assert!(text.len() < 1000, "{} characters", text.len());
    let opened: Link = text.parse().expect("a link");
    assert!(opened.network.is_same(&model.network) && opened.policy == network.policy);
}

#[test]
fn a_description_comes_with_its_weights_in_any_order() {
    let name = "proxyless-w0.3-r176_imagenet";
    let (Some(json), Some(weights)) = (shared(&format!("{name}.json")), shared(&format!("{name}.pth")))
    else {
        return;
    };
    let options = ImportOptions { side: Some(176), ..ImportOptions::default() };
    let (one, holder) = import_files(&[json.clone(), weights.clone()], &options).expect("a network");
    let (other, first) = import_files(&[weights, json.clone()], &options).expect("a network");
    assert_eq!((holder, first, &one), (1, 0, &other));
    assert_eq!((one.model.network.side(), one.model.graph().classes()), (176, 1000));
    let other = ImportOptions { side: Some(224), ..ImportOptions::default() };
    let refused = import_files(&[json.clone(), shared(&format!("{name}.pth")).expect("weights")], &other);
    assert_eq!(refused, Err(ImportError::FixedSide { fixed: 176, asked: 224 }));
    let alone = import_files(&[json], &options).expect_err("no weights").to_string();
    assert!(alone.contains("without its weights"), "{alone}");
}
