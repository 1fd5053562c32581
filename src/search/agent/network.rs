//! Perceptrons of two hidden layers, and how they learn.

use super::matrix::{LANES, Matrix, padded};
use crate::search::random::Random;
use serde::{Deserialize, Serialize};

/// Weights of three fully connected layers with ReLU after the first two: `[inputs] -> [hidden] -> [hidden] -> 1`.
/// Sizes are padded; what is padding stays zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Perceptron {
    hidden: usize,
    /// `[inputs][hidden]`, biases, `[hidden][hidden]`, biases, `[hidden]`, bias; padded.
    parts: [Vec<f32>; 6],
}

/// What a forward pass leaves for the backward pass.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub inputs: Matrix,
    first: Matrix,
    second: Matrix,
    /// One output for each row.
    pub outputs: Vec<f32>,
}

/// Buffers of a backward pass.
#[derive(Clone, Debug, Default)]
pub struct Backward {
    transposed: Matrix,
    first: Matrix,
    second: Matrix,
    product: Matrix,
}

impl Perceptron {
    /// Uniform weights within 1 / sqrt(inputs of the layer), as PyTorch has them. The last `apart` inputs count as a
    /// layer of their own whose sums are added to those of the others.
    pub fn new(inputs: usize, apart: usize, hidden: usize, random: &mut Random) -> Self {
        let mut draw = |reach: f64| (reach * (2.0 * random.uniform() - 1.0)) as f32;
        let (rows, columns) = (padded(inputs), padded(hidden));
        let own = inputs - apart;
        let reach = |fan_in: usize| 1.0 / libm::sqrt(fan_in.max(1) as f64);
        let mut first = vec![0.0; rows * columns];
        for (row, weights) in first.chunks_exact_mut(columns).enumerate().take(inputs) {
            let reach = reach(if row < own { own } else { apart });
            weights[..hidden].fill_with(|| draw(reach));
        }
        let mut bias = vec![0.0; columns];
        bias[..hidden].fill_with(|| draw(reach(own)));
        let mut second = vec![0.0; columns * columns];
        for weights in second.chunks_exact_mut(columns).take(hidden) {
            weights[..hidden].fill_with(|| draw(reach(hidden)));
        }
        let mut second_bias = vec![0.0; columns];
        second_bias[..hidden].fill_with(|| draw(reach(hidden)));
        let mut last = vec![0.0; columns];
        last[..hidden].fill_with(|| draw(reach(hidden)));
        let last_bias = vec![draw(reach(hidden))];
        Self { hidden: columns, parts: [first, bias, second, second_bias, last, last_bias] }
    }

    /// Whether both have the same sizes.
    pub fn is_like(&self, other: &Self) -> bool {
        self.hidden == other.hidden
            && self.parts.iter().zip(&other.parts).all(|(own, others)| own.len() == others.len())
    }

    /// Zeros of the same size.
    pub fn zeros_like(&self) -> Self {
        let parts = self.parts.each_ref().map(|part| vec![0.0; part.len()]);
        Self { parts, ..*self }
    }

    /// Outputs of `trace.inputs`, a row each.
    pub fn forward(&self, trace: &mut Trace) {
        let [first, bias, second, second_bias, last, last_bias] = &self.parts;
        trace.first.product(&trace.inputs, false, (first, self.hidden), Some(bias));
        rectify(&mut trace.first);
        trace.second.product(&trace.first, false, (second, self.hidden), Some(second_bias));
        rectify(&mut trace.second);
        let rows = trace.second.values.chunks_exact(self.hidden);
        trace.outputs.clear();
        trace.outputs.extend(rows.map(|row| last_bias[0] + dot(row, last)));
    }

    /// Gradients of the weights for those of the outputs, `[rows]`, written to `gradients`.
    pub fn backward(&self, trace: &Trace, outputs: &[f32], buffers: &mut Backward, gradients: &mut Self) {
        self.hidden_gradients(trace, outputs, buffers);
        let [first, bias, second, second_bias, last, last_bias] = &mut gradients.parts;
        last.fill(0.0);
        for (row, &gradient) in trace.second.values.chunks_exact(self.hidden).zip(outputs) {
            for (sum, value) in last.iter_mut().zip(row) {
                *sum += gradient * value;
            }
        }
        last_bias[0] = outputs.iter().sum();
        buffers.product.product(&trace.first, true, (&buffers.second.values, self.hidden), None);
        second.copy_from_slice(&buffers.product.values);
        column_sums(&buffers.second, second_bias);
        buffers.product.product(&trace.inputs, true, (&buffers.first.values, self.hidden), None);
        first.copy_from_slice(&buffers.product.values);
        column_sums(&buffers.first, bias);
    }

    /// Gradients of one of the inputs for those of the outputs, `[rows]`.
    pub fn input_gradients(
        &self,
        trace: &Trace,
        outputs: &[f32],
        buffers: &mut Backward,
        input: usize,
    ) -> Vec<f32> {
        self.hidden_gradients(trace, outputs, buffers);
        let weights = &self.parts[0][input * self.hidden..][..self.hidden];
        buffers.first.values.chunks_exact(self.hidden).map(|row| dot(row, weights)).collect()
    }

    /// Gradients of both hidden layers before their ReLU.
    fn hidden_gradients(&self, trace: &Trace, outputs: &[f32], buffers: &mut Backward) {
        let [_, _, second, _, last, _] = &self.parts;
        buffers.second.reset(trace.second.rows, self.hidden);
        let rows = buffers.second.values.chunks_exact_mut(self.hidden);
        for ((row, values), &gradient) in rows.zip(trace.second.values.chunks_exact(self.hidden)).zip(outputs)
        {
            for ((out, &value), weight) in row.iter_mut().zip(values).zip(last) {
                *out = if value > 0.0 { gradient * weight } else { 0.0 };
            }
        }
        buffers.transposed.transpose_of(second, self.hidden);
        buffers.first.product(&buffers.second, false, (&buffers.transposed.values, self.hidden), None);
        for (out, &value) in buffers.first.values.iter_mut().zip(&trace.first.values) {
            *out = if value > 0.0 { *out } else { 0.0 };
        }
    }

    /// Moves towards another by a part of the way: target networks.
    pub fn follow(&mut self, other: &Self, part: f32) {
        for (own, others) in self.parts.iter_mut().zip(&other.parts) {
            for (own, other) in own.iter_mut().zip(others) {
                *own = *own * (1.0 - part) + *other * part;
            }
        }
    }
}

/// Adam (Kingma and Ba, arXiv 1412.6980) with its usual constants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    rate: f64,
    means: Perceptron,
    squares: Perceptron,
    /// beta^steps of both.
    powers: [f64; 2],
}

const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

impl Adam {
    /// No step done yet.
    pub fn new(network: &Perceptron, rate: f64) -> Self {
        Self { rate, means: network.zeros_like(), squares: network.zeros_like(), powers: [1.0; 2] }
    }

    /// Whether it moves such a network.
    pub fn is_like(&self, network: &Perceptron) -> bool {
        self.means.is_like(network) && self.squares.is_like(network)
    }

    /// A step down the gradients.
    pub fn step(&mut self, network: &mut Perceptron, gradients: &Perceptron) {
        self.powers = std::array::from_fn(|i| self.powers[i] * BETAS[i]);
        let step = (self.rate / (1.0 - self.powers[0])) as f32;
        let unbias = (1.0 / (1.0 - self.powers[1])) as f32;
        let [keep, keep_square] = BETAS.map(|beta| beta as f32);
        let [take, take_square] = BETAS.map(|beta| (1.0 - beta) as f32);
        let moments = self.means.parts.iter_mut().zip(&mut self.squares.parts);
        for ((weights, gradients), (means, squares)) in
            network.parts.iter_mut().zip(&gradients.parts).zip(moments)
        {
            let moments = means.iter_mut().zip(squares);
            for ((weight, &gradient), (mean, square)) in weights.iter_mut().zip(gradients).zip(moments) {
                *mean = keep * *mean + take * gradient;
                *square = keep_square * *square + take_square * (gradient * gradient);
                *weight -= step * *mean / ((*square * unbias).sqrt() + EPSILON);
            }
        }
    }
}

fn rectify(matrix: &mut Matrix) {
    matrix.values.iter_mut().for_each(|value| *value = if *value > 0.0 { *value } else { 0.0 });
}

/// Sum of products in [`LANES`] lanes, which are added up in order at the end.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

fn column_sums(matrix: &Matrix, sums: &mut [f32]) {
    sums.fill(0.0);
    for row in matrix.values.chunks_exact(matrix.columns) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(rows: usize, random: &mut Random) -> Trace {
        let mut trace = Trace { inputs: Matrix::zeros(rows, 5), ..Trace::default() };
        for row in 0..rows {
            trace.inputs.row_mut(row)[..5].fill_with(|| random.uniform() as f32);
        }
        trace
    }

    /// Gradients against differences of the outputs' sum.
    #[test]
    fn gradients_are_those_of_the_outputs() {
        let mut random = Random::new(3, 0);
        let network = Perceptron::new(5, 1, 20, &mut random);
        let mut trace = trace(16, &mut random);
        network.forward(&mut trace);
        let total = |network: &Perceptron, inputs: &Matrix| -> f64 {
            let mut trace = Trace { inputs: inputs.clone(), ..Trace::default() };
            network.forward(&mut trace);
            trace.outputs.iter().map(|&y| f64::from(y)).sum()
        };
        let ones = vec![1.0; 16];
        let mut buffers = Backward::default();
        let mut gradients = network.zeros_like();
        network.backward(&trace, &ones, &mut buffers, &mut gradients);
        let step = 1e-2;
        for (part, at) in [(0, 3), (0, 40), (1, 7), (2, 100), (3, 2), (4, 11), (5, 0)] {
            let shifted = |by: f32| {
                let mut network = network.clone();
                network.parts[part][at] += by;
                total(&network, &trace.inputs)
            };
            let slope = (shifted(step) - shifted(-step)) / f64::from(2.0 * step);
            let found = f64::from(gradients.parts[part][at]);
            assert!((found - slope).abs() < 2e-2 * slope.abs().max(0.1), "part {part}: {found} {slope}");
        }
        let found = network.input_gradients(&trace, &ones, &mut buffers, 4);
        let shifted = |by: f32| {
            let mut inputs = trace.inputs.clone();
            inputs.row_mut(2)[4] += by;
            total(&network, &inputs)
        };
        let slope = (shifted(step) - shifted(-step)) / f64::from(2.0 * step);
        assert!((f64::from(found[2]) - slope).abs() < 1e-2, "{} {slope}", found[2]);
    }

    #[test]
    fn adam_fits_a_line_and_padding_stays_zero() {
        let mut random = Random::new(4, 0);
        let mut network = Perceptron::new(5, 0, 20, &mut random);
        let mut adam = Adam::new(&network, 1e-2);
        let mut trace = trace(32, &mut random);
        let mut gradients = network.zeros_like();
        let error = |trace: &Trace| -> Vec<f32> {
            let rows = trace.inputs.values.chunks_exact(trace.inputs.columns);
            trace.outputs.iter().zip(rows).map(|(y, x)| y - (2.0 * x[0] - x[1])).collect()
        };
        for _ in 0..500 {
            network.forward(&mut trace);
            let slopes: Vec<f32> = error(&trace).iter().map(|e| 2.0 * e / 32.0).collect();
            network.backward(&trace, &slopes, &mut Backward::default(), &mut gradients);
            adam.step(&mut network, &gradients);
        }
        network.forward(&mut trace);
        let mean = error(&trace).iter().map(|e| e * e).sum::<f32>() / 32.0;
        assert!(mean < 1e-3, "{mean}");
        let padding = network.parts[0].chunks_exact(32).flat_map(|row| &row[20..]);
        assert!(padding.chain(&network.parts[4][20..]).all(|&w| w == 0.0));
    }
}
