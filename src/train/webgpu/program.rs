//! What the device is asked to do, written down once: buffers, and lists of dispatches for every kind of work.
//!
//! Nothing is allocated and nothing decided in a step. A step is four lists in one submission.

mod backward;
mod builder;
mod forward;
mod infer;
mod optimize;

use super::kernel::{Kernel, ROW_OF_WORKGROUPS, WORKGROUP};
use super::layout::{Layout, ROW};
use super::record::{self, Sizes, WORDS};
use crate::net::{Activation, LayerId};
use crate::train::error::TrainError;
use crate::train::plan::{AffinePlan, KernelPlan, Plan, Unit, UnitOp};
use builder::Builder;

/// Position of a buffer in [`Program::buffers`].
pub type BufferId = usize;

/// Words of the uniform `Settings` of `shaders/settings.wgsl`.
pub const SETTINGS_WORDS: usize = 16;

/// Words that describe the change of one image.
pub const AUGMENT_WORDS: usize = 12;

/// A buffer of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferSpec {
    /// Name, for error messages of the device.
    pub name: &'static str,
    /// Size.
    pub bytes: usize,
}

/// Part of a buffer that a kernel is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The buffer.
    pub buffer: BufferId,
    /// First byte, a multiple of 256.
    pub start: usize,
    /// Bytes.
    pub bytes: usize,
    /// Bytes that the kernel reads or writes at least once.
    pub moved: usize,
}

impl Slice {
    /// The same, of which only some bytes are read or written.
    fn moving(self, moved: usize) -> Self {
        Self { moved, ..self }
    }
}

/// One run of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The kernel.
    pub kernel: Kernel,
    /// What it is given, in the order of [`Kernel::bindings`].
    pub slices: Vec<Slice>,
    /// Workgroups.
    pub groups: u32,
}

impl Dispatch {
    /// Workgroups in a row and rows: WebGPU guarantees 65,535 of each.
    pub fn grid(&self) -> [u32; 2] {
        [self.groups.min(ROW_OF_WORKGROUPS), self.groups.div_ceil(ROW_OF_WORKGROUPS)]
    }
}

/// Buffers that the host writes or reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// One record per layer and use, `Layer` in WGSL.
    pub records: BufferId,
    /// What changes from step to step.
    pub settings: BufferId,
    /// Sizes and colours of images.
    pub image: BufferId,
    /// The same for the teacher.
    pub teacher_image: BufferId,
    /// Bytes of images.
    pub pixels: BufferId,
    /// Crops, mirrors, colours.
    pub augments: BufferId,
    /// Classes.
    pub targets: BufferId,
    /// Loss, correct, images.
    pub tally: BufferId,
    /// Gradients of all parameters.
    pub gradients: BufferId,
    /// First moments.
    pub first: BufferId,
    /// Second moments.
    pub second: BufferId,
    /// Blocks of the optimizer.
    pub blocks: BufferId,
    /// Steps of tensors and where their gradients are.
    pub scales: BufferId,
}

/// Buffers of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPlaces {
    /// Parameters.
    pub parameters: BufferId,
    /// Fake-quantized weights, where the weights are among the parameters.
    pub quantized: BufferId,
    /// Running statistics.
    pub running: BufferId,
    /// Steps of weights.
    pub steps: BufferId,
    /// Rows of the weight kernels.
    pub rows: BufferId,
    /// Slope, offset, mean, deviation by layer.
    affine: Vec<BufferId>,
}

/// Lists of dispatches, and the buffers they work on.
#[derive(Debug)]
pub struct Program {
    /// All buffers.
    pub buffers: Vec<BufferSpec>,
    /// Buffers that the host knows.
    pub places: Places,
    /// Those of the network.
    pub network: NetworkPlaces,
    /// Those of the teacher, if there is one.
    pub teacher: Option<NetworkPlaces>,
    /// Largest number of images in a batch.
    pub images: usize,
    /// Once: slopes of layers without weights, where they do not change.
    pub setup: Vec<Dispatch>,
    /// Images to sums of logits, with the statistics of the batch.
    pub forward: Vec<Dispatch>,
    /// Loss and gradients of all parameters.
    pub backward: Vec<Dispatch>,
    /// Gradients of all parameters from what `backward` leaves.
    pub collect: Vec<Dispatch>,
    /// The optimizer.
    pub update: Dispatch,
    /// After a change of parameters, before inference.
    pub refresh: Vec<Dispatch>,
    /// After a change of the teacher.
    pub refresh_teacher: Vec<Dispatch>,
    /// Images to logits, with the running statistics.
    pub infer: Vec<Dispatch>,
    /// Logits of `infer`, `[images, classes padded to fours]`.
    pub logits: Slice,
    /// What `forward` leaves of each tensor, by id; that of the image is padded to four channels.
    pub maps: Vec<Slice>,
    /// Blocks of the optimizer, eight words each.
    pub blocks: Vec<u32>,
    /// Steps of tensors, four words each.
    pub scales: Vec<u32>,
    records: Vec<[u32; WORDS]>,
}

impl Program {
    /// Writes down all work for batches of up to `images` images; `clip` adds the norm of all gradients.
    ///
    /// # Errors
    /// If a layer has a form that no kernel knows.
    pub fn new(
        plan: &Plan,
        layout: &Layout,
        teacher: Option<(&Plan, &Layout)>,
        images: usize,
        clip: bool,
    ) -> Result<Self, TrainError> {
        let mut builder = Builder::new(plan, layout, images);
        let network = builder.network(layout, plan);
        let input = builder.map("image", plan.image.padded().pixels() * 4);
        let prepare = builder.prepare(plan, builder.places.image, input);
        let quantize = Dispatch {
            kernel: Kernel::Quantize,
            slices: vec![
                builder.whole(network.rows),
                builder.whole(network.parameters),
                builder.whole(network.quantized),
                builder.whole(network.steps),
            ],
            groups: groups(layout.rows.len() / ROW),
        };
        let mut setup = Vec::new();
        let mut forward = vec![quantize.clone(), prepare.clone()];
        let trace = builder.forward(plan, layout, &network, input, &mut setup, &mut forward)?;
        let mut refresh = vec![quantize];
        let mut infer = vec![prepare];
        let logits = builder.infer(plan, layout, &network, input, &mut refresh, &mut infer)?;
        let mut refresh_teacher = Vec::new();
        let mut backward = Vec::new();
        let mut taught = None;
        let teacher = match teacher {
            None => None,
            Some((plan, layout)) => {
                let network = builder.network(layout, plan);
                // Padding is another in real numbers.
                let own = builder.map("teacher's image", plan.image.padded().pixels() * 4);
                backward.push(builder.prepare(plan, builder.places.teacher_image, own));
                refresh_teacher.push(Dispatch {
                    kernel: Kernel::Quantize,
                    slices: vec![
                        builder.whole(network.rows),
                        builder.whole(network.parameters),
                        builder.whole(network.quantized),
                        builder.whole(network.steps),
                    ],
                    groups: groups(layout.rows.len() / ROW),
                });
                taught =
                    Some(builder.infer(plan, layout, &network, own, &mut refresh_teacher, &mut backward)?);
                Some(network)
            }
        };
        let partials = builder.backward(plan, layout, &network, &trace, taught, &mut backward)?;
        let blocks = optimize::blocks(layout, &trace.sizes, &partials.places);
        let scales = optimize::scales(plan, layout, &builder.grid_places);
        let (collect, update) = builder.optimize(&network, layout, partials.buffer, &blocks, clip, plan);
        let Builder { mut buffers, records, places, partial_sums, partial_bytes, .. } = builder;
        buffers[partial_sums].bytes = partial_bytes;
        buffers[places.records].bytes = records.len() * record::STRIDE;
        buffers[places.blocks].bytes = blocks.len() * 4;
        Ok(Self {
            buffers,
            places,
            network,
            teacher,
            images,
            setup,
            forward,
            backward,
            collect,
            update,
            refresh,
            refresh_teacher,
            infer,
            logits,
            maps: trace.maps,
            blocks,
            scales,
            records,
        })
    }

    /// The records of all layers for a batch of `images`.
    pub fn records(&self, images: usize) -> Vec<u32> {
        let mut words = Vec::with_capacity(self.records.len() * record::STRIDE / 4);
        for record in &self.records {
            let mut record = *record;
            record::set_images(&mut record, images);
            words.extend(record);
            words.resize(words.len().next_multiple_of(record::STRIDE / 4), 0);
        }
        words
    }

    /// The dispatches of one optimization step.
    pub fn step(&self) -> impl Iterator<Item = &Dispatch> {
        self.forward.iter().chain(&self.backward).chain(&self.collect).chain([&self.update])
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        self.buffers.iter().map(|buffer| buffer.bytes).sum()
    }
}

/// Bytes that some dispatches read and write, each part of a buffer once per dispatch.
pub fn moved<'a>(dispatches: impl IntoIterator<Item = &'a Dispatch>) -> usize {
    dispatches.into_iter().flat_map(|dispatch| &dispatch.slices).map(|slice| slice.moved).sum()
}

/// Workgroups for some invocations.
fn groups(invocations: usize) -> u32 {
    invocations.div_ceil(WORKGROUP) as u32
}

/// What training keeps of a forward pass.
struct Trace {
    sizes: Vec<Sizes>,
    /// By layer.
    sums: Vec<Slice>,
    /// By tensor.
    maps: Vec<Slice>,
}

/// Whether nothing follows a unit's sums: layers without weights in real numbers, unless they end in an activation.
fn is_bare(unit: &Unit) -> bool {
    !matches!(unit.op, UnitOp::Kernel(_)) && unit.grid.is_none() && unit.activation == Activation::Linear
}

/// Whether batch normalization follows a unit's sums.
fn is_normed(unit: &Unit) -> bool {
    matches!(&unit.op, UnitOp::Kernel(KernelPlan { affine: AffinePlan::Norm { .. }, .. }))
}

/// The name of a layer, for errors.
fn unsupported(plan: &Plan, id: LayerId, what: &str) -> TrainError {
    TrainError::Device(format!(
        "the GPU has no kernel for {what}, as in layer {}",
        plan.graph.layers[id].name
    ))
}
