//! Matrix products whose results are the same everywhere.
//!
//! Every sum is taken in one order, that of its terms, and multiplication and addition stay apart (no fused
//! multiply-add). Lanes run over columns and threads over rows, so vectors of any width and any number of threads give
//! the same bits, natively and in Wasm.

use crate::parallel;

/// Columns are padded to a multiple of this many, rows likewise.
pub const LANES: usize = 16;

/// Columns whose sums are taken together.
const COLUMNS: usize = 16;
/// Rows that a thread takes on at a time.
const BAND: usize = 16;
/// Products below this many multiplications are not worth several threads.
const THREADED: usize = 1 << 20;

/// `elements` rounded up to a multiple of [`LANES`].
pub const fn padded(elements: usize) -> usize {
    elements.next_multiple_of(LANES)
}

/// A matrix, row by row; rows and columns are padded with zeros to a multiple of [`LANES`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f32>,
}

impl Matrix {
    /// Zeros; both sizes are padded.
    #[cfg(test)]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let (rows, columns) = (padded(rows), padded(columns));
        Self { rows, columns, values: vec![0.0; rows * columns] }
    }

    /// Makes it zeros of a size, in the memory that it has.
    pub fn reset(&mut self, rows: usize, columns: usize) {
        (self.rows, self.columns) = (padded(rows), padded(columns));
        self.values.clear();
        self.values.resize(self.rows * self.columns, 0.0);
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..][..self.columns]
    }

    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.columns..][..self.columns]
    }

    /// Becomes the transpose of a matrix of so many columns, row by row; both its sizes are padded.
    pub fn transpose_of(&mut self, values: &[f32], columns: usize) {
        self.reset(columns, values.len() / columns);
        for (top, rows) in values.chunks_exact(LANES * columns).enumerate() {
            for left in (0..columns).step_by(LANES) {
                for (row, from) in rows.chunks_exact(columns).enumerate() {
                    for (column, value) in from[left..left + LANES].iter().enumerate() {
                        self.values[(left + column) * self.columns + top * LANES + row] = *value;
                    }
                }
            }
        }
    }

    /// Becomes `start + a b`, `start` being a row that is added to all; with `transposed`, `start + a^T b`. `b` has so
    /// many columns and lies row by row; both its sizes are padded.
    pub fn product(
        &mut self,
        a: &Matrix,
        transposed: bool,
        (b, columns): (&[f32], usize),
        start: Option<&[f32]>,
    ) {
        let (rows, depth) = if transposed { (a.columns, a.rows) } else { (a.rows, a.columns) };
        assert_eq!(depth * columns, b.len(), "columns of the left and rows of the right factor");
        self.reset(rows, columns);
        let vectors = pulp::Arch::new();
        let product = Product { a, transposed, b, columns, depth, start };
        let band = BAND * columns;
        let mut bands: Vec<_> = self.values.chunks_mut(band).enumerate().collect();
        let one = |(number, out): &mut (usize, &mut [f32])| {
            vectors.dispatch(Band { product, top: *number * BAND, out });
        };
        if rows * columns * depth < THREADED {
            bands.iter_mut().for_each(one);
        } else {
            parallel::map(&mut bands, one);
        }
    }
}

/// The factors of a product; see [`Matrix::product`].
#[derive(Clone, Copy)]
struct Product<'a> {
    a: &'a Matrix,
    transposed: bool,
    b: &'a [f32],
    columns: usize,
    depth: usize,
    start: Option<&'a [f32]>,
}

/// Some rows of a product, from `top` on; compiled once for each kind of vectors, of which the processor's widest run.
struct Band<'a, 'b> {
    product: Product<'a>,
    top: usize,
    out: &'b mut [f32],
}

impl pulp::WithSimd for Band<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        // Eight vectors of sums, of 512, 256 and 128 bits, or single numbers.
        match size_of::<S::f32s>() {
            64 => self.rows::<S, 8, 1>(simd),
            32 => self.rows::<S, 4, 2>(simd),
            16 => self.rows::<S, 2, 4>(simd),
            _ => self.rows::<S, 1, COLUMNS>(simd),
        }
    }
}

impl Band<'_, '_> {
    /// `VECTORS` of them are [`COLUMNS`].
    #[inline(always)]
    fn rows<S: pulp::Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S) {
        let Self { product: Product { a, transposed, b, columns, depth, start }, top, out } = self;
        let mut panel = vec![[0.0; ROWS]; depth];
        for (block, out) in out.chunks_exact_mut(ROWS * columns).enumerate() {
            let top = top + block * ROWS;
            // The rows at hand, side by side.
            if transposed {
                for (column, row) in panel.iter_mut().zip(a.values.chunks_exact(a.columns)) {
                    column.copy_from_slice(&row[top..top + ROWS]);
                }
            } else {
                for r in 0..ROWS {
                    for (column, value) in panel.iter_mut().zip(a.row(top + r)) {
                        column[r] = *value;
                    }
                }
            }
            for left in (0..columns).step_by(COLUMNS) {
                let first = start.and_then(|start| start[left..].first_chunk()).unwrap_or(&[0.0; COLUMNS]);
                let mut sums = [vectors::<S, VECTORS>(first); ROWS];
                for (left, right) in panel.iter().zip(b[left..].chunks(columns)) {
                    let Some(right) = right.first_chunk() else { break };
                    let right = vectors::<S, VECTORS>(right);
                    for (sums, &left) in sums.iter_mut().zip(left) {
                        let left = simd.splat_f32s(left);
                        for (sum, &right) in sums.iter_mut().zip(&right) {
                            // Rounded twice, as everywhere.
                            *sum = simd.add_f32s(*sum, simd.mul_f32s(left, right));
                        }
                    }
                }
                for (out, sums) in out.chunks_exact_mut(columns).zip(&sums) {
                    let (out, _) = S::as_mut_simd_f32s(&mut out[left..left + COLUMNS]);
                    out.copy_from_slice(sums);
                }
            }
        }
    }
}

/// [`COLUMNS`] numbers as so many vectors.
#[inline(always)]
fn vectors<S: pulp::Simd, const VECTORS: usize>(numbers: &[f32; COLUMNS]) -> [S::f32s; VECTORS] {
    let (vectors, _) = S::as_simd_f32s(numbers);
    std::array::from_fn(|i| vectors[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rows: usize, columns: usize, seed: f32) -> Matrix {
        let mut matrix = Matrix::zeros(rows, columns);
        for row in 0..rows {
            for column in 0..columns {
                matrix.row_mut(row)[column] = ((row * 7 + column * 3) as f32 + seed).sin();
            }
        }
        matrix
    }

    /// To the bit: one order of sums, whatever the tiles.
    #[test]
    fn products_are_sums_in_order() {
        let (a, b) = (sample(19, 33, 0.1), sample(33, 21, 0.7));
        let start = sample(1, 21, 0.3);
        let mut expected = Matrix::zeros(19, 21);
        for row in 0..expected.rows {
            for column in 0..expected.columns {
                let mut sum = start.values[column];
                for k in 0..a.columns {
                    sum += a.row(row)[k] * b.row(k)[column];
                }
                expected.row_mut(row)[column] = sum;
            }
        }
        let mut found = Matrix::default();
        found.product(&a, false, (&b.values, b.columns), Some(start.row(0)));
        assert_eq!(found, expected);
        let mut transposed = Matrix::default();
        transposed.transpose_of(&a.values, a.columns);
        found.product(&transposed, true, (&b.values, b.columns), Some(start.row(0)));
        assert_eq!(found, expected);
    }
}
