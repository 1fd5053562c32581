//! Layers as driver.c reads them: packed tensors, where they lie in memory, and the expected output.

#![allow(dead_code, reason = "each test and benchmark that includes this file uses a part of it")]

use crate::layers::{Integers, Kernel, Layer, Rng, Widths};
use crate::reference;

/// How input and output share memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Each in a buffer of its own.
    Separate,
    /// The output over the given input, as close as the streaming rule allows.
    Overlap(usize),
}

/// One call of a kernel.
#[derive(Clone, Debug)]
pub struct Case {
    pub layer: Layer,
    pub widths: Widths,
    pub layout: Layout,
    bytes: Vec<u8>,
}

/// Words of the header in driver.c, and where some of them stand.
const HEADER_WORDS: usize = 38;
const STATUS: usize = 1;
const FIELDS: usize = 2;
const FIELD_COUNT: usize = 24;
const AFTER_FIELDS: usize = FIELDS + FIELD_COUNT;
/// Bytes behind the weights that the runtime may read.
const READ_AHEAD: usize = 3;
/// Value of the header's first word at the end of a file.
const END: u32 = Kernel::Concat as u32 + 1;

impl Case {
    /// A random case, if the kernel supports the layout. One in four has requantizers that no network has.
    pub fn random(layer: &Layer, widths: Widths, layout: Layout, rng: &mut Rng) -> Option<Self> {
        let wild = rng.range(0, 3) == 0;
        Self::of(layer, widths, layout, wild, rng)
    }

    /// A case as networks have it, in buffers of its own.
    pub fn usual(layer: &Layer, widths: Widths, rng: &mut Rng) -> Self {
        Self::of(layer, widths, Layout::Separate, false, rng).expect("separate buffers are always possible")
    }

    fn of(layer: &Layer, widths: Widths, layout: Layout, wild: bool, rng: &mut Rng) -> Option<Self> {
        if !layer.kernel.can_have(widths) {
            return None;
        }
        let distance = match layout {
            Layout::Separate => 0,
            Layout::Overlap(input) => distance(layer, widths, input)?.next_multiple_of(4),
        };
        Some(Self::with(layer, layout, distance, &Integers::random(layer, widths, wild, rng)))
    }

    /// A residual add with these multipliers and this offset, in buffers of its own.
    pub fn add(layer: &Layer, widths: Widths, multipliers: [i32; 2], offset: i32, rng: &mut Rng) -> Self {
        let mut integers = Integers::random(layer, widths, false, rng);
        integers.add = (multipliers, offset, integers.add.2);
        Self::with(layer, Layout::Separate, 0, &integers)
    }

    fn with(layer: &Layer, layout: Layout, distance: usize, integers: &Integers) -> Self {
        let widths = integers.widths;
        let maps = integers.inputs.iter().zip(layer.maps(widths));
        let mut inputs: Vec<Vec<u8>> =
            maps.map(|(codes, ([.., channels], bits))| pack_rows(codes, channels, bits)).collect();
        if layer.kernel == Kernel::Concat {
            inputs = vec![inputs.concat()];
        }
        let weights = pack_weights(layer, integers);
        let params = parameters(layer, integers);
        let expected = reference::outputs(layer, integers);
        let output = if layer.kernel.gives_logits() {
            expected.iter().flat_map(|&logit| (logit as i32).to_le_bytes()).collect()
        } else {
            let codes: Vec<u8> = expected.iter().map(|&code| code as u8).collect();
            pack_rows(&codes, layer.output[2], widths[2])
        };

        let mut words = vec![layer.kernel as u32, 0];
        words.extend(fields(layer, integers));
        words.resize(AFTER_FIELDS, 0);
        words.push(scratch(layer) as u32);
        let in_bytes = |i: usize| inputs.get(i).map_or(0, Vec::len);
        let lengths = [in_bytes(0), in_bytes(1), weights.len(), params.len(), output.len()];
        words.extend(lengths.map(|length| length as u32));
        let over = |i: usize| layout == Layout::Overlap(i);
        words.extend([over(0), over(1)].map(u32::from));
        words.extend([distance as u32, distance as u32, 0]);
        words.push(match layout {
            Layout::Separate => 0,
            Layout::Overlap(input) => output.len().max(distance + in_bytes(input)) as u32,
        });
        words.resize(HEADER_WORDS, 0);
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        for part in inputs.iter().chain([&weights, &params, &output]) {
            bytes.extend(part);
        }
        Self { layer: *layer, widths, layout, bytes }
    }

    /// The same case with another value in a field of the descriptor, which the runtime must refuse.
    pub fn refused(mut self, field: usize, value: u32) -> Self {
        self.set_word(FIELDS + field, value);
        self.refused_as_it_is()
    }

    /// The same case, which the runtime must refuse.
    pub fn refused_as_it_is(mut self) -> Self {
        const BS_ERROR_ARGUMENT: u32 = 1;
        self.set_word(STATUS, BS_ERROR_ARGUMENT);
        self
    }

    fn set_word(&mut self, word: usize, value: u32) {
        self.bytes[4 * word..][..4].copy_from_slice(&value.to_le_bytes());
    }
}

/// The file that driver.c reads.
pub fn case_file(cases: &[Case]) -> Vec<u8> {
    let mut bytes: Vec<u8> = cases.iter().flat_map(|case| case.bytes.iter().copied()).collect();
    bytes.extend(END.to_le_bytes());
    bytes.resize(bytes.len() + 4 * (HEADER_WORDS - 1), 0);
    bytes
}

/// Bytes of `count` codes that start on a byte.
fn bytes(count: usize, bits: u32) -> usize {
    (count * bits as usize).div_ceil(8)
}

/// Packs rows of codes, lowest bits first; each row starts on a byte.
fn pack_rows(codes: &[u8], row: usize, bits: u32) -> Vec<u8> {
    let per_byte = 8 / bits as usize;
    let pack = |part: &[u8]| part.iter().rev().fold(0, |byte, code| (u32::from(byte) << bits) as u8 | code);
    codes.chunks(row).flat_map(|row| row.chunks(per_byte).map(pack)).collect()
}

/// Rows per output channel; for depthwise per tap. Tables of a lookup, one a map.
fn pack_weights(layer: &Layer, integers: &Integers) -> Vec<u8> {
    let (codes, bits) = (&integers.weights, integers.widths[1]);
    let taps = layer.window * layer.window;
    let mut packed = match layer.kernel {
        kernel if !kernel.has_weights() => return integers.tables.concat(),
        Kernel::Depthwise | Kernel::DepthwiseAny => {
            let channels = layer.input[2];
            let by_tap = (0..taps).flat_map(|tap| (0..channels).map(move |c| codes[c * taps + tap]));
            pack_rows(&by_tap.collect::<Vec<u8>>(), channels, bits)
        }
        _ => pack_rows(codes, taps * layer.input[2], bits),
    };
    packed.extend([0xFF; READ_AHEAD]);
    packed
}

/// Tables of a layer with weights.
fn parameters(layer: &Layer, integers: &Integers) -> Vec<u8> {
    if !layer.kernel.has_weights() {
        return Vec::new();
    }
    let tables = &integers.requantizers;
    let mut bytes: Vec<u8> = tables.iter().flat_map(|r| r.bias.to_le_bytes()).collect();
    bytes.extend(tables.iter().flat_map(|r| r.multiplier.to_le_bytes()));
    bytes.extend(tables.iter().map(|r| r.shift));
    bytes.extend(&integers.weight_zeros);
    bytes
}

/// Fields of the descriptor in the order of driver.c.
fn fields(layer: &Layer, integers: &Integers) -> Vec<u32> {
    let [height, width, channels] = layer.input.map(|n| n as u32);
    let [a, b, out] = integers.widths;
    match layer.kernel {
        Kernel::Pool | Kernel::PoolLogits => {
            let r = integers.requantizers[0];
            let out_zero = u32::from(integers.out_zero);
            vec![
                r.bias as u32,
                r.multiplier as u32,
                height,
                width,
                channels,
                a,
                out,
                r.shift.into(),
                out_zero,
            ]
        }
        Kernel::Multiply => {
            let r = integers.requantizers[0];
            let mut fields = vec![r.bias as u32, r.multiplier as u32, height, width, channels, a, b];
            fields.extend(integers.in_zeros.map(u32::from));
            fields.extend([out, r.shift.into(), integers.out_zero.into()]);
            fields
        }
        Kernel::Lookup | Kernel::Concat => {
            let mut fields = vec![height, width, layer.output[2] as u32, out];
            let maps = layer.maps(integers.widths).into_iter();
            fields.extend(maps.flat_map(|([.., channels], bits)| [channels as u32, bits]));
            fields
        }
        Kernel::Add => {
            let ([m_a, m_b], offset, shift) = integers.add;
            vec![m_a as u32, m_b as u32, offset as u32, height, width, channels, a, b, out, shift.into()]
        }
        Kernel::WindowMax | Kernel::WindowAverage => {
            let [out_height, out_width, _] = layer.output.map(|n| n as u32);
            let window = [layer.window, layer.stride, layer.pads[0], layer.pads[1]].map(|n| n as u32);
            [&[height, width, channels, out_height, out_width], &window[..], &[a]].concat()
        }
        _ => {
            let sizes = layer.input.into_iter().chain(layer.output);
            let window = [layer.window, layer.stride, layer.pads[0], layer.pads[1]];
            let mut fields: Vec<u32> = sizes.chain(window).map(|n| n as u32).collect();
            fields.extend([a, b, out, integers.out_zero.into()]);
            fields.extend(integers.pad_codes.map(u32::from));
            fields.push(layer.block as u32);
            fields
        }
    }
}

/// Bytes of the ring of input rows for a number of channels.
fn ring(layer: &Layer, channels: usize) -> usize {
    let windows = (layer.output[1] - 1) * layer.stride + layer.window;
    let padded = windows.max(layer.pads[1] + layer.input[1]);
    (layer.window * padded * channels).next_multiple_of(4)
}

/// Bytes of scratch.
fn scratch(layer: &Layer) -> usize {
    let c_in = layer.input[2];
    let taps = layer.window * layer.window;
    match layer.kernel {
        Kernel::Pointwise => 4 * c_in.next_multiple_of(16),
        Kernel::Conv => {
            let codes = taps * c_in;
            4 * codes.next_multiple_of(16) + 2 * codes.next_multiple_of(4) + ring(layer, c_in)
        }
        Kernel::Depthwise | Kernel::DepthwiseAny => {
            ring(layer, layer.block) + 2 * layer.block * taps.next_multiple_of(2)
        }
        Kernel::Linear => 2 * c_in.next_multiple_of(16),
        _ => 0,
    }
}

/// Least distance in bytes from the start of the output up to the start of an input that it overwrites: how far the
/// writer may get ahead of the reader. `None` if they must not overlap.
fn distance(layer: &Layer, widths: Widths, input: usize) -> Option<usize> {
    let (in_bits, out_bits) = (layer.maps(widths).get(input)?.1, widths[2]);
    let in_pixel = bytes(layer.input[2], in_bits);
    let out_pixel = bytes(layer.output[2], out_bits);
    let pixels = layer.input[0] * layer.input[1];
    // Pixels that are read before, and that are written after each step.
    let steps: Vec<(usize, usize)> = match layer.kernel {
        Kernel::Pool | Kernel::PoolLogits | Kernel::Concat => return None,
        Kernel::Multiply if input == 1 => return None,
        Kernel::Linear => return Some(0),
        // As many pixels as the writer is ahead of the first one under a window.
        Kernel::WindowMax | Kernel::WindowAverage => {
            let first = |at: usize, pad: usize| (at * layer.stride).saturating_sub(pad);
            let ahead = (0..layer.output[0]).flat_map(|y| (0..layer.output[1]).map(move |x| (y, x)));
            let ahead = ahead.map(|(y, x)| {
                let covered = first(y, layer.pads[0]) * layer.input[1] + first(x, layer.pads[1]);
                (y * layer.output[1] + x).saturating_sub(covered)
            });
            return Some(ahead.max().unwrap_or(0) * out_pixel);
        }
        Kernel::Add | Kernel::Multiply | Kernel::Lookup => {
            return Some((pixels * out_pixel).saturating_sub(pixels * in_pixel));
        }
        kernel if kernel.is_depthwise() && layer.block < layer.input[2] => {
            return (layer.stride == 1 && in_bits == out_bits && layer.input == layer.output).then_some(0);
        }
        Kernel::Pointwise => {
            (1..=pixels.div_ceil(2)).map(|step| pixels.min(2 * step)).map(|n| (n, n)).collect()
        }
        Kernel::Conv | Kernel::Depthwise | Kernel::DepthwiseAny => (0..layer.output[0])
            .map(|y| {
                let reach = (y * layer.stride + layer.window).saturating_sub(layer.pads[0]);
                (reach.min(layer.input[0]) * layer.input[1], (y + 1) * layer.output[1])
            })
            .collect(),
    };
    let unfinished = steps.into_iter().filter(|&(read, _)| read < pixels);
    let ahead = unfinished.map(|(read, written)| (written * out_pixel).saturating_sub(read * in_pixel));
    Some(ahead.max().unwrap_or(0))
}
