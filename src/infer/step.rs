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
                let channels = graph.tensors[output].shape.channels;
                Work::Pool(RowRequantizer::new(&vec![requantizer; channels], zero_point, bits))
            }
            EngineLayer::Add(requantizer) => {
                checks.add(id, &requantizer)?;
                Work::Add(requantizer, bits)
            }
            EngineLayer::MaxPool => Work::MaxPool(checks.max_pool(id)?),
            EngineLayer::AvgPool => Work::AvgPool(checks.avg_pool(id)?),
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

    /// Codes of the output, `[h, w, c]`, from those of the inputs; `second` counts for residual adds only. Not for
    /// the layer that gives the logits, which leaves `out` as it is.
    ///
    /// # Panics
    /// If an input or `out` has another size than in the graph.
    pub fn codes(&self, first: &[u8], second: &[u8], scratch: &mut Scratch, out: &mut [u8]) {
        match &self.work {
            Work::Kernel { kernel, pad_codes, requantizer } => {
                kernel.sums(first, pad_codes, scratch, |y, sums| {
                    requantizer.apply(sums, &mut out[y * sums.len()..][..sums.len()]);
                });
            }
            Work::Logits { .. } => {}
            Work::Pool(requantizer) => requantizer.apply(scratch.channel_sums(first, out.len()), out),
            Work::Add(requantizer, bits) => {
                for (out, (&a, &b)) in out.iter_mut().zip(first.iter().zip(second)) {
                    *out = requantizer.apply(a, b, *bits);
                }
            }
            Work::MaxPool(pool) => pool.largest(first, out),
            Work::AvgPool(pool) => pool.mean(first, scratch, out),
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
        let Work::Logits { kernel, pad_codes, requantizers } = &self.work else { return };
        kernel.sums(input, pad_codes, scratch, |_, sums| {
            for ((logit, &sum), requantizer) in logits.iter_mut().zip(sums).zip(requantizers) {
                // Checked when the step was made: the result fits an i32.
                *logit = requantizer.scale(sum + requantizer.bias) as i32;
            }
        });
    }
}
