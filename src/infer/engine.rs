//! Whole networks on the fast path.

use super::check::{Checks, InferError, check_image, check_network};
use super::kernel::{PreparedKernel, Scratch, grown};
use super::predict::argmax;
use super::requantize::RowRequantizer;
use crate::net::{Graph, Layer, LayerId, Op, Shape, TensorId};
use crate::quant::{AddRequantizer, Bits, QuantizedLayer, QuantizedNetwork, Quantizer, Requantizer};
use std::sync::Arc;

/// A quantized network prepared for inference, one image at a time. Threads share it; each has its [`Workspace`].
#[derive(Clone, Debug)]
pub struct Engine {
    image: Shape,
    classes: usize,
    steps: Vec<Step>,
}

/// Integers of a layer whose weights are prepared already; see [`QuantizedLayer`].
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
}

/// Buffers of [`Engine::run`]; they grow with the first image and may serve any number of engines.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    tensors: Vec<Vec<u8>>,
    scratch: Scratch,
    logits: Vec<i32>,
}

/// A layer and where its tensors are.
#[derive(Clone, Debug)]
struct Step {
    work: Work,
    inputs: Vec<Place>,
    output: Place,
}

/// The first `len` bytes of a buffer of the workspace, or the image.
#[derive(Clone, Copy, Debug)]
struct Place {
    buffer: Option<usize>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Work {
    Kernel { kernel: Arc<PreparedKernel>, pad_codes: Vec<u8>, requantizer: RowRequantizer },
    Logits { kernel: Arc<PreparedKernel>, pad_codes: Vec<u8>, requantizers: Vec<Requantizer> },
    Pool(RowRequantizer),
    Add(AddRequantizer, Bits),
}

impl Engine {
    /// Prepares a network.
    ///
    /// # Errors
    /// If its integers contradict each other, or an accumulator may overflow.
    pub fn new(network: &QuantizedNetwork) -> Result<Self, InferError> {
        check_network(network)?;
        let prepare = |(id, layer): (LayerId, &QuantizedLayer)| match layer {
            QuantizedLayer::Kernel(kernel) => EngineLayer::Kernel {
                kernel: Arc::new(PreparedKernel::new(
                    &network.graph,
                    id,
                    &kernel.weights,
                    &kernel.zero_points,
                )),
                requantizers: kernel.requantizers.clone(),
                pad_codes: kernel.pad_codes.clone(),
            },
            QuantizedLayer::Pool(requantizer) => EngineLayer::Pool(*requantizer),
            QuantizedLayer::Add(requantizer) => EngineLayer::Add(*requantizer),
        };
        let layers = network.layers.iter().enumerate().map(prepare).collect();
        Self::from_parts(&network.graph, &network.tensors, layers)
    }

    /// Puts together layers whose weights are prepared, by [`LayerId`]; `tensors` says by [`TensorId`] what codes
    /// stand for.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn from_parts(
        graph: &Graph,
        tensors: &[Quantizer],
        layers: Vec<EngineLayer>,
    ) -> Result<Self, InferError> {
        let checks = Checks { graph, tensors };
        checks.lengths(layers.len())?;
        let places = places(graph);
        let step = |(id, layer): (LayerId, EngineLayer)| {
            let Layer { op, inputs, output, .. } = &graph.layers[id];
            let Quantizer { zero_point, bits, .. } = tensors[*output];
            let work = match layer {
                EngineLayer::Kernel { kernel, requantizers, pad_codes } => {
                    checks.prepared(id, &kernel)?;
                    checks.kernel(id, kernel.reach(), &requantizers, &pad_codes)?;
                    match op {
                        Op::Linear => Work::Logits { kernel, pad_codes, requantizers },
                        _ => {
                            let requantizer = RowRequantizer::new(&requantizers, zero_point, bits);
                            Work::Kernel { kernel, pad_codes, requantizer }
                        }
                    }
                }
                EngineLayer::Pool(requantizer) => {
                    checks.pool(id, &requantizer)?;
                    let channels = graph.tensors[*output].shape.channels;
                    Work::Pool(RowRequantizer::new(&vec![requantizer; channels], zero_point, bits))
                }
                EngineLayer::Add(requantizer) => {
                    checks.add(id, &requantizer)?;
                    Work::Add(requantizer, bits)
                }
            };
            let inputs = inputs.iter().map(|&tensor| places[tensor]).collect();
            Ok(Step { work, inputs, output: places[*output] })
        };
        let steps = layers.into_iter().enumerate().map(step).collect::<Result<_, _>>()?;
        Ok(Self { image: graph.image().shape, classes: graph.classes(), steps })
    }

    /// Logits of an image, `[h, w, 3]`: one integer per class, all on one scale. Allocates nothing after the
    /// workspace's first image.
    ///
    /// # Errors
    /// If the image has another size.
    pub fn run<'w>(&self, workspace: &'w mut Workspace, image: &[u8]) -> Result<&'w [i32], InferError> {
        self.run_observed(workspace, image, |_, _| {})
    }

    /// As [`Engine::run`]; shows the codes of each layer's output, `[h, w, c]`, but for the logits.
    ///
    /// # Errors
    /// If the image has another size.
    pub fn run_observed<'w>(
        &self,
        workspace: &'w mut Workspace,
        image: &[u8],
        mut observe: impl FnMut(LayerId, &[u8]),
    ) -> Result<&'w [i32], InferError> {
        check_image(self.image, image)?;
        let Workspace { tensors, scratch, logits } = workspace;
        let buffers = self.steps.iter().filter_map(|step| step.output.buffer).max().map_or(0, |b| b + 1);
        if tensors.len() < buffers {
            tensors.resize(buffers, Vec::new());
        }
        let logits = grown(logits, self.classes);
        for (id, Step { work, inputs, output }) in self.steps.iter().enumerate() {
            // The output leaves the workspace while the inputs are read.
            let mut buffer =
                output.buffer.map(|buffer| std::mem::take(&mut tensors[buffer])).unwrap_or_default();
            let input = |Place { buffer, len }: Place| buffer.map_or(image, |b| &tensors[b][..len]);
            let first = input(inputs[0]);
            match work {
                Work::Kernel { kernel, pad_codes, requantizer } => {
                    let out = grown(&mut buffer, output.len);
                    kernel.sums(first, pad_codes, scratch, |y, sums| {
                        requantizer.apply(sums, &mut out[y * sums.len()..][..sums.len()]);
                    });
                }
                Work::Logits { kernel, pad_codes, requantizers } => {
                    kernel.sums(first, pad_codes, scratch, |_, sums| scale(sums, requantizers, logits));
                }
                Work::Pool(requantizer) => {
                    let sums = scratch.channel_sums(first, output.len);
                    requantizer.apply(sums, grown(&mut buffer, output.len));
                }
                Work::Add(requantizer, bits) => {
                    let codes = first.iter().zip(input(inputs[1]));
                    for (out, (&a, &b)) in grown(&mut buffer, output.len).iter_mut().zip(codes) {
                        *out = requantizer.apply(a, b, *bits);
                    }
                }
            }
            if let Some(place) = output.buffer {
                observe(id, &buffer[..output.len]);
                tensors[place] = buffer;
            }
        }
        Ok(logits)
    }

    /// The class of an image: the largest logit, the lowest class among equals.
    ///
    /// # Errors
    /// If the image has another size.
    pub fn predict(&self, workspace: &mut Workspace, image: &[u8]) -> Result<usize, InferError> {
        Ok(argmax(self.run(workspace, image)?))
    }
}

/// Logits of a linear layer's sums.
fn scale(sums: &[i32], requantizers: &[Requantizer], logits: &mut [i32]) {
    for ((logit, &sum), requantizer) in logits.iter_mut().zip(sums).zip(requantizers) {
        // Checked when the engine was made: the result fits an i32.
        *logit = requantizer.scale(sum + requantizer.bias) as i32;
    }
}

/// Gives each tensor but image and logits a buffer that no other tensor uses at the same time.
fn places(graph: &Graph) -> Vec<Place> {
    let len = |tensor: TensorId| graph.tensors[tensor].shape.elements();
    let mut places: Vec<Place> =
        (0..graph.tensors.len()).map(|tensor| Place { buffer: None, len: len(tensor) }).collect();
    let (mut buffers, mut free) = (0, Vec::new());
    for (id, layer) in graph.layers.iter().enumerate() {
        if layer.output != graph.logits() {
            places[layer.output].buffer = free.pop().or_else(|| {
                buffers += 1;
                Some(buffers - 1)
            });
        }
        let done = (0..graph.tensors.len()).filter(|&tensor| graph.last_reader(tensor) == Some(id));
        free.extend(done.filter_map(|tensor| places[tensor].buffer));
    }
    places
}
