//! Codes under the windows of a layer, one row for each tap, and sums of products of such rows.
//!
//! Two neighbouring pixels, as one 32-bit lane, are multiplied with those of another row (`pmaddwd`,
//! `i32x4.dot_i16x8_s`).

use super::{Geometry, Scratch, padded::Padded};
use crate::net::{Graph, Layer, Op};
use bytemuck::cast_slice_mut;
use wide::{i16x16, i32x8};

/// Pixels in a vector.
const PIXELS: usize = 16;
/// So many products of two pairs of bytes fit into a 32-bit lane.
const FLUSH: usize = (i32::MAX / (2 * 255 * 255)) as usize;
/// Rows of the left that are taken at once, and of the right.
const TILE: [usize; 2] = [2, 4];

/// Codes that meet the weights of an output channel, for all output pixels of an image: `[taps][pixels]`.
#[derive(Clone, Debug, Default)]
pub struct Taps {
    rows: Vec<i16x16>,
    /// Vectors of a row; pixels past the last are 0.
    vectors: usize,
    /// Weights of an output channel.
    depth: usize,
    pixels: usize,
}

impl Taps {
    /// So many groups of output channels read inputs of their own: all channels of a depthwise layer, else one.
    pub fn groups(graph: &Graph, layer: &Layer) -> usize {
        if matches!(layer.op, Op::Depthwise(..)) { graph.output_shape(layer).channels } else { 1 }
    }

    /// Gathers the codes of every group and hands them over with its number. `input` holds the codes of the whole input,
    /// `[h, w, c_in]`, `pad_codes` those of real zero outside it, one for each input channel or one for all.
    pub fn of_groups(
        &mut self,
        graph: &Graph,
        layer: &Layer,
        input: &[u8],
        pad_codes: &[u8],
        scratch: &mut Scratch,
        mut each: impl FnMut(usize, &Self),
    ) {
        let geometry = Geometry::of(graph, layer);
        let Geometry { input: shape, output, window } = geometry;
        let map = Padded::new(geometry, input, pad_codes, &mut scratch.padded);
        let is_depthwise = matches!(layer.op, Op::Depthwise(..));
        let per_group = if is_depthwise { 1 } else { shape.channels };
        self.pixels = output.pixels();
        self.vectors = self.pixels.div_ceil(PIXELS);
        self.depth = window.kernel * window.kernel * per_group;
        self.rows.clear();
        self.rows.resize(self.depth * self.vectors, i16x16::ZERO);
        for group in 0..Self::groups(graph, layer) {
            let codes: &mut [i16] = cast_slice_mut(&mut self.rows);
            let rows = codes.chunks_exact_mut(self.vectors * PIXELS);
            for (tap, row) in rows.enumerate() {
                let (corner, channel) = (tap / per_group, group + tap % per_group);
                let (ky, kx) = (corner / window.kernel, corner % window.kernel);
                let lines = row.chunks_exact_mut(output.width).take(output.height);
                for (y, line) in lines.enumerate() {
                    let start = ((y * window.stride + ky) * map.width + kx) * shape.channels + channel;
                    let line_codes = map.codes[start..].iter().step_by(window.stride * shape.channels);
                    for (to, from) in line.iter_mut().zip(line_codes) {
                        *to = i16::from(*from);
                    }
                }
            }
            each(group, self);
        }
    }

    /// Adds the sum of the codes of each tap, `[depth]`.
    pub fn add_sums(&self, sums: &mut [i64]) {
        for (sum, row) in sums.iter_mut().zip(self.rows.chunks_exact(self.vectors)) {
            *sum += row.iter().flat_map(|codes| codes.to_array()).map(i64::from).sum::<i64>();
        }
    }

    /// Adds the sums of products of each tap with each of `other`, `[depth, depth of the other]`.
    pub fn add_products(&self, other: &Self, products: &mut [i64]) {
        self.multiply(other, products, |_, _| true);
    }

    /// Adds the sums of products of each tap with each, `[depth, depth]`; those with a tap before it are left out.
    pub fn add_upper_products(&self, products: &mut [i64]) {
        self.multiply(self, products, |left, right| right + TILE[1] > left);
    }

    fn multiply(&self, other: &Self, products: &mut [i64], wanted: impl Fn(usize, usize) -> bool) {
        let row = |taps: &'_ Self, tap: usize| {
            let tap = tap.min(taps.depth - 1);
            tap * taps.vectors..(tap + 1) * taps.vectors
        };
        for left in (0..self.depth).step_by(TILE[0]) {
            let lefts: [&[i16x16]; TILE[0]] = std::array::from_fn(|i| &self.rows[row(self, left + i)]);
            for right in (0..other.depth).step_by(TILE[1]).filter(|&right| wanted(left, right)) {
                let rights: [&[i16x16]; TILE[1]] =
                    std::array::from_fn(|i| &other.rows[row(other, right + i)]);
                let sums = tile(lefts, rights);
                for (i, sums) in sums.iter().enumerate().take(self.depth - left) {
                    let line = &mut products[(left + i) * other.depth + right..];
                    let line = line.iter_mut().take(other.depth - right);
                    line.zip(sums).for_each(|(product, sum)| *product += sum);
                }
            }
        }
    }
}

/// Sums of products of each left row with each right row.
fn tile(lefts: [&[i16x16]; TILE[0]], rights: [&[i16x16]; TILE[1]]) -> [[i64; TILE[1]]; TILE[0]] {
    let mut all = [[0i64; TILE[1]]; TILE[0]];
    let vectors = lefts[0].len();
    for start in (0..vectors).step_by(FLUSH) {
        let part = start..vectors.min(start + FLUSH);
        let (lefts, rights) = (lefts.map(|row| &row[part.clone()]), rights.map(|row| &row[part.clone()]));
        let mut sums = [[i32x8::ZERO; TILE[1]]; TILE[0]];
        for at in 0..part.len() {
            for (sums, left) in sums.iter_mut().zip(&lefts) {
                for (sum, right) in sums.iter_mut().zip(&rights) {
                    *sum += left[at].dot(right[at]);
                }
            }
        }
        for (all, sums) in all.iter_mut().flatten().zip(sums.iter().flatten()) {
            *all += sums.to_array().into_iter().map(i64::from).sum::<i64>();
        }
    }
    all
}
