//! Networks of torchvision, timm and Keras, filled by a formula, against the logits that these packages give.
//! `tests/golden/make_import_golden.py` describes the formula and writes the file.

use crate::archive::Archive;
use bitsmith::{
    float::FloatNetwork,
    import::{ImportOptions, Naming, import, names},
    net::{Normalization, Spec},
};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Largest difference of a logit. The packages compute in f32 with another order of summation.
const TOLERANCE: f32 = 1e-3;

#[derive(Deserialize)]
struct Golden {
    fill_check: FillCheck,
    input: Input,
    networks: Vec<Network>,
}

#[derive(Deserialize)]
struct FillCheck {
    name: String,
    first_hashes: Vec<u32>,
}

#[derive(Deserialize)]
struct Input {
    name: String,
    shape: Vec<usize>,
}

#[derive(Deserialize)]
struct Network {
    model: String,
    naming: String,
    classes: u16,
    bn_eps: f32,
    logits: Vec<f32>,
    /// Name, shape, offset, exponent.
    tensors: Vec<(String, Vec<usize>, f32, i32)>,
}

impl Network {
    fn naming(&self) -> Naming {
        Naming::ALL
            .into_iter()
            .find(|naming| naming.to_string().to_lowercase() == self.naming)
            .expect("a naming that we read")
    }

    /// The file that the package would save.
    fn archive(&self) -> Archive {
        let mut archive = Archive::default();
        for (name, shape, offset, exponent) in &self.tensors {
            let step = 2f32.powi(exponent - 15);
            let elements = shape.iter().product();
            let value = |x: u32| offset + ((x >> 16) as f32 - 32768.0) * step;
            archive.put(name, shape, &hashes(name, elements).map(value).collect::<Vec<_>>());
        }
        archive
    }
}

fn golden() -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/import.json");
    let text = std::fs::read_to_string(path).expect("the golden file is in the repository");
    serde_json::from_str(&text).expect("the golden file has the form that its script writes")
}

/// Pseudo-random numbers that depend on a name and a position alone.
fn hashes(name: &str, count: usize) -> impl Iterator<Item = u32> {
    let seed = name.bytes().fold(0x811C_9DC5_u32, |h, byte| (h ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (0..count as u32).map(move |i| {
        let mut x = seed.wrapping_add(0x9E37_79B9_u32.wrapping_mul(i));
        x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
        x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
        x ^ (x >> 16)
    })
}

#[test]
fn the_formula_is_that_of_the_script() {
    let FillCheck { name, first_hashes } = golden().fill_check;
    assert_eq!(hashes(&name, first_hashes.len()).collect::<Vec<_>>(), first_hashes);
}

#[test]
fn tensors_are_named_and_shaped_as_the_tools_have_them() {
    for network in golden().networks {
        let spec: Spec = network.model.parse().expect("a network of the zoo");
        let spec = spec.with_classes(network.classes.into()).expect("in range");
        let ours: BTreeSet<_> = names(&spec, network.naming()).into_iter().collect();
        let theirs: BTreeSet<_> =
            network.tensors.into_iter().map(|(name, shape, ..)| (name, shape)).collect();
        let differing: Vec<_> = ours.symmetric_difference(&theirs).collect();
        assert!(differing.is_empty(), "{} of {}: {differing:?}", network.model, network.naming);
    }
}

#[test]
fn logits_are_those_of_the_tools() {
    let golden = golden();
    let image: Vec<u8> =
        hashes(&golden.input.name, golden.input.shape.iter().product()).map(|x| (x >> 24) as u8).collect();
    let mut wrong = Vec::new();
    for network in golden.networks {
        let side = network.model.rsplit('-').next().and_then(|side| side.parse().ok());
        let options =
            ImportOptions { side, normalization: Some(Normalization::SIGNED), ..Default::default() };
        let name = format!("{} of {}", network.model, network.naming);
        let imported = import(&network.archive().bytes(), &options).expect(&name);
        let spec = imported.model.network.zoo().expect("a network of the zoo");
        assert_eq!(
            (spec.to_string(), imported.naming),
            (network.model.clone(), Some(network.naming())),
            "{name}"
        );
        assert_eq!(network.naming().usual_epsilon(), network.bn_eps, "{name}");

        let logits = FloatNetwork::new(&imported.model).and_then(|float| float.run(&image)).expect(&name);
        let difference = logits.iter().zip(&network.logits).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{name}: largest difference {difference:e}");
        if logits.len() != network.logits.len() || difference.is_nan() || difference > TOLERANCE {
            wrong.push(format!("{name}: {logits:?}, expected {:?}", network.logits));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
