//! What files say of themselves, and files that hold more or less than one network.

use super::read;
use super::writer::{FLOAT32, File, Operator, Tensor, Value::*, table};
use bitsmith::import::raw::RawOp;
use flatbuffers::FlatBufferBuilder;
use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use zip::{ZipWriter, write::SimpleFileOptions};

/// x -> ReLU -> y.
fn relu() -> File {
    let tensors = vec![Tensor::new("x", FLOAT32, &[1, 2]), Tensor::new("y", FLOAT32, &[1, 2])];
    let operators = vec![Operator::new(19, &[0], &[1], &[])];
    File { tensors, operators, inputs: vec![0], outputs: vec![1], ..File::default() }
}

/// TensorFlow Lite Metadata of a classifier: a normalization for the input, names of classes for the output.
fn metadata(mean: &[f32], deviation: &[f32], labels: &'static str) -> Vec<u8> {
    let normalization = Table(vec![(0, Floats(mean.to_vec())), (1, Floats(deviation.to_vec()))]);
    let input = vec![(4, Tables(vec![vec![(0, Byte(1)), (1, normalization)]]))];
    let output = vec![(6, Tables(vec![vec![(0, Text(labels)), (2, Byte(2))]]))];
    let graph = vec![(2, Tables(vec![input])), (3, Tables(vec![output]))];
    let fields = [(0, Text("Cats and dogs")), (3, Tables(vec![graph]))];
    let mut builder = FlatBufferBuilder::new();
    let root = table(&mut builder, &fields);
    builder.finish(root, Some("M001"));
    builder.finished_data().to_vec()
}

/// A file with a zip archive of one file behind it.
fn with_labels(file: &File, name: &str, text: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).expect("in memory");
    zip.write_all(text.as_bytes()).expect("in memory");
    [file.write(), zip.finish().expect("in memory").into_inner()].concat()
}

#[test]
fn metadata_name_classes_and_the_normalization() {
    let about = |mean: &[f32], deviation: &[f32]| File {
        metadata: vec![("TFLITE_METADATA", metadata(mean, deviation, "labels.txt"))],
        ..relu()
    };
    let file = about(&[127.5], &[127.5]);
    let graph = read(&with_labels(&file, "labels.txt", "cat\r\n big dog \n\n")).expect("a network");
    assert_eq!(graph.name, "Cats and dogs");
    assert_eq!(graph.labels, Some(vec!["cat".to_owned(), "big dog".to_owned()]));
    let entries: Vec<_> = graph.metadata.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    assert_eq!(entries, ["mean = 127.5", "pixel_range = 255", "std = 127.5"]);

    let graph =
        read(&about(&[123.675, 116.28, 103.53], &[58.395, 57.12, 57.375]).write()).expect("a network");
    assert_eq!(graph.metadata["mean"], "123.675, 116.28, 103.53");
    assert_eq!(graph.labels, None);
    for (mean, deviation) in [(&[1.0][..], &[][..]), (&[1.0, 2.0], &[1.0, 2.0]), (&[], &[])] {
        assert!(read(&about(mean, deviation).write()).expect("a network").metadata.is_empty());
    }
    // Names that are not there, none, or too long to be names.
    let long = "cat\n".repeat(1 << 19);
    for (name, text) in [("other.txt", "cat"), ("labels.txt", ""), ("labels.txt", &long)] {
        assert_eq!(read(&with_labels(&file, name, text)).expect("a network").labels, None);
    }
    // What is damaged is not there.
    let whole = metadata(&[1.0], &[1.0], "labels.txt");
    for length in 0..whole.len() {
        let file = File { metadata: vec![("TFLITE_METADATA", whole[..length].to_vec())], ..relu() };
        assert_eq!(read(&file.write()).expect("a network").nodes.len(), 1);
    }
}

#[test]
fn the_producer_is_the_converter_and_its_runtime() {
    let runtime = |bytes: &[u8]| vec![("min_runtime_version", bytes.to_vec())];
    for (description, metadata, expected) in [
        ("MLIR Converted.", runtime(b"1.5.0\0\0\0"), "MLIR Converted, for runtime 1.5.0 or later"),
        ("TOCO Converted.", vec![], "TOCO Converted"),
        ("", runtime(b"2.0.0"), "for runtime 2.0.0 or later"),
        ("", runtime(b"\0\0"), ""),
    ] {
        let graph = read(&File { description, metadata, ..relu() }.write()).expect("a network");
        assert_eq!(graph.producer, expected);
    }
}

#[test]
fn values_may_lie_behind_the_flatbuffer() {
    let tensors = vec![
        Tensor::new("x", FLOAT32, &[1, 2]),
        Tensor::new("y", FLOAT32, &[1, 2]),
        Tensor::floats("c", &[2], &[1.5, -2.0]),
        Tensor::new("z", FLOAT32, &[1, 2]),
        Tensor::floats("d", &[1], &[3.0]),
    ];
    let operators = vec![Operator::new(0, &[0, 2], &[1], &[]), Operator::new(18, &[1, 4], &[3], &[])];
    let file = File { tensors, operators, inputs: vec![0], outputs: vec![3], ..File::default() };
    let inside = read(&file.write()).expect("a network");
    let behind = File { values_behind: true, ..file }.write();
    assert_eq!(read(&behind), Ok(inside));
    for length in behind.len() - 12..behind.len() {
        let error = read(&behind[..length]).expect_err("values are cut off").to_string();
        assert!(error.contains("expected values behind the FlatBuffer"), "{error}");
    }
}

#[test]
fn names_are_there_once() {
    let tensors = ["", "x", "x", "x_2", ""].map(|name| Tensor::new(name, FLOAT32, &[1])).to_vec();
    let operators = (1..5).map(|i| Operator::new(19, &[i - 1], &[i], &[])).collect();
    let file = File { tensors, operators, inputs: vec![0], outputs: vec![4], ..File::default() };
    let graph = read(&file.write()).expect("a network");
    let written: Vec<_> =
        graph.nodes.iter().flat_map(|node| node.outputs.iter().map(String::as_str)).collect();
    assert_eq!(graph.inputs[0].name, "tensor_0");
    assert_eq!(written, ["x", "x_2", "x_2_3", "tensor_4"]);
    assert_eq!(graph.outputs, ["tensor_4"]);

    // A name that is made up for the activation inside a layer, and one for what the layer gives before it.
    let tensors = ["x", "y:RELU", "y", "y:before_activation"].map(|name| Tensor::new(name, FLOAT32, &[1]));
    let operators = vec![
        Operator::new(19, &[0], &[1], &[]),
        Operator::new(0, &[0, 1], &[2], &[(0, Byte(1))]),
        Operator::new(19, &[2], &[3], &[]),
    ];
    let file =
        File { tensors: tensors.to_vec(), operators, inputs: vec![0], outputs: vec![3], ..File::default() };
    let graph = read(&file.write()).expect("a network");
    let names: BTreeSet<_> = graph.nodes.iter().map(|node| &node.name).collect();
    let written: BTreeSet<_> = graph.nodes.iter().map(|node| &node.outputs[0]).collect();
    assert_eq!((names.len(), written.len()), (4, 4), "{graph:?}");
}

#[test]
fn a_file_holds_one_network() {
    let error = read(&File { others: 1, ..relu() }.write()).expect_err("two").to_string();
    assert!(error.contains("holds 2 networks (subgraphs): expected one"), "{error}");
    // A network that calls others is one; what it calls is not taken.
    let mut calling = File { others: 1, ..relu() };
    calling.operators[0].code = 129;
    let graph = read(&calling.write()).expect("one");
    let RawOp::Unsupported { reason } = &graph.nodes[0].op else { panic!("CALL_ONCE is not taken") };
    assert!(reason.contains("another one calls"), "{reason}");
}

#[test]
fn what_is_no_intact_file_is_said() {
    let with = |change: &dyn Fn(&mut File)| {
        let mut file = relu();
        change(&mut file);
        file.write()
    };
    for (bytes, part) in [
        (vec![], "expected 'TFL3' at byte 4, found the end of the file"),
        (b"\x20\0\0\0ONNX____".to_vec(), "found 'ONNX'"),
        (b"\xff\0\0\0TFL3".to_vec(), "damaged or cut off: expected a number at byte 255"),
        (with(&|file| file.version = Some(2)), "of version 2: expected version 3"),
        (with(&|file| file.operators[0].inputs = vec![2]), "refers to tensor 2, expected one of 2"),
        (with(&|file| file.operators[0].inputs = vec![-2]), "refers to tensor -2"),
        (with(&|file| file.outputs = vec![7]), "refers to tensor 7"),
        (with(&|file| file.inputs = vec![]), "tensor 'x' of the TensorFlow Lite file is read"),
        (
            with(&|file| file.operators[0].outputs = vec![0]),
            "tensor 'x' of the TensorFlow Lite file gets values twice",
        ),
        (with(&|file| file.operators.clear()), "tensor 'y' of the TensorFlow Lite file is read"),
        (with(&|file| file.inputs = vec![0, 0]), "gets values twice"),
        (
            with(&|file| file.tensors[1] = Tensor::counted("y", &[1])),
            "'y' of the TensorFlow Lite file gets values",
        ),
    ] {
        let error = read(&bytes).expect_err(part).to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}
