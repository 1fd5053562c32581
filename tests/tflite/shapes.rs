//! Shapes that a network computes where its batch is open.

use super::writer::{FLOAT32, File, INT32, Operator, Tensor, Value, Value::*};
use super::{operators, read};
use bitsmith::import::raw::RawOp;

/// SHAPE of x, a slice of it, packed with a number: the shape of the result.
fn flatten(begin: i32, end: i32, step: i32, masks: &[(u16, Value)], size: i32) -> File {
    let one = |name: &str, value| Tensor::integers(name, &[1], &[value]);
    let tensors = vec![
        Tensor::new("x", FLOAT32, &[1, 4, 4, 8]).open(&[-1, 4, 4, 8]),
        Tensor::new("y", FLOAT32, &[1, 128]).open(&[-1, 128]),
        Tensor::new("shape", INT32, &[4]),
        Tensor::new("slice", INT32, &[]),
        Tensor::new("packed", INT32, &[2]),
        one("begin", begin),
        one("end", end),
        one("step", step),
        Tensor::integers("size", &[], &[size]),
    ];
    let operators = vec![
        Operator::new(77, &[0], &[2], &[]),
        Operator::new(45, &[2, 5, 6, 7], &[3], masks),
        Operator::new(83, &[3, 8], &[4], &[(0, Int(2))]),
        Operator::new(22, &[0, 4], &[1], &[]),
    ];
    File { tensors, operators, inputs: vec![0], outputs: vec![1], ..File::default() }
}

#[test]
fn a_flattening_with_an_open_batch_is_one_reshape() {
    const SHRINK: (u16, Value) = (4, Int(1));
    for (begin, end, masks, size, expected) in [
        (0, 1, vec![SHRINK], 128, [-1, 128]),
        (0, 1, vec![], 128, [-1, 128]),
        (-4, -3, vec![], 128, [-1, 128]),
        (9, 1, vec![(0, Int(1))], 128, [-1, 128]),
        // Another size than the batch, and what remains.
        (3, 4, vec![SHRINK], -1, [8, -1]),
        (-1, 0, vec![SHRINK], -1, [8, -1]),
        (3, 0, vec![(1, Int(1))], -1, [8, -1]),
    ] {
        let graph = read(&flatten(begin, end, 1, &masks, size).write()).expect("a network");
        assert_eq!(operators(&graph), ["RESHAPE"], "{begin}..{end} {masks:?}");
        assert_eq!(graph.nodes[0].op, RawOp::Reshape { dims: expected.to_vec() });
        assert_eq!(graph.nodes[0].inputs, ["x"]);
        assert_eq!(graph.inputs[0].dims, [None, Some(4), Some(4), Some(8)]);
        assert!(graph.constants.is_empty());
    }
}

#[test]
fn what_cannot_be_known_is_said_of_the_operator() {
    for (file, operator) in [
        // Every second one, two at a time, none.
        (flatten(0, 1, 2, &[], 128), "STRIDED_SLICE"),
        (flatten(0, 2, 1, &[], 128), "PACK"),
        (flatten(2, 2, 1, &[], 128), "PACK"),
        (flatten(0, 1, 1, &[(3, Int(1))], 128), "STRIDED_SLICE"),
        // Two sizes are open.
        (flatten(0, 1, 1, &[], -1), "RESHAPE"),
    ] {
        let graph = read(&file.write()).expect("a network");
        let refused = graph.nodes.iter().find(|node| matches!(node.op, RawOp::Unsupported { .. }));
        assert_eq!(refused.expect("one that is not taken").operator, operator);
    }
}
