//! Depthwise convolution: every channel by itself, lanes over channels, taps in pairs.

use super::{Centred, Geometry, LANES, Scratch, grown, padded::Padded, store};
use bytemuck::cast;
use wide::{i16x8, i16x16, i32x8, u8x16};

/// Weights `[c / 8][k * k / 2]` of eight channels, two taps side by side; an odd last tap goes with a zero.
#[derive(Clone, Debug)]
pub(super) struct Depthwise {
    weights: Vec<i16x16>,
    /// Where each pair of taps lies in the padded map, from the first code under the window.
    taps: Vec<[usize; 2]>,
}

impl Depthwise {
    pub(super) fn new(centred: &Centred<'_>, geometry: Geometry) -> Self {
        let Geometry { input, window, .. } = geometry;
        let blocks = input.channels.div_ceil(LANES);
        let pairs = || (0..centred.depth).step_by(2);
        let weights = (0..blocks)
            .flat_map(|block| pairs().map(move |tap| (block, tap)))
            .map(|(block, tap)| centred.pair(block, [tap, tap + 1]))
            .collect();
        let width = window.pads.left + input.width + window.pads.right;
        let offset = |tap: usize| (tap / window.kernel * width + tap % window.kernel) * input.channels;
        let last = centred.depth - 1;
        let taps = pairs().map(|tap| [offset(tap), offset(last.min(tap + 1))]).collect();
        Self { weights, taps }
    }

    pub(super) fn sums(
        &self,
        geometry: Geometry,
        input: &[u8],
        pad_codes: &[u8],
        scratch: &mut Scratch,
        mut row: impl FnMut(usize, &[i32]),
    ) {
        let Geometry { output, window, .. } = geometry;
        let map = Padded::new(geometry, input, pad_codes, &mut scratch.padded);
        let sums = grown(&mut scratch.sums, output.width * output.channels);
        for y in 0..output.height {
            let codes = &map.codes[y * window.stride * map.width * output.channels..];
            for (x, sums) in sums.chunks_exact_mut(output.channels).enumerate() {
                self.pixel(&codes[x * window.stride * output.channels..], sums);
            }
            row(y, sums);
        }
    }

    /// Sums of one pixel, `[c]`; `codes` begins under the window.
    #[inline(always)]
    fn pixel(&self, codes: &[u8], sums: &mut [i32]) {
        let blocks = sums.chunks_mut(LANES).zip(self.weights.chunks_exact(self.taps.len()));
        for (block, (sums, weights)) in blocks.enumerate() {
            let codes = &codes[block * LANES..];
            let mut sum = i32x8::ZERO;
            for (&[a, b], weights) in self.taps.iter().zip(weights) {
                sum += interleaved(lanes(&codes[a..]), lanes(&codes[b..])).dot(*weights);
            }
            store(sum, sums);
        }
    }
}

/// The first eight codes.
#[inline(always)]
fn lanes(codes: &[u8]) -> u8x16 {
    let mut lanes = [0; 16];
    lanes[..LANES].copy_from_slice(&codes[..LANES]);
    u8x16::new(lanes)
}

/// Codes of two taps side by side, widened.
#[inline(always)]
fn interleaved(a: u8x16, b: u8x16) -> i16x16 {
    let pairs = u8x16::unpack_low(a, b);
    cast([i16x8::from_u8x16_low(pairs), i16x8::from_u8x16_high(pairs)])
}
