//! Random numbers that are the same everywhere: a seeded generator, and floating point without the platform's own
//! functions.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// A seeded generator whose state can be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The generator of a seed. `stream` tells apart those who draw from the same seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// A number in [0, 1), uniform, with 53 binary digits.
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `bound`, uniform up to 2^-32; 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A normal number of mean 0 and deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// A normal number truncated to [0, 1], for a mean from there.
    pub fn truncated(&mut self, mean: f64, deviation: f64) -> f64 {
        // At least some tenths of the draws are inside unless the deviation is far above one.
        for _ in 0..1000 {
            let drawn = mean + deviation * self.normal();
            if (0.0..=1.0).contains(&drawn) {
                return drawn;
            }
        }
        self.uniform()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_the_recorded_ones() {
        let mut random = Random::new(234, 1);
        let drawn = [random.uniform(), random.normal(), random.truncated(0.9, 0.5)].map(f64::to_bits);
        let mut again = Random::new(234, 1);
        let stored: Random =
            postcard::from_bytes(&postcard::to_stdvec(&again).expect("plain")).expect("plain");
        assert_eq!(stored, again);
        assert_eq!(drawn, [again.uniform(), again.normal(), again.truncated(0.9, 0.5)].map(f64::to_bits));
        assert_ne!(Random::new(234, 2).uniform(), Random::new(234, 1).uniform());
    }

    #[test]
    fn distributions_have_their_means() {
        let mut random = Random::new(1, 0);
        let n = 20_000;
        let mean = |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || random.uniform()) - 0.5).abs() < 0.01);
        assert!(mean(&mut || random.normal()).abs() < 0.03);
        assert!((mean(&mut || random.normal().powi(2)) - 1.0).abs() < 0.05);
        assert!((mean(&mut || random.below(10) as f64) - 4.5).abs() < 0.1);
        // Truncation is symmetric about one half.
        assert!((mean(&mut || random.truncated(0.5, 0.5)) - 0.5).abs() < 0.01);
        assert!((mean(&mut || random.truncated(1.0, 0.5)) - 0.6386).abs() < 0.01);
    }
}
