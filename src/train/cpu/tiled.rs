//! One number per channel, repeated so that loops over few channels are long enough for vectors.

/// Least length of a tile.
const TILE: usize = 64;

/// Numbers of channels, repeated.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tiled {
    pub values: Vec<f32>,
    channels: usize,
}

impl Tiled {
    pub fn new(values: &[f32]) -> Self {
        Self { values: values.repeat(repeats(values.len())), channels: values.len() }
    }

    pub fn zeros(channels: usize) -> Self {
        Self { values: vec![0.0; channels * repeats(channels)], channels }
    }

    /// The largest number of values up to `most` that is a whole number of tiles, at least one.
    pub fn round_down(most: usize, channels: usize) -> usize {
        let tile = channels * repeats(channels);
        (most / tile).max(1) * tile
    }

    /// Sums of the repetitions of each channel.
    pub fn fold(self) -> Vec<f32> {
        let mut sums = vec![0.0; self.channels];
        for values in self.values.chunks_exact(self.channels) {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        sums
    }
}

/// Values that one task works on: a whole number of tiles.
pub(super) fn tasks(channels: usize) -> usize {
    Tiled::round_down(1 << 16, channels)
}

fn repeats(channels: usize) -> usize {
    TILE.div_ceil(channels.max(1)).next_power_of_two()
}
