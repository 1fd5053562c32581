//! Kernels without weights: pools, functions, products, adds.

use super::{Buffer, MOST_BYTES, MOST_WORK, bits, check_spare, map_bytes, verdict};
use crate::input::Input;
use bitsmith::memory::Routine;
use std::ptr::null;

/// `bs_pool`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Pool {
    bias: i32,
    multiplier: i32,
    in_h: u16,
    in_w: u16,
    channels: u16,
    in_bits: u8,
    out_bits: u8,
    shift: u8,
    out_zero: u8,
}

/// `bs_add`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Add {
    multiplier: [i32; 2],
    offset: i32,
    h: u16,
    w: u16,
    channels: u16,
    bits: [u8; 2],
    out_bits: u8,
    shift: u8,
}

/// `bs_lookup`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Lookup {
    table: *const u8,
    h: u16,
    w: u16,
    channels: u16,
    out_channels: u16,
    out_first: u16,
    in_bits: u8,
    out_bits: u8,
}

/// `bs_multiply`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Multiply {
    bias: i32,
    multiplier: i32,
    h: u16,
    w: u16,
    channels: u16,
    bits: [u8; 2],
    zero: [u8; 2],
    out_bits: u8,
    shift: u8,
    out_zero: u8,
}

/// `bs_window`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Window {
    in_h: u16,
    in_w: u16,
    channels: u16,
    out_h: u16,
    out_w: u16,
    kernel: u8,
    stride: u8,
    pad_top: u8,
    pad_left: u8,
    bits: u8,
    reserved: u8,
}

unsafe extern "C" {
    fn bs_avgpool(layer: *const Pool, input: *const u8, out: *mut u8) -> i32;
    fn bs_avgpool_logits(layer: *const Pool, input: *const u8, logits: *mut u8) -> i32;
    fn bs_lookup_codes(layer: *const Lookup, input: *const u8, out: *mut u8) -> i32;
    fn bs_multiply_channels(layer: *const Multiply, input: *const u8, gate: *const u8, out: *mut u8) -> i32;
    fn bs_residual_add(layer: *const Add, a: *const u8, b: *const u8, out: *mut u8) -> i32;
    fn bs_window_max(layer: *const Window, input: *const u8, out: *mut u8) -> i32;
    fn bs_window_average(layer: *const Window, input: *const u8, out: *mut u8) -> i32;
}

/// A pool that need not be one, and bytes of its input; `None` if it is too large.
fn any_pool(input: &mut Input) -> Option<(Pool, usize)> {
    let layer = Pool {
        bias: i32::from(input.word()) << 8,
        multiplier: i32::from(input.word()) << 16,
        in_h: size(input, 12),
        in_w: size(input, 12),
        channels: size(input, 40),
        in_bits: bits(input),
        out_bits: bits(input),
        shift: input.byte(),
        out_zero: input.byte(),
    };
    let in_bytes = map_bytes(layer.in_h, layer.in_w, layer.channels, layer.in_bits);
    let work = usize::from(layer.in_h) * usize::from(layer.in_w) * usize::from(layer.channels);
    (in_bytes <= MOST_BYTES && work <= MOST_WORK).then_some((layer, in_bytes))
}

pub fn pool(input: &mut Input) {
    let Some((layer, in_bytes)) = any_pool(input) else { return };
    let out_bytes = map_bytes(1, 1, layer.channels, layer.out_bits);
    if out_bytes > MOST_BYTES {
        return;
    }
    let (mut codes, mut out) = (Buffer::new(in_bytes, input.below(4), 77), Buffer::new(out_bytes, 0, 0xa5));
    let null_pointers = input.byte();
    let from = if null_pointers == 255 { null() } else { codes.address().cast_const() };
    let layer_at = if null_pointers == 254 { null() } else { &raw const layer };
    // SAFETY: all buffers are as large as the header says for this descriptor.
    if verdict(unsafe { bs_avgpool(layer_at, from, out.address()) }) {
        check_spare(&out.bytes, layer.channels, layer.out_bits);
    }
}

pub fn pool_logits(input: &mut Input) {
    let Some((layer, in_bytes)) = any_pool(input) else { return };
    let mut codes = Buffer::new(in_bytes, input.below(4), 77);
    // Now and then at an address that holds no integers.
    let mut logits = Buffer::new(4 * usize::from(layer.channels), input.pick(&[0, 0, 0, 4, 2, 1]), 0xa5);
    let null_pointers = input.byte();
    let from = if null_pointers == 255 { null() } else { codes.address().cast_const() };
    let layer_at = if null_pointers == 254 { null() } else { &raw const layer };
    let start = logits.start;
    // SAFETY: all buffers are as large as the header says for this descriptor.
    let is_done = verdict(unsafe { bs_avgpool_logits(layer_at, from, logits.address()) });
    assert!(!is_done || start.is_multiple_of(4), "logits at an address that is no multiple of 4");
}

pub fn lookup(input: &mut Input) {
    let (in_bits, out_bits) = (bits(input), bits(input));
    let channels = size(input, 40);
    // Often the whole output or the end of it, else any part or none.
    let (before, behind) = (input.below(12) as u16, input.pick(&[0, 0, 0, 1, 7]));
    let mut layer = Lookup {
        table: null(),
        h: size(input, 12),
        w: size(input, 12),
        channels,
        out_channels: channels.saturating_add(before).saturating_add(behind),
        out_first: before,
        in_bits,
        out_bits,
    };
    match input.below(12) {
        10 => layer.out_channels = input.word(),
        11 => layer.out_first = input.word(),
        _ => {}
    }
    let in_bytes = map_bytes(layer.h, layer.w, layer.channels, in_bits);
    let out_bytes = map_bytes(layer.h, layer.w, layer.out_channels, out_bits);
    let work = usize::from(layer.h) * usize::from(layer.w) * usize::from(layer.channels);
    if in_bytes.max(out_bytes) > MOST_BYTES || work > MOST_WORK {
        return;
    }
    let start = input.below(4);
    let mut table = Buffer::new(1 << in_bits.min(8), start, input.byte());
    if input.below(8) != 0 {
        let highest = 1_u8.checked_shl(out_bits.into()).map_or(255, |above| above.wrapping_sub(1));
        table.bytes.iter_mut().for_each(|code| *code &= highest);
    }
    let (mut codes, mut out) = (Buffer::new(in_bytes, start, 77), Buffer::new(out_bytes, start, 0xa5));
    let null_pointers = input.byte();
    layer.table = if null_pointers == 253 { null() } else { table.address() };
    let from = if null_pointers == 255 { null() } else { codes.address().cast_const() };
    let layer_at = if null_pointers == 254 { null() } else { &raw const layer };
    // SAFETY: all buffers are as large as the header says for this descriptor.
    let is_done = verdict(unsafe { bs_lookup_codes(layer_at, from, out.address()) });
    // Later maps complete what is behind this one.
    if is_done && layer.out_first + layer.channels == layer.out_channels {
        check_spare(&out.bytes[start..], layer.out_channels, out_bits);
    }
}

pub fn multiply(input: &mut Input) {
    let layer = Multiply {
        bias: wide(input),
        multiplier: i32::from(input.word() as i16) << 16,
        h: size(input, 12),
        w: size(input, 12),
        channels: size(input, 40),
        bits: [bits(input), bits(input)],
        zero: [input.byte() & 3, input.byte() & 3],
        out_bits: bits(input),
        shift: input.byte() & 63,
        out_zero: input.byte() & input.pick(&[3, 3, 255]),
    };
    let map = |bits: u8| map_bytes(layer.h, layer.w, layer.channels, bits);
    let sizes = [map(layer.bits[0]), map_bytes(1, 1, layer.channels, layer.bits[1]), map(layer.out_bits)];
    let work = usize::from(layer.h) * usize::from(layer.w) * usize::from(layer.channels);
    if sizes.into_iter().any(|bytes| bytes > MOST_BYTES) || work > MOST_WORK {
        return;
    }
    let start = input.below(4);
    let [mut codes, mut gate] = [0, 1].map(|n| Buffer::new(sizes[n], start, 0x91));
    let mut out = Buffer::new(sizes[2], start, 0xa5);
    let null_pointers = input.byte();
    let factors = if null_pointers == 255 { null() } else { gate.address().cast_const() };
    // SAFETY: all buffers are as large as the header says for this descriptor.
    if verdict(unsafe { bs_multiply_channels(&layer, codes.address(), factors, out.address()) }) {
        check_spare(&out.bytes[start..], layer.channels, layer.out_bits);
    }
}

pub fn window(routine: Routine, input: &mut Input) {
    let call = if routine == Routine::MaxPool { bs_window_max } else { bs_window_average };
    let mut layer = Window {
        in_h: size(input, 12),
        in_w: size(input, 12),
        channels: size(input, 40),
        out_h: 1,
        out_w: 1,
        kernel: input.pick(&[1, 2, 3, 5, 11, 3, 2]),
        stride: input.within(1, 3) as u8,
        pad_top: 0,
        pad_left: 0,
        bits: bits(input),
        reserved: 0,
    };
    layer.pad_top = input.below(usize::from(layer.kernel)) as u8;
    layer.pad_left = input.below(usize::from(layer.kernel)) as u8;
    // As many windows as begin in the map.
    layer.out_h = layer.in_h.saturating_add(layer.pad_top.into()).div_ceil(layer.stride.into());
    layer.out_w = layer.in_w.saturating_add(layer.pad_left.into()).div_ceil(layer.stride.into());
    // Any field as the input likes it.
    for _ in 0..input.below(3) {
        let (field, value) = (input.below(6), input.word());
        match field {
            0 => layer.out_h = value,
            1 => layer.out_w = value,
            2 => layer.kernel = value as u8,
            3 => layer.stride = value as u8,
            4 => layer.pad_top = value as u8,
            _ => layer.pad_left = value as u8,
        }
    }
    let in_bytes = map_bytes(layer.in_h, layer.in_w, layer.channels, layer.bits);
    let out_bytes = map_bytes(layer.out_h, layer.out_w, layer.channels, layer.bits);
    let outputs = usize::from(layer.out_h) * usize::from(layer.out_w) * usize::from(layer.channels);
    let taps = usize::from(layer.kernel) * usize::from(layer.kernel);
    if in_bytes.max(out_bytes) > MOST_BYTES || outputs.saturating_mul(taps) > MOST_WORK {
        return;
    }
    let start = input.below(4);
    let (mut codes, mut out) = (Buffer::new(in_bytes, start, 77), Buffer::new(out_bytes, start, 0xa5));
    let null_pointers = input.byte();
    let from = if null_pointers == 255 { null() } else { codes.address().cast_const() };
    let layer_at = if null_pointers == 254 { null() } else { &raw const layer };
    // SAFETY: all buffers are as large as the header says for this descriptor.
    if verdict(unsafe { call(layer_at, from, out.address()) }) {
        check_spare(&out.bytes[start..], layer.channels, layer.bits);
    }
}

/// A size up to `most`, and now and then any.
fn size(input: &mut Input, most: usize) -> u16 {
    if input.below(8) == 7 { input.word() } else { input.within(1, most) as u16 }
}

pub fn add(input: &mut Input) {
    let layer = Add {
        multiplier: [wide(input), wide(input)],
        offset: wide(input),
        h: size(input, 12),
        w: size(input, 12),
        channels: size(input, 40),
        bits: [bits(input), bits(input)],
        out_bits: bits(input),
        shift: input.below(40) as u8,
    };
    let bytes = |bits: u8| map_bytes(layer.h, layer.w, layer.channels, bits);
    let sizes = [bytes(layer.bits[0]), bytes(layer.bits[1]), bytes(layer.out_bits)];
    let work = usize::from(layer.h) * usize::from(layer.w) * usize::from(layer.channels);
    if sizes.into_iter().any(|bytes| bytes > MOST_BYTES) || work > MOST_WORK {
        return;
    }
    let start = input.below(4);
    let [mut a, mut b] = [0, 1].map(|n| Buffer::new(sizes[n], start, 0x91));
    let mut out = Buffer::new(sizes[2], start, 0xa5);
    // SAFETY: all buffers are as large as the header says for this descriptor.
    if verdict(unsafe { bs_residual_add(&layer, a.address(), b.address(), out.address()) }) {
        check_spare(&out.bytes[start..], layer.channels, layer.out_bits);
    }
}

/// A signed number of any size.
fn wide(input: &mut Input) -> i32 {
    let value = i32::from(input.word() as i16);
    value << input.below(17)
}
