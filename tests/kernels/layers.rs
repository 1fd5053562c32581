//! Shapes of layers to test, and random integers for them.

#![allow(dead_code, reason = "each test and benchmark that includes this file uses a part of it")]

use crate::reference;
use bitsmith::net::{self, Family, Op, Padding, Pads, Spec, Width, Window};
use bitsmith::random::SplitMix64;

/// Which function of the runtime; the values are those of driver.c.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    Pointwise,
    Conv,
    Depthwise,
    DepthwiseAny,
    Linear,
    Pool,
    Add,
    WindowMax,
    WindowAverage,
    PoolLogits,
    Multiply,
    Lookup,
    Concat,
}

impl Kernel {
    /// Whether it has weights.
    pub fn has_weights(self) -> bool {
        use Kernel::*;
        matches!(self, Pointwise | Conv | Depthwise | DepthwiseAny | Linear)
    }

    /// Whether it takes the sums of all channels to codes or logits alike.
    pub fn has_one_requantizer(self) -> bool {
        matches!(self, Self::Pool | Self::PoolLogits | Self::Multiply)
    }

    /// Whether it gives logits instead of codes.
    pub fn gives_logits(self) -> bool {
        matches!(self, Self::Linear | Self::PoolLogits)
    }

    /// Whether it can have these widths; those that it has no use for are the input's.
    pub fn can_have(self, [a, b, out]: Widths) -> bool {
        match self {
            Self::WindowMax | Self::WindowAverage => a == out,
            Self::PoolLogits => a == b && b == out,
            Self::Lookup => a == b,
            _ => true,
        }
    }

    /// Whether it is a pool with a window: nothing is multiplied, and input and output have the same width.
    pub fn is_window(self) -> bool {
        matches!(self, Self::WindowMax | Self::WindowAverage)
    }
}

impl Kernel {
    /// Whether each channel is convolved by itself.
    pub fn is_depthwise(self) -> bool {
        matches!(self, Self::Depthwise | Self::DepthwiseAny)
    }

    /// The one that runs depthwise layers with a window.
    fn depthwise(window: Window) -> Self {
        if [3, 5].contains(&window.kernel) { Self::Depthwise } else { Self::DepthwiseAny }
    }
}

/// Shape of a layer; maps are `[height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    pub kernel: Kernel,
    pub input: [usize; 3],
    pub output: [usize; 3],
    /// Side of the window and its step.
    pub window: usize,
    pub stride: usize,
    /// Padding above and to the left.
    pub pads: [usize; 2],
    /// Depthwise: channels at a time.
    pub block: usize,
    /// Concatenation: channels of each map, none behind the last.
    pub parts: [usize; MOST_PARTS],
}

/// Most maps that are joined here: as many as driver.c has fields for.
const MOST_PARTS: usize = 8;

/// Bits of the codes: input and weights (for adds and products: both inputs; for concatenations: inputs in turn), output.
pub type Widths = [u32; 3];

/// All combinations of widths.
pub fn all_widths() -> impl Iterator<Item = Widths> {
    const BITS: [u32; 3] = [2, 4, 8];
    BITS.into_iter()
        .flat_map(|a| BITS.into_iter().flat_map(move |b| BITS.into_iter().map(move |c| [a, b, c])))
}

impl Layer {
    fn plain(kernel: Kernel, input: [usize; 3], output: [usize; 3]) -> Self {
        Self { kernel, input, output, window: 1, stride: 1, pads: [0, 0], block: 0, parts: [0; MOST_PARTS] }
    }

    fn windowed(kernel: Kernel, input: [usize; 3], channels: usize, window: Window) -> Self {
        let Window { kernel: side, stride, pads } = window;
        let output = [
            (input[0] + pads.top + pads.bottom - side) / stride + 1,
            (input[1] + pads.left + pads.right - side) / stride + 1,
            channels,
        ];
        let block = if kernel.is_depthwise() { channels } else { 0 };
        let pads = [pads.top, pads.left];
        Self { window: side, stride, pads, block, ..Self::plain(kernel, input, output) }
    }

    /// The same depthwise layer in blocks of channels.
    fn in_blocks_of(self, block: usize) -> Self {
        Self { block, ..self }
    }

    /// A concatenation of maps with so many channels each.
    fn joined(map: [usize; 2], channels: &[usize]) -> Self {
        let mut parts = [0; MOST_PARTS];
        parts[..channels.len()].copy_from_slice(channels);
        let shape = [map[0], map[1], channels.iter().sum()];
        Self { parts, ..Self::plain(Kernel::Concat, shape, shape) }
    }

    /// Shape and bits of each input.
    pub fn maps(&self, [a, b, _]: Widths) -> Vec<([usize; 3], u32)> {
        let [height, width, channels] = self.input;
        match self.kernel {
            Kernel::Add => vec![(self.input, a), (self.input, b)],
            Kernel::Multiply => vec![(self.input, a), ([1, 1, channels], b)],
            Kernel::Concat => {
                let parts = self.parts.into_iter().take_while(|&channels| channels > 0);
                parts.zip([a, b].into_iter().cycle()).map(|(c, bits)| ([height, width, c], bits)).collect()
            }
            _ => vec![(self.input, a)],
        }
    }
}

/// Small shapes that cover borders, odd counts and every path, meant for all widths.
pub fn corner_cases() -> Vec<Layer> {
    use Kernel::*;
    let same = |side: usize, kernel, stride| Padding::TensorFlow.window(side, kernel, stride);
    let symmetric = |kernel, stride| Padding::PyTorch.window(0, kernel, stride);
    let valid = |kernel, stride| Window { kernel, stride, pads: Default::default() };
    let padded = |kernel, stride, [top, left, bottom, right]: [usize; 4]| Window {
        kernel,
        stride,
        pads: Pads { top, left, bottom, right },
    };
    let mut layers = Vec::new();
    for (map, c_in, c_out) in [
        ([1, 1], 1, 1),
        ([1, 2], 5, 3),
        ([3, 3], 11, 7),
        ([2, 3], 16, 8),
        ([4, 4], 8, 16),
        ([1, 3], 17, 6),
        ([3, 1], 64, 33),
        ([2, 2], 40, 10),
    ] {
        layers.push(Layer::plain(Pointwise, [map[0], map[1], c_in], [map[0], map[1], c_out]));
    }
    for (input, c_out, window) in [
        ([8, 8, 3], 8, same(8, 3, 2)),
        ([7, 6, 3], 5, symmetric(3, 2)),
        ([5, 5, 3], 11, symmetric(3, 1)),
        ([6, 9, 2], 3, symmetric(5, 2)),
        ([5, 4, 11], 4, symmetric(5, 1)),
        ([4, 4, 16], 6, valid(2, 2)),
        ([5, 5, 3], 4, valid(1, 2)),
    ] {
        layers.push(Layer::windowed(Conv, input, c_out, window));
    }
    for (input, window) in [
        ([4, 5, 11], symmetric(3, 1)),
        ([6, 6, 8], same(6, 3, 2)),
        ([7, 5, 3], symmetric(3, 2)),
        ([5, 5, 5], symmetric(5, 1)),
        ([6, 8, 16], same(8, 5, 2)),
        ([1, 1, 1], symmetric(3, 1)),
        ([2, 2, 6], symmetric(5, 2)),
        ([4, 4, 4], valid(3, 1)),
        // Padding on one side alone.
        ([4, 6, 5], padded(3, 1, [1, 0, 0, 0])),
        ([7, 5, 3], padded(5, 1, [0, 0, 3, 0])),
        ([6, 7, 5], padded(3, 2, [2, 2, 0, 1])),
        ([5, 7, 6], symmetric(7, 1)),
        ([8, 9, 11], symmetric(7, 2)),
        ([6, 6, 8], same(6, 7, 2)),
        ([9, 8, 5], padded(7, 1, [0, 6, 5, 2])),
        ([8, 7, 7], padded(7, 2, [6, 1, 0, 4])),
        ([7, 9, 3], valid(7, 1)),
        ([1, 1, 1], symmetric(7, 1)),
        ([2, 3, 6], symmetric(7, 2)),
        ([9, 12, 4], symmetric(7, 3)),
    ] {
        layers.push(Layer::windowed(Kernel::depthwise(window), input, input[2], window));
    }
    for (input, window) in [
        ([5, 5, 5], valid(1, 1)),
        ([7, 1, 3], valid(1, 3)),
        ([5, 4, 9], padded(2, 1, [0, 1, 1, 0])),
        ([6, 5, 6], valid(2, 2)),
        ([6, 5, 8], same(6, 4, 2)),
        ([7, 8, 3], padded(6, 1, [5, 2, 0, 3])),
        ([9, 9, 4], symmetric(9, 2)),
        ([12, 6, 3], symmetric(11, 1)),
        ([23, 13, 2], padded(11, 11, [1, 10, 2, 0])),
    ] {
        layers.push(Layer::windowed(DepthwiseAny, input, input[2], window));
    }
    for (input, window, block) in [
        ([4, 3, 40], symmetric(3, 1), 16),
        ([5, 4, 33], symmetric(5, 1), 32),
        ([4, 4, 48], same(4, 3, 2), 32),
        ([5, 6, 33], symmetric(7, 1), 16),
        ([6, 5, 40], same(6, 7, 2), 32),
        ([4, 5, 17], padded(4, 1, [2, 1, 1, 2]), 16),
    ] {
        layers.push(Layer::windowed(Kernel::depthwise(window), input, input[2], window).in_blocks_of(block));
    }
    for (c_in, c_out) in [(1, 1), (11, 3), (33, 10), (64, 7), (130, 5)] {
        layers.push(Layer::plain(Linear, [1, 1, c_in], [1, 1, c_out]));
    }
    for input in [[1, 1, 5], [3, 4, 11], [7, 7, 32]] {
        layers.push(Layer::plain(Pool, input, [1, 1, input[2]]));
    }
    for input in [[1, 1, 2], [4, 3, 11], [7, 7, 10]] {
        layers.push(Layer::plain(PoolLogits, input, [1, 1, input[2]]));
    }
    for kernel in [WindowMax, WindowAverage] {
        let pads = |top, left, bottom, right| Pads { top, left, bottom, right };
        for (input, window) in [
            ([4, 4, 8], valid(2, 2)),
            ([7, 6, 11], symmetric(3, 2)),
            ([8, 8, 3], same(8, 3, 2)),
            ([5, 4, 16], symmetric(3, 1)),
            ([1, 1, 1], symmetric(3, 1)),
            ([6, 3, 5], Window { kernel: 5, stride: 2, pads: pads(4, 0, 1, 3) }),
            ([3, 7, 9], Window { kernel: 3, stride: 3, pads: pads(0, 2, 2, 1) }),
            ([4, 5, 6], valid(1, 2)),
            ([3, 2, 2], Window { kernel: 11, stride: 1, pads: pads(10, 10, 10, 10) }),
            ([11, 12, 4], Window { kernel: 11, stride: 11, pads: pads(0, 1, 0, 9) }),
        ] {
            layers.push(Layer::windowed(kernel, input, input[2], window));
        }
    }
    for map in [[1, 1, 1], [1, 1, 11], [3, 3, 11], [2, 5, 16], [4, 4, 24], [1, 3, 7]] {
        layers.push(Layer::plain(Add, map, map));
    }
    for map in [[1, 1, 1], [1, 1, 12], [3, 3, 11], [2, 5, 16], [4, 4, 24], [1, 3, 7], [3, 2, 6]] {
        layers.extend([Multiply, Lookup].map(|kernel| Layer::plain(kernel, map, map)));
    }
    for (map, channels) in [
        ([1, 1], &[1, 1][..]),
        ([2, 3], &[8, 16]),
        ([3, 2], &[3, 5, 7]),
        ([2, 2], &[5, 4, 8, 9]),
        ([1, 4], &[1, 1, 1, 1, 1, 1, 1, 1]),
        ([3, 3], &[2, 12, 3, 33, 1]),
        ([2, 1], &[6, 20, 6]),
    ] {
        layers.push(Layer::joined(map, channels));
    }
    layers
}

/// Layers without weights on a map, each kernel that works code by code.
pub fn by_codes([height, width, channels]: [usize; 3]) -> Vec<Layer> {
    let input = [height, width, channels];
    let mut layers = vec![
        Layer::plain(Kernel::PoolLogits, input, [1, 1, channels]),
        Layer::plain(Kernel::Multiply, input, input),
        Layer::plain(Kernel::Lookup, input, input),
    ];
    // The second map begins on a byte, or at 2 and 4 bits does not.
    let halves = [channels / 2, channels / 2 - 1];
    layers.extend(halves.map(|first| Layer::joined([height, width], &[first, channels - first])));
    layers
}

/// A depthwise layer with symmetric padding.
pub fn depthwise(input: [usize; 3], kernel: usize, stride: usize) -> Layer {
    // Padding is smaller than the kernel and the same on all sides.
    let window = Padding::PyTorch.window(0, kernel, stride);
    Layer::windowed(Kernel::depthwise(window), input, input[2], window)
}

/// All layers of a network.
pub fn of_network(spec: &Spec) -> Vec<Layer> {
    let graph = spec.build();
    let shapes = |layer: &net::Layer| {
        [graph.input_shape(layer), graph.output_shape(layer)].map(|s| [s.height, s.width, s.channels])
    };
    let layer = |layer: &net::Layer| {
        let [input, output] = shapes(layer);
        match layer.op {
            Op::Conv(window) if window.kernel == 1 => Layer::plain(Kernel::Pointwise, input, output),
            Op::Conv(window) => Layer::windowed(Kernel::Conv, input, output[2], window),
            Op::Depthwise(window) => Layer::windowed(Kernel::depthwise(window), input, output[2], window),
            Op::Linear => Layer::plain(Kernel::Linear, input, output),
            Op::GlobalAvgPool if layer.output == graph.logits() => {
                Layer::plain(Kernel::PoolLogits, input, output)
            }
            Op::GlobalAvgPool => Layer::plain(Kernel::Pool, input, output),
            Op::Add => Layer::plain(Kernel::Add, input, output),
            Op::MaxPool(window) => Layer::windowed(Kernel::WindowMax, input, output[2], window),
            Op::AvgPool(window) => Layer::windowed(Kernel::WindowAverage, input, output[2], window),
            Op::Multiply => Layer::plain(Kernel::Multiply, input, output),
            Op::Lookup(_) => Layer::plain(Kernel::Lookup, input, output),
            Op::Concat => {
                let channels = layer.inputs.iter().map(|&map| graph.tensors[map].shape.channels);
                Layer::joined([input[0], input[1]], &channels.collect::<Vec<_>>())
            }
        }
    };
    graph.layers.iter().map(layer).collect()
}

/// All layers of the three families at 32 x 32 pixels, narrow and full width, under both padding conventions.
pub fn zoo() -> Vec<Layer> {
    let mut layers = Vec::new();
    for family in Family::ALL {
        for (width, padding) in [(family.named_widths()[0], Padding::TensorFlow), (100, Padding::PyTorch)] {
            let spec = Spec::new(family, Width(width), 32).expect("a supported size");
            layers
                .extend(of_network(&spec.with_classes(10).expect("a supported count").with_padding(padding)));
        }
    }
    layers
}

/// Integers of a layer.
#[derive(Clone, Debug)]
pub struct Integers {
    pub widths: Widths,
    /// Codes of each input.
    pub inputs: Vec<Vec<u8>>,
    /// Codes of zero of both inputs of a product.
    pub in_zeros: [u8; 2],
    /// Of a lookup, for each input: codes of the output by those of the input.
    pub tables: Vec<Vec<u8>>,
    /// `[c_out][kernel][kernel][c_in]`, for depthwise `[c][kernel][kernel]`.
    pub weights: Vec<u8>,
    pub weight_zeros: Vec<u8>,
    /// Per output channel; one for a global pool and a product, none for pools with a window, adds and lookups.
    pub requantizers: Vec<Requantizer>,
    pub out_zero: u8,
    /// Per input channel in turn.
    pub pad_codes: [u8; 3],
    /// Of an add: multipliers, offset, shift.
    pub add: ([i32; 2], i32, u8),
}

/// `floor((acc + bias) * multiplier / 2^shift)`.
#[derive(Clone, Copy, Debug)]
pub struct Requantizer {
    pub bias: i32,
    pub multiplier: i32,
    pub shift: u8,
}

/// The cases are the same on every machine.
pub struct Rng(pub u64);

impl Rng {
    fn next(&mut self) -> u64 {
        let mut generator = SplitMix64(self.0);
        let drawn = generator.next();
        self.0 = generator.0;
        drawn
    }

    /// An integer from `low` to `high`, both included.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        low + ((u128::from(self.next()) * (high - low + 1) as u128) >> 64) as i64
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.range(0, of.len() as i64 - 1) as usize]
    }

    fn code(&mut self, bits: u32) -> u8 {
        self.range(0, (1 << bits) - 1) as u8
    }

    fn codes(&mut self, bits: u32, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.code(bits)).collect()
    }
}

impl Integers {
    /// Random integers whose outputs use the whole range of codes. If `wild`, some requantizers are anything that is
    /// allowed.
    pub fn random(layer: &Layer, widths: Widths, wild: bool, rng: &mut Rng) -> Self {
        let [in_bits, weight_bits, out_bits] = widths;
        let maps = layer.maps(widths);
        let c_out = layer.output[2];
        let per_channel = match layer.kernel {
            kernel if !kernel.has_weights() => 0,
            Kernel::Depthwise | Kernel::DepthwiseAny => layer.window * layer.window,
            _ => layer.window * layer.window * layer.input[2],
        };
        let pad = rng.code(in_bits);
        let pad_codes = if layer.kernel == Kernel::Conv && layer.input[2] == 3 {
            [pad, rng.code(in_bits), rng.code(in_bits)]
        } else {
            [pad; 3]
        };
        let mut integers = Self {
            widths,
            inputs: maps.iter().map(|(map, bits)| rng.codes(*bits, map.iter().product())).collect(),
            in_zeros: [0; 2],
            tables: Vec::new(),
            weights: rng.codes(weight_bits, c_out * per_channel),
            weight_zeros: rng.codes(weight_bits, c_out),
            requantizers: Vec::new(),
            out_zero: if rng.range(0, 1) == 0 { 0 } else { rng.code(out_bits) },
            pad_codes,
            add: random_add(widths, rng),
        };
        match layer.kernel {
            Kernel::Lookup | Kernel::Concat => {
                integers.tables = maps.iter().map(|(_, bits)| rng.codes(out_bits, 1 << bits)).collect();
            }
            Kernel::Multiply => integers.in_zeros = [in_bits, weight_bits].map(|bits| rng.code(bits)),
            _ => {}
        }
        if layer.kernel.has_weights() || layer.kernel.has_one_requantizer() {
            let sums = reference::sums(layer, &integers);
            let tables = if layer.kernel.has_one_requantizer() { 1 } else { c_out };
            integers.requantizers = (0..tables)
                .map(|table| {
                    let of_table = sums.iter().skip(table).step_by(tables);
                    let (low, high) = of_table.fold((i64::MAX, i64::MIN), |(l, h), &s| (l.min(s), h.max(s)));
                    // Logits have no width; twenty digits are plenty.
                    let bits = if layer.kernel.gives_logits() { 20 } else { out_bits };
                    random_requantizer(low, high, bits, wild, rng)
                })
                .collect();
        }
        if layer.kernel == Kernel::PoolLogits && !wild {
            // As networks have it: the sums themselves.
            let bias = -rng.range(0, 1 << 20) as i32;
            integers.requantizers = vec![Requantizer { bias, multiplier: 1 << 30, shift: 30 }];
        }
        integers
    }
}

/// One that spreads sums from `low` to `high` over the codes; if `wild`, sometimes anything that is allowed.
fn random_requantizer(low: i64, high: i64, bits: u32, wild: bool, rng: &mut Rng) -> Requantizer {
    let multiplier = rng.range(1 << 30, (1 << 31) - 1) * rng.pick(&[1, 1, -1]);
    let (bias, shift) = if wild && rng.range(0, 7) == 0 {
        (rng.range(i64::from(i32::MIN) - low.min(0), i64::from(i32::MAX) - high.max(0)), rng.range(1, 62))
    } else {
        // multiplier / 2^shift is about 2^bits / (high - low).
        let spread = (high - low + 1).ilog2() as i64;
        let shift = 31 + spread - i64::from(bits) + rng.range(-1, 1);
        let start = if multiplier > 0 { low } else { high };
        (-start + rng.range(-2, 2), shift.clamp(1, 62))
    };
    Requantizer { bias: bias as i32, multiplier: multiplier as i32, shift: shift as u8 }
}

/// Multipliers, offset and shift of an add within the bounds of the numeric contract.
fn random_add([a, b, out]: Widths, rng: &mut Rng) -> ([i32; 2], i32, u8) {
    let multipliers = [rng.range(0, 1 << 21), rng.range(1 << 20, 1 << 21)];
    let largest = multipliers[0] * ((1 << a) - 1) + multipliers[1] * ((1 << b) - 1);
    let shift = (largest.ilog2() as i64 + 1 - i64::from(out) + rng.range(-1, 1)).clamp(1, 30);
    let offset = rng.range(-largest / 2, largest / 4);
    (multipliers.map(|m| m as i32), offset as i32, shift as u8)
}
