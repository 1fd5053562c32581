//! Order of the axes of weight tensors in files, and the way to ours: `[c_out, k, k, c_in]`.

use super::Naming;
use crate::net::Op;

/// The axes of our shape in the order in which a file stores them, slowest first.
///
/// Keras keeps kernels as (h, w, in, out), depthwise kernels as (h, w, c, 1); PyTorch keeps (out, in, h, w),
/// depthwise (c, 1, h, w). A linear layer is a 1x1 convolution in both.
pub(super) fn axes(naming: Naming, op: Op) -> [usize; 4] {
    const OUT: usize = 0;
    const ROW: usize = 1;
    const COLUMN: usize = 2;
    const IN: usize = 3;
    match (naming.is_keras(), op) {
        (true, Op::Depthwise(..)) => [ROW, COLUMN, OUT, IN],
        (true, _) => [ROW, COLUMN, IN, OUT],
        (false, _) => [OUT, IN, ROW, COLUMN],
    }
}

/// The shape in a file of a tensor that has `shape` with us.
pub(super) fn stored(shape: [usize; 4], axes: [usize; 4]) -> [usize; 4] {
    axes.map(|axis| shape[axis])
}

/// Our shape of a tensor that has the shape `stored` in a file.
pub(super) fn ours(stored: [usize; 4], axes: [usize; 4]) -> [usize; 4] {
    let mut shape = [0; 4];
    for (axis, size) in axes.into_iter().zip(stored) {
        shape[axis] = size;
    }
    shape
}

/// Brings elements into our order. `values` holds as many as `shape`, ours, has.
pub(super) fn reorder<T: Copy>(values: &[T], shape: [usize; 4], axes: [usize; 4]) -> Vec<T> {
    let mut stride = [0; 4];
    let mut step = 1;
    for axis in axes.into_iter().rev() {
        stride[axis] = step;
        step *= shape[axis];
    }
    let mut reordered = Vec::with_capacity(values.len());
    for out in 0..shape[0] {
        for row in 0..shape[1] {
            for column in 0..shape[2] {
                let start = out * stride[0] + row * stride[1] + column * stride[2];
                reordered.extend((0..shape[3]).map(|input| values[start + input * stride[3]]));
            }
        }
    }
    reordered
}

/// Brings elements from our order into that of a file: the inverse of [`reorder`].
pub(super) fn store(values: &[f32], shape: [usize; 4], axes: [usize; 4]) -> Vec<f32> {
    // Where each element of ours goes: reordering the file's places tells.
    let places: Vec<usize> = (0..values.len()).collect();
    let mut stored = vec![0.0; values.len()];
    for (value, place) in values.iter().zip(reorder(&places, shape, axes)) {
        stored[place] = *value;
    }
    stored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_their_indices() {
        let shape = [2, 3, 4, 5];
        let code = |o, y, x, i| (o * 1000 + y * 100 + x * 10 + i) as f32;
        let index = |n: usize, sizes: [usize; 4]| {
            let [_, b, c, d] = sizes;
            [n / (b * c * d), n / (c * d) % b, n / d % c, n % d]
        };
        for axes in [[1, 2, 3, 0], [1, 2, 0, 3], [0, 3, 1, 2]] {
            let sizes = stored(shape, axes);
            assert_eq!(ours(sizes, axes), shape);
            let values: Vec<f32> = (0..120)
                .map(|n| {
                    let [o, y, x, i] = ours(index(n, sizes), axes);
                    code(o, y, x, i)
                })
                .collect();
            let expected: Vec<f32> = (0..120)
                .map(|n| {
                    let [o, y, x, i] = index(n, shape);
                    code(o, y, x, i)
                })
                .collect();
            assert_eq!(reorder(&values, shape, axes), expected, "{axes:?}");
            assert_eq!(store(&expected, shape, axes), values, "{axes:?}");
        }
    }
}
