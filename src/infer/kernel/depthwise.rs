//! Depthwise convolution: every channel by itself, lanes over channels.
//!
//! Rows are taken in pairs: a 32-bit lane holds the codes of one channel in an even row and in the odd row below,
//! and multiplies the two weights of that channel (`pmaddwd`, `i32x4.dot_i16x8_s`). Windows that begin in an odd row
//! have weights of their own, with a zero above.

use super::{Centred, Geometry, LANES, Scratch, grown, padded::fill, silence, store, widened};
use crate::net::Shape;
use bytemuck::cast;
use wide::{i16x16, i32x8, u8x16};

/// Weights of a depthwise layer.
#[derive(Clone, Debug)]
pub(super) struct Depthwise {
    /// `[c / 8][pairs of rows][k]` for windows that begin in an even row, then for the others.
    weights: [Vec<i16x16>; 2],
    /// Where each pair of taps lies in the map of pairs, from the one under the window's corner.
    taps: Vec<usize>,
}

impl Depthwise {
    pub(super) fn new(centred: &Centred<'_>, geometry: Geometry) -> Self {
        let side = geometry.window.kernel;
        let blocks = geometry.input.channels.div_ceil(LANES);
        let width = PairMap::width(geometry);
        // Pairs of rows that a window touches, wherever it begins.
        let pairs = side / 2 + 1;
        let corners = || (0..pairs).flat_map(move |pair| (0..side).map(move |column| (pair, column)));
        let weights = [0, 1].map(|parity| {
            let tap = |row: usize, column: usize| {
                let row = row.checked_sub(parity).filter(|&row| row < side);
                row.map_or(centred.depth, |row| row * side + column)
            };
            let block = |block| {
                corners().map(move |(pair, column)| {
                    centred.pair(block, [tap(2 * pair, column), tap(2 * pair + 1, column)])
                })
            };
            (0..blocks).flat_map(block).collect()
        });
        let taps = corners().map(|(pair, column)| (pair * width + column) * blocks).collect();
        Self { weights, taps }
    }

    /// Sets the weights of a channel to zero.
    pub(super) fn silence(&mut self, channel: usize) {
        let taps = self.taps.len();
        for weights in &mut self.weights {
            silence(&mut weights[channel / LANES * taps..][..taps], channel);
        }
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
        let Scratch { padded, pairs, sums, .. } = scratch;
        let map = PairMap::new(geometry, input, pad_codes, padded, pairs);
        let sums = grown(sums, output.width * output.channels);
        for y in 0..output.height {
            let top = y * window.stride;
            let codes = &map.codes[top / 2 * map.row_len..];
            let weights = &self.weights[top % 2];
            for (x, sums) in sums.chunks_exact_mut(output.channels).enumerate() {
                self.pixel(&codes[x * window.stride * map.pixel_len..], weights, sums);
            }
            row(y, sums);
        }
    }

    /// Sums of one pixel, `[c]`; `codes` begins under the window's corner.
    #[inline(always)]
    fn pixel(&self, codes: &[i16x16], weights: &[i16x16], sums: &mut [i32]) {
        let blocks = sums.chunks_mut(LANES).zip(weights.chunks_exact(self.taps.len()));
        for (block, (sums, weights)) in blocks.enumerate() {
            let codes = &codes[block..];
            let mut sum = i32x8::ZERO;
            for (&tap, weights) in self.taps.iter().zip(weights) {
                sum += codes[tap].dot(*weights);
            }
            store(sum, sums);
        }
    }
}

/// The codes of each even row and the odd row below, side by side and widened: `[h / 2][w][c / 8]`, pads included.
struct PairMap<'a> {
    codes: &'a [i16x16],
    /// Vectors of a pair of rows.
    row_len: usize,
    /// Vectors of a pair of pixels.
    pixel_len: usize,
}

impl<'a> PairMap<'a> {
    fn width(Geometry { input, window, .. }: Geometry) -> usize {
        window.pads.left + input.width + window.pads.right
    }

    fn new(
        geometry: Geometry,
        input: &[u8],
        pad_codes: &[u8],
        pad_row: &mut Vec<u8>,
        pairs: &'a mut Vec<i16x16>,
    ) -> Self {
        let Geometry { input: Shape { width, channels, .. }, output, window } = geometry;
        let pad_row = grown(pad_row, Self::width(geometry) * channels);
        fill(pad_row, pad_codes);
        let (pixel_len, input_len) = (channels.div_ceil(LANES), width * channels);
        let row_len = Self::width(geometry) * pixel_len;
        let rows = (output.height - 1) * window.stride / 2 + window.kernel / 2 + 1;
        let codes = grown(pairs, rows * row_len);
        for (pair, codes) in codes.chunks_exact_mut(row_len).enumerate() {
            let [a, b] = [2 * pair, 2 * pair + 1].map(|row| {
                let row =
                    row.checked_sub(window.pads.top).and_then(|row| input.chunks_exact(input_len).nth(row));
                row.unwrap_or(&pad_row[..input_len])
            });
            let (left, codes) = codes.split_at_mut(window.pads.left * pixel_len);
            let (middle, right) = codes.split_at_mut(width * pixel_len);
            interleave(pad_row, pad_row, channels, left);
            interleave(a, b, channels, middle);
            interleave(pad_row, pad_row, channels, right);
        }
        Self { codes, row_len, pixel_len }
    }
}

/// Interleaves as many pixels of two rows as there is room for.
fn interleave(a: &[u8], b: &[u8], channels: usize, out: &mut [i16x16]) {
    let pixels = a.chunks_exact(channels).zip(b.chunks_exact(channels));
    for ((a, b), out) in pixels.zip(out.chunks_exact_mut(channels.div_ceil(LANES))) {
        let ((a, rest_a), (b, rest_b)) = (a.as_chunks(), b.as_chunks());
        let mut out = out.iter_mut();
        for ((a, b), out) in a.iter().zip(b).zip(&mut out) {
            *out = pair(*a, *b);
        }
        if let Some(out) = out.next() {
            let [mut a, mut b] = [[0; LANES]; 2];
            a[..rest_a.len()].copy_from_slice(rest_a);
            b[..rest_b.len()].copy_from_slice(rest_b);
            *out = pair(a, b);
        }
    }
}

/// Codes side by side, widened.
#[inline(always)]
fn pair(a: [u8; LANES], b: [u8; LANES]) -> i16x16 {
    let [a, b] = [a, b].map(|codes| cast::<[[u8; LANES]; 2], u8x16>([codes, [0; LANES]]));
    cast(widened(u8x16::unpack_low(a, b)))
}
