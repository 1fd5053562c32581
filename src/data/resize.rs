//! Bilinear resizing with antialiasing, the same bytes on every machine.
//!
//! The filter is the triangle of Pillow's `resize(..., BILINEAR)`: when an image shrinks by s, each output
//! pixel is a weighted mean over 2 s source pixels a side. Columns first, then rows, each pass rounded to
//! 8 bits. Weights are computed with +, -, * and / of f64 alone and rounded to 22-bit fixed point; the sums
//! are exact integers. Pillow uses the same weights and roundings, so that its result is met bit for bit.
//! (The crate fast_image_resize rounds weights to 16 bits, and its processor-specific routes can only be
//! switched off by unsafe code.)

use std::ops::Range;

use super::decode::RgbImage;

/// Fraction bits of a weight: 255 * 2^22, the largest sum, leaves the sign of an i32 alone.
const FRACTION_BITS: u32 = 22;
const HALF: i32 = 1 << (FRACTION_BITS - 1);

/// Resizes `image` to `width` x `height` pixels (both at least 1), of which only the given columns and
/// rows are computed. Returns their bytes in the order height, width, channel.
pub(super) fn resize(
    image: &RgbImage,
    (width, height): (usize, usize),
    columns: Range<usize>,
    rows: Range<usize>,
) -> Vec<u8> {
    let across = taps(image.width(), width, columns);
    let down = taps(image.height(), height, rows);
    let first_row = down.iter().map(|tap| tap.first).min().unwrap_or(0);
    let end_row = down.iter().map(|tap| tap.first + tap.weights.len()).max().unwrap_or(0);

    let source_stride = 3 * image.width();
    let mut narrow = Vec::with_capacity(3 * across.len() * (end_row - first_row));
    for row in image.pixels().chunks_exact(source_stride).take(end_row).skip(first_row) {
        across.iter().for_each(|tap| narrow.extend(mean_pixel(row, tap)));
    }

    let stride = 3 * across.len();
    let mut output = Vec::with_capacity(stride * down.len());
    let mut sums = vec![HALF; stride];
    for tap in &down {
        sums.fill(HALF);
        let rows = narrow.chunks_exact(stride).skip(tap.first - first_row);
        for (row, &weight) in rows.zip(&tap.weights) {
            sums.iter_mut().zip(row).for_each(|(sum, &level)| *sum += i32::from(level) * weight);
        }
        output.extend(sums.iter().map(|&sum| level(sum)));
    }
    output
}

/// The source positions that one output position is the mean of: `weights.len()` from `first`.
struct Tap {
    first: usize,
    weights: Vec<i32>,
}

/// The taps of the positions `wanted` when `from` positions become `to`.
fn taps(from: usize, to: usize, wanted: Range<usize>) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    // The triangle reaches one position to either side, one output position when that is wider.
    let reach = scale.max(1.0);
    let narrowing = 1.0 / reach;
    wanted
        .map(|position| {
            let centre = (position as f64 + 0.5) * scale;
            // Casts cut off: half a position more rounds, and what is negative becomes 0.
            let first = (centre - reach + 0.5) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from);
            let heights: Vec<f64> =
                (first..end).map(|source| triangle((source as f64 - centre + 0.5) * narrowing)).collect();
            let total: f64 = heights.iter().sum();
            let weights = heights
                .iter()
                .map(|height| (height / total * f64::from(1_u32 << FRACTION_BITS) + 0.5) as i32)
                .collect();
            Tap { first, weights }
        })
        .collect()
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

fn mean_pixel(row: &[u8], tap: &Tap) -> [u8; 3] {
    let mut sums = [HALF; 3];
    for (pixel, &weight) in row[3 * tap.first..].chunks_exact(3).zip(&tap.weights) {
        sums.iter_mut().zip(pixel).for_each(|(sum, &level)| *sum += i32::from(level) * weight);
    }
    sums.map(level)
}

/// Rounded weights may add up to a little more than one.
fn level(sum: i32) -> u8 {
    (sum >> FRACTION_BITS).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::ppm;

    #[test]
    fn equals_pillow_bit_for_bit() {
        let image = ppm("photo_444.ppm");
        for (width, height) in [(29, 24), (20, 37), (45, 11), (7, 5), (1, 1), (64, 50), (45, 90), (36, 30)] {
            let expected = ppm(&format!("resize/{width}x{height}.ppm"));
            let found = resize(&image, (width, height), 0..width, 0..height);
            assert!(found == expected.pixels(), "{width}x{height}");
        }
    }

    #[test]
    fn a_window_is_a_part_of_the_whole() {
        let image = ppm("photo_420.ppm");
        let whole = resize(&image, (29, 24), 0..29, 0..24);
        let window = resize(&image, (29, 24), 5..20, 3..17);
        let rows = whole.chunks_exact(3 * 29).take(17).skip(3);
        let part: Vec<u8> = rows.flat_map(|row| row[15..60].to_vec()).collect();
        assert_eq!(window, part);
    }
}
