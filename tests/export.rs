//! Files and packages: what is written reads back, damage is told, bytes are the same everywhere.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/joined.rs"]
mod joined;
#[path = "common/packaged.rs"]
mod packaged;
#[path = "common/pooled.rs"]
mod pooled;

use bitsmith::data::{Archive, Files};
use bitsmith::export::model::{self, ModelError, header, layer, tensor};
use bitsmith::export::{ExportError, GoldenImage, PackageInfo, package, policy};
use bitsmith::infer::{Engine, InferError, Workspace, reference};
use bitsmith::net::{Activation, Graph, Network, Padding, Pads, Shape, Window};
use bitsmith::quant::{Bits, Policy, QuantizedLayer, QuantizedNetwork, Slot};
use cases::{Random, network_with};
use packaged::{exportable_network, noise, packaged};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::io::Cursor;

fn small() -> QuantizedNetwork {
    exportable_network("mobilenet-v2-0.35-32", 3, 1)
}

/// The last four bytes of a file, made right again after a change.
fn seal(bytes: &mut [u8]) {
    let start =
        u32::from_le_bytes(bytes[header::SECTION_AT.at..][..4].try_into().expect("four bytes")) as usize;
    let length = u32::from_le_bytes(bytes[header::SECTION_BYTES.at..][..4].try_into().expect("four bytes"));
    let section = bytes.get(start..).and_then(|rest| rest.get(..length as usize)).unwrap_or_default();
    let digest = Sha256::digest(section);
    bytes[header::SHA256.at..][..32].copy_from_slice(&digest);
    let (content, crc) = bytes.split_at_mut(bytes.len() - 4);
    crc.copy_from_slice(&crc32fast::hash(content).to_le_bytes());
}

#[test]
fn networks_survive_the_file() {
    for (seed, name) in
        ["mobilenet-v1-0.25-32", "mobilenet-v1-0.30-64", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"]
            .into_iter()
            .enumerate()
    {
        let mut network = exportable_network(name, 5, seed as u64);
        for padding in [Padding::TensorFlow, Padding::PyTorch] {
            let spec = network.network.zoo().expect("a network of the zoo");
            network.network = spec.with_padding(padding).into();
            for labels in [None, Some(["", "a", "zwei", "\u{4e09}", "five"].map(String::from).to_vec())] {
                network.labels = labels;
                let bytes = model::write(&network).expect(name);
                assert_eq!(model::read(&bytes).expect(name), network, "{name}");
            }
        }
    }
}

/// A network that no zoo has: residual blocks with activations behind the sums, and a head over a whole map.
fn residual() -> QuantizedNetwork {
    let mut graph = Graph::new(Shape::new(12, 12, 3));
    let window = |kernel, stride| Window { kernel, stride, pads: Pads::symmetric(kernel / 2) };
    let (relu, linear) = (Activation::Relu, Activation::Linear);
    let x = graph.conv("stem", 0, 8, window(3, 1), relu);
    let y = graph.conv("a", x, 16, window(3, 2), relu);
    let y = graph.conv("b", y, 16, window(3, 1), linear);
    let short = graph.conv("short", x, 16, window(1, 2), linear);
    let x = graph.add("add", y, short, relu);
    graph.linear("head of the network", x, 5);
    let network = Network::own("res-1", graph);
    let policy = Policy::uniform(network.graph(), Bits::B4, Bits::B4);
    let mut network = network_with(network, policy, &mut Random(3));
    packaged::pad_as_real_networks(&mut network);
    network
}

#[test]
fn networks_of_no_zoo_survive_the_file() {
    let mut network = residual();
    for labels in [None, Some(["", "a", "zwei", "\u{4e09}", "five"].map(String::from).to_vec())] {
        network.labels = labels;
        let bytes = model::write(&network).expect("an exportable network");
        assert_eq!(bytes[header::VERSION.at..][..2], model::VERSION.to_le_bytes());
        let read = model::read(&bytes).expect("what was written");
        assert_eq!(read, network);
        let image = &noise(&network, 1)[0];
        let engine = Engine::new(&read).expect("integers that can be computed");
        let mut workspace = Workspace::default();
        let logits = engine.run(&mut workspace, image).expect("an image");
        assert_eq!(logits, reference::run(&network, image).expect("an image"));
    }
}

#[test]
fn windowed_pools_survive_the_file() {
    for seed in 0..4 {
        let network = pooled::random(seed);
        let bytes = model::write(&network).expect("an exportable network");
        let read = model::read(&bytes).expect("what was written");
        assert_eq!(read, network);
        let text = policy::write(&network.network, &network.policy);
        assert_eq!(policy::read(&text, &network.network), Ok(network.policy.clone()));
        assert!(text.contains(r#""op": "max pool""#) && text.contains(r#""op": "average pool""#));
    }
}

#[test]
fn functions_products_and_concatenations_survive_the_file() {
    let networks = (0..4).map(joined::random).chain((0..40).map(joined::drawn));
    for network in networks {
        let bytes = model::write(&network).expect("an exportable network");
        let read = model::read(&bytes).expect("what was written");
        assert_eq!(read, network);
        let text = policy::write(&network.network, &network.policy);
        assert_eq!(policy::read(&text, &network.network), Ok(network.policy.clone()));
        let graph = network.graph();
        let list = policy::write_haq(graph, &network.policy);
        let again = policy::read(&list, &network.network).expect("a list of this network");
        assert!(again.is_of(graph));
        assert_eq!(policy::haq(graph, &again), policy::haq(graph, &network.policy));
    }
}

/// HAQ's list has the width of what a layer reads; what is read by functions, products and concatenations alone gets
/// that of their output.
#[test]
fn lists_of_widths_reach_what_no_layer_with_weights_reads() {
    let network = joined::network();
    let graph = network.graph();
    let mut policy = Policy::uniform(graph, Bits::B8, Bits::B2);
    let output = |name: &str| graph.layers[graph.layer_named(name).expect(name)].output;
    policy.set(Slot::Activation(output("swish1")), Bits::B4);
    let read = policy::read(&policy::write_haq(graph, &policy), &network).expect("a list");
    for (layer, bits) in [
        // Read by convolutions: the first by one behind a pool.
        ("swish1", Bits::B4),
        ("dw", Bits::B2),
        ("excite", Bits::B2),
        // By functions, products and concatenations.
        ("conv1", Bits::B4),
        ("gate", Bits::B2),
        ("tanh", Bits::B2),
        ("join1", Bits::B2),
        // By the pool at the end, which says nothing.
        ("sigmoid", Bits::B8),
        ("conv2", Bits::B8),
    ] {
        assert_eq!(read.activation(graph, output(layer)), bits, "{layer}");
    }
}

/// A file with a concatenation, and the place of a layer's record in it.
fn joined_file(layer: &str) -> (Vec<u8>, usize) {
    let network = joined::random(2);
    let bytes = model::write(&network).expect("exportable");
    let start = u32::from_le_bytes(bytes[header::LAYERS_AT.at..][..4].try_into().expect("four bytes"));
    let id = network.graph().layer_named(layer).expect(layer);
    (bytes, start as usize + layer::BYTES * id)
}

#[test]
fn wrong_records_of_functions_and_concatenations_are_told() {
    for (layer, field, value, words) in [
        ("swish1", layer::OFFSET, 6_u32, "(operation) is wrong: found 8, expected a code of this version"),
        ("join1", layer::OFFSET, 1 << 30, "(place of a list of tensors) is wrong: found another"),
        ("join1", layer::OFFSET, u32::MAX, "(place of a list of tensors) is wrong: found another"),
        // Two zeros: no inputs.
        (
            "join1",
            layer::OFFSET,
            header::RESERVED.at as u32,
            "(layer) is wrong: found another, expected one that can be computed",
        ),
        ("join1", layer::WEIGHTS_AT, 0, "(which the rest of the file determines)"),
        ("excite", layer::SHIFT, 0, "has a factor that the C runtime cannot apply"),
    ] {
        let (mut bytes, record) = joined_file(layer);
        let at = record + field.at;
        bytes[at..at + field.bytes].copy_from_slice(&value.to_le_bytes()[..field.bytes]);
        seal(&mut bytes);
        let found = model::read(&bytes).expect_err(words).to_string();
        assert!(found.contains(words), "{found}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage in the records, the names and the lists of a file with the newer operators: an error, or another network,
    /// and never a panic.
    #[test]
    fn damage_to_lists_and_tables_is_told(at: prop::sample::Index, flip in 1u8..) {
        let (mut bytes, _) = joined_file("pool");
        let start = u32::from_le_bytes(bytes[header::SECTION_AT.at..][..4].try_into().expect("four bytes"));
        let at = at.index(start as usize);
        bytes[at] ^= flip;
        prop_assert!(model::read(&bytes).is_err());
        seal(&mut bytes);
        if let Ok(network) = model::read(&bytes) {
            prop_assert_eq!(model::write(&network).expect("read"), bytes);
        }
    }

    /// Damage anywhere is told, and never a panic, also if somebody makes the checksums right.
    #[test]
    fn damage_is_told(at: prop::sample::Index, flip in 1u8.., in_front: bool, cut in prop::option::of(0usize..200)) {
        let mut bytes = model::write(&small()).expect("exportable");
        let records = header::BYTES + 70 * (tensor::BYTES + layer::BYTES);
        let at = at.index(if in_front { records } else { bytes.len() });
        bytes[at] ^= flip;
        if let Some(cut) = cut {
            bytes.truncate(bytes.len() - cut);
        }
        prop_assert!(model::read(&bytes).is_err());
        seal(&mut bytes);
        if let Ok(network) = model::read(&bytes) {
            // Another network, as good as any.
            prop_assert_eq!(model::write(&network).expect("read"), bytes);
        }
    }

    #[test]
    fn other_bytes_are_refused(bytes: Vec<u8>, magic: bool) {
        let bytes = if magic { [b"BSMD\x01\0".as_slice(), &bytes].concat() } else { bytes };
        prop_assert!(model::read(&bytes).is_err());
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let file = model::write(&small()).expect("exportable");
    let problem = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = file.clone();
        change(&mut bytes);
        model::read(&bytes).expect_err("a broken file").to_string()
    };
    let sealed = |at: usize, value: u8| {
        problem(&move |bytes| {
            bytes[at] = value;
            seal(bytes);
        })
    };
    let starts = |found: String, expected: &str| assert!(found.starts_with(expected), "{found}");
    starts(problem(&|bytes| bytes.clear()), "no model.bin: it begins with nothing, expected 'BSMD'");
    starts(problem(&|bytes| bytes[0] = b'P'), "no model.bin: it begins with 'PSMD'");
    starts(problem(&|bytes| bytes[4] = 3), "version 3 of the format: this Bitsmith reads up to version 2");
    starts(problem(&|bytes| bytes.truncate(20)), "20 bytes: expected");
    starts(problem(&|bytes| bytes.truncate(1000)), "1000 bytes: expected");
    starts(problem(&|bytes| bytes.push(0)), &format!("{} bytes: expected {}", file.len() + 1, file.len()));
    starts(problem(&|bytes| bytes[900] ^= 1), "damaged: its CRC-32 is ");
    starts(
        sealed(header::NAME.at, b'X'),
        "names an unknown network: 'Xobilenet-v2-0.35-32' names no network",
    );
    starts(sealed(header::CLASSES.at, 1), "names an unknown network: 1 classes");
    starts(sealed(header::PADDING.at, 9), "byte 100 (padding) is wrong: found 9, expected 0 or 1");
    starts(sealed(header::LAYERS.at, 9), "byte 104 (layers) is wrong: found 9, expected 64");
    starts(
        sealed(header::SIDE.at, 64),
        "byte 98 (which the rest of the file determines) is wrong: found 64, expected 32",
    );
    let at = header::BYTES + tensor::BITS.at;
    starts(sealed(at, 3), "byte 142 (width) is wrong: found 3, expected 2, 4 or 8");
    let mut bytes = file.clone();
    let section = u32::from_le_bytes(file[header::SECTION_AT.at..][..4].try_into().expect("four bytes"));
    bytes[section as usize] ^= 1;
    let end = bytes.len() - 4;
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    assert!(matches!(model::read(&bytes), Err(ModelError::Checksum { what: "SHA-256 of the weights", .. })));
}

#[test]
fn networks_that_firmware_could_not_run_are_refused() {
    let problem = |change: &dyn Fn(&mut QuantizedNetwork)| {
        let mut network = small();
        change(&mut network);
        model::write(&network).expect_err("a broken network")
    };
    let kernel_of =
        |network: &mut QuantizedNetwork, id: usize, change: &dyn Fn(&mut bitsmith::quant::Kernel)| {
            if let QuantizedLayer::Kernel(kernel) = &mut network.layers[id] {
                change(kernel);
            }
        };
    let error = problem(&|n| kernel_of(n, 2, &|k| k.requantizers[0].bias = i32::MAX));
    assert!(matches!(error, ExportError::Infer(InferError::Overflow { layer, .. }) if layer == "b1.project"));
    let error = problem(&|n| kernel_of(n, 1, &|k| k.requantizers[3].shift = 0));
    assert!(matches!(error, ExportError::Layer { layer, .. } if layer == "b1.dw"));
    let error = problem(&|n| kernel_of(n, 1, &|k| k.pad_codes = vec![0; 16]));
    assert!(matches!(error, ExportError::Layer { layer, .. } if layer == "b1.dw"));
    let error = problem(&|n| n.policy.set(Slot::Weight(0), n.policy.weight(0).wider().unwrap_or(Bits::B2)));
    assert!(error.to_string().contains("other widths"), "{error}");
    let error = problem(&|n| n.tensors[3].scale = f64::NAN);
    assert!(error.to_string().contains("scale"), "{error}");
    let error = problem(&|n| n.labels = Some(vec!["one".into()]));
    assert!(error.to_string().contains("label"), "{error}");
}

#[test]
fn packages_need_a_name_and_an_image() {
    let network = small();
    let images = noise(&network, 1);
    let export = |name: &str, pixels: &[u8], label: usize| {
        let info = PackageInfo { name: name.into(), ..PackageInfo::default() };
        package(&network, &info, &[GoldenImage { pixels, label }]).map(|_| ())
    };
    assert_eq!(export("net", &images[0], 2), Ok(()));
    for name in ["", "9net", "Net", "my-net", "../net"] {
        assert_eq!(export(name, &images[0], 0), Err(ExportError::Name(name.into())));
    }
    for name in ["string", "bs_net", "test", "bitsmith_runtime"] {
        assert_eq!(export(name, &images[0], 0), Err(ExportError::NameTaken(name.into())));
    }
    assert_eq!(export("net", &images[0], 3), Err(ExportError::Label { label: 3, classes: 3 }));
    assert!(matches!(export("net", &images[0][1..], 0), Err(ExportError::Infer(InferError::Image { .. }))));
    let info = PackageInfo { name: "net".into(), ..PackageInfo::default() };
    assert_eq!(package(&network, &info, &[]), Err(ExportError::NoImages));
}

/// Where images came from, devices and addresses are text of others: no cell of the README's tables ends early, no line
/// breaks, and nothing becomes HTML.
#[test]
fn hostile_origins_stay_text() {
    let network = small();
    let images = noise(&network, 1);
    let info = PackageInfo {
        name: "net".into(),
        images: Some("a|b\n| c | <img src=x onerror=alert(1)> `code` \u{202e}gpj.zip".into()),
        device: Some("STM32 | <b>\n\n# heading".into()),
        link: Some("https://example.org/> <script>#1 a\n|".into()),
        ..PackageInfo::default()
    };
    let zip = package(&network, &info, &[GoldenImage { pixels: &images[0], label: 0 }]).expect("exportable");
    let mut archive = Archive::open("net.zip", Cursor::new(zip)).expect("a zip");
    let mut text = |name: &str| {
        let path = format!("net/{name}");
        let position = archive.files().iter().position(|file| file.path == path).expect(name);
        String::from_utf8(archive.read(position).expect(name)).expect("UTF-8")
    };
    let readme = text("README.md");
    let bars = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
    for row in ["| images |", "| made for |", "| policy |"] {
        let line = readme.lines().find(|line| line.starts_with(row)).expect(row);
        assert_eq!(bars(line), 3, "{line}");
    }
    let markup = readme.replace("\\<", "");
    for wrong in ["<img", "<b>", "<script>", "\n# heading", "\u{202e}", "> <"] {
        assert!(!markup.contains(wrong), "{wrong}");
    }
    let report = text("report.html");
    for wrong in ["<img", "<script", "<b>"] {
        assert!(!report.contains(wrong), "{wrong}");
    }
}

#[test]
fn packages_hold_the_file() {
    let mut network = small();
    let zip = packaged(&mut network);
    let mut archive = Archive::open("net.zip", Cursor::new(zip)).expect("a zip");
    let position = archive.files().iter().position(|file| file.path == "net/model.bin").expect("model.bin");
    let bytes = archive.read(position).expect("model.bin");
    assert_eq!(model::read(&bytes), Ok(network));
}

#[test]
fn models_are_the_recorded_ones() {
    packaged::models_are_the_recorded_ones();
}

#[test]
fn packages_depend_on_their_arguments_alone() {
    let mut network = small();
    let zip = packaged(&mut network);
    assert_eq!(packaged(&mut network), zip);
    // Of every entry: no flags but that of UTF-8 names, deflate, midnight of 1980-01-01.
    let start = [b"PK\x03\x04".as_slice(), &[20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0]].concat();
    assert_eq!(zip[..start.len()], start);
}
