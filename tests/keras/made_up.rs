//! Files that were made by hand, to harm or to be odd.

use super::networks::file;
use bitsmith::import::keras::{KerasError, KerasFile, read_h5, read_keras};
use bitsmith::import::raw::{RawGraph, RawOp};
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use zip::{ZipWriter, write::SimpleFileOptions};

const FILES: [&str; 6] = [
    "keras2_residual.h5",
    "keras3_convolutions.h5",
    "keras3_convolutions.weights.h5",
    "keras2_convolutions.bare.h5",
    "keras2_nested.keras",
    "keras3_operations.keras",
];

/// Reads a file of either kind. What comes out does not matter here, only that something does.
fn read(name: &str, bytes: &[u8]) -> Result<(), KerasError> {
    if name.ends_with(".keras") { read_keras(bytes).map(drop) } else { read_h5(bytes).map(drop) }
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).expect("in memory");
        writer.write_all(bytes).expect("in memory");
    }
    writer.finish().expect("in memory").into_inner()
}

/// An archive with this description and the weights of another network.
fn archive(config: &str) -> Vec<u8> {
    let other = file("keras3_convolutions.weights.h5");
    let metadata = br#"{"keras_version": "3.0.0"}"#;
    zipped(&[("metadata.json", metadata), ("config.json", config.as_bytes()), ("model.weights.h5", &other)])
}

fn error(config: &Value) -> String {
    read_keras(&archive(&config.to_string())).expect_err("refused").to_string()
}

fn network(config: &Value) -> RawGraph {
    read_keras(&archive(&config.to_string())).expect("a network")
}

fn input(name: &str) -> Value {
    let config = json!({"batch_shape": [null, 8, 8, 3], "name": name});
    json!({"class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []})
}

/// A layer that is called once with the first results of others.
fn layer(class: &str, name: &str, config: Value, inputs: &[&str]) -> Value {
    let calls: Vec<_> = inputs.iter().map(|name| json!([name, 0, 0, {}])).collect();
    json!({"class_name": class, "config": config, "name": name, "inbound_nodes": [calls]})
}

fn functional(layers: &[Value], output: &str) -> Value {
    let config = json!({"name": "model", "layers": layers, "input_layers": [["in", 0, 0]],
                        "output_layers": [[output, 0, 0]]});
    json!({"class_name": "Functional", "config": config})
}

fn sequential(layers: &[Value]) -> Value {
    let layers: Vec<_> = [input("in")].into_iter().chain(layers.iter().cloned()).collect();
    json!({"class_name": "Sequential", "config": {"name": "model", "layers": layers}})
}

#[test]
fn a_file_that_is_cut_off_is_an_error() {
    for name in FILES {
        let bytes = file(name);
        read(name, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        for length in (0..bytes.len()).step_by(7) {
            assert!(read(name, &bytes[..length]).is_err(), "{name} at {length}");
        }
    }
}

#[test]
fn damaged_bytes_do_no_harm() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    for name in FILES {
        let bytes = file(name);
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                let values = [0, 1, 0x7f, 0x80, 0xff, damaged[at] ^ (1 << random(8)), random(256) as u8];
                damaged[at] = values[random(values.len())];
            }
            let _ = read(name, &damaged);
        }
    }
}

#[test]
fn a_tensor_may_not_be_larger_than_the_file_is_worth() {
    let dims = |sizes: [u64; 4]| sizes.map(u64::to_le_bytes).concat();
    let mut bytes = file("keras2_residual.h5");
    let (kernel, huge) = (dims([3, 3, 3, 4]), dims([3, 3, 3, 1 << 40]));
    let places: Vec<_> = (0..bytes.len() - 32).filter(|&at| bytes[at..at + 32] == kernel).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 32].copy_from_slice(&huge);
    }
    let error = read_h5(&bytes).expect_err("refused").to_string();
    assert!(error.contains("stem/kernel:0 needs more memory than a file of"), "{error}");
}

#[test]
fn an_archive_may_not_unpack_to_more_than_it_is_worth() {
    let zeros = vec![b' '; 80 << 20];
    let other = file("keras3_convolutions.weights.h5");
    for (config, weights) in [(zeros.as_slice(), other.as_slice()), (b"{}".as_slice(), zeros.as_slice())] {
        let bomb = zipped(&[("config.json", config), ("model.weights.h5", weights)]);
        assert!(bomb.len() < 1 << 20);
        let error = read_keras(&bomb).expect_err("refused");
        assert!(matches!(error, KerasError::TooLarge { .. }), "{error}");
    }
    // Lists of one digit take much more memory than their text.
    let digits = format!("[{}0]", "0,".repeat(2 << 20));
    let error = read_keras(&archive(&digits)).expect_err("refused");
    assert!(matches!(error, KerasError::TooLarge { .. }), "{error}");
}

#[test]
fn other_files_are_told() {
    let is = |error: KerasError, part: &str| assert!(error.to_string().contains(part), "{part}: {error}");
    is(read_h5(b"").expect_err("empty"), "damaged or cut off");
    is(read_h5(&[0x89; 4096]).expect_err("no HDF5"), "damaged or cut off");
    is(read_keras(b"PK\x03\x04").expect_err("cut off"), "cannot be read");
    is(read_keras(&zipped(&[("a.txt", b"a")])).expect_err("a zip"), "config.json is missing");
    is(read_keras(&zipped(&[("config.json", b"{}")])).expect_err("a zip"), "model.weights.h5 is missing");
    is(read_keras(&archive("{")).expect_err("no JSON"), "the description of the network is damaged");
    is(read_keras(&archive("{}")).expect_err("no class"), "expected an object with class_name and config");
    let subclassed = json!({"class_name": "MyNetwork", "config": {"width": 3}}).to_string();
    is(read_keras(&archive(&subclassed)).expect_err("subclassed"), "is of the class MyNetwork");
}

#[test]
fn a_description_that_is_nested_too_deep_is_refused() {
    for depth in [200, 100_000] {
        let lists = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let error = read_keras(&archive(&lists)).expect_err("refused").to_string();
        assert!(error.contains("recursion limit"), "{error}");
        let models = format!(r#"{{"class_name":"Sequential","config":{{"layers":[{}"#, "").repeat(depth);
        let models = models + &"]}}".repeat(depth);
        assert!(read_keras(&archive(&models)).is_err());
    }
}

#[test]
fn layers_that_read_what_is_not_there_are_refused() {
    let relu = |name: &str, inputs: &[&str]| layer("ReLU", name, json!({"name": name}), inputs);
    let add = |name: &str, inputs: &[&str]| layer("Add", name, json!({"name": name}), inputs);
    for (layers, output, problem) in [
        (
            vec![relu("a", &["nothing"])],
            "a",
            "layer 'nothing' is not described as Keras does: it is called for",
        ),
        (vec![relu("a", &["in"])], "b", "layer 'b'"),
        (vec![relu("a", &["a"])], "a", "needs, through others, its own result"),
        (vec![relu("a", &["b"]), relu("b", &["c"]), relu("c", &["a"])], "c", "its own result"),
        (vec![add("a", &["in", "b"]), relu("b", &["a"])], "a", "its own result"),
        (vec![relu("a", &["in"]), relu("a", &["in"])], "a", "names that no two layers share"),
        (vec![relu("a", &[])], "a", "expected a tensor that it reads, found none"),
        (vec![add("a", &["in"])], "a", "expected two tensors or more, found 1"),
        (
            vec![json!({"class_name": "ReLU", "name": "a", "inbound_nodes": [[[3]]]})],
            "a",
            "expected a tensor as",
        ),
        (vec![json!({"class_name": "ReLU", "name": "a", "inbound_nodes": [7]})], "a", "expected a tensor as"),
        (vec![json!([])], "a", "expected an object with class_name"),
        (vec![relu("a", &["in"]), input("second"), add("b", &["a", "second"])], "b", "never called"),
    ] {
        let layers: Vec<_> = [input("in")].into_iter().chain(layers).collect();
        let found = error(&functional(&layers, output));
        assert!(found.contains(problem), "{problem}: {found}");
    }
    // A later layer is none of these.
    let graph = network(&functional(&[input("in"), relu("b", &["a"]), relu("a", &["in"])], "b"));
    assert_eq!(graph.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(graph.outputs, ["b"]);
}

#[test]
fn models_that_double_one_another_are_bounded() {
    // 25 models, each of which calls the next one twice: 33 million calls of the innermost, which is empty.
    let mut model = json!({"name": "m", "layers": [input("in")], "input_layers": [["in", 0, 0]],
                           "output_layers": [["in", 0, 0]]});
    for _ in 0..25 {
        let twice = json!({"class_name": "Functional", "config": model, "name": "m",
                           "inbound_nodes": [[["in", 0, 0, {}]], [["m", 1, 0, {}]]]});
        model = json!({"name": "m", "layers": [input("in"), twice], "input_layers": [["in", 0, 0]],
                       "output_layers": [["m", 2, 0]]});
    }
    let found = error(&json!({"class_name": "Functional", "config": model}));
    assert!(found.contains("models inside models needs more memory"), "{found}");
}

#[test]
fn settings_of_the_wrong_kind_are_told() {
    let conv = |key: &str, value: Value| {
        let mut config = json!({"name": "conv2d", "filters": 4, "kernel_size": [3, 3], "use_bias": true});
        config[key] = value;
        sequential(&[json!({"class_name": "Conv2D", "config": config})])
    };
    for (key, value, problem) in [
        ("filters", json!("many"), "filters: expected a count, found 'many'"),
        ("filters", json!(-1), "filters: expected a count, found -1"),
        ("filters", json!(1e300), "filters: expected a count"),
        ("filters", Value::Null, "filters: expected a count, found null"),
        ("strides", json!([1, 2, 3]), "strides: expected one or two counts, found [1,2,3]"),
        ("use_bias", json!(1), "use_bias: expected true or false, found 1"),
        ("activation", json!(3), "activation: expected a name or a layer, found 3"),
        ("filters", json!(5), "have the shape [3, 3, 3, 4]: expected [3, 3, inputs, 5]"),
        ("kernel_size", json!(2), "have the shape [3, 3, 3, 4]: expected [2, 2, inputs, 4]"),
    ] {
        let found = error(&conv(key, value));
        assert!(found.contains("'conv2d'") && found.contains(problem), "{problem}: {found}");
    }
    // The archive has the weights of two convolutions.
    let conv = |name: &str, filters: u32, kernel: [u32; 2], groups: u32| {
        json!({"class_name": "Conv2D", "config": {"name": name, "filters": filters, "kernel_size": kernel,
                                                  "groups": groups}})
    };
    let (first, second, third) = (conv("a", 4, [3, 3], 1), conv("b", 4, [1, 2], 2), conv("c", 4, [3, 3], 1));
    assert_eq!(network(&sequential(&[first.clone(), second.clone()])).nodes.len(), 2);
    let found = error(&sequential(&[first.clone(), second, third]));
    assert!(
        found.contains("the weights 'kernel' of layer 'c' are not in the file (looked for layers/conv2d_2")
    );
    let found = error(&sequential(&[first.clone(), first]));
    assert!(found.contains("names that no two layers share"), "{found}");
}

/// The operation of the one layer of a network.
fn op(class: &str, config: Value) -> RawOp {
    let mut config = config;
    config["name"] = json!("layer");
    let graph = network(&sequential(&[json!({"class_name": class, "config": config})]));
    graph.nodes.into_iter().next_back().expect("a node").op
}

#[test]
fn odd_settings_are_taken_or_refused_with_a_reason() {
    let refused = |class: &str, config: Value, part: &str| match op(class, config) {
        RawOp::Unsupported { reason } => assert!(reason.contains(part), "{part}: {reason}"),
        op => panic!("{class} became {op:?}"),
    };
    refused("Lambda", json!({"function": ["4wEAAAA", null, null]}), "its code is not run");
    refused("MaxPooling2D", json!({"data_format": "channels_first"}), "channels first");
    refused("Flatten", json!({"data_format": "channels_first"}), "channels first");
    refused("BatchNormalization", json!({"axis": 1}), "along axis 1");
    refused("ReLU", json!({"threshold": 0.5}), "threshold");
    refused("Softmax", json!({"axis": 1}), "not over the last axis");
    refused("Conv1D", json!({}), "signals or volumes");
    refused("LSTM", json!({}), "recurrent");
    refused("MultiHeadAttention", json!({}), "attention");
    refused("MyOwnLayer", json!({}), "the operation 'my_own_layer' has no form here");
    refused("Normalization", json!({"axis": 1, "mean": [0.0], "variance": [1.0]}), "other axes");
    refused("AveragePooling2D", json!({"padding": "causal"}), "its padding is 'causal'");
    refused("Activation", json!({"activation": {"class_name": "PReLU", "config": {}}}), "'PReLU'");

    let six = RawOp::Clip { min: 0.0, max: 6.0 };
    assert_eq!(op("Activation", json!({"activation": "relu6"})), six);
    assert_eq!(op("Activation", json!({"activation": "keras.applications>relu6"})), six);
    let function = json!({"module": "builtins", "class_name": "function", "config": "relu6"});
    assert_eq!(op("Activation", json!({"activation": function})), six);
    let relu = json!({"class_name": "ReLU", "config": {"max_value": 6}});
    assert_eq!(op("Activation", json!({"activation": relu})), six);
    assert_eq!(op("Activation", json!({"activation": "linear"})), RawOp::Identity);
    assert_eq!(op("LeakyReLU", json!({"alpha": 0.25})), RawOp::LeakyRelu { slope: 0.25 });
    assert_eq!(op("LeakyReLU", json!({})), RawOp::LeakyRelu { slope: 0.3 });
    assert_eq!(op("ReLU", json!({"negative_slope": 0.1})), RawOp::LeakyRelu { slope: 0.1 });
    // The archives here are of Keras 3.
    let hard = RawOp::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 };
    assert_eq!(op("Activation", json!({"activation": "hard_sigmoid"})), hard);
    assert_eq!(op("RandomRotation", json!({"factor": 0.1})), RawOp::Identity);
    assert_eq!(op("Resizing", json!({"height": 8, "width": 8})), RawOp::Identity);
    assert_eq!(
        op("ZeroPadding2D", json!({"padding": 1})),
        op("ZeroPadding2D", json!({"padding": [[1, 1], [1, 1]]}))
    );
    // Of quantization-aware training and pruning, the layer inside counts.
    let wrapped = json!({"layer": {"class_name": "ReLU", "config": {"max_value": 6.0}}});
    assert_eq!(op("QuantizeWrapperV2", wrapped.clone()), six);
    assert_eq!(op("PruneLowMagnitude", wrapped), six);
    assert_eq!(op("QuantizeLayer", json!({})), RawOp::Identity);
}

#[test]
fn an_hdf5_file_of_something_else_is_told() {
    // The weights of a network, with the names of groups changed.
    let mut bytes = file("keras3_convolutions.weights.h5");
    let at = bytes.windows(7).position(|window| window == b"layers\0").expect("a group");
    bytes[at..at + 6].copy_from_slice(b"LAYERS");
    assert_eq!(read_h5(&bytes), Err(KerasError::NotKeras));
    assert!(matches!(read_h5(&file("keras3_convolutions.weights.h5")), Ok(KerasFile::Weights(_))));
}
