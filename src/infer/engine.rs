//! Whole networks on the fast path.

use super::check::{Checks, InferError, check_image, check_network};
use super::kernel::{PreparedKernel, Scratch, grown};
use super::step::{EngineLayer, EngineStep};
use crate::net::argmax;
use crate::net::{Graph, Layer, LayerId, Shape, TensorId};
use crate::quant::{QuantizedLayer, QuantizedNetwork, Quantizer};
use std::sync::Arc;

/// A quantized network prepared for inference, one image at a time. Threads share it; each has its [`Workspace`].
#[derive(Clone, Debug)]
pub struct Engine {
    image: Shape,
    classes: usize,
    steps: Vec<Placed>,
    /// By tensor.
    places: Vec<Place>,
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
struct Placed {
    step: Arc<EngineStep>,
    inputs: Vec<Place>,
    output: Place,
}

/// The first `len` bytes of a buffer of the workspace, or the image.
#[derive(Clone, Copy, Debug)]
struct Place {
    buffer: Option<usize>,
    len: usize,
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
                    network.graph(),
                    id,
                    &kernel.weights,
                    &kernel.zero_points,
                )),
                requantizers: kernel.requantizers.clone(),
                pad_codes: kernel.pad_codes.clone(),
            },
            QuantizedLayer::Pool(requantizer) => EngineLayer::Pool(*requantizer),
            QuantizedLayer::Add(requantizer) => EngineLayer::Add(*requantizer),
            QuantizedLayer::MaxPool => EngineLayer::MaxPool,
            QuantizedLayer::AvgPool => EngineLayer::AvgPool,
            QuantizedLayer::Lookup(table) => EngineLayer::Lookup(table.clone()),
            QuantizedLayer::Multiply(requantizer) => EngineLayer::Multiply(*requantizer),
            QuantizedLayer::Concat(tables) => EngineLayer::Concat(tables.clone()),
        };
        let layers = network.layers.iter().enumerate().map(prepare).collect();
        Self::from_parts(network.graph(), &network.tensors, layers)
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
        Checks { graph, tensors }.lengths(layers.len())?;
        let step = |(id, layer)| EngineStep::new(graph, tensors, id, layer).map(Arc::new);
        let steps = layers.into_iter().enumerate().map(step).collect::<Result<_, _>>()?;
        Self::from_steps(graph, tensors, steps)
    }

    /// Puts together prepared layers, by [`LayerId`].
    ///
    /// # Errors
    /// If there are more or fewer of them than in the graph.
    pub fn from_steps(
        graph: &Graph,
        tensors: &[Quantizer],
        steps: Vec<Arc<EngineStep>>,
    ) -> Result<Self, InferError> {
        Checks { graph, tensors }.lengths(steps.len())?;
        let places = places(graph);
        let placed = |(step, layer): (_, &Layer)| Placed {
            step,
            inputs: layer.inputs.iter().map(|&tensor| places[tensor]).collect(),
            output: places[layer.output],
        };
        let steps = steps.into_iter().zip(&graph.layers).map(placed).collect();
        Ok(Self { image: graph.image().shape, classes: graph.classes(), steps, places })
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
        Ok(self.walk(workspace, image, 0, &mut observe))
    }

    /// As [`Engine::run_observed`], from layer `from` on. `load` writes the codes of a tensor that a layer before
    /// has given and `from` or a later one reads; it is asked for those in `live`.
    pub fn run_from<'w>(
        &self,
        workspace: &'w mut Workspace,
        from: LayerId,
        live: &[TensorId],
        mut load: impl FnMut(TensorId, &mut [u8]),
        mut observe: impl FnMut(LayerId, &[u8]),
    ) -> &'w [i32] {
        self.reserve(workspace);
        for &tensor in live {
            let Place { buffer, len } = self.places[tensor];
            if let Some(buffer) = buffer {
                load(tensor, grown(&mut workspace.tensors[buffer], len));
            }
        }
        self.walk(workspace, &[], from, &mut observe)
    }

    fn reserve(&self, workspace: &mut Workspace) {
        let buffers = self.places.iter().filter_map(|place| place.buffer).max().map_or(0, |b| b + 1);
        if workspace.tensors.len() < buffers {
            workspace.tensors.resize(buffers, Vec::new());
        }
    }

    fn walk<'w>(
        &self,
        workspace: &'w mut Workspace,
        image: &[u8],
        from: LayerId,
        observe: &mut impl FnMut(LayerId, &[u8]),
    ) -> &'w [i32] {
        self.reserve(workspace);
        let Workspace { tensors, scratch, logits } = workspace;
        let logits = grown(logits, self.classes);
        for (id, Placed { step, inputs, output }) in self.steps.iter().enumerate().skip(from) {
            // The output leaves the workspace while the inputs are read.
            let mut buffer =
                output.buffer.map(|buffer| std::mem::take(&mut tensors[buffer])).unwrap_or_default();
            let input = |at: usize| match inputs.get(at) {
                Some(&Place { buffer: Some(buffer), len }) => &tensors[buffer][..len],
                Some(_) => image,
                None => &[],
            };
            match output.buffer {
                Some(place) => {
                    step.codes(input, scratch, grown(&mut buffer, output.len));
                    observe(id, &buffer[..output.len]);
                    tensors[place] = buffer;
                }
                None => step.logits(input(0), scratch, logits),
            }
        }
        logits
    }

    /// The class of an image: the largest logit, the lowest class among equals.
    ///
    /// # Errors
    /// If the image has another size.
    pub fn predict(&self, workspace: &mut Workspace, image: &[u8]) -> Result<usize, InferError> {
        Ok(argmax(self.run(workspace, image)?))
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
