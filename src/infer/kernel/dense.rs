//! Convolution over all input channels, and linear layers: a matrix product over patches.
//!
//! Two neighbouring codes of a patch, as one 32-bit lane, multiply the two weights of each of eight output channels
//! (`pmaddwd`, `i32x4.dot_i16x8_s`), so no sum is ever taken across lanes.

use super::{Centred, Geometry, LANES, ONE_PIXEL, Scratch, grown, padded::Padded, silence, store, widened};
use bytemuck::cast;
use wide::{i16x8, i16x16, i32x8};

/// Pixels whose sums are computed together, so that each weight is loaded once for all of them.
const TILE: usize = 4;
/// Codes of a patch that are read at once.
const CHUNK: usize = 8;
/// Pixels that are at least gathered before the weights are read: weights stay in the cache for all of them.
const BAND: usize = 16;

/// Two weights each of eight output channels, for each pair in a chunk of codes.
type ChunkWeights = [i16x16; CHUNK / 2];

/// Weights `[c_out / 8][k * k * c_in / 8]`, filled up with zeros.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    weights: Vec<ChunkWeights>,
    /// Codes under a window.
    depth: usize,
}

impl Dense {
    pub(super) fn new(centred: &Centred<'_>) -> Self {
        let blocks = centred.zero_points.len().div_ceil(LANES);
        let chunks = centred.depth.div_ceil(CHUNK);
        let weights = (0..blocks)
            .flat_map(|block| (0..chunks).map(move |chunk| (block, chunk)))
            .map(|(block, chunk)| {
                std::array::from_fn(|pair| {
                    let tap = chunk * CHUNK + 2 * pair;
                    centred.pair(block, [tap, tap + 1])
                })
            })
            .collect();
        Self { weights, depth: centred.depth }
    }

    /// Sets the weights of an output channel to zero.
    pub(super) fn silence(&mut self, channel: usize) {
        let chunks = self.chunks();
        silence(self.weights[channel / LANES * chunks..][..chunks].as_flattened_mut(), channel);
    }

    fn chunks(&self) -> usize {
        self.depth.div_ceil(CHUNK)
    }

    pub(super) fn sums(
        &self,
        geometry: Geometry,
        input: &[u8],
        pad_codes: &[u8],
        scratch: &mut Scratch,
        mut row: impl FnMut(usize, &[i32]),
    ) {
        let Scratch { padded, patch, columns, sums, .. } = scratch;
        let out = geometry.output;
        let patches = Patches::new(geometry, input, pad_codes, padded);
        let patch = grown(patch, self.depth + CHUNK);
        let band_rows = BAND.div_ceil(out.width).min(out.height);
        let columns = grown(columns, band_rows * out.width * self.chunks());
        let sums = grown(sums, band_rows * out.width * out.channels);
        for top in (0..out.height).step_by(band_rows) {
            let rows = band_rows.min(out.height - top);
            let pixels = top * out.width..(top + rows) * out.width;
            let sums = &mut sums[..pixels.len() * out.channels];
            self.widen(&patches, pixels, patch, columns);
            self.multiply(columns, out.channels, sums);
            for (y, sums) in sums.chunks_exact(out.width * out.channels).enumerate() {
                row(top + y, sums);
            }
        }
    }

    /// Widens the patches of pixels to `[pixels / TILE][k * k * c_in / 8][TILE]`, the last tile being as narrow as
    /// there are pixels left.
    fn widen(
        &self,
        patches: &Patches<'_>,
        pixels: std::ops::Range<usize>,
        patch: &mut [u8],
        columns: &mut [i16x8],
    ) {
        let tile_len = TILE * self.chunks();
        let mut left = pixels.len();
        for (first, columns) in pixels.step_by(TILE).zip(columns.chunks_mut(tile_len)) {
            let tile = left.min(TILE);
            left -= tile;
            for p in 0..tile {
                let patch = patches.get(first + p, patch);
                let (chunks, rest) = patch.as_chunks::<CHUNK>();
                let mut columns = columns.iter_mut().skip(p).step_by(tile);
                for (chunk, column) in chunks.iter().zip(&mut columns) {
                    *column = self::column(*chunk);
                }
                if let Some(column) = columns.next().filter(|_| !rest.is_empty()) {
                    let mut chunk = [0; CHUNK];
                    chunk[..rest.len()].copy_from_slice(rest);
                    *column = self::column(chunk);
                }
            }
        }
    }

    /// Sums of some pixels, `[pixels, c_out]`.
    fn multiply(&self, columns: &[i16x8], channels: usize, sums: &mut [i32]) {
        let chunks = self.chunks();
        for (block, weights) in self.weights.chunks_exact(chunks).enumerate() {
            let first = block * LANES;
            let lanes = first..channels.min(first + LANES);
            let tiles = columns.chunks(TILE * chunks).zip(sums.chunks_mut(TILE * channels));
            for (columns, sums) in tiles {
                let pixels = sums.chunks_exact_mut(channels).map(|pixel| &mut pixel[lanes.clone()]);
                match pixels.len() {
                    TILE => tile::<TILE>(columns, weights, pixels),
                    3 => tile::<3>(columns, weights, pixels),
                    2 => tile::<2>(columns, weights, pixels),
                    _ => tile::<1>(columns, weights, pixels),
                }
            }
        }
    }
}

/// Sums of `P` pixels in eight output channels.
#[inline(always)]
fn tile<'a, const P: usize>(
    columns: &[i16x8],
    weights: &[ChunkWeights],
    out: impl Iterator<Item = &'a mut [i32]>,
) {
    let mut sums = [i32x8::ZERO; P];
    for (codes, weights) in columns.as_chunks::<P>().0.iter().zip(weights) {
        for (pair, weights) in weights.iter().enumerate() {
            for (sum, codes) in sums.iter_mut().zip(codes) {
                let pairs: [i32; CHUNK / 2] = cast(*codes);
                *sum += cast::<i32x8, i16x16>(i32x8::splat(pairs[pair])).dot(*weights);
            }
        }
    }
    for (sum, out) in sums.into_iter().zip(out) {
        store(sum, out);
    }
}

/// A chunk of codes as 16-bit lanes.
#[inline(always)]
fn column(codes: [u8; CHUNK]) -> i16x8 {
    let [column, _] = widened(cast([codes, [0; CHUNK]]));
    column
}

/// Where the codes under a window lie.
enum Patches<'a> {
    /// A 1x1 window at stride 1 reads the input as it lies.
    Pixels { input: &'a [u8], channels: usize },
    /// Any other window gathers its rows from the padded map.
    Windows { map: Padded<'a>, geometry: Geometry },
}

impl<'a> Patches<'a> {
    fn new(geometry: Geometry, input: &'a [u8], pad_codes: &[u8], padded: &'a mut Vec<u8>) -> Self {
        let channels = geometry.input.channels;
        if geometry.window == ONE_PIXEL {
            Patches::Pixels { input, channels }
        } else {
            Patches::Windows { map: Padded::new(geometry, input, pad_codes, padded), geometry }
        }
    }

    /// The codes under the window of one output pixel, `[k, k, c_in]`.
    fn get<'b>(&'b self, pixel: usize, patch: &'b mut [u8]) -> &'b [u8] {
        match self {
            Patches::Pixels { input, channels } => &input[pixel * channels..][..*channels],
            Patches::Windows { map, geometry } => {
                let Geometry { input, output, window } = geometry;
                let (y, x) = (pixel / output.width * window.stride, pixel % output.width * window.stride);
                let row_len = window.kernel * input.channels;
                for ky in 0..window.kernel {
                    let start = ((y + ky) * map.width + x) * input.channels;
                    // Whole chunks, faster than a copy of any length; the next row overwrites what is too much.
                    let row = map.codes[start..].chunks_exact(CHUNK).take(row_len.div_ceil(CHUNK));
                    for (to, from) in patch[ky * row_len..].chunks_exact_mut(CHUNK).zip(row) {
                        to.copy_from_slice(from);
                    }
                }
                &patch[..window.kernel * row_len]
            }
        }
    }
}
