//! Integers and what they stand for.

use super::writer::{FLOAT16, FLOAT32, File, INT8, INT64, Operator, Tensor, UINT8, Value::*};
use super::{constant, floats, node, operators, read, tiny};
use bitsmith::calibrate::{Observer, Settings};
use bitsmith::import::raw::{RawGraph, RawOp, RawQuantizer};
use bitsmith::import::{ImportOptions, Imported, RangesFrom, import};
use bitsmith::quant::{Bits, Policy, Quantizer};
use half::f16;

const STRIDE: [(u16, super::writer::Value); 2] = [(1, Int(1)), (2, Int(1))];

/// x -> convolution -> y, with this kernel and perhaps this bias.
fn conv(code: i32, x: Tensor, w: Tensor, bias: Option<Tensor>, y: Tensor) -> File {
    let mut tensors = vec![x, y, w];
    tensors.extend(bias);
    let inputs: Vec<i32> = [0].into_iter().chain(2..tensors.len() as i32).collect();
    let operators = vec![Operator::new(code, &inputs, &[1], &STRIDE)];
    File { tensors, operators, inputs: vec![0], outputs: vec![1], ..File::default() }
}

fn map(name: &str, kind: i8) -> Tensor {
    Tensor::new(name, kind, &[1, 2, 2, 2])
}

fn bytes(values: &[i8]) -> Vec<u8> {
    values.iter().map(|value| value.to_le_bytes()[0]).collect()
}

fn weights(graph: &RawGraph, name: &str) -> Vec<f32> {
    floats(constant(graph, name)).to_vec()
}

#[test]
fn weights_are_real_numbers() {
    let w = |values: Vec<u8>, kind| Tensor { values, ..Tensor::new("w", kind, &[2, 1, 1, 2]) };
    let halves = [1.5, -2.0, 0.25, 65504.0].map(|value| f16::from_f32(value).to_le_bytes()).concat();
    for (w, expected) in [
        // One scale for each output.
        (w(bytes(&[-128, 127, 1, -1]), INT8).quantized(&[0.5, 0.25], &[0, 0], 0), [-64.0, 63.5, 0.25, -0.25]),
        // One scale, and zero points that are left out.
        (w(bytes(&[-128, 127, 1, -1]), INT8).quantized(&[0.5], &[], 0), [-64.0, 63.5, 0.5, -0.5]),
        (w(vec![0, 255, 128, 1], UINT8).quantized(&[0.5], &[128], 0), [-64.0, 63.5, 0.0, -63.5]),
        // Scales of the last axis.
        (w(bytes(&[1, 1, 2, 2]), INT8).quantized(&[0.5, 0.25], &[0, 1], 3), [0.5, 0.0, 1.0, 0.25]),
        (w(halves, FLOAT16), [1.5, -2.0, 0.25, 65504.0]),
    ] {
        let graph = read(&conv(3, map("x", FLOAT32), w, None, map("y", FLOAT32)).write()).expect("a network");
        assert_eq!(weights(&graph, "w"), expected);
        assert!(graph.quantizers.is_empty(), "float activations have none");
    }
    // A depthwise kernel has its scales along the axis that becomes the first.
    let w = Tensor { values: bytes(&[1, 2, 3, 4]), ..Tensor::new("w", INT8, &[1, 2, 1, 2]) };
    let w = w.quantized(&[0.5, 10.0], &[0, 0], 3);
    let graph = read(&conv(4, map("x", FLOAT32), w, None, map("y", FLOAT32)).write()).expect("a network");
    assert_eq!(constant(&graph, "w").dims, [2, 2, 1, 1]);
    assert_eq!(weights(&graph, "w"), [0.5, 1.5, 20.0, 40.0]);
}

#[test]
fn biases_have_a_scale_of_their_own_or_that_of_the_products() {
    let x = map("x", INT8).quantized(&[0.5], &[3], 0);
    let y = map("y", INT8).quantized(&[2.0], &[-128], 0);
    let w = Tensor { values: bytes(&[1, 2, 3, 4]), ..Tensor::new("w", INT8, &[2, 1, 1, 2]) };
    let w = w.quantized(&[0.25, 4.0], &[0, 0], 0);
    let narrow = |values: [i32; 2]| Tensor::integers("b", &[2], &values);
    let wide = Tensor {
        values: [1 << 40, -3_i64].iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..Tensor::new("b", INT64, &[2])
    };
    for (bias, expected) in [
        (narrow([8, -3]).quantized(&[0.125, 2.0], &[0, 0], 0), [1.0, -6.0]),
        (narrow([8, -3]).quantized(&[10.0], &[0], 0), [80.0, -30.0]),
        (narrow([8, -3]), [1.0, -6.0]),
        (wide, [(1_u64 << 37) as f32, -6.0]),
        // More digits than a float has.
        (narrow([i32::MAX, -3]), [(f64::from(i32::MAX) * 0.125) as f32, -6.0]),
    ] {
        let graph = read(&conv(3, x.clone(), w.clone(), Some(bias), y.clone()).write()).expect("a network");
        assert_eq!(weights(&graph, "b"), expected);
        let quantizer = |name: &str| graph.quantizers.get(name).copied();
        let of = |scale, zero_point| Some(RawQuantizer { scale, zero_point, range: (-128, 127) });
        assert_eq!((quantizer("x"), quantizer("y")), (of(0.5, 3), of(2.0, -128)));
        assert_eq!(graph.quantizers.len(), 2, "weights have none");
    }
    // Without scales to multiply, the integers mean nothing.
    let file = conv(3, map("x", FLOAT32), w, Some(narrow([8, -3])), map("y", FLOAT32));
    let graph = read(&file.write()).expect("a network");
    let RawOp::Unsupported { reason } = &graph.nodes[0].op else { panic!("the bias is not known") };
    assert!(reason.contains("INT32 without a scale"), "{reason}");
}

#[test]
fn dequantized_constants_are_constants_and_other_steps_stay() {
    let w = [1.5, -2.0].map(|value| f16::from_f32(value).to_le_bytes()).concat();
    let tensors = vec![
        map("x", UINT8).quantized(&[0.5], &[128], 0),
        map("codes", INT8).quantized(&[0.5], &[0], 0),
        map("reals", FLOAT32),
        Tensor { values: w, ..Tensor::new("half", FLOAT16, &[2]) },
        Tensor::new("whole", FLOAT32, &[2]),
        map("y", FLOAT32),
        map("z", FLOAT32),
    ];
    let operators_ = vec![
        Operator::new(6, &[3], &[4], &[]),
        Operator::new(114, &[0], &[1], &[]),
        Operator::new(6, &[1], &[2], &[]),
        Operator::new(18, &[2, 4], &[5], &[]),
        Operator::new(0, &[5, 4], &[6], &[]),
    ];
    let file = File { tensors, operators: operators_, inputs: vec![0], outputs: vec![6], ..File::default() };
    let graph = read(&file.write()).expect("a network");
    assert_eq!(operators(&graph), ["QUANTIZE", "DEQUANTIZE", "MUL", "ADD"]);
    assert!(graph.nodes[..2].iter().all(|node| node.op == RawOp::Identity));
    assert_eq!(node(&graph, "MUL").inputs, ["reals", "half"]);
    assert_eq!(node(&graph, "ADD").inputs, ["y", "half"]);
    assert_eq!(weights(&graph, "half"), [1.5, -2.0]);
    assert_eq!(graph.constants.len(), 1);
    let names: Vec<&str> = graph.quantizers.keys().map(String::as_str).collect();
    assert_eq!(names, ["codes", "x"]);
    assert_eq!(graph.quantizers["x"].range, (0, 255));
}

#[test]
fn a_constant_may_be_used_in_two_orders() {
    let tensors =
        vec![map("x", FLOAT32), map("y", FLOAT32), map("z", FLOAT32), Tensor::counted("w", &[1, 2, 1, 2])];
    let operators_ = vec![Operator::new(4, &[0, 3], &[1], &STRIDE), Operator::new(0, &[1, 3], &[2], &[])];
    let file = File { tensors, operators: operators_, inputs: vec![0], outputs: vec![2], ..File::default() };
    let graph = read(&file.write()).expect("a network");
    assert_eq!(weights(&graph, &graph.nodes[0].inputs[1]), [0.0, 2.0, 1.0, 3.0]);
    assert_eq!(weights(&graph, &graph.nodes[1].inputs[1]), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn integers_of_one_bias_are_other_numbers_behind_other_weights() {
    let map = |name| map(name, INT8).quantized(&[0.5], &[3], 0);
    let w = |name, scale| Tensor {
        values: bytes(&[1, 2, 3, 4]),
        ..Tensor::new(name, INT8, &[2, 1, 1, 2]).quantized(&[scale], &[0], 0)
    };
    let bias = Tensor::integers("b", &[2], &[8, -3]);
    let tensors = vec![map("x"), map("y"), map("z"), w("v", 2.0), w("w", 4.0), bias];
    let operators_ =
        vec![Operator::new(3, &[0, 3, 5], &[1], &STRIDE), Operator::new(3, &[1, 4, 5], &[2], &STRIDE)];
    let file = File { tensors, operators: operators_, inputs: vec![0], outputs: vec![2], ..File::default() };
    let graph = read(&file.write()).expect("a network");
    assert_eq!(weights(&graph, &graph.nodes[0].inputs[2]), [8.0, -3.0]);
    assert_eq!(weights(&graph, &graph.nodes[1].inputs[2]), [16.0, -6.0]);
}

#[test]
fn quantizers_that_cannot_be_are_errors_of_the_tensor() {
    let w = || Tensor { values: vec![1; 4], ..Tensor::new("w", INT8, &[2, 1, 1, 2]) };
    let x = || map("x", INT8).quantized(&[0.5], &[3], 0);
    for (x, w, part) in [
        (
            x().quantized(&[0.0], &[0], 0),
            w(),
            "'x' of the TensorFlow Lite file is damaged: expected a scale above 0",
        ),
        (x().quantized(&[f32::NAN], &[0], 0), w(), "found NaN"),
        (x().quantized(&[0.5], &[128], 0), w(), "a zero point from -128 to 127"),
        (x(), w().quantized(&[0.5, 0.5, 0.5], &[0], 0), "found 3"),
        (x(), w().quantized(&[0.5, 0.5], &[0], 9), "each index of axis 9"),
        (x(), w().quantized(&[0.5, 0.5], &[0, 0, 0], 0), "as many zero points as scales"),
        (x(), w().quantized(&[-1.0], &[0], 0), "found -1"),
        (x(), Tensor { dims: vec![2, 1, 1, 3], ..w() }, "INT8 values of shape [2, 1, 1, 3], found 4 bytes"),
        (x(), Tensor { dims: vec![i32::MAX; 4], ..w() }, "found 4 bytes"),
        (x(), Tensor { dims: vec![1; 9], ..w() }, "expected at most 8 axes, found 9 axes"),
    ] {
        let y = map("y", INT8).quantized(&[0.5], &[3], 0);
        let w = if w.scales.is_empty() { w.quantized(&[0.5], &[0], 0) } else { w };
        let file = conv(3, Tensor { dims: vec![1, 2, 2, w.dims[3]], ..x }, w, None, y);
        let error = read(&file.write()).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    }
    // A scale for each channel of what is computed.
    let x = map("x", INT8).quantized(&[0.5, 0.5], &[0, 0], 3);
    let w = w().quantized(&[0.5], &[0], 0);
    let file = conv(3, x, w, None, map("y", INT8).quantized(&[0.5], &[3], 0));
    let graph = read(&file.write()).expect("a network");
    let RawOp::Unsupported { reason } = &graph.nodes[0].op else { panic!("not one scale") };
    assert!(reason.contains("a scale for each channel"), "{reason}");
}

/// At 8 bits codes stand for exactly what they do in the file, if that is asked for; else, and at fewer bits, for what the
/// images show.
#[test]
fn ranges_as_in_the_file_give_its_quantizers() {
    let file = tiny::bytes("tiny_int8.tflite");
    let theirs = read(&file).expect("a network").quantizers;
    let grids = |ranges, bits| {
        let Imported { model, ranges, .. } =
            import(&file, &ImportOptions { ranges, ..ImportOptions::default() }).expect("a network");
        let ranges = ranges.expect("integers have ranges");
        let mut observer =
            Observer::new(&model, Settings::default()).expect("complete").with_ranges(ranges.used());
        observer.add(&[(0..192).map(|i| (i * 37) as u8).collect::<Vec<_>>()]).expect("fits");
        let policy = Policy::uniform(model.graph(), bits, bits);
        let grids = observer.finish().expect("an image").grids(&model, &policy);
        ranges.tensors().map(|tensor| grids.tensors[tensor]).collect::<Vec<_>>()
    };
    let of_file = grids(RangesFrom::File, Bits::B8);
    assert_eq!(of_file.len(), 5, "two convolutions with ReLU, one without, the addition, the mean");
    for Quantizer { scale, zero_point, .. } in &of_file {
        let same = |theirs: &&RawQuantizer| {
            f64::from(theirs.scale) == *scale && theirs.zero_point + 128 == i64::from(*zero_point)
        };
        assert!(theirs.values().any(|theirs| same(&theirs)), "{scale} {zero_point}: {theirs:?}");
    }
    assert_ne!(grids(RangesFrom::Images, Bits::B8), of_file);
    // The mean's output has 8 bits in any case.
    let narrow =
        |ranges| grids(ranges, Bits::B4).into_iter().filter(|q| q.bits == Bits::B4).collect::<Vec<_>>();
    assert_eq!(narrow(RangesFrom::Images), narrow(RangesFrom::File));
    assert_eq!(narrow(RangesFrom::File).len(), 4);
}
