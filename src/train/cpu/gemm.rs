//! Matrix products for feature maps: many rows (pixels), few columns (channels), all row-major.
//!
//! Written here and not taken from a crate because both operands of the weight gradient share their long side, which
//! general routines pack at full length; in Wasm these kernels also reach more of the machine (`make bench`). Safe
//! vector types and the choice of the widest instructions at run time come from [`pulp`].

use pulp::{Arch, Simd, WithSimd};

/// Vectors of columns in a panel.
const VECTORS: usize = 2;

/// Right-hand matrix `[depth, columns]` in panels of [`Panels::width`] columns, padded with zeros.
#[derive(Debug, Default)]
pub(super) struct Panels {
    data: Vec<f32>,
    depth: usize,
    columns: usize,
    width: usize,
}

impl Panels {
    /// Packs the matrix whose element (row, column) is `element(row, column)`.
    pub fn pack(&mut self, depth: usize, columns: usize, element: impl Fn(usize, usize) -> f32) {
        let width = Arch::new().dispatch(PanelWidth);
        (self.depth, self.columns, self.width) = (depth, columns, width);
        self.data.clear();
        self.data.resize(columns.div_ceil(width) * width * depth, 0.0);
        for (panel, data) in self.data.chunks_exact_mut((width * depth).max(1)).enumerate() {
            let first = panel * width;
            for (row, data) in data.chunks_exact_mut(width).enumerate() {
                for (i, value) in data.iter_mut().take(columns - first).enumerate() {
                    *value = element(row, first + i);
                }
            }
        }
    }
}

struct PanelWidth;

impl WithSimd for PanelWidth {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        VECTORS * S::F32_LANES
    }
}

/// `out = left * right`, or `out += left * right`; `left` is `[rows, depth]`, `out` is `[rows, columns]`.
pub(super) fn multiply(left: &[f32], right: &Panels, out: &mut [f32], accumulate: bool) {
    if !out.is_empty() {
        Arch::new().dispatch(Multiply { left, right, out, accumulate });
    }
}

struct Multiply<'a> {
    left: &'a [f32],
    right: &'a Panels,
    out: &'a mut [f32],
    accumulate: bool,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, right, out, accumulate } = self;
        let Panels { depth, columns, width, .. } = *right;
        let rows = out.len() / columns;
        for (panel, data) in right.data.chunks_exact(width * depth).enumerate() {
            let panel = Panel { values: S::as_simd_f32s(data).0, first: panel * width, columns, depth };
            let mut row = 0;
            if S::REGISTER_COUNT > 16 {
                while rows - row >= 8 {
                    panel.tile::<8>(simd, &left[row * depth..], &mut out[row * columns..], accumulate);
                    row += 8;
                }
            } else if S::F32_LANES > 4 {
                while rows - row >= 6 {
                    panel.tile::<6>(simd, &left[row * depth..], &mut out[row * columns..], accumulate);
                    row += 6;
                }
            }
            while rows - row >= 4 {
                panel.tile::<4>(simd, &left[row * depth..], &mut out[row * columns..], accumulate);
                row += 4;
            }
            while row < rows {
                panel.tile::<1>(simd, &left[row * depth..], &mut out[row * columns..], accumulate);
                row += 1;
            }
        }
    }
}

/// Some columns of the right-hand matrix.
struct Panel<'a, V> {
    values: &'a [V],
    first: usize,
    columns: usize,
    depth: usize,
}

impl<V: Copy> Panel<'_, V> {
    /// The first `R` rows of the product.
    #[inline(always)]
    fn tile<const R: usize>(
        &self,
        simd: impl Simd<f32s = V>,
        left: &[f32],
        out: &mut [f32],
        accumulate: bool,
    ) {
        let depth = self.depth;
        let rows: [&[f32]; R] = std::array::from_fn(|r| &left[r * depth..][..depth]);
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; R];
        for (k, values) in self.values.chunks_exact(VECTORS).enumerate().take(depth) {
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let factor = simd.splat_f32s(row[k]);
                for (sum, &value) in sums.iter_mut().zip(values) {
                    *sum = simd.mul_add_e_f32s(factor, value, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let row = &mut out[r * self.columns..][..self.columns];
            store(simd, sums, &mut row[self.first..], accumulate);
        }
    }
}

/// Writes as many of the sums as there is room for.
#[inline(always)]
fn store<S: Simd>(simd: S, sums: &[S::f32s], out: &mut [f32], accumulate: bool) {
    let lanes = S::F32_LANES;
    for (&sum, out) in sums.iter().zip(out.chunks_mut(lanes)) {
        if out.len() == lanes {
            let whole = &mut S::as_mut_simd_f32s(out).0[0];
            *whole = if accumulate { simd.add_f32s(*whole, sum) } else { sum };
        } else {
            let sum = if accumulate { simd.add_f32s(simd.partial_load_f32s(out), sum) } else { sum };
            simd.partial_store_f32s(out, sum);
        }
    }
}

/// Adds rows from `first` of `transpose(left) * right` to `out`; `left` is `[rows, m]`, `right` is `[rows, n]`, `out` is
/// `[at most m - first, n]`.
pub(super) fn multiply_transposed(
    left: &[f32],
    m: usize,
    first: usize,
    right: &[f32],
    n: usize,
    out: &mut [f32],
) {
    Arch::new().dispatch(Transposed { left, m, first, right, n, out });
}

struct Transposed<'a> {
    left: &'a [f32],
    m: usize,
    first: usize,
    right: &'a [f32],
    n: usize,
    out: &'a mut [f32],
}

/// Rows that stay in the nearest cache while all tiles pass over them.
const BLOCK: usize = 64;

impl WithSimd for Transposed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, m, first, right, n, out } = self;
        for (left, right) in left.chunks(BLOCK * m).zip(right.chunks(BLOCK * n)) {
            let block = Block { left, m, first, right, n };
            let mut column = 0;
            while column < n {
                if n - column > S::F32_LANES {
                    block.strip::<S, VECTORS>(simd, column, out);
                    column += VECTORS * S::F32_LANES;
                } else {
                    block.strip::<S, 1>(simd, column, out);
                    column += S::F32_LANES;
                }
            }
        }
    }
}

/// Some rows of both factors.
struct Block<'a> {
    left: &'a [f32],
    m: usize,
    first: usize,
    right: &'a [f32],
    n: usize,
}

impl Block<'_> {
    /// `V` vectors of columns from `column` of all rows of the product.
    #[inline(always)]
    fn strip<S: Simd, const V: usize>(&self, simd: S, column: usize, out: &mut [f32]) {
        let rows = out.len() / self.n;
        let mut row = 0;
        if S::REGISTER_COUNT > 16 {
            while rows - row >= 8 {
                self.tile::<S, 8, V>(simd, row, column, out);
                row += 8;
            }
        }
        while rows - row >= 4 {
            self.tile::<S, 4, V>(simd, row, column, out);
            row += 4;
        }
        while row < rows {
            self.tile::<S, 1, V>(simd, row, column, out);
            row += 1;
        }
    }

    /// `R` rows from `row` and `V` vectors of columns from `column` of the product.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        row: usize,
        column: usize,
        out: &mut [f32],
    ) {
        let Self { left, m, first, right, n } = *self;
        let (lanes, start) = (S::F32_LANES, first + row);
        let end = (column + V * lanes).min(n);
        let pixels = left.chunks_exact(m).zip(right.chunks_exact(n));
        let pixels = pixels.map(|(left, right)| (&left[start..start + R], &right[column..end]));
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        if end - column == V * lanes {
            for (left, right) in pixels {
                add_outer(simd, &mut sums, left, S::as_simd_f32s(right).0);
            }
        } else {
            for (left, right) in pixels {
                let mut values = [simd.splat_f32s(0.0); V];
                for (value, right) in values.iter_mut().zip(right.chunks(lanes)) {
                    *value = simd.partial_load_f32s(right);
                }
                add_outer(simd, &mut sums, left, &values);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            store(simd, sums, &mut out[(row + r) * n..][column..end], true);
        }
    }
}

/// `sums += left * transpose(right)`.
#[inline(always)]
fn add_outer<S: Simd, const R: usize, const V: usize>(
    simd: S,
    sums: &mut [[S::f32s; V]; R],
    left: &[f32],
    right: &[S::f32s],
) {
    for (sums, &left) in sums.iter_mut().zip(left) {
        let factor = simd.splat_f32s(left);
        for (sum, &right) in sums.iter_mut().zip(right) {
            *sum = simd.mul_add_e_f32s(factor, right, *sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 61) as f32 / 16.0 - 1.75).collect()
    }

    proptest! {
        /// The numbers are short binary fractions, so every order of summation gives the same.
        #[test]
        fn products_are_those_of_plain_loops(
            rows in 0..40usize, depth in 1..20usize, columns in 1..70usize, accumulate: bool,
        ) {
            let (left, right) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
            let mut panels = Panels::default();
            panels.pack(depth, columns, |row, column| right[row * columns + column]);
            let mut out = numbers(rows * columns, 3);
            let mut expected = if accumulate { out.clone() } else { vec![0.0; rows * columns] };
            for r in 0..rows {
                for c in 0..columns {
                    expected[r * columns + c] +=
                        (0..depth).map(|k| left[r * depth + k] * right[k * columns + c]).sum::<f32>();
                }
            }
            multiply(&left, &panels, &mut out, accumulate);
            prop_assert_eq!(out, expected);
        }

        #[test]
        fn transposed_products_are_those_of_plain_loops(rows in 0..150usize, m in 1..20usize, n in 1..70usize, part in 1..20usize) {
            let (left, right) = (numbers(rows * m, 1), numbers(rows * n, 2));
            let mut out = numbers(m * n, 3);
            let mut expected = out.clone();
            for i in 0..m {
                for j in 0..n {
                    expected[i * n + j] += (0..rows).map(|r| left[r * m + i] * right[r * n + j]).sum::<f32>();
                }
            }
            for (task, out) in out.chunks_mut(part * n).enumerate() {
                multiply_transposed(&left, m, task * part, &right, n, out);
            }
            prop_assert_eq!(out, expected);
        }
    }
}
