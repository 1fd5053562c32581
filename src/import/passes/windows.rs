//! How windows slide over maps: pads in numbers, and the size of what comes out.

use crate::import::raw::RawPadding;

/// Largest number that a file may say of a window, its step and its pads. The runtime takes far less; with this nothing
/// overflows.
const MOST: usize = 4096;

/// A window of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sliding {
    /// Rows and columns.
    pub kernel: [usize; 2],
    /// Distance of the kernel's elements.
    pub dilation: [usize; 2],
    /// Step.
    pub stride: [usize; 2],
    /// Around the map.
    pub padding: RawPadding,
    /// Whether a last window that sticks out counts.
    pub ceil: bool,
}

/// A window on a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Top, left, bottom, right.
    pub pads: [usize; 4],
    /// Rows and columns that come out.
    pub output: [usize; 2],
    /// Whether pads were added for a window that sticks out.
    pub sticks_out: bool,
}

impl Sliding {
    /// On a map of so many rows and columns.
    pub fn place(&self, map: [usize; 2]) -> Result<Placed, String> {
        let explicit = match self.padding {
            RawPadding::Explicit(pads) => pads,
            RawPadding::Same | RawPadding::SameLower => [0; 4],
        };
        let numbers = [self.kernel, self.dilation, self.stride].into_iter().flatten();
        if !numbers.clone().all(|number| (1..=MOST).contains(&number))
            || explicit.iter().any(|&pad| pad > MOST)
        {
            let Self { kernel, stride, dilation, .. } = self;
            return Err(format!(
                "kernel {kernel:?}, stride {stride:?}, dilation {dilation:?}, pads {explicit:?}: expected small numbers"
            ));
        }
        let [top, left, bottom, right] = explicit;
        let rows = self.along(0, map[0], [top, bottom])?;
        let columns = self.along(1, map[1], [left, right])?;
        Ok(Placed {
            pads: [rows.before, columns.before, rows.after, columns.after],
            output: [rows.output, columns.output],
            sticks_out: rows.sticks_out || columns.sticks_out,
        })
    }

    /// Along rows (0) or columns (1) of a map of so many of them.
    fn along(&self, axis: usize, size: usize, [before, after]: [usize; 2]) -> Result<Along, String> {
        let stride = self.stride[axis];
        let reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
        let same = |lower: bool| {
            let output = size.div_ceil(stride);
            let total = (output.saturating_sub(1) * stride + reach).saturating_sub(size);
            let (small, large) = (total / 2, total - total / 2);
            let (before, after) = if lower { (large, small) } else { (small, large) };
            Along { before, after, output, sticks_out: false }
        };
        match self.padding {
            RawPadding::Same => return Ok(same(false)),
            RawPadding::SameLower => return Ok(same(true)),
            RawPadding::Explicit(_) => {}
        }
        let padded = size + before + after;
        let Some(free) = padded.checked_sub(reach) else {
            return Err(format!(
                "a window of {reach} rows or columns on {padded} of them: expected a larger image"
            ));
        };
        let mut output = free / stride + 1;
        // The last window may stick out, but must begin on the map or on what is before it.
        if self.ceil && free % stride != 0 && output * stride < size + before {
            output += 1;
        }
        let needed = ((output - 1) * stride + reach).saturating_sub(size + before);
        Ok(Along { before, after: after.max(needed), output, sticks_out: needed > after })
    }
}

struct Along {
    before: usize,
    after: usize,
    output: usize,
    sticks_out: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: TensorFlow's SAME by its documented formula; ceil_mode as PyTorch 2 and ONNX Runtime give it.
    #[test]
    fn pads_are_those_of_the_tools() {
        struct Case {
            map: [usize; 2],
            kernel: usize,
            stride: usize,
            dilation: usize,
            padding: RawPadding,
            ceil: bool,
            pads: [usize; 4],
            output: [usize; 2],
        }
        let case = |map, kernel, stride, dilation, padding, ceil, pads, output| Case {
            map,
            kernel,
            stride,
            dilation,
            padding,
            ceil,
            pads,
            output,
        };
        let none = RawPadding::VALID;
        let one = RawPadding::Explicit([1; 4]);
        for c in [
            case([128, 128], 3, 2, 1, RawPadding::Same, false, [0, 0, 1, 1], [64, 64]),
            case([128, 128], 3, 2, 1, RawPadding::SameLower, false, [1, 1, 0, 0], [64, 64]),
            case([7, 14], 3, 2, 1, RawPadding::Same, false, [1, 0, 1, 1], [4, 7]),
            case([14, 14], 5, 1, 1, RawPadding::Same, false, [2, 2, 2, 2], [14, 14]),
            case([14, 14], 3, 1, 2, RawPadding::Same, false, [2, 2, 2, 2], [14, 14]),
            case([4, 4], 1, 2, 1, RawPadding::Same, false, [0, 0, 0, 0], [2, 2]),
            case([112, 112], 3, 2, 1, one, false, [1, 1, 1, 1], [56, 56]),
            case([112, 112], 3, 2, 1, none, true, [0, 0, 1, 1], [56, 56]),
            case([111, 112], 3, 2, 1, none, true, [0, 0, 0, 1], [55, 56]),
            case([5, 5], 2, 2, 1, one, true, [1, 1, 1, 1], [3, 3]),
            case([6, 6], 1, 3, 1, none, true, [0, 0, 0, 0], [2, 2]),
            case([6, 6], 2, 3, 1, one, true, [1, 1, 1, 1], [3, 3]),
            case([7, 7], 7, 1, 1, none, false, [0, 0, 0, 0], [1, 1]),
        ] {
            let sliding = Sliding {
                kernel: [c.kernel; 2],
                dilation: [c.dilation; 2],
                stride: [c.stride; 2],
                padding: c.padding,
                ceil: c.ceil,
            };
            let placed = sliding.place(c.map).expect("it fits");
            assert_eq!((placed.pads, placed.output), (c.pads, c.output), "{:?} {sliding:?}", c.map);
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let good = Sliding {
            kernel: [3; 2],
            dilation: [1; 2],
            stride: [1; 2],
            padding: RawPadding::VALID,
            ceil: false,
        };
        for bad in [
            Sliding { kernel: [0, 1], ..good },
            Sliding { stride: [1, 0], ..good },
            Sliding { dilation: [usize::MAX, 1], ..good },
            Sliding { padding: RawPadding::Explicit([0, 0, usize::MAX, 0]), ..good },
            Sliding { kernel: [9, 1], ..good },
        ] {
            assert!(bad.place([8, 8]).is_err(), "{bad:?}");
        }
    }
}
