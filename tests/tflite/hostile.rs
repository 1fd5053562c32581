//! Files that were made to harm, or broke on their way: each is read or is an error, and costs what its bytes are worth.

use super::writer::{FLOAT32, File, INT8, Operator, Tensor, Value::*};
use super::{read, tiny};
use bitsmith::import::tflite::TfliteError;
use flatbuffers::FlatBufferBuilder;

/// A file with a bit of everything, in a few hundred bytes.
fn mixed() -> Vec<u8> {
    let w = Tensor { values: vec![1; 8], ..Tensor::new("w", INT8, &[1, 1, 2, 4]) };
    let tensors = vec![
        Tensor::new("x", FLOAT32, &[1, 2, 2, 4]).open(&[-1, 2, 2, 4]),
        w.quantized(&[0.5, 0.25, 0.5, 1.0], &[0, 0, 1, 2], 3),
        Tensor::new("y", FLOAT32, &[1, 2, 2, 4]),
        Tensor::integers("axes", &[2], &[1, 2]),
        Tensor::new("z", FLOAT32, &[1, 4]),
        Tensor::new("s", FLOAT32, &[4]),
    ];
    let operators = vec![
        Operator::new(4, &[0, 1], &[2], &[(0, Byte(1)), (1, Int(1)), (2, Int(1)), (4, Byte(3))]),
        Operator::new(40, &[2, 3], &[4], &[(0, Byte(0))]),
        Operator::new(43, &[4], &[5], &[(0, Ints(vec![0]))]),
    ];
    let metadata = vec![("min_runtime_version", b"1.5.0\0\0\0".to_vec())];
    File { tensors, operators, inputs: vec![0], outputs: vec![5], metadata, ..File::default() }.write()
}

fn samples() -> [Vec<u8>; 3] {
    let sample = mixed();
    assert!(read(&sample).is_ok());
    [sample, tiny::bytes("tiny_int8.tflite"), tiny::bytes("tiny_dynamic.tflite")]
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_an_error_or_whole() {
    for bytes in samples() {
        let whole = read(&bytes).expect("a network");
        for length in 0..bytes.len() {
            match read(&bytes[..length]) {
                // Padding at the end says nothing.
                Ok(graph) => {
                    assert!(graph == whole && bytes.len() - length < 16, "{length} of {}", bytes.len())
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

#[test]
fn any_word_may_be_another() {
    for bytes in samples() {
        for place in (0..bytes.len() - 3).step_by(2) {
            for word in
                [u32::MAX, 0, 1, 0x7fff_ffff, 0x8000_0000, 0x0010_0000, bytes.len() as u32, 0x0101_0101]
            {
                let mut broken = bytes.clone();
                broken[place..place + 4].copy_from_slice(&word.to_le_bytes());
                if let Err(error) = read(&broken) {
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}

/// Two thousand tensors of one buffer, each of which is read: 64 KiB of 8-bit weights would become 512 MiB.
#[test]
fn a_buffer_that_is_named_again_and_again_is_refused() {
    const TIMES: i32 = 2000;
    const LENGTH: i32 = 1 << 16;
    let w = Tensor { values: vec![1; LENGTH as usize], ..Tensor::new("w", INT8, &[LENGTH]) };
    let w = w.quantized(&[0.5], &[0], 0);
    let map = |name: String| Tensor::new(&name, FLOAT32, &[1, LENGTH]);
    let others = (0..TIMES).map(|i| Tensor { values: vec![], ..w.clone() }.named(format!("w{i}")));
    let tensors = [w.clone()].into_iter().chain(others).chain((0..=TIMES).map(|i| map(format!("x{i}"))));
    let first = TIMES + 1;
    let operators = (0..TIMES).map(|i| Operator::new(0, &[first + i, 1 + i], &[first + i + 1], &[]));
    let file = File {
        tensors: tensors.collect(),
        operators: operators.collect(),
        inputs: vec![first],
        outputs: vec![first + TIMES],
        ..File::default()
    };
    let bytes = File { shares_first_buffer: true, ..file }.write();
    let error = read(&bytes).expect_err("too large");
    assert!(matches!(error, TfliteError::TooLarge { .. }), "{error}");
    assert!(bytes.len() < 2 << 20, "{} bytes", bytes.len());
}

/// An operator with a hundred thousand inputs, all of them one tensor with a long name: 10 GB of names.
#[test]
fn a_name_that_is_read_again_and_again_is_refused() {
    let x = Tensor::new(&"x".repeat(100_000), FLOAT32, &[1, 4]);
    let y = Tensor::new("y", FLOAT32, &[1, 4]);
    for code in [2, 36] {
        let operators = vec![Operator::new(code, &[0; 100_000], &[1], &[])];
        let tensors = vec![x.clone(), y.clone()];
        let file = File { tensors, operators, inputs: vec![0], outputs: vec![1], ..File::default() };
        let error = read(&file.write()).expect_err("too large");
        assert!(matches!(error, TfliteError::TooLarge { .. }), "{error}");
    }
}

/// A list of tensors that are all the same one: four bytes for each.
#[test]
fn a_table_that_is_listed_a_million_times_is_refused() {
    let mut builder = FlatBufferBuilder::new();
    let b = &mut builder;
    let start = b.start_table();
    let tensor = b.end_table(start);
    let tensors = b.create_vector(&vec![tensor; 1 << 20]);
    let start = b.start_table();
    b.push_slot_always(4, tensors);
    let graph = b.end_table(start);
    let graphs = b.create_vector(&[graph]);
    let start = b.start_table();
    b.push_slot_always(4, 3_u32);
    b.push_slot_always(8, graphs);
    let model = b.end_table(start);
    b.finish(model, Some("TFL3"));
    let error = read(builder.finished_data()).expect_err("too large");
    assert!(matches!(error, TfliteError::TooLarge { .. }), "{error}");
}

/// The end of a zip archive that states more files than there are.
#[test]
fn an_archive_behind_the_network_is_not_believed() {
    let end = |files: u16, size: u32, offset: u32| {
        let counts = [files.to_le_bytes(); 2].concat();
        [b"PK\x05\x06\0\0\0\0", &counts[..], &size.to_le_bytes(), &offset.to_le_bytes(), &[0, 0]].concat()
    };
    let graph = read(&mixed()).expect("a network");
    for end in [end(0, 0, 0), end(200, 0, 0), end(u16::MAX, 0, 0), end(1, u32::MAX, u32::MAX), end(1, 46, 8)]
    {
        let bytes = [mixed(), end].concat();
        assert_eq!(read(&bytes).as_ref(), Ok(&graph));
    }
}
