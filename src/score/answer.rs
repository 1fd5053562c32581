//! What the float network answers, and how far integers are from it.

use crate::float::{FloatError, FloatNetwork};
use crate::infer::argmax;
use crate::parallel;
use crate::search::Score;
use std::sync::Arc;

/// The float network's answer to an image, as probabilities of the classes.
///
/// Integers are compared with it by the Kullback-Leibler divergence `sum p ln (p / q)`. That needs no label and says
/// something of every image, whereas right answers differ in a few; of the same images it has a fraction of the variance
/// of the cross-entropy, most of which is the float network's own.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatAnswer {
    /// `p`.
    probabilities: Vec<f32>,
    /// `sum p`, which rounding leaves near 1.
    sum: f64,
    /// `sum p ln p`.
    negative_entropy: f64,
}

impl FloatAnswer {
    /// Of the float network's logits.
    pub fn new(logits: &[f32]) -> Self {
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let below = |logit: f32| f64::from(logit) - f64::from(top);
        let total: f64 = logits.iter().map(|&logit| libm::exp(below(logit))).sum();
        let probabilities: Vec<f32> =
            logits.iter().map(|&logit| (libm::exp(below(logit)) / total) as f32).collect();
        let of_log_total = libm::log(total);
        let (mut sum, mut negative_entropy) = (0.0, 0.0);
        for (&p, &logit) in probabilities.iter().zip(logits) {
            sum += f64::from(p);
            negative_entropy += f64::from(p) * (below(logit) - of_log_total);
        }
        Self { probabilities, sum, negative_entropy }
    }

    /// The divergence of a network's logits in integers, in nats; `scale` is real units per step.
    pub fn divergence(&self, logits: &[i32], scale: f64) -> f64 {
        let top = logits.iter().max().copied().unwrap_or(0);
        let below = |logit: i32| (f64::from(logit) - f64::from(top)) * scale;
        let (mut total, mut expected) = (0.0, 0.0);
        for (&p, &logit) in self.probabilities.iter().zip(logits) {
            let below = below(logit);
            total += libm::exp(below);
            expected += f64::from(p) * below;
        }
        self.negative_entropy - expected + self.sum * libm::log(total)
    }

    /// The score of an image: whether the largest logit in integers is the right one, and the divergence.
    pub(super) fn score(&self, logits: &[i32], target: usize, scale: f64) -> Score {
        Score::of_image(argmax(logits) == target, self.divergence(logits, scale))
    }
}

/// An image that policies are scored on.
#[derive(Clone, Debug)]
pub struct Rewarded {
    /// Its pixels, `[h, w, 3]`.
    pub pixels: Arc<[u8]>,
    /// The right output.
    pub target: usize,
    /// What the float network says.
    pub answer: Arc<FloatAnswer>,
}

impl Rewarded {
    /// Images with their right outputs, and what a float network says to them.
    ///
    /// # Errors
    /// If an image has another size than the network's.
    pub fn of<P: Clone + Into<Arc<[u8]>> + AsRef<[u8]> + Sync>(
        float: &FloatNetwork,
        images: &[(P, usize)],
    ) -> Result<Vec<Self>, FloatError> {
        let one = |(): &mut (), (pixels, target): &(P, usize)| {
            let answer = FloatAnswer::new(&float.run(pixels.as_ref())?).into();
            Ok((answer, *target))
        };
        let answers = parallel::map_with(images, || (), one);
        let images = answers.into_iter().zip(images);
        images
            .map(|(answered, (pixels, _))| {
                let (answer, target) = answered?;
                Ok(Self { pixels: pixels.clone().into(), target, answer })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From the definition.
    fn divergence(float: &[f32], integers: &[f64]) -> f64 {
        let softmax = |logits: &[f64]| {
            let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exp: Vec<f64> = logits.iter().map(|x| (x - top).exp()).collect();
            let sum: f64 = exp.iter().sum();
            exp.into_iter().map(|x| x / sum).collect::<Vec<_>>()
        };
        let float: Vec<f64> = float.iter().map(|&x| f64::from(x)).collect();
        softmax(&float).iter().zip(softmax(integers)).map(|(p, q)| p * (p / q).ln()).sum()
    }

    proptest! {
        #[test]
        fn divergence_is_that_of_the_definition(
            pairs in prop::collection::vec((-20.0..20.0f32, -400..400i32), 1..30),
            scale in 0.001..0.05f64,
        ) {
            let (float, integers): (Vec<f32>, Vec<i32>) = pairs.into_iter().unzip();
            let real: Vec<f64> = integers.iter().map(|&logit| f64::from(logit) * scale).collect();
            let found = FloatAnswer::new(&float).divergence(&integers, scale);
            prop_assert!((found - divergence(&float, &real)).abs() < 1e-4, "{found}");
            prop_assert!(found > -1e-5);
        }
    }

    /// Of 0.75 and 0.25 against halves: `0.75 ln 1.5 + 0.25 ln 0.5`.
    #[test]
    fn a_divergence_by_hand() {
        let answer = FloatAnswer::new(&[3f32.ln(), 0.0]);
        assert!((answer.divergence(&[7, 7], 0.1) - 0.130_812).abs() < 1e-6);
        let (same, scale) = ([1_098_612, 0], 1e-6);
        assert!(answer.divergence(&same, scale).abs() < 1e-6);
    }
}
