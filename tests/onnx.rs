//! The ONNX twin in other people's runtimes: in ONNX Runtime on the CPU and in onnxruntime-web, without optimizations and
//! with all of them, every layer's codes and every logit are those of our reference. Needs `.ci/tools peers`.
//!
//! With BITSMITH_FULL=1 the layers of the three families run at 128 pixels, and the networks of the shared data folder
//! under all policies: `BITSMITH_FULL=1 cargo test --release --test onnx -- --nocapture`.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/joined.rs"]
mod joined;
#[path = "onnx/made_up.rs"]
mod made_up;
#[path = "common/packaged.rs"]
mod packaged;
#[path = "common/parallel.rs"]
mod parallel;
#[path = "common/pooled.rs"]
mod pooled;
#[path = "onnx/runtimes.rs"]
mod runtimes;
#[path = "c_package/subject.rs"]
mod subject;
#[path = "c_package/trained.rs"]
mod trained;

use bitsmith::export::onnx::{self, Outputs};
use bitsmith::quant::{QuantizedLayer, QuantizedNetwork};
use packaged::{exportable_network, noise};
use parallel::in_parallel;
use runtimes::{Case, agree};
use std::sync::Mutex;
use trained::{Source, Trained};

/// Whether everything is to be run, not a sample.
fn full() -> bool {
    std::env::var_os("BITSMITH_FULL").is_some()
}

/// Convolutions of all kinds and linear layers with random shapes, integers and factors, at all 27 widths.
#[test]
fn layers_of_all_widths_agree() {
    agree("layers", &made_up::layers());
}

/// Functions, products and concatenations among other layers, and pools that give logits.
#[test]
fn networks_with_functions_products_and_concatenations_agree() {
    let case = |kind: &str, seed: u64, network: QuantizedNetwork| {
        let images = noise(&network, 2);
        Case::new(format!("{kind}-{seed}"), network, images)
    };
    let cases: Vec<_> = (0..6)
        .map(|seed| case("joined", seed, joined::random(seed)))
        .chain((0..40).map(|seed| case("drawn", seed, joined::drawn(seed))))
        .collect();
    agree("joined", &cases);
}

/// Sums beyond what 32-bit floating point can hold exactly.
#[test]
fn large_sums_agree() {
    let cases = made_up::large_sums();
    for case in &cases {
        let file = onnx::write(&case.network, Outputs::Logits).expect("sums within the split form");
        assert!(file.windows(5).any(|bytes| bytes == b"Floor"), "{}: the input is split", case.name);
    }
    agree("large-sums", &cases);
}

/// Every layer of the three families, at all 27 widths of input, weights and output.
#[test]
fn all_layers_of_the_families_agree() {
    let side = if full() { 128 } else { 32 };
    let cases: Vec<Case> = ["mobilenet-v1-0.25", "mobilenet-v2-0.35", "mnasnet-0.35"]
        .iter()
        .flat_map(|family| made_up::at_all_widths(&format!("{family}-{side}")))
        .collect();
    agree("families", &cases);
}

fn trained(sources: &[Source], policies: usize, images: usize) -> Vec<Case> {
    let (policies, images) = if full() { (usize::MAX, 4) } else { (policies, images) };
    let cases = Mutex::new(Vec::new());
    for source in sources {
        let trained = Trained::load(source, images);
        let policies: Vec<_> = trained.policies().into_iter().take(policies).collect();
        in_parallel(&policies, |policy| {
            let subject = trained.quantize(policy);
            let case = Case::new(subject.name, subject.network, subject.images);
            cases.lock().expect("no worker panics with the lock").push(case);
        });
    }
    cases.into_inner().expect("no worker panicked")
}

#[test]
fn demo_networks_agree() {
    agree("demo", &trained(&trained::demo(), 2, 4));
}

#[test]
fn shared_networks_agree() {
    agree("shared", &trained(&trained::shared(), 1, 2));
}

/// A network that does not run in integers has no twin.
#[test]
fn broken_networks_are_refused() {
    let mut network = exportable_network("mobilenet-v1-0.25-32", 3, 1);
    if let QuantizedLayer::Kernel(kernel) = &mut network.layers[2] {
        kernel.requantizers[0].bias = i32::MAX;
    }
    let error = onnx::write(&network, Outputs::Logits).expect_err("an overflow");
    assert!(error.to_string().contains("layer pw1"), "{error}");
}

/// The file depends on the network alone, and its size is that of the packed weights and little more.
#[test]
fn files_are_small_and_the_same() {
    let network = exportable_network("mobilenet-v2-0.35-32", 10, 3);
    let file = onnx::write(&network, Outputs::Logits).expect("exportable");
    assert_eq!(onnx::write(&network, Outputs::Logits).expect("exportable"), file);
    let bits: usize = network
        .graph()
        .weighted_layers()
        .map(|(id, layer)| network.graph().weight_elements(layer) * network.policy.weight(id).count())
        .sum();
    let channels: usize = network
        .graph()
        .weighted_layers()
        .map(|(_, layer)| network.graph().output_shape(layer).channels)
        .sum();
    // Four numbers of 64 bits and a zero point per channel; nodes and names.
    assert!(file.len() < bits / 8 + channels * 33 + 140_000, "{} bytes", file.len());
}
