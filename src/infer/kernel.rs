//! Sums of products of one layer: the inner loops.

mod dense;
mod depthwise;
mod padded;
mod taps;

use super::reach::Reach;
use crate::net::{Graph, Layer, LayerId, Op, Pads, Shape, Window};
use bytemuck::{cast, cast_mut};
use dense::Dense;
use depthwise::Depthwise;
use std::sync::Arc;
pub use taps::Taps;
use wide::{i16x8, i16x16, i32x8, u8x16};

/// Output channels whose sums are computed side by side.
pub(super) const LANES: usize = 8;

/// Weights of a convolution, depthwise convolution or linear layer in the order in which they are read.
///
/// Depends on the codes and zero points of the weights alone, not on the widths of activations nor on
/// requantizers, so that a search can keep one per layer and weight width and share it.
#[derive(Clone, Debug)]
pub struct PreparedKernel {
    geometry: Geometry,
    weights: Weights,
    reach: Vec<Reach>,
    origin: Option<Origin>,
}

/// What a kernel was made of by [`PreparedKernel::without`].
#[derive(Clone, Debug)]
struct Origin {
    kernel: Arc<PreparedKernel>,
    /// Output channels that are silent since.
    silent: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Weights {
    Dense(Dense),
    Depthwise(Depthwise),
}

/// The window of linear layers, and of 1x1 convolutions that keep the size of the map.
const ONE_PIXEL: Window =
    Window { kernel: 1, stride: 1, pads: Pads { top: 0, left: 0, bottom: 0, right: 0 } };

/// How the window slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Geometry {
    input: Shape,
    output: Shape,
    window: Window,
}

impl Geometry {
    fn of(graph: &Graph, layer: &Layer) -> Self {
        let window = layer.window().unwrap_or(ONE_PIXEL);
        Self { input: graph.input_shape(layer), output: graph.output_shape(layer), window }
    }
}

/// Buffers of [`PreparedKernel::sums`]; they grow to the largest layer and stay.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// The input with its pads, or a row of pads.
    padded: Vec<u8>,
    /// Codes under the window of one output pixel.
    patch: Vec<u8>,
    /// Patches of some pixels, widened.
    columns: Vec<i16x8>,
    /// The input with its pads, rows in pairs, widened.
    pairs: Vec<i16x16>,
    /// Sums of some output rows.
    sums: Vec<i32>,
    /// Sums of the codes under a window of an average pool.
    pub(super) pooled: Vec<u16>,
}

impl Scratch {
    /// Sums of the codes of each channel over all pixels.
    pub(super) fn channel_sums(&mut self, input: &[u8], channels: usize) -> &[i32] {
        let sums = grown(&mut self.sums, channels);
        sums.fill(0);
        for pixel in input.chunks_exact(channels) {
            for (sum, &code) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(code);
            }
        }
        sums
    }
}

impl PreparedKernel {
    /// Prepares the weights of a layer: `weights` holds the codes `[c_out, k, k, c_in]`, `zero_points` the code of
    /// zero of each output channel.
    ///
    /// # Panics
    /// If the layer has no weights or the lengths are not those of [`Graph::weight_shape`].
    pub fn new(graph: &Graph, layer: LayerId, weights: &[u8], zero_points: &[u8]) -> Self {
        let layer = &graph.layers[layer];
        assert_eq!(weights.len(), graph.weight_elements(layer), "codes of the weights of {}", layer.name);
        let geometry = Geometry::of(graph, layer);
        let channels = geometry.output.channels;
        assert_eq!(zero_points.len(), channels, "zero points of {}", layer.name);
        let centred = Centred { codes: weights, zero_points, depth: weights.len() / channels };
        let prepared = match layer.op {
            Op::Depthwise(..) => Weights::Depthwise(Depthwise::new(&centred, geometry)),
            _ => Weights::Dense(Dense::new(&centred)),
        };
        let reach = Reach::of_channels(weights, zero_points);
        Self { geometry, weights: prepared, reach, origin: None }
    }

    /// The same kernel with the weights of some output channels at zero: these channels' sums are zero for every
    /// input, those of the others stay.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn without(self: &Arc<Self>, silent: &[usize]) -> Self {
        let mut kernel = Self {
            origin: Some(Origin { kernel: self.clone(), silent: silent.to_vec() }),
            ..Self::clone(self)
        };
        for &channel in silent {
            kernel.reach[channel] = Reach::default();
            match &mut kernel.weights {
                Weights::Dense(dense) => dense.silence(channel),
                Weights::Depthwise(depthwise) => depthwise.silence(channel),
            }
        }
        kernel
    }

    /// Which channels of a kernel's sums to set to zero to have those of this one; `None` if the two have no more in
    /// common.
    pub(super) fn silent_beside(self: &Arc<Self>, kernel: &Arc<Self>) -> Option<&[usize]> {
        if Arc::ptr_eq(self, kernel) {
            return Some(&[]);
        }
        let origin = self.origin.as_ref().filter(|origin| Arc::ptr_eq(&origin.kernel, kernel))?;
        Some(&origin.silent)
    }

    /// How far the sums of each output channel can go.
    pub fn reach(&self) -> &[Reach] {
        &self.reach
    }

    /// Whether these are weights for a layer of this graph.
    pub(super) fn serves(&self, graph: &Graph, layer: &Layer) -> bool {
        let depthwise = matches!(self.weights, Weights::Depthwise(_));
        depthwise == matches!(layer.op, Op::Depthwise(..)) && self.geometry == Geometry::of(graph, layer)
    }

    /// Computes `sum x_q * (w_q - w_zero_point)` for all outputs and hands them over row by row: `row` gets the
    /// number of an output row and its sums, `[out_width * c_out]`, without bias.
    ///
    /// `input` holds the codes of the whole input, `[h, w, c_in]`; `pad_codes` those of real zero outside it, one
    /// for each input channel or one for all.
    ///
    /// # Panics
    /// If `input` or `pad_codes` have another length.
    pub fn sums(
        &self,
        input: &[u8],
        pad_codes: &[u8],
        scratch: &mut Scratch,
        row: impl FnMut(usize, &[i32]),
    ) {
        assert_eq!(input.len(), self.geometry.input.elements(), "codes of the input");
        match &self.weights {
            Weights::Dense(dense) => dense.sums(self.geometry, input, pad_codes, scratch, row),
            Weights::Depthwise(depthwise) => depthwise.sums(self.geometry, input, pad_codes, scratch, row),
        }
    }
}

/// Weights less their zero points; zero past the last channel and the last tap.
struct Centred<'a> {
    codes: &'a [u8],
    zero_points: &'a [u8],
    /// Weights per output channel.
    depth: usize,
}

impl Centred<'_> {
    fn get(&self, channel: usize, tap: usize) -> i16 {
        match self.zero_points.get(channel) {
            Some(&zero) if tap < self.depth => {
                i16::from(self.codes[channel * self.depth + tap]) - i16::from(zero)
            }
            _ => 0,
        }
    }

    /// Two taps of a block of eight output channels, side by side.
    fn pair(&self, block: usize, taps: [usize; 2]) -> i16x16 {
        i16x16::new(std::array::from_fn(|i| self.get(block * LANES + i / 2, taps[i % 2])))
    }
}

/// The first eight codes and the last eight as 16-bit lanes: each code followed by a zero byte, its upper half.
#[inline(always)]
fn widened(codes: u8x16) -> [i16x8; 2] {
    const { assert!(cfg!(target_endian = "little"), "upper halves come second") };
    [cast(u8x16::unpack_low(codes, u8x16::ZERO)), cast(u8x16::unpack_high(codes, u8x16::ZERO))]
}

/// The first `len` elements of a buffer that grows when needed; their values are left from earlier use.
pub(super) fn grown<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
    &mut buffer[..len]
}

/// Sets the weights of a channel to zero in the vectors of its block of eight.
fn silence(block: &mut [i16x16], channel: usize) {
    for pairs in block {
        let lanes: &mut [i16; 2 * LANES] = cast_mut(pairs);
        lanes[channel % LANES * 2..][..2].fill(0);
    }
}

/// Stores as many lanes as the output has left.
#[inline(always)]
fn store(lanes: i32x8, out: &mut [i32]) {
    match <&mut [i32; LANES]>::try_from(&mut *out) {
        Ok(out) => *out = lanes.to_array(),
        Err(_) => store_some(lanes, out),
    }
}

/// Apart from [`store`], lest the compiler makes of both one copy of variable length.
#[cold]
#[inline(never)]
fn store_some(lanes: i32x8, out: &mut [i32]) {
    out.copy_from_slice(&lanes.to_array()[..out.len()]);
}
