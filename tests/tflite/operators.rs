//! One operator at a time, with all its options.

use super::writer::{FLOAT32, File, INT32, Operator, Tensor, UINT8, Value, Value::*};
use super::{constant, floats, operators, read};
use bitsmith::import::raw::{RawGraph, RawOp, RawPadding, RawWindow};

const INFINITY: f32 = f32::INFINITY;

/// A network of one operator, of a first input of these dims and of constants.
fn network(code: i32, dims: &[i32], constants: &[Tensor], options: &[(u16, Value)]) -> File {
    let mut tensors = vec![Tensor::new("x", FLOAT32, dims), Tensor::new("y", FLOAT32, &[])];
    tensors.extend_from_slice(constants);
    let inputs: Vec<i32> = [0].into_iter().chain(2..tensors.len() as i32).collect();
    let operators = vec![Operator::new(code, &inputs, &[1], options)];
    File { tensors, operators, inputs: vec![0], outputs: vec![1], ..File::default() }
}

fn graph(code: i32, dims: &[i32], constants: &[Tensor], options: &[(u16, Value)]) -> RawGraph {
    read(&network(code, dims, constants, options).write()).expect("a network")
}

/// The only node.
fn op(code: i32, dims: &[i32], constants: &[Tensor], options: &[(u16, Value)]) -> RawOp {
    let mut graph = graph(code, dims, constants, options);
    assert_eq!(graph.nodes.len(), 1, "{graph:?}");
    graph.nodes.remove(0).op
}

const MAP: [i32; 4] = [1, 6, 8, 4];

#[test]
fn operators_without_weights_become_what_they_compute() {
    let clip = |min, max| RawOp::Clip { min, max };
    let window = |padding| RawWindow { kernel: [3, 2], stride: [2, 1], padding, ceil: false };
    let pool = |padding| [(0, Byte(padding)), (1, Int(1)), (2, Int(2)), (3, Int(2)), (4, Int(3))];
    let (same, valid) = (RawPadding::Same, RawPadding::Explicit([0; 4]));
    for (code, options, expected) in [
        (19, vec![], clip(0.0, INFINITY)),
        (21, vec![], clip(0.0, 6.0)),
        (20, vec![], clip(-1.0, 1.0)),
        (152, vec![], clip(0.0, 1.0)),
        (98, vec![(0, Float(0.25))], RawOp::LeakyRelu { slope: 0.25 }),
        (117, vec![], RawOp::HardSwish),
        (14, vec![], RawOp::Sigmoid),
        (28, vec![], RawOp::Tanh),
        (25, vec![(0, Float(1.0))], RawOp::Softmax),
        (50, vec![], RawOp::Softmax),
        (17, pool(0).to_vec(), RawOp::MaxPool(window(same))),
        (17, pool(1).to_vec(), RawOp::MaxPool(window(valid))),
        (1, pool(1).to_vec(), RawOp::AvgPool { window: window(valid), counts_pads: false }),
    ] {
        assert_eq!(op(code, &MAP, &[], &options), expected);
    }
}

#[test]
fn the_larger_and_the_smaller_of_a_number_are_limits() {
    let number = |dims: &[i32]| Tensor::counted("n", dims);
    let six = Tensor::floats("n", &[1], &[6.0]);
    for (code, min, max) in [(55, 0.0, INFINITY), (57, -INFINITY, 0.0)] {
        assert_eq!(op(code, &MAP, &[number(&[])], &[]), RawOp::Clip { min, max });
    }
    // The number may come first.
    let mut file = network(57, &MAP, &[six], &[]);
    file.operators[0].inputs.reverse();
    let graph = read(&file.write()).expect("a network");
    assert_eq!(
        (&graph.nodes[0].op, &graph.nodes[0].inputs[..]),
        (&RawOp::Clip { min: -INFINITY, max: 6.0 }, &["x".to_owned()][..],)
    );
    let graph = self::graph(55, &MAP, &[number(&[4])], &[]);
    assert!(matches!(&graph.nodes[0].op, RawOp::Unsupported { reason } if reason.contains("one number")));
}

#[test]
fn axes_and_sizes_come_out_of_constants_and_options() {
    let list = |values: &[i32]| Tensor::integers("list", &[values.len() as i32], values);
    let reshape = |dims: &[i64]| RawOp::Reshape { dims: dims.to_vec() };
    let mean = |axes: &[i64], keep| RawOp::Mean { axes: axes.to_vec(), keep };
    for (code, dims, constants, options, expected) in [
        (40, &MAP[..], vec![list(&[1, 2])], vec![(0, Byte(1))], mean(&[1, 2], true)),
        (40, &MAP, vec![Tensor::integers("axis", &[], &[-2])], vec![], mean(&[-2], false)),
        (22, &MAP, vec![list(&[-1, 192])], vec![], reshape(&[-1, 192])),
        (22, &MAP, vec![], vec![(0, Ints(vec![1, 192]))], reshape(&[1, 192])),
        // The input goes before the option.
        (22, &MAP, vec![list(&[-1, 96])], vec![(0, Ints(vec![1, 192]))], reshape(&[-1, 96])),
        (43, &[1, 1, 1, 10], vec![], vec![(0, Ints(vec![1, -2]))], reshape(&[1, 10])),
        (43, &[2, 1, 1, 10], vec![], vec![], reshape(&[2, 10])),
        (43, &[-1, 1, 1, 10], vec![], vec![], reshape(&[-1, 10])),
        (70, &[3, 4], vec![Tensor::integers("axis", &[], &[-1])], vec![], reshape(&[3, 4, 1])),
        (70, &[3, 4], vec![Tensor::integers("axis", &[1], &[1])], vec![], reshape(&[3, 1, 4])),
        (130, &[1, 1, 1, 4], vec![list(&[1, 6, 8, 4])], vec![], RawOp::Expand { dims: vec![1, 6, 8, 4] }),
        (39, &MAP, vec![list(&[0, 3, 1, 2])], vec![], RawOp::Transpose { order: vec![0, 3, 1, 2] }),
        (
            34,
            &MAP,
            vec![Tensor::integers("pads", &[4, 2], &[0, 0, 1, 2, 3, 4, 0, 0])],
            vec![],
            RawOp::Pad { pads: vec![[0, 0], [1, 2], [3, 4], [0, 0]], value: 0.0 },
        ),
        (
            60,
            &[1, 4],
            vec![
                Tensor::integers("pads", &[2, 2], &[0, 0, 1, 0]),
                Tensor { values: vec![7], ..Tensor::new("value", UINT8, &[]) }.quantized(&[0.5], &[3], 0),
            ],
            vec![],
            RawOp::Pad { pads: vec![[0, 0], [1, 0]], value: 2.0 },
        ),
    ] {
        assert_eq!(op(code, dims, &constants, &options), expected);
    }
    // 64-bit sizes.
    let wide = Tensor {
        values: [-1_i64, 192].iter().flat_map(|size| size.to_le_bytes()).collect(),
        ..Tensor::new("wide", super::writer::INT64, &[2])
    };
    assert_eq!(op(22, &MAP, &[wide], &[]), reshape(&[-1, 192]));
}

#[test]
fn a_convolution_keeps_its_kernel_and_a_depthwise_one_turns_it() {
    let options = [(0, Byte(1)), (1, Int(2)), (2, Int(3)), (4, Int(4)), (5, Int(5))];
    let conv = graph(3, &MAP, &[Tensor::counted("w", &[2, 3, 1, 4]), Tensor::counted("b", &[2])], &options);
    let expected = RawOp::Conv { stride: [3, 2], dilation: [5, 4], padding: RawPadding::VALID, groups: 1 };
    assert_eq!(conv.nodes[0].op, expected);
    assert_eq!(conv.nodes[0].inputs, ["x", "w", "b"]);
    assert_eq!(constant(&conv, "w").dims, [2, 3, 1, 4]);
    assert_eq!(floats(constant(&conv, "w")), (0..24).map(|i| i as f32).collect::<Vec<_>>());

    // Two groups of two channels.
    let grouped = op(3, &MAP, &[Tensor::counted("w", &[2, 1, 1, 2])], &options);
    assert!(matches!(grouped, RawOp::Conv { groups: 2, .. }));

    let options = [(1, Int(1)), (2, Int(2)), (3, Int(1)), (5, Int(3))];
    let depthwise = graph(4, &MAP, &[Tensor::counted("w", &[1, 2, 1, 4])], &options);
    let expected = RawOp::Conv { stride: [2, 1], dilation: [1, 3], padding: RawPadding::Same, groups: 4 };
    assert_eq!(depthwise.nodes[0].op, expected);
    assert_eq!(constant(&depthwise, "w").dims, [4, 2, 1, 1]);
    assert_eq!(floats(constant(&depthwise, "w")), [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);

    // Two outputs of each channel stay side by side, as in a group.
    let doubled = graph(4, &[1, 6, 8, 2], &[Tensor::counted("w", &[1, 1, 1, 4])], &options);
    assert!(matches!(doubled.nodes[0].op, RawOp::Conv { groups: 2, .. }));
    assert_eq!(constant(&doubled, "w").dims, [4, 1, 1, 1]);
    assert_eq!(floats(constant(&doubled, "w")), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn a_dense_layer_reads_rows() {
    let (w, b) = (Tensor::counted("w", &[2, 4]), Tensor::counted("b", &[2]));
    let both = [w.clone(), b];
    let rows = graph(9, &[3, 4], &both, &[]);
    assert_eq!(operators(&rows), ["FULLY_CONNECTED"]);
    assert_eq!((&rows.nodes[0].op, rows.nodes[0].inputs.len()), (&RawOp::Dense, 3));
    // Whatever the axes of the input are, it is a list of rows of the matrix' inputs.
    for dims in [&[1, 1, 1, 4][..], &[1, 2, 2], &[2, 2]] {
        let flat = graph(9, dims, &both, &[]);
        assert_eq!(operators(&flat), ["RESHAPE", "FULLY_CONNECTED"]);
        assert_eq!(flat.nodes[0].op, RawOp::Reshape { dims: vec![-1, 4] });
        assert_eq!(flat.nodes[1].inputs[0], flat.nodes[0].outputs[0]);
    }
    let kept = graph(9, &[1, 2, 3, 4], &both, &[(2, Byte(1))]);
    assert_eq!(operators(&kept), ["FULLY_CONNECTED"]);
    // A bias may be left out.
    let mut file = network(9, &[3, 4], &[w], &[]);
    file.operators[0].inputs.push(-1);
    assert_eq!(read(&file.write()).expect("a network").nodes[0].inputs, ["x", "w"]);
}

#[test]
fn activations_inside_an_operator_are_nodes_behind_it() {
    for (fused, operator, op) in [
        (1, "RELU", RawOp::Clip { min: 0.0, max: INFINITY }),
        (2, "RELU_N1_TO_1", RawOp::Clip { min: -1.0, max: 1.0 }),
        (3, "RELU6", RawOp::Clip { min: 0.0, max: 6.0 }),
        (4, "TANH", RawOp::Tanh),
    ] {
        let other = Tensor::counted("c", &[4]);
        let window = [(1, Int(1)), (2, Int(1)), (3, Int(1)), (4, Int(1)), (5, Byte(fused))];
        let conv = [(1, Int(1)), (2, Int(1)), (3, Byte(fused))];
        let depthwise = [(1, Int(1)), (2, Int(1)), (4, Byte(fused))];
        for (code, main, constants, options) in [
            (0, "ADD", vec![other.clone()], vec![(0, Byte(fused))]),
            (41, "SUB", vec![other.clone()], vec![(0, Byte(fused))]),
            (18, "MUL", vec![other.clone()], vec![(0, Byte(fused))]),
            (42, "DIV", vec![other.clone()], vec![(0, Byte(fused))]),
            (2, "CONCATENATION", vec![other], vec![(0, Int(3)), (1, Byte(fused))]),
            (1, "AVERAGE_POOL_2D", vec![], window.to_vec()),
            (3, "CONV_2D", vec![Tensor::counted("w", &[2, 1, 1, 4])], conv.to_vec()),
            (4, "DEPTHWISE_CONV_2D", vec![Tensor::counted("w", &[1, 1, 1, 4])], depthwise.to_vec()),
        ] {
            let graph = graph(code, &MAP, &constants, &options);
            assert_eq!(operators(&graph), [main, operator]);
            let [first, second] = &graph.nodes[..] else { panic!("two nodes") };
            assert_eq!(second.op, op);
            assert_eq!(second.inputs, first.outputs);
            assert_eq!(
                (&second.outputs[..], &graph.outputs[..]),
                (&["y".to_owned()][..], &["y".to_owned()][..])
            );
            // The layer has the tensor's name, which is what the file calls it.
            assert_eq!(first.name, "y");
        }
    }
}

#[test]
fn what_is_not_taken_is_said_by_name() {
    let w = |dims: &[i32]| vec![Tensor::counted("w", dims)];
    let stride = vec![(1, Int(1)), (2, Int(1))];
    let list = |values: &[i32]| vec![Tensor::integers("list", &[values.len() as i32], values)];
    for (code, constants, options, operator, part) in [
        (54, w(&[4]), vec![], "PRELU", "slope that is learned"),
        (100, list(&[0, 0]), vec![], "MIRROR_PAD", "own values"),
        (44, vec![], vec![], "UNIDIRECTIONAL_SEQUENCE_LSTM", "recurrent"),
        (36, vec![], vec![], "GATHER", "Bitsmith does not have"),
        (999, vec![], vec![], "operator 999", "does not have"),
        (25, vec![], vec![(0, Float(2.0))], "SOFTMAX", "times 2"),
        (17, vec![], vec![(1, Int(0)), (2, Int(1)), (3, Int(1)), (4, Int(1))], "MAX_POOL_2D", "stride of 0"),
        (17, vec![], vec![], "MAX_POOL_2D", "of 0"),
        (3, w(&[2, 1, 1, 3]), stride.clone(), "CONV_2D", "3 channels over a map of 4"),
        (3, w(&[2, 4]), stride.clone(), "CONV_2D", "2 axes"),
        (3, vec![], stride.clone(), "CONV_2D", "no input number 1"),
        (4, w(&[2, 1, 1, 4]), stride, "DEPTHWISE_CONV_2D", "2 kernels"),
        (9, w(&[2, 3]), vec![(2, Byte(1))], "FULLY_CONNECTED", "another last axis"),
        (9, w(&[2, 4]), vec![(1, Byte(1))], "FULLY_CONNECTED", "one kind of processor"),
        (9, w(&[2, 2, 2]), vec![], "FULLY_CONNECTED", "no matrix"),
        (0, w(&[4]), vec![(0, Byte(5))], "ADD", "the sign"),
        (22, list(&[-1, -1]), vec![], "RESHAPE", "shape of [-1, -1]"),
        (22, list(&[0, 4]), vec![], "RESHAPE", "shape of [0, 4]"),
        (22, vec![], vec![], "RESHAPE", "computes"),
        (43, vec![], vec![(0, Ints(vec![1]))], "SQUEEZE", "not of size 1"),
        (39, list(&[0, 0, 1, 2]), vec![], "TRANSPOSE", "twice"),
        (34, list(&[0, 0, -1, 0]), vec![], "PAD", "padding of"),
        (40, list(&[7; 17]), vec![], "MEAN", "17 axes"),
        (0, list(&[7]), vec![], "ADD", "INT32 without a scale"),
    ] {
        let graph = graph(code, &MAP, &constants, &options);
        assert_eq!(operators(&graph), [operator]);
        let RawOp::Unsupported { reason } = &graph.nodes[0].op else { panic!("{operator} is not taken") };
        assert!(reason.contains(part), "{operator}: {reason}");
        assert_eq!((&graph.nodes[0].name[..], &graph.nodes[0].outputs[..]), ("y", &["y".to_owned()][..]));
    }
}

#[test]
fn operators_of_others_have_their_own_names() {
    for (custom, part) in [
        ("edgetpu-custom-op", "Edge TPU"),
        ("FlexErf", "SELECT_TF_OPS"),
        ("TFLite_Detection_PostProcess", "object detection"),
        // A name that means something else.
        ("CONV_2D", "custom operator"),
    ] {
        let mut file = network(32, &MAP, &[], &[]);
        file.operators[0].custom = custom;
        let graph = read(&file.write()).expect("a network");
        assert_eq!(operators(&graph), [custom]);
        let RawOp::Unsupported { reason } = &graph.nodes[0].op else { panic!("{custom} is not taken") };
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn integers_that_are_no_real_numbers_are_not_taken() {
    let mut file = network(19, &MAP, &[], &[]);
    for (kind, part) in [(INT32, "type INT32"), (UINT8, "UINT8 without a scale"), (100, "type 100")] {
        for tensor in [0, 1] {
            file.tensors[0].kind = FLOAT32;
            file.tensors[1].kind = FLOAT32;
            file.tensors[tensor].kind = kind;
            let graph = read(&file.write()).expect("a network");
            let RawOp::Unsupported { reason } = &graph.nodes[0].op else { panic!("{kind} is not taken") };
            assert!(reason.contains(part), "{reason}");
        }
    }
}
