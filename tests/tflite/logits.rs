//! Networks as they are read, computed as plainly as can be, against the logits that LiteRT computes
//! (`tests/tflite/make_logits.py`). So nothing but the reader is between the file and the numbers.

use super::files::shared;
use super::{constant, floats, tiny};
use bitsmith::import::raw::{Constant, RawGraph, RawNode, RawOp, RawPadding, RawQuantizer};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    file: String,
    scale: f32,
    logit_scale: Option<f32>,
    logit_zero_point: Option<f32>,
    logits: Vec<Vec<f32>>,
}

/// Rows, columns, channels and values.
struct Map {
    size: [usize; 3],
    values: Vec<f32>,
}

impl Map {
    fn at(&self, row: usize, column: usize, channel: usize) -> f32 {
        self.values[(row * self.size[1] + column) * self.size[2] + channel]
    }
}

/// Image number `index` of the script, as the network wants it.
fn image(index: usize, side: usize, scale: f32) -> Map {
    let pixel = |y: usize, x: usize, c: usize| (31 * y + 17 * x + 91 * c + 7 * index) % 256;
    let places = (0..side).flat_map(|y| (0..side).flat_map(move |x| (0..3).map(move |c| (y, x, c))));
    Map { size: [side, side, 3], values: places.map(|(y, x, c)| pixel(y, x, c) as f32 * scale).collect() }
}

/// The nearest numbers that the integers of a tensor stand for.
fn rounded(map: &mut Map, RawQuantizer { scale, zero_point, range }: &RawQuantizer) {
    for value in &mut map.values {
        let integer = (*value / scale).round_ties_even() as i64 + zero_point;
        *value = (integer.clamp(range.0, range.1) - zero_point) as f32 * scale;
    }
}

/// Rows or columns of the result, and pixels before the first.
fn extent(size: usize, kernel: usize, stride: usize, padding: RawPadding) -> (usize, usize) {
    match padding {
        RawPadding::Same => {
            let count = size.div_ceil(stride);
            (count, ((count - 1) * stride + kernel).saturating_sub(size) / 2)
        }
        _ => ((size - kernel) / stride + 1, 0),
    }
}

/// Places of a window that lie in the map: of the kernel and of the map.
fn window(from: usize, kernel: usize, before: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let inside = move |k: usize| (from + k).checked_sub(before).filter(|place| *place < size);
    (0..kernel).filter_map(move |k| Some((k, inside(k)?)))
}

fn conv(x: &Map, w: &Constant, bias: &[f32], op: &RawOp) -> Map {
    let &RawOp::Conv { stride, padding, groups, dilation: [1, 1] } = op else { panic!("{op:?}") };
    let (&[outputs, kh, kw, inputs], weights) = (&w.dims[..], floats(w)) else { panic!("four axes") };
    let (rows, top) = extent(x.size[0], kh, stride[0], padding);
    let (columns, left) = extent(x.size[1], kw, stride[1], padding);
    let mut values = Vec::new();
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        for output in 0..outputs {
            let first = output / (outputs / groups) * inputs;
            let mut sum = bias[output];
            for (i, y) in window(row * stride[0], kh, top, x.size[0]) {
                for (j, z) in window(column * stride[1], kw, left, x.size[1]) {
                    let weights = &weights[((output * kh + i) * kw + j) * inputs..][..inputs];
                    sum += weights.iter().enumerate().map(|(k, w)| w * x.at(y, z, first + k)).sum::<f32>();
                }
            }
            values.push(sum);
        }
    }
    Map { size: [rows, columns, outputs], values }
}

/// Means of windows that lie in the map.
fn mean(x: &Map, kernel: [usize; 2], stride: [usize; 2]) -> Map {
    let (rows, _) = extent(x.size[0], kernel[0], stride[0], RawPadding::VALID);
    let (columns, _) = extent(x.size[1], kernel[1], stride[1], RawPadding::VALID);
    let size = [rows, columns, x.size[2]];
    let mut values = Vec::new();
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let (row, column) = (row * stride[0], column * stride[1]);
        for channel in 0..x.size[2] {
            let of = |i: usize| x.at(row + i / kernel[1], column + i % kernel[1], channel);
            let count = kernel[0] * kernel[1];
            values.push((0..count).map(of).sum::<f32>() / count as f32);
        }
    }
    Map { size, values }
}

fn dense(x: &Map, w: &Constant, bias: &[f32]) -> Map {
    let row = |(row, bias): (&[f32], &f32)| row.iter().zip(&x.values).map(|(w, x)| w * x).sum::<f32>() + bias;
    let values: Vec<f32> = floats(w).chunks_exact(x.values.len()).zip(bias).map(row).collect();
    Map { size: [1, 1, values.len()], values }
}

fn compute(graph: &RawGraph, node: &RawNode, maps: &BTreeMap<String, Map>) -> Map {
    let x = &maps[&node.inputs[0]];
    let weights = || (constant(graph, &node.inputs[1]), floats(constant(graph, &node.inputs[2])));
    let same = |values: Vec<f32>| Map { size: x.size, values };
    match &node.op {
        op @ RawOp::Conv { .. } => conv(x, weights().0, weights().1, op),
        RawOp::Dense => dense(x, weights().0, weights().1),
        RawOp::Clip { min, max } => same(x.values.iter().map(|value| value.max(*min).min(*max)).collect()),
        RawOp::Add => same(x.values.iter().zip(&maps[&node.inputs[1]].values).map(|(x, y)| x + y).collect()),
        RawOp::AvgPool { window, .. } => mean(x, window.kernel, window.stride),
        RawOp::Reshape { .. } => same(x.values.clone()),
        other => panic!("{other:?}"),
    }
}

/// What goes into the softmax at the end.
fn logits(graph: &RawGraph, image: Map) -> Vec<f32> {
    let mut maps = BTreeMap::from([(graph.inputs[0].name.clone(), image)]);
    for node in &graph.nodes {
        if node.op == RawOp::Softmax {
            return maps.remove(&node.inputs[0]).expect("a result").values;
        }
        let mut map = compute(graph, node, &maps);
        if let Some(quantizer) = graph.quantizers.get(&node.outputs[0]) {
            rounded(&mut map, quantizer);
        }
        maps.insert(node.outputs[0].clone(), map);
    }
    panic!("a softmax at the end");
}

#[test]
fn logits_are_those_of_the_interpreter() {
    let golden: Vec<Golden> =
        serde_json::from_slice(&tiny::bytes("logits.json")).expect("the form that its script writes");
    assert_eq!(golden.len(), 4);
    for Golden { file, scale, logit_scale, logit_zero_point, logits: expected } in golden {
        let name = file.strip_suffix(".tflite").expect("a .tflite file");
        let Some(graph) = shared(name) else { return };
        assert_eq!(expected.len(), 10);
        let largest = expected.iter().flatten().fold(0_f32, |most, logit| most.max(logit.abs()));
        let (step, zero) = (logit_scale.unwrap_or(1.0), logit_zero_point.unwrap_or(0.0));
        let mut differences = Vec::new();
        for (index, expected) in expected.into_iter().enumerate() {
            let side = graph.inputs[0].dims[1].expect("a size");
            let ours = logits(&graph, image(index, side, scale));
            assert_eq!(ours.len(), expected.len());
            differences
                .extend(ours.iter().zip(expected).map(|(ours, theirs)| (ours / step + zero - theirs).abs()));
        }
        let most = differences.iter().fold(0_f32, |most, difference| most.max(*difference));
        let mean = differences.iter().sum::<f32>() / differences.len() as f32;
        // Kernels for integers round half-way results otherwise, which later layers make more of: steps out of 256.
        let (most_allowed, mean_allowed) =
            if logit_scale.is_some() { (8.0, 1.0) } else { (largest * 1e-5, largest * 1e-6) };
        assert!(most <= most_allowed && mean <= mean_allowed, "{name}: at most {most}, {mean} in the mean");
    }
}
