//! What follows the sums of a unit: batch normalization, activation, quantization of the output; and the way back.

use super::tiled::{Tiled, tasks};
use crate::parallel;
use crate::train::stepper::{NUDGE, SLACK};
use pulp::{Arch, Simd};

/// The non-linearity at the end of a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bounds {
    /// Real numbers between two bounds.
    Clip { low: f32, high: f32 },
    /// Codes: `scale * (clamp(floor(v / scale + 1/2) + zero, 0, max) - zero)`.
    Codes { scale: f32, zero: f32, max: f32 },
}

/// What is done to the sums of each channel: `v = slope * sum + offset`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Coefficients {
    pub slope: Vec<f32>,
    pub offset: Vec<f32>,
    /// The mean that went into the offset.
    pub mean: Vec<f32>,
    /// 1 / sqrt(variance + epsilon); empty without batch normalization.
    pub inverse: Vec<f32>,
    /// Whether mean and variance are those of the batch, so that gradients flow through them.
    pub of_batch: bool,
}

impl Coefficients {
    /// v = sum + offset.
    pub fn offset(offset: &[f32]) -> Self {
        let channels = offset.len();
        Self {
            slope: vec![1.0; channels],
            offset: offset.to_vec(),
            mean: vec![0.0; channels],
            inverse: Vec::new(),
            of_batch: false,
        }
    }
}

/// Values that are summed one after the other before they are merged in double precision.
const BLOCK: usize = 8192;

/// Mean and variance (divided by the count) of each channel of `[.., channels]`.
pub(super) fn moments(values: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let block = Tiled::round_down(BLOCK, channels);
    let mut blocks: Vec<_> = values.chunks(block * 8).collect();
    let parts = parallel::map(&mut blocks, |values| {
        values.chunks(block).map(|values| block_moments(values, channels)).collect::<Vec<_>>()
    });
    let mut count = 0.0;
    let mut means = vec![0.0f64; channels];
    let mut squares = vec![0.0f64; channels];
    for (more, sums, deviations) in parts.into_iter().flatten() {
        // Chan, Golub and LeVeque 1979: deviations from the block's own mean, so that large means do no harm.
        let total = count + more;
        for c in 0..channels {
            let delta = f64::from(sums[c]) / more - means[c];
            means[c] += delta * more / total;
            squares[c] += f64::from(deviations[c]) + delta * delta * count * more / total;
        }
        count = total;
    }
    let variances = squares.iter().map(|square| (square / count) as f32).collect();
    (means.into_iter().map(|mean| mean as f32).collect(), variances)
}

/// Count, sums and squared deviations from the mean of each channel.
fn block_moments(values: &[f32], channels: usize) -> (f64, Vec<f32>, Vec<f32>) {
    let mut sums = Tiled::zeros(channels);
    add_values(&mut sums.values, values);
    let sums = sums.fold();
    let count = (values.len() / channels) as f32;
    let means: Vec<f32> = sums.iter().map(|sum| sum / count).collect();
    let mut squares = Tiled::zeros(channels);
    add_squares(&mut squares.values, &Tiled::new(&means).values, values);
    (f64::from(count), sums, squares.fold())
}

#[pulp::with_simd(add_values = Arch::new())]
#[inline(always)]
fn add_values_with_simd<'a, S: Simd>(_simd: S, sums: &'a mut [f32], values: &'a [f32]) {
    for values in values.chunks(sums.len()) {
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
}

#[pulp::with_simd(add_squares = Arch::new())]
#[inline(always)]
fn add_squares_with_simd<'a, S: Simd>(_simd: S, sums: &'a mut [f32], means: &'a [f32], values: &'a [f32]) {
    for values in values.chunks(sums.len()) {
        for ((sum, mean), value) in sums.iter_mut().zip(means).zip(values) {
            let deviation = value - mean;
            *sum += deviation * deviation;
        }
    }
}

/// The output of a unit.
pub(super) fn activate(sums: &[f32], coefficients: &Coefficients, bounds: Bounds, out: &mut [f32]) {
    let (slope, offset) = (Tiled::new(&coefficients.slope), Tiled::new(&coefficients.offset));
    let (slope, offset) = (&slope.values[..], &offset.values[..]);
    let task = tasks(coefficients.slope.len());
    let mut tasks: Vec<_> = sums.chunks(task).zip(out.chunks_mut(task)).collect();
    parallel::map(&mut tasks, |(sums, out)| match bounds {
        Bounds::Clip { low, high } => clip(sums, slope, offset, low, high, out),
        Bounds::Codes { scale, zero, max } => round(sums, slope, offset, [scale, zero, max], out),
    });
}

#[pulp::with_simd(clip = Arch::new())]
#[inline(always)]
fn clip_with_simd<'a, S: Simd>(
    _simd: S,
    sums: &'a [f32],
    slope: &'a [f32],
    offset: &'a [f32],
    low: f32,
    high: f32,
    out: &'a mut [f32],
) {
    let tile = slope.len();
    for (sums, out) in sums.chunks(tile).zip(out.chunks_mut(tile)) {
        for (((sum, out), slope), offset) in sums.iter().zip(out).zip(slope).zip(offset) {
            *out = (sum * slope + offset).max(low).min(high);
        }
    }
}

#[pulp::with_simd(round = Arch::new())]
#[inline(always)]
fn round_with_simd<'a, S: Simd>(
    _simd: S,
    sums: &'a [f32],
    slope: &'a [f32],
    offset: &'a [f32],
    grid: [f32; 3],
    out: &'a mut [f32],
) {
    let [scale, zero, max] = grid;
    let (steps, half) = (1.0 / scale, zero + 0.5 + NUDGE);
    let tile = slope.len();
    for (sums, out) in sums.chunks(tile).zip(out.chunks_mut(tile)) {
        for (((sum, out), slope), offset) in sums.iter().zip(out).zip(slope).zip(offset) {
            let code = ((sum * slope + offset) * steps + half).floor().max(0.0).min(max);
            *out = (code - zero) * scale;
        }
    }
}

/// What the first pass of the way back sums up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sums {
    /// Gradients of each channel's offset.
    pub offset: Vec<f32>,
    /// Gradients times distance from the mean, of each channel.
    pub product: Vec<f32>,
    /// Gradient of the output's scale, times the scale; 0 in real numbers.
    pub scale: f64,
}

/// First pass of the way back: takes the gradient of the output to that of `v`, in place.
pub(super) fn deactivate(
    gradient: &mut [f32],
    sums: &[f32],
    coefficients: &Coefficients,
    bounds: Bounds,
) -> Sums {
    let channels = coefficients.slope.len();
    let tiles = [&coefficients.slope, &coefficients.offset, &coefficients.mean].map(|c| Tiled::new(c));
    let [slope, offset, mean] = [0, 1, 2].map(|i| &tiles[i].values[..]);
    let task = tasks(channels);
    let mut tasks: Vec<_> = gradient.chunks_mut(task).zip(sums.chunks(task)).collect();
    let parts = parallel::map(&mut tasks, |(gradient, sums)| {
        let mut totals = [0, 1, 2].map(|_| Tiled::zeros(channels));
        let [offsets, products, scales] = &mut totals;
        let totals_mut = [&mut offsets.values[..], &mut products.values[..], &mut scales.values[..]];
        match bounds {
            Bounds::Clip { low, high } => {
                unclip(gradient, sums, [slope, offset, mean], low, high, totals_mut)
            }
            Bounds::Codes { scale, zero, max } => {
                unround(gradient, sums, [slope, offset, mean], [scale, zero, max], totals_mut);
            }
        }
        totals.map(Tiled::fold)
    });
    let mut totals = [vec![0.0f64; channels], vec![0.0; channels], vec![0.0; channels]];
    for part in parts {
        for (total, part) in totals.iter_mut().zip(part) {
            total.iter_mut().zip(part).for_each(|(total, sum)| *total += f64::from(sum));
        }
    }
    let [offset, product, scales] = totals;
    let single = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
    let scale = match bounds {
        Bounds::Clip { .. } => 0.0,
        Bounds::Codes { scale, .. } => f64::from(scale) * scales.iter().sum::<f64>(),
    };
    Sums { offset: single(offset), product: single(product), scale }
}

#[pulp::with_simd(unclip = Arch::new())]
#[inline(always)]
fn unclip_with_simd<'a, S: Simd>(
    _simd: S,
    gradient: &'a mut [f32],
    sums: &'a [f32],
    coefficients: [&'a [f32]; 3],
    low: f32,
    high: f32,
    totals: [&'a mut [f32]; 3],
) {
    let [slope, offset, mean] = coefficients;
    let [offsets, products, _] = totals;
    let tile = slope.len();
    for (gradient, sums) in gradient.chunks_mut(tile).zip(sums.chunks(tile)) {
        let coefficients = slope.iter().zip(offset).zip(mean);
        let totals = offsets.iter_mut().zip(products.iter_mut());
        for (((gradient, sum), ((slope, offset), mean)), (total, product)) in
            gradient.iter_mut().zip(sums).zip(coefficients).zip(totals)
        {
            let value = sum * slope + offset;
            let passes = (value > low) & (value < high);
            let passed = if passes { *gradient } else { 0.0 };
            *gradient = passed;
            *total += passed;
            *product += passed * (sum - mean);
        }
    }
}

#[pulp::with_simd(unround = Arch::new())]
#[inline(always)]
fn unround_with_simd<'a, S: Simd>(
    _simd: S,
    gradient: &'a mut [f32],
    sums: &'a [f32],
    coefficients: [&'a [f32]; 3],
    grid: [f32; 3],
    totals: [&'a mut [f32]; 3],
) {
    let [scale, zero, max] = grid;
    let (steps, half) = (1.0 / scale, zero + 0.5 + NUDGE);
    let [slope, offset, mean] = coefficients;
    let [offsets, products, scales] = totals;
    let tile = slope.len();
    for (gradient, sums) in gradient.chunks_mut(tile).zip(sums.chunks(tile)) {
        let coefficients = slope.iter().zip(offset).zip(mean);
        let totals = offsets.iter_mut().zip(products.iter_mut()).zip(scales.iter_mut());
        for (((gradient, sum), ((slope, offset), mean)), ((total, product), scales)) in
            gradient.iter_mut().zip(sums).zip(coefficients).zip(totals)
        {
            let value = (sum * slope + offset) * steps;
            let reached = value + half;
            let bounded = reached.floor().max(0.0).min(max);
            let inside = (reached >= -SLACK) & (reached < max + 1.0);
            let passed = if inside { *gradient } else { 0.0 };
            let rounding = bounded - zero - if inside { value } else { 0.0 };
            *scales += *gradient * rounding;
            *gradient = passed;
            *total += passed;
            *product += passed * (sum - mean);
        }
    }
}

/// Second pass: takes the gradient of `v` to that of the sums, in place. `sums` are the values of the unit, `totals`
/// what the first pass summed up.
pub(super) fn denormalize(gradient: &mut [f32], sums: &[f32], coefficients: &Coefficients, totals: &Sums) {
    let Coefficients { slope, mean, inverse, of_batch, .. } = coefficients;
    if inverse.is_empty() {
        return;
    }
    let channels = slope.len();
    let count = (gradient.len() / channels) as f32;
    let (mut linear, mut constant) = (vec![0.0; channels], vec![0.0; channels]);
    if *of_batch {
        for c in 0..channels {
            linear[c] = -slope[c] * inverse[c] * inverse[c] * totals.product[c] / count;
            constant[c] = -slope[c] * totals.offset[c] / count - linear[c] * mean[c];
        }
    }
    let tiles = [slope, &linear, &constant].map(|c| Tiled::new(c));
    let [slope, linear, constant] = [0, 1, 2].map(|i| &tiles[i].values[..]);
    let task = tasks(channels);
    let mut tasks: Vec<_> = gradient.chunks_mut(task).zip(sums.chunks(task)).collect();
    parallel::map(&mut tasks, |(gradient, sums)| {
        if *of_batch {
            combine(gradient, sums, slope, linear, constant);
        } else {
            scale(gradient, slope);
        }
    });
}

#[pulp::with_simd(combine = Arch::new())]
#[inline(always)]
fn combine_with_simd<'a, S: Simd>(
    _simd: S,
    gradient: &'a mut [f32],
    sums: &'a [f32],
    slope: &'a [f32],
    linear: &'a [f32],
    constant: &'a [f32],
) {
    let tile = slope.len();
    for (gradient, sums) in gradient.chunks_mut(tile).zip(sums.chunks(tile)) {
        let coefficients = slope.iter().zip(linear).zip(constant);
        for ((gradient, sum), ((slope, linear), constant)) in gradient.iter_mut().zip(sums).zip(coefficients)
        {
            *gradient = *gradient * slope + sum * linear + constant;
        }
    }
}

#[pulp::with_simd(scale = Arch::new())]
#[inline(always)]
fn scale_with_simd<'a, S: Simd>(_simd: S, gradient: &'a mut [f32], slope: &'a [f32]) {
    for gradient in gradient.chunks_mut(slope.len()) {
        gradient.iter_mut().zip(slope).for_each(|(gradient, slope)| *gradient *= slope);
    }
}
