//! Every way in which a file writes numbers.

use super::*;
use half::{bf16, f16};

/// What a network with a constant added to its input keeps of it.
fn read_back(constant: TensorProto) -> Result<(Vec<usize>, Vec<f32>), String> {
    let graph = Network::flat(
        vec![node("Add", &["x", "c"], "y", vec![])],
        vec![TensorProto { name: "c".into(), ..constant }],
    )
    .read()
    .map_err(|error| error.to_string())?;
    if let RawOp::Unsupported { reason } = &graph.nodes[0].op {
        return Err(reason.clone());
    }
    let (dims, values) = kept(&graph, "c");
    Ok((dims.to_vec(), values.to_vec()))
}

fn of(data_type: DataType, count: i64) -> TensorProto {
    TensorProto { dims: vec![count], data_type: data_type as i32, ..TensorProto::default() }
}

#[test]
fn every_encoding_gives_its_numbers() {
    let raw = |data_type, count, bytes: Vec<u8>| TensorProto {
        raw_data: Some(bytes.into()),
        ..of(data_type, count)
    };
    let listed = |data_type, count, values: &[i64]| TensorProto {
        int32_data: vec![packed(values)],
        ..of(data_type, count)
    };
    let bits = |value: f32| i64::from(f16::from_f32(value).to_bits());
    let brain = |value: f32| i64::from(bf16::from_f32(value).to_bits());
    let cases: Vec<(&str, TensorProto, &[f32])> = vec![
        ("float raw", raw(DataType::Float, 2, [1.5_f32, -2.0].map(f32::to_le_bytes).concat()), &[1.5, -2.0]),
        ("float", TensorProto { float_data: vec![1.5, -2.0], ..of(DataType::Float, 2) }, &[1.5, -2.0]),
        (
            "double raw",
            raw(DataType::Double, 2, [1.5_f64, -2.0].map(f64::to_le_bytes).concat()),
            &[1.5, -2.0],
        ),
        ("double", TensorProto { double_data: vec![1.5, -2.0], ..of(DataType::Double, 2) }, &[1.5, -2.0]),
        ("half raw", raw(DataType::Float16, 1, f16::from_f32(0.25).to_le_bytes().to_vec()), &[0.25]),
        ("half", listed(DataType::Float16, 2, &[bits(0.25), bits(-3.0)]), &[0.25, -3.0]),
        ("bfloat16 raw", raw(DataType::Bfloat16, 1, bf16::from_f32(-0.5).to_le_bytes().to_vec()), &[-0.5]),
        ("bfloat16", listed(DataType::Bfloat16, 2, &[brain(0.5), brain(-8.0)]), &[0.5, -8.0]),
        ("int8 raw", raw(DataType::Int8, 3, vec![0x80, 0xff, 0x7f]), &[-128.0, -1.0, 127.0]),
        ("int8", listed(DataType::Int8, 3, &[-128, -1, 127]), &[-128.0, -1.0, 127.0]),
        ("uint8 raw", raw(DataType::Uint8, 2, vec![0x80, 3]), &[128.0, 3.0]),
        ("uint8", listed(DataType::Uint8, 2, &[128, 255]), &[128.0, 255.0]),
        ("int16 raw", raw(DataType::Int16, 2, vec![0, 0x80, 1, 0]), &[-32768.0, 1.0]),
        ("uint16", listed(DataType::Uint16, 2, &[65535, 1]), &[65535.0, 1.0]),
        ("int32 raw", raw(DataType::Int32, 1, (-70_000_i32).to_le_bytes().to_vec()), &[-70000.0]),
        ("int32", listed(DataType::Int32, 2, &[-70_000, 70_000]), &[-70000.0, 70000.0]),
        ("uint32 raw", raw(DataType::Uint32, 1, 4_000_000_000_u32.to_le_bytes().to_vec()), &[4e9]),
        (
            "uint32",
            TensorProto { uint64_data: vec![packed(&[4_000_000_000])], ..of(DataType::Uint32, 1) },
            &[4e9],
        ),
        ("int64 raw", raw(DataType::Int64, 1, (-5_i64).to_le_bytes().to_vec()), &[-5.0]),
        // A list in two pieces is one list.
        (
            "int64",
            TensorProto { int64_data: vec![packed(&[-5, 6]), packed(&[7])], ..of(DataType::Int64, 3) },
            &[-5.0, 6.0, 7.0],
        ),
        ("bool raw", raw(DataType::Bool, 2, vec![0, 1]), &[0.0, 1.0]),
        // The lowest bits first; the last byte is filled up.
        ("int4 raw", raw(DataType::Int4, 3, vec![0x8f, 0x07]), &[-1.0, -8.0, 7.0]),
        ("uint4 raw", raw(DataType::Uint4, 3, vec![0x8f, 0x07]), &[15.0, 8.0, 7.0]),
        ("uint4", listed(DataType::Uint4, 3, &[0x8f, 0x07]), &[15.0, 8.0, 7.0]),
        ("int2 raw", raw(DataType::Int2, 5, vec![0b11_10_01_00, 0b01]), &[0.0, 1.0, -2.0, -1.0, 1.0]),
        ("uint2 raw", raw(DataType::Uint2, 4, vec![0b11_10_01_00]), &[0.0, 1.0, 2.0, 3.0]),
        ("empty", of(DataType::Float, 0), &[]),
    ];
    for (name, constant, expected) in cases {
        assert_eq!(read_back(constant), Ok((vec![expected.len()], expected.to_vec())), "{name}");
    }
}

#[test]
fn numbers_that_do_not_fit_their_size_are_damage() {
    let raw = |bytes: Vec<u8>, dims: &[i64]| tensor("c", DataType::Float, dims, bytes);
    let cases = [
        (raw(vec![0; 8], &[3]), "expected 3 elements of 32 bits, found 8 bytes"),
        (raw(vec![0; 16], &[3]), "expected 3 elements of 32 bits, found 16 bytes"),
        (raw(vec![0; 7], &[2]), "found 7 bytes"),
        (raw(vec![], &[1]), "found 0 bytes"),
        (raw(vec![0; 4], &[-1]), "expected sizes of at least 0, found [-1]"),
        (raw(vec![0; 4], &[1 << 40, 1 << 40]), "are too large to multiply"),
        (raw(vec![0; 4], &[i64::MAX, i64::MAX, 0]), "are too large to multiply"),
        (
            TensorProto { int32_data: vec![packed(&[1, 2])], ..of(DataType::Int8, 1) },
            "expected 1 elements, found more",
        ),
        (
            TensorProto { int32_data: vec![packed(&[300])], ..of(DataType::Int8, 2) },
            "expected 2 elements, found fewer",
        ),
        (
            TensorProto { int32_data: vec![vec![0x80].into()], ..of(DataType::Int8, 1) },
            "list of integers is cut off",
        ),
        (
            TensorProto { int32_data: vec![vec![0xff; 11].into()], ..of(DataType::Int8, 1) },
            "list of integers is cut off",
        ),
    ];
    for (constant, expected) in cases {
        let error = read_back(constant).expect_err(expected);
        assert!(error.contains(expected) && error.contains("'c' is damaged"), "{error}, not {expected}");
    }
}

#[test]
fn elements_of_other_types_are_not_supported() {
    for data_type in [0, 8, 14, 17, 23, 99, -1] {
        let reason = read_back(TensorProto { data_type, ..of(DataType::Float, 1) }).expect_err("no numbers");
        assert_eq!(reason, format!("the tensor 'c' has elements of ONNX's type {data_type}"));
    }
}

#[test]
fn weights_in_another_file_are_asked_for() {
    let entry = |key: &str, value: &str| crate::onnx_proto::StringStringEntryProto {
        key: key.into(),
        value: value.into(),
    };
    let external = TensorProto {
        external_data: vec![entry("location", "net.onnx.data"), entry("offset", "0")],
        data_location: 1,
        ..of(DataType::Float, 4)
    };
    let error = read_back(external).expect_err("no weights here");
    assert!(error.starts_with("the weights of 'c' are in another file (net.onnx.data)"), "{error}");
    assert!(error.contains("save it again without external data"), "{error}");
}

#[test]
fn constant_nodes_have_all_forms() {
    let list = AttributeProto { floats: vec![0.5, 2.0], ..attribute("value_floats", AttributeType::Floats) };
    let whole = AttributeProto {
        t: Some(Box::new(floats("", &[1, 2], &[3.0, 4.0]))),
        ..attribute("value", AttributeType::Tensor)
    };
    let cases: [(AttributeProto, &[usize], &[f32]); 5] = [
        (float("value_float", 1.5), &[], &[1.5]),
        (int("value_int", -3), &[], &[-3.0]),
        (list, &[2], &[0.5, 2.0]),
        (ints("value_ints", &[7, 8]), &[2], &[7.0, 8.0]),
        (whole, &[1, 2], &[3.0, 4.0]),
    ];
    for (attribute, dims, values) in cases {
        let nodes = vec![node("Constant", &[], "c", vec![attribute]), node("Mul", &["x", "c"], "y", vec![])];
        let (_, graph) = Network::flat(nodes, vec![]).single();
        assert_eq!(kept(&graph, "c"), (dims, values));
    }
}
