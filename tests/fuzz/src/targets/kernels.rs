//! The C runtime with its checks: a descriptor that no kernel can run is refused, and every other one runs within its
//! buffers, which are exactly as large as runtime/bitsmith.h says.

mod unweighted;

use super::{MIB, Target, nothing};
use crate::input::Input;
use bitsmith::memory::Routine;
use std::ffi::c_void;
use std::ptr::null;

pub const TARGET: Target =
    Target { name: "kernels", longest: 256, memory: |_| MIB, prepare: nothing, run, seeds, words: "" };

/// `bs_conv`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    pub weights: *const u8,
    pub params: *const i32,
    pub in_h: u16,
    pub in_w: u16,
    pub in_c: u16,
    pub out_h: u16,
    pub out_w: u16,
    pub out_c: u16,
    pub kernel: u8,
    pub stride: u8,
    pub pad_top: u8,
    pub pad_left: u8,
    pub in_bits: u8,
    pub weight_bits: u8,
    pub out_bits: u8,
    pub out_zero: u8,
    pub pad_code: [u8; 3],
    pub reserved: u8,
    pub block: u16,
    pub reserved2: u16,
}

impl Conv {
    pub const EMPTY: Self = Self {
        weights: null(),
        params: null(),
        in_h: 0,
        in_w: 0,
        in_c: 0,
        out_h: 0,
        out_w: 0,
        out_c: 0,
        kernel: 0,
        stride: 0,
        pad_top: 0,
        pad_left: 0,
        in_bits: 0,
        weight_bits: 0,
        out_bits: 0,
        out_zero: 0,
        pad_code: [0; 3],
        reserved: 0,
        block: 0,
        reserved2: 0,
    };
}

unsafe extern "C" {
    fn bs_pointwise(layer: *const Conv, input: *const u8, out: *mut u8, scratch: *mut c_void) -> i32;
    fn bs_conv_first(layer: *const Conv, input: *const u8, out: *mut u8, scratch: *mut c_void) -> i32;
    fn bs_depthwise(layer: *const Conv, input: *const u8, out: *mut u8, scratch: *mut c_void) -> i32;
    fn bs_depthwise_any(layer: *const Conv, input: *const u8, out: *mut u8, scratch: *mut c_void) -> i32;
    fn bs_linear(layer: *const Conv, input: *const u8, logits: *mut u8, scratch: *mut c_void) -> i32;
    fn bs_scratch_pointwise(layer: *const Conv) -> usize;
    fn bs_scratch_conv_first(layer: *const Conv) -> usize;
    fn bs_scratch_depthwise(layer: *const Conv) -> usize;
    fn bs_scratch_linear(layer: *const Conv) -> usize;
}

/// `BS_OK`, and the last of the errors.
const OK: i32 = 0;
const LAST_ERROR: i32 = 2;

/// Larger calls are left out: maps and scratch in bytes, multiply-accumulates.
const MOST_BYTES: usize = 128 << 10;
const MOST_WORK: usize = 4 << 20;

/// Bytes of scratch that the runtime says a kernel needs.
pub fn scratch_of(routine: Routine, conv: &Conv) -> usize {
    // SAFETY: these read the descriptor alone.
    unsafe {
        match routine {
            Routine::Pointwise => bs_scratch_pointwise(conv),
            Routine::Conv => bs_scratch_conv_first(conv),
            Routine::Depthwise | Routine::DepthwiseAny => bs_scratch_depthwise(conv),
            Routine::Linear => bs_scratch_linear(conv),
            Routine::Pool
            | Routine::PoolLogits
            | Routine::Add
            | Routine::MaxPool
            | Routine::AvgPool
            | Routine::Lookup
            | Routine::Multiply
            | Routine::Concat => 0,
        }
    }
}

fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.pick(&Routine::ALL) {
        Routine::Pool => unweighted::pool(&mut input),
        Routine::PoolLogits => unweighted::pool_logits(&mut input),
        Routine::Lookup | Routine::Concat => unweighted::lookup(&mut input),
        Routine::Multiply => unweighted::multiply(&mut input),
        Routine::Add => unweighted::add(&mut input),
        routine @ (Routine::MaxPool | Routine::AvgPool) => unweighted::window(routine, &mut input),
        routine => conv(routine, &mut input),
    }
}

/// Widths, and now and then what is none.
fn bits(input: &mut Input) -> u8 {
    input.pick(&[2, 4, 8, 2, 4, 8, 2, 4, 8, 0, 1, 3, 16, 255])
}

/// Bytes of a map.
fn map_bytes(height: u16, width: u16, channels: u16, bits: u8) -> usize {
    let pixel = (usize::from(channels) * usize::from(bits)).div_ceil(8);
    usize::from(height) * usize::from(width) * pixel
}

/// Bytes at an address that is a multiple of 4, or so many bytes above it.
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn new(length: usize, start: usize, fill: u8) -> Self {
        let mut bytes = vec![fill; length + start];
        bytes
            .iter_mut()
            .zip(0_u8..=255)
            .for_each(|(byte, n)| *byte = byte.wrapping_add(n.wrapping_mul(fill)));
        // The allocator's addresses are multiples of 8 at least; what is not used lies in front.
        assert!(bytes.is_empty() || bytes.as_ptr().addr().is_multiple_of(8));
        Self { bytes, start }
    }

    fn address(&mut self) -> *mut u8 {
        self.bytes[self.start..].as_mut_ptr()
    }
}

fn verdict(status: i32) -> bool {
    assert!((OK..=LAST_ERROR).contains(&status), "status {status}");
    status == OK
}

/// Spare bits of every pixel are zero.
fn check_spare(out: &[u8], channels: u16, bits: u8) {
    let used = usize::from(channels) * usize::from(bits);
    let spare = used.div_ceil(8) * 8 - used;
    if spare > 0 {
        let last = out.chunks_exact(used.div_ceil(8)).map(|pixel| pixel[pixel.len() - 1]);
        assert!(
            last.into_iter().all(|byte| byte.leading_zeros() as usize >= spare),
            "spare bits are not zero"
        );
    }
}

fn conv(routine: Routine, input: &mut Input) {
    let mut layer = Conv {
        in_h: input.within(1, 12) as u16,
        in_w: input.within(1, 12) as u16,
        in_c: input.within(1, 40) as u16,
        out_c: input.within(1, 40) as u16,
        kernel: input.pick(match routine {
            Routine::DepthwiseAny => &[7, 1, 2, 4, 6, 7, 9, 11],
            _ => &[1, 3, 5, 3, 2],
        }),
        stride: input.within(1, 2) as u8,
        in_bits: bits(input),
        weight_bits: bits(input),
        out_bits: bits(input),
        ..Conv::EMPTY
    };
    match routine {
        Routine::Pointwise => (layer.kernel, layer.stride) = (1, 1),
        Routine::Depthwise | Routine::DepthwiseAny => layer.out_c = layer.in_c,
        Routine::Linear => (layer.in_h, layer.in_w) = (1, 1),
        _ => {}
    }
    if matches!(routine, Routine::Conv | Routine::Depthwise | Routine::DepthwiseAny) {
        layer.pad_top = input.below(usize::from(layer.kernel)) as u8;
        layer.pad_left = input.below(usize::from(layer.kernel)) as u8;
    }
    // As many windows as begin in the map.
    layer.out_h = (layer.in_h + u16::from(layer.pad_top)).div_ceil(layer.stride.into());
    layer.out_w = (layer.in_w + u16::from(layer.pad_left)).div_ceil(layer.stride.into());
    layer.block = if input.below(2) == 0 { layer.in_c } else { 16 };
    let highest = |bits: u8| 1_u8.checked_shl(bits.into()).map_or(255, |above| above.wrapping_sub(1));
    layer.out_zero = input.byte() & highest(layer.out_bits);
    layer.pad_code = [input.byte(), input.byte(), input.byte()].map(|code| code & highest(layer.in_bits));
    let (null_pointers, alignments, fill) = (input.byte(), input.byte(), input.byte());
    let (shift, multiplier) = (input.byte(), i32::from(input.word()) << 16 | 1);
    // Any field as the input likes it.
    for _ in 0..input.below(4) {
        let (field, value) = (input.below(18), input.word());
        let low = value as u8;
        match field {
            0 => layer.in_h = value,
            1 => layer.in_w = value,
            2 => layer.in_c = value,
            3 => layer.out_h = value,
            4 => layer.out_w = value,
            5 => layer.out_c = value,
            6 => layer.kernel = low,
            7 => layer.stride = low,
            8 => layer.pad_top = low,
            9 => layer.pad_left = low,
            10 => layer.in_bits = low,
            11 => layer.weight_bits = low,
            12 => layer.out_bits = low,
            13 => layer.out_zero = low,
            14..=16 => layer.pad_code[field - 14] = low,
            _ => layer.block = value,
        }
    }
    let Conv { in_h, in_w, in_c, out_h, out_w, out_c, .. } = layer;
    let taps = usize::from(layer.kernel) * usize::from(layer.kernel);
    let codes = |n: usize| (n * usize::from(layer.weight_bits)).div_ceil(8);
    let (rows, per_output) = match routine {
        Routine::Depthwise | Routine::DepthwiseAny => (taps * codes(in_c.into()), taps),
        Routine::Conv => (usize::from(out_c) * codes(taps * usize::from(in_c)), taps * usize::from(in_c)),
        _ => (usize::from(out_c) * codes(in_c.into()), usize::from(in_c)),
    };
    let in_bytes = map_bytes(in_h, in_w, in_c, layer.in_bits);
    let out_bytes = match routine {
        Routine::Linear => 4 * usize::from(out_c),
        _ => map_bytes(out_h, out_w, out_c, layer.out_bits),
    };
    let outputs = usize::from(out_h) * usize::from(out_w) * usize::from(out_c);
    let scratch_bytes = scratch_of(routine, &layer);
    let sizes = [in_bytes, out_bytes, rows, scratch_bytes, 10 * usize::from(out_c), usize::from(in_c) * taps];
    if sizes.into_iter().any(|bytes| bytes > MOST_BYTES) || outputs.saturating_mul(per_output) > MOST_WORK {
        return;
    }

    let mut weights = Buffer::new(rows + 3, usize::from(alignments & 3), fill);
    let mut params = params(out_c.into(), layer.weight_bits, shift, multiplier, fill, input);
    let mut codes = Buffer::new(in_bytes, usize::from(alignments >> 2 & 3), fill.wrapping_mul(3));
    let aligned = if routine == Routine::Linear { 0 } else { usize::from(alignments >> 4 & 3) };
    let mut out = Buffer::new(out_bytes, aligned, 0xa5);
    let mut scratch = Buffer::new(scratch_bytes, usize::from(alignments >> 6 == 3) * 2, 0x5a);
    let is_null = |bit: u8| null_pointers & 0xf0 == 0xf0 && null_pointers >> bit & 1 == 1;
    layer.weights = if is_null(0) { null() } else { weights.address() };
    layer.params = if is_null(1) { null() } else { params.as_mut_ptr() };
    let from = if is_null(2) { null() } else { codes.address().cast_const() };
    let work = if is_null(3) { std::ptr::null_mut() } else { scratch.address().cast() };
    let call: unsafe extern "C" fn(*const Conv, *const u8, *mut u8, *mut c_void) -> i32 = match routine {
        Routine::Pointwise => bs_pointwise,
        Routine::Conv => bs_conv_first,
        Routine::Depthwise => bs_depthwise,
        Routine::DepthwiseAny => bs_depthwise_any,
        _ => bs_linear,
    };
    // SAFETY: all buffers are as large as the header says for this descriptor.
    let is_done = verdict(unsafe { call(&layer, from, out.address(), work) });
    if is_done && routine != Routine::Linear {
        check_spare(&out.bytes[aligned..], out_c, layer.out_bits);
    }
}

/// The tables of a layer's output channels, of which some have what the input likes.
fn params(
    channels: usize,
    weight_bits: u8,
    shift: u8,
    multiplier: i32,
    fill: u8,
    input: &mut Input,
) -> Vec<i32> {
    // Below a shift of 32 a small multiplier is refused.
    let multiplier = if shift < 200 && 1 + shift % 62 < 32 { multiplier | 1 << 30 } else { multiplier };
    let mut bytes: Vec<u8> = Vec::with_capacity(10 * channels);
    (0..channels).for_each(|_| bytes.extend((i32::from(fill) << 8).to_le_bytes()));
    (0..channels).for_each(|_| bytes.extend(multiplier.to_le_bytes()));
    bytes.extend(vec![1 + shift % 62; channels]);
    bytes.extend(vec![fill & (1_u8.checked_shl(weight_bits.into()).unwrap_or(0).wrapping_sub(1)); channels]);
    for _ in 0..input.below(4) {
        let (at, value) = (usize::from(input.word()), input.byte());
        if let Some(length) = std::num::NonZeroUsize::new(bytes.len()) {
            bytes[at % length] = value;
        }
    }
    let mut words = bytes.chunks(4).map(|word| {
        let mut whole = [0; 4];
        whole[..word.len()].copy_from_slice(word);
        i32::from_le_bytes(whole)
    });
    let mut params = Vec::with_capacity(bytes.len().div_ceil(4));
    params.extend(&mut words);
    params
}

fn seeds() -> Vec<Vec<u8>> {
    (0..Routine::ALL.len() as u8)
        .flat_map(|routine| {
            let varied = move |factor: u8| {
                let rest = (1..48_u8).map(move |n| n.wrapping_mul(factor) & 0x3f);
                std::iter::once(routine).chain(rest).collect::<Vec<u8>>()
            };
            [varied(1), varied(5), varied(11)]
        })
        .collect()
}
