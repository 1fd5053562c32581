//! Mean and deviation of each channel.

use serde::{Deserialize, Serialize};

/// Count, sum and sum of squares of the values of each channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    count: u64,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Nothing seen yet of `channels` channels.
    pub fn new(channels: usize) -> Self {
        Self { count: 0, sums: vec![0.0; channels], squares: vec![0.0; channels] }
    }

    /// Adds pixels, `[.., channels]`.
    pub fn add<T: Copy + Into<f64>>(&mut self, values: &[T]) {
        let channels = self.sums.len();
        for pixel in values.chunks_exact(channels) {
            for ((sum, square), &value) in self.sums.iter_mut().zip(&mut self.squares).zip(pixel) {
                let value: f64 = value.into();
                *sum += value;
                *square += value * value;
            }
        }
        self.count += (values.len() / channels) as u64;
    }

    /// Adds what another image showed. Sums of reals depend on the order: merge in the order of the images.
    pub fn merge(&mut self, other: &Moments) {
        self.count += other.count;
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum += more;
        }
        for (square, more) in self.squares.iter_mut().zip(&other.squares) {
            *square += more;
        }
    }

    /// Mean of a channel.
    pub fn mean(&self, channel: usize) -> f64 {
        self.sums[channel] / self.count as f64
    }

    /// Standard deviation of a channel.
    pub fn deviation(&self, channel: usize) -> f64 {
        let mean = self.mean(channel);
        (self.squares[channel] / self.count as f64 - mean * mean).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_a_known_sample() {
        let mut first = Moments::new(2);
        first.add(&[1.0f32, 10.0, 3.0, 10.0]);
        let mut second = Moments::new(2);
        second.add(&[5i32, 10, 7, 10]);
        first.merge(&second);
        assert_eq!((first.mean(0), first.deviation(0)), (4.0, 5f64.sqrt()));
        assert_eq!((first.mean(1), first.deviation(1)), (10.0, 0.0));
    }
}
