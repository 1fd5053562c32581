//! The numeric contract, as plainly as it can be written; nothing is shared with `infer` or with the C runtime.

use crate::layers::{Integers, Kernel, Layer};

/// Sum of products of every output element before the bias is added; for a global pool the sum of a channel's codes.
pub fn sums(layer: &Layer, integers: &Integers) -> Vec<i64> {
    if layer.kernel == Kernel::Multiply {
        let [zero, gate_zero] = integers.in_zeros.map(i64::from);
        let pairs = integers.inputs[0].iter().zip(integers.inputs[1].iter().cycle());
        return pairs.map(|(&a, &gate)| (i64::from(a) - zero) * (i64::from(gate) - gate_zero)).collect();
    }
    if matches!(layer.kernel, Kernel::Pool | Kernel::PoolLogits) {
        let pixels = integers.inputs[0].chunks(layer.input[2]);
        return pixels.fold(vec![0; layer.input[2]], |mut sums, pixel| {
            sums.iter_mut().zip(pixel).for_each(|(sum, &code)| *sum += i64::from(code));
            sums
        });
    }
    let [out_height, out_width, c_out] = layer.output;
    let mut sums = Vec::with_capacity(out_height * out_width * c_out);
    for y in 0..out_height {
        for x in 0..out_width {
            for channel in 0..c_out {
                sums.push(window_sum(layer, integers, [y, x], channel));
            }
        }
    }
    sums
}

/// `sum of input * (weight - weight zero point)` under one window for one output channel.
fn window_sum(layer: &Layer, integers: &Integers, output: [usize; 2], channel: usize) -> i64 {
    let [height, width, c_in] = layer.input;
    let channels = if layer.kernel.is_depthwise() { channel..channel + 1 } else { 0..c_in };
    let per_channel = layer.window * layer.window * channels.len();
    let mut weights = integers.weights[channel * per_channel..].iter();
    let zero = i64::from(integers.weight_zeros[channel]);
    let mut sum = 0;
    for ky in 0..layer.window {
        for kx in 0..layer.window {
            let y = (output[0] * layer.stride + ky).wrapping_sub(layer.pads[0]);
            let x = (output[1] * layer.stride + kx).wrapping_sub(layer.pads[1]);
            for (c, &weight) in channels.clone().zip(&mut weights) {
                let code = if y < height && x < width {
                    integers.inputs[0][(y * width + x) * c_in + c]
                } else {
                    integers.pad_codes[c % 3]
                };
                sum += i64::from(code) * (i64::from(weight) - zero);
            }
        }
    }
    sum
}

/// Largest code or rounded mean of those of a channel that each window covers.
fn windows(layer: &Layer, input: &[u8]) -> Vec<i64> {
    let [height, width, channels] = layer.input;
    let mut out = Vec::new();
    for place in 0..layer.output.iter().product() {
        let (pixel, channel) = (place / channels, place % channels);
        let (y, x) = (pixel / layer.output[1] * layer.stride, pixel % layer.output[1] * layer.stride);
        let taps = (0..layer.window).flat_map(|ky| (0..layer.window).map(move |kx| (y + ky, x + kx)));
        let inside = taps.filter(|(y, x)| {
            (layer.pads[0]..layer.pads[0] + height).contains(y)
                && (layer.pads[1]..layer.pads[1] + width).contains(x)
        });
        let at = |(y, x): (usize, usize)| (y - layer.pads[0]) * width + x - layer.pads[1];
        let codes: Vec<i64> = inside.map(|tap| i64::from(input[at(tap) * channels + channel])).collect();
        let (sum, count) = (codes.iter().sum::<i64>(), codes.len() as i64);
        out.push(match layer.kernel {
            Kernel::WindowMax => codes.into_iter().max().expect("a window that covers something"),
            _ => (2 * sum + count).div_euclid(2 * count),
        });
    }
    out
}

/// What the tables say of the codes of the maps that are joined, or of the one map.
fn lookups(layer: &Layer, integers: &Integers) -> Vec<i64> {
    let mut out = Vec::new();
    for pixel in 0..layer.input[0] * layer.input[1] {
        let maps = layer.maps(integers.widths).into_iter().zip(&integers.inputs).zip(&integers.tables);
        for ((([.., channels], _), codes), table) in maps {
            let codes = &codes[pixel * channels..][..channels];
            out.extend(codes.iter().map(|&code| i64::from(table[usize::from(code)])));
        }
    }
    out
}

/// Codes of the output; of the last layer its logits.
pub fn outputs(layer: &Layer, integers: &Integers) -> Vec<i64> {
    if layer.kernel.is_window() {
        return windows(layer, &integers.inputs[0]);
    }
    if matches!(layer.kernel, Kernel::Lookup | Kernel::Concat) {
        return lookups(layer, integers);
    }
    let highest = (1 << integers.widths[2]) - 1;
    if layer.kernel == Kernel::Add {
        let ([multiplier_a, multiplier_b], offset, shift) = integers.add;
        let pairs = integers.inputs[0].iter().zip(&integers.inputs[1]);
        let sum = |(&a, &b): (&u8, &u8)| {
            i64::from(a) * i64::from(multiplier_a)
                + i64::from(b) * i64::from(multiplier_b)
                + i64::from(offset)
        };
        return pairs.map(|pair| (sum(pair) >> shift).clamp(0, highest)).collect();
    }
    let requantizers = integers.requantizers.iter().cycle();
    let scaled = sums(layer, integers).into_iter().zip(requantizers).map(|(sum, requantizer)| {
        let acc = sum + i64::from(requantizer.bias);
        assert_eq!(acc, i64::from(acc as i32), "the accumulator of a case must fit 32 bits");
        (acc * i64::from(requantizer.multiplier)) >> requantizer.shift
    });
    if layer.kernel.gives_logits() {
        scaled.map(|logit| logit.clamp(i64::from(i32::MIN), i64::from(i32::MAX))).collect()
    } else {
        scaled.map(|value| (value + i64::from(integers.out_zero)).clamp(0, highest)).collect()
    }
}
