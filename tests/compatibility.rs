//! What COMPATIBILITY.md promises, with files that released versions have written. `tests/golden/released/VERSION` holds
//! one of each; none is ever changed. Links are in `tests/link.rs`.
//!
//! The files of 0.1.0 are of mobilenet-v1-0.1-32 with two classes, trained on made-up images and fine-tuned at 4 bits.

use bitsmith::{
    calibrate::trained,
    export::{model, policy},
    import::{ImportOptions, import},
    infer::{Engine, Workspace, reference},
    memory::Mcu,
    net::{Network, Spec},
    quant::{Bits, Policy, QuantizedNetwork},
    search::Search,
};
use flate2::read::GzDecoder;
use std::io::Read;

/// Logits of the images below as ONNX Runtime 1.31.1 computed them with the model.onnx of 0.1.0.
const LOGITS: [[i32; 2]; 4] = [[2445, 787], [222, 779], [-579, 755], [-43, -622]];

fn image(number: usize) -> Vec<u8> {
    let place = |i: usize| (i / 96, i / 3 % 32, i % 3);
    let code = |(y, x, c): (usize, usize, usize)| {
        (31 * number + 7 * y + 3 * x + 11 * c + y * x * (number + 1)) % 256
    };
    (0..32 * 32 * 3).map(|i| code(place(i)) as u8).collect()
}

fn unpacked(gz: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(gz).read_to_end(&mut bytes).expect("a whole file");
    bytes
}

fn network() -> (Network, Policy) {
    let spec: Spec = "mobilenet-v1-0.1-32".parse().expect("a name");
    let spec = spec.with_classes(2).expect("two classes");
    (spec.into(), Policy::uniform(&spec.build(), Bits::B4, Bits::B4))
}

fn check(found: &QuantizedNetwork) {
    assert_eq!((&found.network, &found.policy), (&network().0, &network().1));
    assert_eq!(found.labels.as_deref(), Some(&["dark".to_owned(), "light".to_owned()][..]));
    let engine = Engine::new(found).expect("integers that can be computed");
    let mut workspace = Workspace::default();
    for (number, logits) in LOGITS.iter().enumerate() {
        let image = image(number);
        assert_eq!(reference::run(found, &image).expect("an image"), logits, "image {number}");
        assert_eq!(engine.run(&mut workspace, &image).expect("an image"), logits, "image {number}");
    }
}

#[test]
fn model_bin_computes_what_it_always_has() {
    let bytes = unpacked(include_bytes!("golden/released/0.1.0/model.bin.gz"));
    check(&model::read(&bytes).expect("a network"));
}

#[test]
fn weights_with_quantizers_are_the_same_network() {
    let bytes = unpacked(include_bytes!("golden/released/0.1.0/weights.safetensors.gz"));
    let imported = import(&bytes, &ImportOptions::default()).expect("a network");
    let grids = imported.grids.expect("quantizers");
    assert_eq!(grids.policy(imported.model.graph()), network().1);
    check(&trained(&imported.model, &grids).expect("integers"));
}

#[test]
fn policies_are_read_as_what_they_were() {
    let (network, expected) = network();
    for text in
        [include_str!("golden/released/0.1.0/policy.json"), include_str!("golden/released/0.1.0/haq.json")]
    {
        assert_eq!(policy::read(text, &network).as_ref(), Ok(&expected));
    }
}

/// Links name devices.
#[test]
fn devices_keep_their_names() {
    let names = include_str!("golden/released/0.1.0/devices.txt").lines();
    let gone: Vec<_> = names.filter(|name| Mcu::by_slug(name).is_none()).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// A checkpoint is for the version that wrote it; another one says so.
#[test]
fn checkpoints_of_searches_are_refused_in_a_sentence() {
    let bytes = include_bytes!("golden/released/0.1.0/search.bitsmith-search");
    let refused = Search::resume(network().0.graph(), bytes).err().expect("of another version").to_string();
    assert!(refused.contains("another version") && refused.contains("start again without it"), "{refused}");
}

/// The beginning of a checkpoint, which names its version.
#[cfg(feature = "train")]
#[test]
fn checkpoints_of_training_are_refused_in_a_sentence() {
    let bytes = include_bytes!("golden/released/0.1.0/training-checkpoint.head");
    let error = bitsmith::train::Checkpoint::from_bytes(bytes).expect_err("the beginning alone").to_string();
    assert!(error.contains("start again without it"), "{error}");
}
