//! Networks that can be exported, from a small generator: the same on every machine and in the browser. Needs the
//! module `cases` at the root of the crate.

#![allow(dead_code, reason = "tests each take what they need")]

use crate::cases::{Random, network_with, random_network};
use bitsmith::export::{Accuracy, GoldenImage, PackageInfo, model, package};
use bitsmith::memory::{Budget, Core};
use bitsmith::net::{Activation, Graph, Network, Pads, Shape, Window};
use bitsmith::quant::{Bits, Policy, QuantizedLayer, QuantizedNetwork, Slot};
use sha2::{Digest, Sha256};

/// Networks with their seeds, and the SHA-256 of their `model.bin` in hexadecimal. These never change: files of a
/// version of the format stay as they are.
const MODELS: [(&str, u64, &str); 3] = [
    ("mobilenet-v1-0.25-32", 1, "7ac68af797c4392a45593885276a45ca05091d0625381907d0a444ce2cba43f0"),
    ("mobilenet-v2-0.35-32", 2, "b69f2e4bc08998ebab418bf53c5f464ed8212ff8ef2a11cbff70377acc454c0b"),
    ("mnasnet-0.35-32", 3, "dfb8c66b2650bd790e7e2e6e99006c70c5aeeb5d5689f6de0acb981430c2be16"),
];

/// A network of the zoo with random integers under a random policy, padded as real networks are: by one code, and by
/// one for each colour in the first layer.
pub fn exportable_network(name: &str, classes: u64, seed: u64) -> QuantizedNetwork {
    let mut network = random_network(name, classes, seed);
    pad_as_real_networks(&mut network);
    network
}

/// A network with depthwise convolutions of these kernels, every other one with stride 2 while the map is large, and
/// random integers under a random policy.
pub fn with_kernels(kernels: &[usize], seed: u64) -> QuantizedNetwork {
    let mut random = Random(seed);
    let point = Window { kernel: 1, stride: 1, pads: Pads::default() };
    let mut graph = Graph::new(Shape::new(28, 28, 3));
    let first = Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) };
    let mut x = graph.conv("conv1", 0, 10, first, Activation::Relu6);
    for (number, &kernel) in kernels.iter().enumerate() {
        let channels = 21 + 2 * number;
        x = graph.conv(format!("b{number}.expand"), x, channels, point, Activation::Relu6);
        let Shape { height, width, .. } = graph.tensors[x].shape;
        let mut pad = || random.size(kernel / 2, kernel - 1);
        let pads = if number % 3 == 2 {
            Pads { top: pad(), left: pad(), bottom: pad(), right: pad() }
        } else {
            Pads::symmetric(kernel / 2)
        };
        let stride = if number % 2 == 1 && height.min(width) > 6 { 2 } else { 1 };
        let window = Window { kernel, stride, pads };
        x = graph.depthwise(format!("b{number}.dw"), x, window, Activation::Relu6);
        let y = graph.conv(format!("b{number}.project"), x, 12, point, Activation::Linear);
        x = graph.add(format!("b{number}.add"), y, y, Activation::Linear);
    }
    let pooled = graph.global_avg_pool("pool", x);
    graph.linear("fc", pooled, 10);
    let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    for slot in Slot::all(&graph) {
        policy.set(slot, random.bits());
    }
    let mut network = network_with(Network::own("made-up", graph), policy, &mut random);
    pad_as_real_networks(&mut network);
    network
}

/// Pads by one code, and by one for each colour in the first layer.
pub fn pad_as_real_networks(network: &mut QuantizedNetwork) {
    let graph = network.graph().clone();
    for (layer, integers) in graph.layers.iter().zip(&mut network.layers) {
        if let QuantizedLayer::Kernel(kernel) = integers
            && layer.inputs[0] != 0
        {
            kernel.pad_codes.truncate(1);
        }
    }
}

/// Images of noise for a network.
pub fn noise(network: &QuantizedNetwork, count: usize) -> Vec<Vec<u8>> {
    let elements = network.graph().image().shape.elements();
    (0..count).map(|image| Random(image as u64).codes(elements, Bits::B8)).collect()
}

/// So many right answers of a stopped measurement.
fn accuracy(correct: usize) -> Accuracy {
    let images_used = "1,200 test images, seen by no search and no training; stopped after 1,000".into();
    Accuracy { correct, images: 1000, subset: "test".into(), of: 1200, stopped: true, images_used }
}

/// A package with everything in it.
pub fn packaged(network: &mut QuantizedNetwork) -> Vec<u8> {
    let label = |class: usize| format!("class \"{class}\", wei\u{df}?");
    network.labels = Some((0..network.graph().classes()).map(label).collect());
    let info = PackageInfo {
        name: "net".into(),
        link: Some("https://example.org/#1-abc".into()),
        device: Some("STM32H743ZI".into()),
        core: Core::CortexM4,
        budget: Some(Budget { flash: 2 << 20, ram: 512 << 10 }),
        accuracy: Some(accuracy(912)),
        float_accuracy: Some(accuracy(930)),
        weights_sha256: Some("00".repeat(32)),
        trained_epochs: Some(8),
        trained: Some("8 epochs, the best of 10".into()),
        ranges: None,
        images: Some("noise".into()),
        allocator: Some("rule".into()),
        seed: Some(7),
    };
    let images = noise(network, 2);
    let images: Vec<_> = images.iter().map(|pixels| GoldenImage { pixels, label: 1 }).collect();
    package(network, &info, &images).expect("an exportable network")
}

/// Files have the same bytes on every machine, for ever.
pub fn models_are_the_recorded_ones() {
    for (name, seed, digest) in MODELS {
        let bytes = model::write(&exportable_network(name, 10, seed)).expect(name);
        assert_eq!(hexadecimal(&Sha256::digest(bytes)), digest, "{name}");
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
