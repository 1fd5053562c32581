//! Bytes that no exporter writes.

use super::*;
use crate::onnx_proto::FunctionProto;
use std::time::{Duration, Instant};

fn small() -> Vec<u8> {
    let nodes = vec![
        node("Conv", &["x", "w", "b"], "c", vec![ints("pads", &[1, 1, 1, 1])]),
        node("Shape", &["c"], "s", vec![]),
        node("Slice", &["s", "zero", "one"], "n", vec![]),
        node("Concat", &["n", "rest"], "to", vec![int("axis", 0)]),
        node("QuantizeLinear", &["c", "scale", "z"], "q", vec![]),
        node("DequantizeLinear", &["q", "scale", "z"], "d", vec![]),
        node("Clip", &["d", "", "scale"], "r", vec![]),
        node("Reshape", &["r", "to"], "f", vec![]),
        node("Gemm", &["f", "m"], "y", vec![float("alpha", 0.5)]),
    ];
    let constants = vec![
        counted("w", &[2, 4, 1, 1]),
        TensorProto { raw_data: None, float_data: vec![1.0, 2.0], ..counted("b", &[2]) },
        longs("zero", &[0]),
        longs("one", &[1]),
        longs("rest", &[-1]),
        scalar("scale", 0.5),
        tensor("z", DataType::Int8, &[], vec![3]),
        counted("m", &[72, 1]),
    ];
    Network::new(nodes, constants).model().encode_to_vec()
}

#[test]
fn no_length_and_no_byte_is_a_panic() {
    let bytes = small();
    assert!(read(&bytes).is_ok());
    for length in 0..bytes.len() {
        // At the end of a message the rest may be a file by itself.
        let _ = read(&bytes[..length]);
    }
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at] ^ 1, bytes[at].wrapping_add(8)] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = read(&changed);
        }
    }
}

#[test]
fn what_is_no_onnx_says_so() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "the file holds no graph"),
        (b"\x08", "not in the ONNX format"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "not in the ONNX format"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "not in the ONNX format"),
        (b"PK\x03\x04 and so on", "not in the ONNX format"),
        (b"\x3a\x00", "the file holds no nodes"),
    ];
    for (bytes, expected) in cases {
        let error = read(bytes).expect_err("no network").to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
    }
}

#[test]
fn graphs_that_do_not_hold_together_are_refused() {
    let relu = |input: &str, output: &str| node("Relu", &[input], output, vec![]);
    let cases = [
        (vec![relu("nothing", "y")], "'the Relu' reads 'nothing'"),
        (vec![relu("x", "a"), relu("x", "a")], "the name 'a' stands for two tensors"),
        (vec![relu("x", "x")], "the name 'x' stands for two tensors"),
        (vec![relu("y", "a"), relu("a", "y")], "'the Relu' needs its own result"),
        (vec![relu("y", "y")], "'the Relu' needs its own result"),
    ];
    for (nodes, expected) in cases {
        let error = Network::new(nodes, vec![]).read().expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}, not {expected}");
    }
    let twice = Network::new(vec![relu("x", "y")], vec![counted("c", &[1]), counted("c", &[1])]);
    assert_eq!(twice.read(), Err(OnnxError::Duplicate { tensor: "c".into() }));
    let mut model = Network::new(vec![relu("x", "y")], vec![]).model();
    model.graph.as_mut().expect("a graph").output[0].name = "z".into();
    let error = read(&model.encode_to_vec()).expect_err("no result").to_string();
    assert!(error.starts_with("'the network's result' reads 'z'"), "{error}");
    let old = Network::new(vec![relu("x", "y")], vec![]).opset(6).read();
    assert_eq!(old, Err(OnnxError::Opset { found: 6 }));
}

#[test]
fn the_twin_is_not_taken_for_a_network() {
    let mut model = Network::new(vec![node("Relu", &["x"], "y", vec![])], vec![]).model();
    model.producer_name = "bitsmith".into();
    assert_eq!(read(&model.encode_to_vec()), Err(OnnxError::Twin));
}

/// A million graphs in one another, from the innermost out.
#[test]
fn subgraphs_are_stepped_over_however_deep() {
    let mut reversed: Vec<u8> = Vec::new();
    let wrap = |reversed: &mut Vec<u8>, key: u8| {
        let mut head = vec![key];
        prost::encoding::encode_varint(reversed.len() as u64, &mut head);
        reversed.extend(head.iter().rev());
    };
    for _ in 0..1_000_000 {
        // A graph in an attribute of a node of a graph.
        for key in [6 << 3 | 2, 5 << 3 | 2, 1 << 3 | 2] {
            wrap(&mut reversed, key);
        }
    }
    wrap(&mut reversed, 7 << 3 | 2);
    reversed.reverse();
    // Nothing is named, so there is no result.
    assert_eq!(read(&reversed), Err(OnnxError::Empty("nodes or no result")));
}

#[test]
fn small_files_do_not_take_much_memory() {
    let too_large = |bytes: &[u8]| match read(bytes) {
        Err(OnnxError::TooLarge { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    // Empty nodes, two bytes each.
    let mut nodes = vec![7 << 3 | 2];
    prost::encoding::encode_varint(2_000_000, &mut nodes);
    nodes.extend([1 << 3 | 2, 0].repeat(1_000_000));
    assert_eq!(too_large(&nodes), "the description of the network's nodes");
    // Constants that are computed.
    let filled = |size: i64| {
        let nodes =
            vec![node("ConstantOfShape", &["size"], "big", vec![]), node("Add", &["x", "big"], "y", vec![])];
        Network::new(nodes, vec![longs("size", &[size, size])]).model().encode_to_vec()
    };
    assert!(read(&filled(1000)).is_ok());
    assert_eq!(too_large(&filled(100_000)), "the network's constants");
    assert_eq!(too_large(&filled(i64::MAX)), "the network's constants");
    let products =
        vec![node("Mul", &["row", "column"], "big", vec![]), node("Add", &["x", "big"], "y", vec![])];
    let constants = vec![counted("row", &[1, 20_000]), counted("column", &[20_000, 1])];
    assert_eq!(
        too_large(&Network::new(products, constants).model().encode_to_vec()),
        "the network's constants"
    );
    let gathered =
        vec![node("Gather", &["row", "indices"], "big", vec![]), node("Add", &["x", "big"], "y", vec![])];
    let constants = vec![counted("row", &[1, 20_000]), longs("indices", &[0; 20_000])];
    assert_eq!(
        too_large(&Network::new(gathered, constants).model().encode_to_vec()),
        "the network's constants"
    );
}

#[test]
fn work_is_limited_as_memory_is() {
    let start = Instant::now();
    let mut nodes = vec![node("Identity", &["c"], "t0", vec![])];
    for at in 0..5000 {
        nodes.push(node("Transpose", &[&format!("t{at}")], &format!("t{}", at + 1), vec![]));
    }
    nodes.push(node("Add", &["x", "t5000"], "y", vec![]));
    let result = Network::new(nodes, vec![counted("c", &[1000, 1000])]).read();
    assert!(matches!(result, Err(OnnxError::TooLarge { .. })), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn functions_cannot_grow_without_end() {
    // Ten calls each, nine deep.
    let local = |name: &str, inputs: &[&str], output: &str| NodeProto {
        domain: "local".into(),
        ..node(name, inputs, output, vec![])
    };
    let function = |name: &str, body: &str| FunctionProto {
        name: name.into(),
        domain: "local".into(),
        input: vec!["a".into()],
        output: vec!["t9".into()],
        node: (0..10)
            .map(|at| {
                let input = if at == 0 { "a".to_owned() } else { format!("t{}", at - 1) };
                local(body, &[&input], &format!("t{at}"))
            })
            .collect(),
        ..FunctionProto::default()
    };
    let mut model = Network::new(vec![local("f0", &["x"], "y")], vec![]).model();
    model.functions = (0..9).map(|at| function(&format!("f{at}"), &format!("f{}", at + 1))).collect();
    let error = read(&model.encode_to_vec()).expect_err("too large");
    assert!(matches!(&error, OnnxError::Function { problem, .. } if problem.contains("16 MiB")), "{error}");
}
