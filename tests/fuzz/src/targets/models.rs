//! `model.bin`, and what a network that was read computes.

use super::networks::{NETWORKS, network, policy};
use super::{MIB, Target};
use crate::input::{Input, edited};
use bitsmith::calibrate::{Observer, Quantization, Settings};
use bitsmith::export::model::{header, read, write};
use bitsmith::infer::{Engine, Workspace, reference};
use bitsmith::net::Normalization;
use bitsmith::quant::QuantizedNetwork;
use bitsmith::train::fresh;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

pub const TARGET: Target = Target {
    name: "models",
    longest: 4096,
    memory: |bytes| 8 * MIB + 64 * bytes,
    prepare,
    run,
    seeds,
    words: "BSMD|mobilenet-v1-0.1-32|mobilenet-v2-|mnasnet-",
};

fn prepare() {
    bases();
}

/// The first byte says what the rest is: a file, or changes to one, which gets new checksums or keeps those it had; and
/// whether it computes.
fn run(data: &[u8]) {
    let mut input = Input(data);
    let what = input.byte();
    let bytes = match what & 3 {
        0 => input.rest().to_vec(),
        1 => edited(&bases()[usize::from(what >> 2) % NETWORKS.len()], &mut input),
        _ => summed(edited(&bases()[usize::from(what >> 2) % NETWORKS.len()], &mut input)),
    };
    match read(&bytes) {
        Ok(network) => {
            assert_eq!(write(&network).expect("what was read can be written"), bytes);
            if what & 128 != 0 {
                compute(&network, what);
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

/// The fast path equals the reference.
fn compute(network: &QuantizedNetwork, code: u8) {
    let Ok(engine) = Engine::new(network) else { return };
    let image: Vec<u8> =
        (0..network.graph().image().shape.elements()).map(|i| (i as u8).wrapping_mul(code)).collect();
    let expected = reference::run(network, &image).expect("an image");
    assert_eq!(engine.run(&mut Workspace::default(), &image).expect("an image"), expected);
}

/// A file with the lengths and checksums that it should have.
fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    const CRC: usize = 4;
    if bytes.len() < header::BYTES + CRC {
        return bytes;
    }
    let number = |bytes: &[u8], field: bitsmith::export::model::Field| {
        bytes[field.at..field.at + 4].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
    };
    let end = bytes.len() - CRC;
    let place = header::FILE_BYTES.at;
    bytes[place..place + 4].copy_from_slice(&((end + CRC) as u32).to_le_bytes());
    let start = number(&bytes, header::SECTION_AT);
    let section = bytes.get(start..start.saturating_add(number(&bytes, header::SECTION_BYTES)));
    if let Some(sum) = section.map(Sha256::digest) {
        bytes[header::SHA256.at..header::SHA256.at + 32].copy_from_slice(&sum);
    }
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Networks with random weights.
fn bases() -> &'static [Vec<u8>] {
    static BASES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    BASES.get_or_init(|| {
        (0..NETWORKS.len())
            .map(|number| {
                let network = network(number);
                let graph = network.graph();
                let mut model = fresh(network.clone(), Normalization::SIGNED, 1);
                model.labels = (number == 0).then(|| vec!["cat".to_owned(), "dog".to_owned()]);
                let images: Vec<Vec<u8>> = (0..2_u8)
                    .map(|n| {
                        (0..graph.image().shape.elements()).map(|i| (i as u8).wrapping_mul(37 + n)).collect()
                    })
                    .collect();
                let mut observer = Observer::new(&model, Settings::default()).expect("complete");
                observer.add(&images).expect("images fit");
                let calibration = observer.finish().expect("images");
                let policy = policy(graph, &mut Input(&[1, 2, 0, 1, 0, 2].repeat(20)));
                let quantization =
                    Quantization::new(&model, &calibration, &policy, &images).expect("images fit");
                write(&quantization.finish().expect("integers")).expect("a network of the zoo")
            })
            .collect()
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let change = |at: usize, bytes: &[u8]| {
        let [low, middle, high, _] = (at as u32).to_le_bytes();
        // See `edited`: the place is a word and a byte.
        [&[0, middle, high, low, bytes.len() as u8 - 1][..], bytes].concat()
    };
    let mut seeds: Vec<Vec<u8>> = (0..NETWORKS.len() as u8).map(|number| vec![number << 2 | 2]).collect();
    for (at, bytes) in [
        (header::SIDE.at, &[64, 0][..]),
        (header::CLASSES.at, &[3, 0]),
        (header::PADDING.at, &[1]),
        (header::HAS_LABELS.at, &[0]),
        (header::NAME.at + 15, b"2"),
        (header::LABELS_AT.at, &[255, 255]),
        (header::BYTES + 16, &[4]),
    ] {
        seeds.push([&[2][..], &change(at, bytes)].concat());
    }
    seeds.push([&[0][..], &bases()[0][..200]].concat());
    seeds.push(vec![130]);
    seeds
}
