//! A map with its pads written out, so that no window leaves it.

use super::{Geometry, LANES, grown};
use crate::net::{Shape, Window};

/// Codes of a map and its pads, `[height, width, channels]`, and a few more that vector loads may touch.
pub(super) struct Padded<'a> {
    pub(super) codes: &'a [u8],
    pub(super) width: usize,
}

impl<'a> Padded<'a> {
    /// Copies `input` between its pads.
    pub(super) fn new(geometry: Geometry, input: &[u8], pad_codes: &[u8], buffer: &'a mut Vec<u8>) -> Self {
        let Geometry { input: Shape { height, width, channels }, window: Window { pads, .. }, .. } = geometry;
        let padded_width = pads.left + width + pads.right;
        let row_len = padded_width * channels;
        let len = (pads.top + height + pads.bottom) * row_len;
        let codes = grown(buffer, len + LANES);
        let (above, rest) = codes.split_at_mut(pads.top * row_len);
        let (rows, below) = rest.split_at_mut(height * row_len);
        fill(above, pad_codes);
        for (row, codes) in rows.chunks_exact_mut(row_len).zip(input.chunks_exact(width * channels)) {
            let (left, rest) = row.split_at_mut(pads.left * channels);
            let (middle, right) = rest.split_at_mut(width * channels);
            fill(left, pad_codes);
            middle.copy_from_slice(codes);
            fill(right, pad_codes);
        }
        fill(&mut below[..pads.bottom * row_len], pad_codes);
        Self { codes, width: padded_width }
    }
}

/// Writes whole pixels of padding.
pub(super) fn fill(codes: &mut [u8], pad_codes: &[u8]) {
    match pad_codes {
        [code] => codes.fill(*code),
        _ => codes.chunks_exact_mut(pad_codes.len()).for_each(|pixel| pixel.copy_from_slice(pad_codes)),
    }
}
