//! One layer on the fast path.

use super::check::{Checks, InferError};
use super::kernel::{PreparedKernel, Scratch};
use super::pool::Pool;
use super::requantize::RowRequantizer;
use crate::net::{Graph, LayerId, Op};
use crate::quant::{AddRequantizer, Bits, Quantizer, Requantizer};
use std::sync::Arc;

/// Integers of a layer whose weights are prepared already; see [`QuantizedLayer`](crate::quant::QuantizedLayer).
#[derive(Clone, Debug)]
pub enum EngineLayer {
    /// Convolution, depthwise convolution, linear layer.
    Kernel {
        /// Its weights.
        kernel: Arc<PreparedKernel>,
        /// Bias and factor per output channel.
        requantizers: Vec<Requantizer>,
        /// Code of real zero outside the map, for each input channel or one for all.
        pad_codes: Vec<u8>,
    },
    /// Global average pool.
    Pool(Requantizer),
    /// Residual add.
    Add(AddRequantizer),
    /// Max pool.
    MaxPool,
    /// Average pool.
    AvgPool,
    /// Function of each element.
    Lookup(Vec<u8>),
    /// Product of a map and a number for each channel.
    Multiply(Requantizer),
    /// Channels of several maps.
    Concat(Vec<Vec<u8>>),
}

/// A layer prepared for inference, and checked: no image leaves the range of an i32.
///
/// An [`Engine`](super::Engine) is made of these. Who walks through a network layer by layer runs them one by one.
#[derive(Clone, Debug)]
pub struct EngineStep {
    work: Work,
    /// Elements of the output.
    len: usize,
}

#[derive(Clone, Debug)]
enum Work {
    Kernel { kernel: Arc<PreparedKernel>, pad_codes: Vec<u8>, requantizer: RowRequantizer },
    Logits { kernel: Arc<PreparedKernel>, pad_codes: Vec<u8>, requantizers: Vec<Requantizer> },
    Pool(RowRequantizer),
    Add(AddRequantizer, Bits),
    MaxPool(Pool),
    AvgPool(Pool),
    LogitPool(Requantizer),
    Lookup(Table),
    Multiply(Product),
    Concat(Vec<(Table, usize)>, usize),
}

impl EngineStep {
    /// Prepares a layer; `tensors` says by [`TensorId`](crate::net::TensorId) what codes stand for.
    ///
    /// # Errors
    /// If the layer's integers contradict each other or the graph, or an accumulator may overflow.
    pub fn new(
        graph: &Graph,
        tensors: &[Quantizer],
        id: LayerId,
        layer: EngineLayer,
    ) -> Result<Self, InferError> {
        let checks = Checks { graph, tensors };
        let output = graph.layers[id].output;
        let Quantizer { zero_point, bits, .. } = tensors[output];
        let work = match layer {
            EngineLayer::Kernel { kernel, requantizers, pad_codes } => {
                checks.prepared(id, &kernel)?;
                checks.kernel(id, kernel.reach(), &requantizers, &pad_codes)?;
                match graph.layers[id].op {
                    Op::Linear => Work::Logits { kernel, pad_codes, requantizers },
                    _ => {
                        let requantizer = RowRequantizer::new(&requantizers, zero_point, bits);
                        Work::Kernel { kernel, pad_codes, requantizer }
                    }
                }
            }
            EngineLayer::Pool(requantizer) => {
                checks.pool(id, &requantizer)?;
                if output == graph.logits() {
                    let work = Work::LogitPool(requantizer);
                    return Ok(Self { work, len: graph.classes() });
                }
                let channels = graph.tensors[output].shape.channels;
                Work::Pool(RowRequantizer::new(&vec![requantizer; channels], zero_point, bits))
            }
            EngineLayer::Add(requantizer) => {
                checks.add(id, &requantizer)?;
                Work::Add(requantizer, bits)
            }
            EngineLayer::MaxPool => Work::MaxPool(checks.max_pool(id)?),
            EngineLayer::AvgPool => Work::AvgPool(checks.avg_pool(id)?),
            EngineLayer::Lookup(table) => {
                checks.lookup(id, &table)?;
                Work::Lookup(Table::new(&table))
            }
            EngineLayer::Multiply(requantizer) => {
                checks.multiply(id, &requantizer)?;
                let zero_points = [0, 1].map(|at| tensors[graph.layers[id].inputs[at]].zero_point);
                Work::Multiply(Product { zero_points, requantizer, zero_point, bits })
            }
            EngineLayer::Concat(tables) => {
                checks.concat(id, &tables)?;
                let channels =
                    graph.layers[id].inputs.iter().map(|&input| graph.tensors[input].shape.channels);
                let maps = tables.iter().map(|table| Table::new(table)).zip(channels).collect();
                Work::Concat(maps, graph.tensors[output].shape.channels)
            }
        };
        Ok(Self { work, len: graph.tensors[output].shape.elements() })
    }

    /// Elements of the output.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the output has no elements; never so for a layer of the zoo.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Codes of the output, `[h, w, c]`, from those of the inputs, by their position. Not for the layer that gives the
    /// logits, which leaves `out` as it is.
    ///
    /// # Panics
    /// If an input or `out` has another size than in the graph.
    pub fn codes<'i>(&self, input: impl Fn(usize) -> &'i [u8], scratch: &mut Scratch, out: &mut [u8]) {
        let first = input(0);
        match &self.work {
            Work::Kernel { kernel, pad_codes, requantizer } => {
                kernel.sums(first, pad_codes, scratch, |y, sums| {
                    requantizer.apply(sums, &mut out[y * sums.len()..][..sums.len()]);
                });
            }
            Work::Logits { .. } | Work::LogitPool(_) => {}
            Work::Pool(requantizer) => requantizer.apply(scratch.channel_sums(first, out.len()), out),
            Work::Add(requantizer, bits) => {
                for (out, (&a, &b)) in out.iter_mut().zip(first.iter().zip(input(1))) {
                    *out = requantizer.apply(a, b, *bits);
                }
            }
            Work::MaxPool(pool) => pool.largest(first, out),
            Work::AvgPool(pool) => pool.mean(first, scratch, out),
            Work::Lookup(table) => table.apply(first, out),
            Work::Multiply(product) => product.apply(first, input(1), out),
            Work::Concat(maps, channels) => {
                let mut from = 0;
                for (number, (table, own)) in maps.iter().enumerate() {
                    for (pixel, out) in input(number).chunks_exact(*own).zip(out.chunks_exact_mut(*channels))
                    {
                        table.apply(pixel, &mut out[from..][..*own]);
                    }
                    from += own;
                }
            }
        }
    }

    /// As [`EngineStep::codes`], from the sums that `kernel` gave over the whole map, `[h, w, c]` without bias. False if
    /// they say nothing about this layer: it must have that very kernel, or one made of it by
    /// [`PreparedKernel::without`], whose silent channels become zero in `sums`.
    ///
    /// # Panics
    /// If the lengths of `sums` and `out` differ.
    pub fn requantize(&self, kernel: &Arc<PreparedKernel>, sums: &mut [i32], out: &mut [u8]) -> bool {
        let Work::Kernel { kernel: own, requantizer, .. } = &self.work else { return false };
        let Some(silent) = own.silent_beside(kernel) else { return false };
        if !silent.is_empty() {
            for pixel in sums.chunks_exact_mut(own.reach().len()) {
                silent.iter().for_each(|&channel| pixel[channel] = 0);
            }
        }
        requantizer.apply(sums, out);
        true
    }

    /// Logits of the last layer; other layers leave `logits` as they are.
    ///
    /// # Panics
    /// If the input has another size than in the graph.
    pub fn logits(&self, input: &[u8], scratch: &mut Scratch, logits: &mut [i32]) {
        // Checked when the step was made: the result fits an i32.
        let logit = |sum: i32, requantizer: &Requantizer| requantizer.scale(sum + requantizer.bias) as i32;
        match &self.work {
            Work::Logits { kernel, pad_codes, requantizers } => {
                kernel.sums(input, pad_codes, scratch, |_, sums| {
                    for ((out, &sum), requantizer) in logits.iter_mut().zip(sums).zip(requantizers) {
                        *out = logit(sum, requantizer);
                    }
                });
            }
            Work::LogitPool(requantizer) => {
                for (out, &sum) in logits.iter_mut().zip(scratch.channel_sums(input, self.len)) {
                    *out = logit(sum, requantizer);
                }
            }
            _ => {}
        }
    }
}

/// A code for each byte; those that no input has are zero.
#[derive(Clone, Debug)]
struct Table(Box<[u8; 256]>);

impl Table {
    fn new(codes: &[u8]) -> Self {
        let mut table = Box::new([0; 256]);
        table[..codes.len()].copy_from_slice(codes);
        Self(table)
    }

    fn apply(&self, input: &[u8], out: &mut [u8]) {
        for (out, &code) in out.iter_mut().zip(input) {
            *out = self.0[usize::from(code)];
        }
    }
}

/// A product of a map and a number for each channel.
#[derive(Clone, Debug)]
struct Product {
    zero_points: [u8; 2],
    requantizer: Requantizer,
    zero_point: u8,
    bits: Bits,
}

impl Product {
    fn apply(&self, map: &[u8], gate: &[u8], out: &mut [u8]) {
        let distance = |code: u8, at: usize| i32::from(code) - i32::from(self.zero_points[at]);
        for (map, out) in map.chunks_exact(gate.len()).zip(out.chunks_exact_mut(gate.len())) {
            for ((out, &a), &g) in out.iter_mut().zip(map).zip(gate) {
                let sum = self.requantizer.bias + distance(a, 0) * distance(g, 1);
                *out = self.requantizer.apply(sum, self.zero_point, self.bits);
            }
        }
    }
}
