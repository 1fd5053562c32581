//! Codes of weights by what they do to the layer's sums, not by how near they lie to the weights.
//!
//! Batch normalization takes up any slope and offset of a channel's sums. What counts of its integer weights
//! `q = code - zero_point` is therefore only how well their sums follow the float network's, that is the correlation
//! of both over the calibration pixels:
//!
//! ```text
//! score(q) = (g . q)^2 / (q' H q)        where g . q > 0
//! ```
//!
//! with the inputs' covariance `H` and the covariance `g` of inputs and float sums. First the range is chosen whose
//! nearest codes score best, then single codes move as long as the score rises (coordinate descent). Everything is
//! sums, products and comparisons in a fixed order, so that all machines find the same codes.

use super::weights::candidates;
use super::{Bits, Quantizer};

/// Sweeps of the descent over all inputs, at most.
const SWEEPS: usize = 4;
/// A code moves only if the score rises by more than this part of it: less is rounding.
const RISE: f64 = 1e-9;
/// Part of the inputs' mean variance that is added to each, as if the inputs were a little noisy: few calibration
/// pixels say little about rare combinations.
const DAMPING: f64 = 0.01;

/// Covariance of the inputs of a layer's output channels.
#[derive(Clone, Debug, PartialEq)]
pub struct InputCovariance {
    depth: usize,
    /// `[depth, depth]`, damped.
    values: Vec<f64>,
    /// What was added to each variance.
    damping: f64,
}

impl InputCovariance {
    /// Of `depth` inputs, `[depth, depth]`, row by row.
    pub fn new(mut values: Vec<f64>, depth: usize) -> Self {
        let variance: f64 = values.iter().step_by(depth + 1).sum();
        let damping = DAMPING * variance / depth as f64;
        values.iter_mut().step_by(depth + 1).for_each(|variance| *variance += damping);
        Self { depth, values, damping }
    }

    fn row(&self, input: usize) -> &[f64] {
        &self.values[input * self.depth..][..self.depth]
    }

    /// Codes of a channel's weights and their quantizer; `None` if the inputs say nothing about them. `crossed` is the
    /// covariance of each input with the float network's sums, both in the inputs' units. The quantizer's scale is that of
    /// least squares.
    pub fn code(&self, weights: &[f32], crossed: &[f64], bits: Bits) -> Option<(Vec<u8>, Quantizer)> {
        let damped = |(&crossed, &weight): (&f64, &f32)| crossed + self.damping * f64::from(weight);
        let wanted: Vec<f64> = crossed.iter().zip(weights).map(damped).collect();
        let quantizer = self.range(weights, &wanted, bits)?;
        let mut steps = Steps::nearest(self, &wanted, weights, quantizer);
        for _ in 0..SWEEPS {
            if !steps.sweep() {
                break;
            }
        }
        let scale = steps.with_sums / steps.own;
        let quantizer =
            if scale.is_normal() && scale > 0.0 { Quantizer { scale, ..quantizer } } else { quantizer };
        Some((steps.codes(), quantizer))
    }

    /// The range whose nearest codes have the highest score; of equals the first.
    fn range(&self, weights: &[f32], wanted: &[f64], bits: Bits) -> Option<Quantizer> {
        let mut best = None;
        let mut highest = 0.0;
        // Neighbouring ranges differ in few codes, so each begins with those of the one before.
        let mut steps: Option<Steps> = None;
        for quantizer in candidates(weights, bits) {
            match &mut steps {
                Some(steps) => steps.move_to(weights, quantizer),
                None => steps = Some(Steps::nearest(self, wanted, weights, quantizer)),
            }
            let score = steps.as_ref().map_or(0.0, Steps::score);
            if score > highest {
                (best, highest) = (Some(quantizer), score);
            }
        }
        best
    }
}

/// Integer weights of a channel, with what their score is made of.
struct Steps<'a> {
    covariance: &'a InputCovariance,
    /// `g`.
    wanted: &'a [f64],
    quantizer: Quantizer,
    /// `q`, codes less the zero point.
    steps: Vec<f64>,
    /// `H q`.
    product: Vec<f64>,
    /// `g . q`.
    with_sums: f64,
    /// `q' H q`.
    own: f64,
}

fn score(with_sums: f64, own: f64) -> f64 {
    if with_sums > 0.0 && own > f64::MIN_POSITIVE { with_sums * with_sums / own } else { 0.0 }
}

impl<'a> Steps<'a> {
    fn nearest(
        covariance: &'a InputCovariance,
        wanted: &'a [f64],
        weights: &[f32],
        quantizer: Quantizer,
    ) -> Self {
        let zeros = vec![0.0; weights.len()];
        let mut steps = Self {
            covariance,
            wanted,
            quantizer,
            steps: zeros.clone(),
            product: zeros,
            with_sums: 0.0,
            own: 0.0,
        };
        steps.move_to(weights, quantizer);
        steps
    }

    /// The nearest steps of another quantizer.
    fn move_to(&mut self, weights: &[f32], quantizer: Quantizer) {
        self.quantizer = quantizer;
        let zero_point = f64::from(quantizer.zero_point);
        for (input, &weight) in weights.iter().enumerate() {
            let step = f64::from(quantizer.quantize(f64::from(weight))) - zero_point;
            let by = step - self.steps[input];
            if by != 0.0 {
                self.shift(input, by);
            }
        }
    }

    fn score(&self) -> f64 {
        score(self.with_sums, self.own)
    }

    /// `g . q` and `q' H q` if one step were so much higher.
    fn shifted(&self, input: usize, by: f64) -> (f64, f64) {
        let variance = self.covariance.values[input * (self.covariance.depth + 1)];
        let own = self.own + 2.0 * by * self.product[input] + by * by * variance;
        (self.with_sums + by * self.wanted[input], own)
    }

    fn shift(&mut self, input: usize, by: f64) {
        (self.with_sums, self.own) = self.shifted(input, by);
        self.steps[input] += by;
        for (product, covariance) in self.product.iter_mut().zip(self.covariance.row(input)) {
            *product += by * covariance;
        }
    }

    /// Moves each code to the value with the highest score; whether any has moved.
    fn sweep(&mut self) -> bool {
        let zero_point = f64::from(self.quantizer.zero_point);
        let most = f64::from(self.quantizer.bits.max_code());
        let mut moved = false;
        for input in 0..self.steps.len() {
            let now = self.steps[input];
            let (mut best, mut highest) = (0.0, self.score() * (1.0 + RISE));
            let mut code = 0.0;
            while code <= most {
                let by = code - zero_point - now;
                let (with_sums, own) = self.shifted(input, by);
                let found = score(with_sums, own);
                if found > highest {
                    (best, highest) = (by, found);
                }
                code += 1.0;
            }
            if best != 0.0 {
                self.shift(input, best);
                moved = true;
            }
        }
        moved
    }

    fn codes(&self) -> Vec<u8> {
        let zero_point = f64::from(self.quantizer.zero_point);
        self.steps.iter().map(|step| (step + zero_point) as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::{Granularity, WeightCodes, WeightRange};
    use proptest::prelude::*;

    const DEPTH: usize = 4;

    /// Inputs of some pixels, `[pixels, depth]`, that go together.
    fn inputs() -> impl Strategy<Value = Vec<[f64; DEPTH]>> {
        let pixel = (prop::array::uniform4(-9i32..=9), -9i32..=9);
        prop::collection::vec(pixel, 8..24).prop_map(|pixels| {
            pixels.into_iter().map(|(own, shared)| own.map(|own| f64::from(own + 3 * shared))).collect()
        })
    }

    fn covariance(pixels: &[[f64; DEPTH]]) -> Vec<f64> {
        let mean = |i: usize| pixels.iter().map(|p| p[i]).sum::<f64>() / pixels.len() as f64;
        let means: [f64; DEPTH] = std::array::from_fn(mean);
        let of = |i: usize, j: usize| {
            pixels.iter().map(|p| (p[i] - means[i]) * (p[j] - means[j])).sum::<f64>() / pixels.len() as f64
        };
        (0..DEPTH * DEPTH).map(|at| of(at / DEPTH, at % DEPTH)).collect()
    }

    fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
        matrix.chunks_exact(DEPTH).map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
    }

    /// Squared correlation of integer weights with the float sums, from the definition.
    fn correlation(covariance: &[f64], weights: &[f32], steps: &[f64]) -> f64 {
        let weights: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (of_steps, of_weights) = (product(covariance, steps), product(covariance, &weights));
        let (crossed, own, float) =
            (dot(&of_steps, &weights), dot(&of_steps, steps), dot(&of_weights, &weights));
        if crossed > 0.0 && own > 0.0 { crossed * crossed / (own * float) } else { 0.0 }
    }

    fn steps(codes: &[u8], quantizer: &Quantizer) -> Vec<f64> {
        codes.iter().map(|&code| f64::from(code) - f64::from(quantizer.zero_point)).collect()
    }

    proptest! {
        /// Sums follow the float network's at least as well as with the nearest codes, and of all codes with the chosen
        /// zero point no single change helps.
        #[test]
        fn codes_are_at_least_as_good_as_the_nearest(
            pixels in inputs(),
            weights in prop::array::uniform4(-1.0..1.0f32),
            bits in prop::sample::select(&[Bits::B2, Bits::B4][..]),
        ) {
            let own = covariance(&pixels);
            prop_assume!(own.iter().step_by(DEPTH + 1).all(|&variance| variance > 1.0));
            prop_assume!(weights.iter().any(|w| w.abs() > 0.1));
            let damped = InputCovariance::new(own.clone(), DEPTH);
            let wide: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
            let crossed = product(&own, &wide);
            let (codes, quantizer) = damped.code(&weights, &crossed, bits).expect("inputs vary");
            prop_assert!(codes.iter().all(|&code| code <= bits.max_code()));
            prop_assert_eq!(quantizer.bits, bits);
            let of = |codes: &[u8], q: &Quantizer| correlation(&damped.values, &weights, &steps(codes, q));
            let found = of(&codes, &quantizer);
            let nearest = WeightCodes::new(&weights, 1, bits, Granularity::PerChannel, WeightRange::Mse);
            prop_assert!(found >= of(&nearest.codes, &nearest.quantizers[0]) - 1e-9);
            for input in 0..DEPTH {
                for code in 0..=bits.max_code() {
                    let mut changed = codes.clone();
                    changed[input] = code;
                    prop_assert!(of(&changed, &quantizer) <= found * (1.0 + 1e-6) + 1e-9);
                }
            }
        }
    }

    /// A large weight of an input that never varies widens the range of the nearest codes; the others' sums count.
    #[test]
    fn an_input_that_never_varies_takes_no_codes() {
        let mut own = vec![0.0; DEPTH * DEPTH];
        (own[0], own[DEPTH + 1]) = (4.0, 4.0);
        let weights = [0.2, -0.3, 0.9, 0.0];
        let (codes, quantizer) = InputCovariance::new(own, DEPTH)
            .code(&weights, &[0.8, -1.2, 0.0, 0.0], Bits::B2)
            .expect("two vary");
        let steps = steps(&codes, &quantizer);
        assert!(steps[0] > 0.0 && steps[1] < 0.0, "{codes:?}");
        let none = InputCovariance::new(vec![0.0; DEPTH * DEPTH], DEPTH);
        assert!(none.code(&weights, &[0.0; 4], Bits::B2).is_none());
    }
}
