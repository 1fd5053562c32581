//! Optimization steps on the GPU.

use super::device::Gpu;
use super::kernel::{Kernel, WORKGROUP};
use super::layout::Layout;
use super::program::{AUGMENT_WORDS, BufferId, Dispatch, NetworkPlaces, Program, SETTINGS_WORDS};
use crate::net::TensorId;
use crate::train::plan::ImagePlan;
use crate::train::{
    Augment, Batch, Control, Metrics, Norm, Optimizer, Plan, Recipe, State, Stepper, TrainError,
};
use burn_wgpu::{CubeDim, KernelSource, SourceKernel, SourceTemplate};
use cubecl::prelude::{CubeCount, KernelId};
use cubecl::server::{Handle, KernelArguments};

/// A network on the GPU.
#[derive(Debug)]
pub struct WebGpuStepper {
    gpu: Gpu,
    plan: Plan,
    recipe: Recipe,
    layout: Layout,
    /// How the teacher sees images.
    teacher_image: Option<ImagePlan>,
    program: Program,
    buffers: Vec<Handle>,
    /// Optimization steps taken.
    steps: u64,
    /// Images that the records on the device speak of.
    images: usize,
    /// Whether parameters changed since slopes and offsets for inference were computed.
    stale: bool,
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(Kernel::source(*self))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Kernel>().info(*self)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

impl WebGpuStepper {
    /// A network with its parameters for batches of up to `images` images, and a float network to learn from.
    ///
    /// # Errors
    /// If a state does not fit its plan, or the GPU has no room.
    pub async fn new(
        gpu: Gpu,
        plan: Plan,
        recipe: Recipe,
        state: &State,
        teacher: Option<(Plan, State)>,
        images: usize,
    ) -> Result<Self, TrainError> {
        gpu.check()?;
        let layout = Layout::new(&plan)?;
        let taught = teacher
            .map(|(plan, state)| Layout::new(&plan).map(|layout| (plan, state, layout)))
            .transpose()?;
        let program = Program::new(
            &plan,
            &layout,
            taught.as_ref().map(|(plan, _, layout)| (plan, layout)),
            images,
            recipe.clip > 0.0,
        )?;
        let buffers = program.buffers.iter().map(|spec| gpu.client().empty(spec.bytes)).collect();
        let mut stepper = Self {
            gpu: gpu.clone(),
            plan,
            recipe,
            layout,
            teacher_image: taught.as_ref().map(|(plan, ..)| plan.image),
            program,
            buffers,
            steps: 0,
            images: 0,
            stale: true,
        };
        stepper.write_constants();
        stepper.write_records(images);
        stepper.load(state)?;
        if let (Some((plan, state, layout)), Some(places)) = (&taught, stepper.program.teacher.clone()) {
            state.check(plan)?;
            for buffer in [places.quantized, places.steps, places.running] {
                stepper.write(buffer, &vec![0_u8; stepper.program.buffers[buffer].bytes]);
            }
            stepper.write(places.rows, &layout.rows);
            stepper.write_network(&places, layout, state);
        }
        stepper.launch(&stepper.program.setup);
        stepper.launch(&stepper.program.refresh_teacher);
        // Waits for it, so that a refusal shows here.
        stepper.metrics().await?;
        Ok(stepper)
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Dispatches of one optimization step.
    pub fn dispatches(&self) -> usize {
        self.program.step().count()
    }

    /// Bytes that the kernels of one optimization step read and write.
    pub fn bytes_moved(&self) -> usize {
        super::program::moved(self.program.step())
    }

    /// Loss of a batch and the gradients of all parameters, without a step; running statistics are changed as in a step.
    ///
    /// # Errors
    /// As [`Stepper::step`].
    pub async fn differentiate(
        &mut self,
        batch: &Batch,
        norm: Norm,
    ) -> Result<(Metrics, Vec<f32>), TrainError> {
        self.write_batch(batch)?;
        self.write_settings(0.0, norm);
        for list in [&self.program.forward, &self.program.backward, &self.program.collect] {
            self.launch(list);
        }
        self.stale = true;
        let gradients = self.numbers(self.program.places.gradients).await?;
        Ok((self.metrics().await?, self.layout.gather(&gradients)))
    }

    /// Values of a tensor in the last pass forward with gradients or statistics, `[n, h, w, c]`; the image's are padded.
    ///
    /// # Errors
    /// If the GPU fails.
    pub async fn tensor(&self, tensor: TensorId) -> Result<Vec<f32>, TrainError> {
        let slice = self.program.maps[tensor];
        let bytes = slice.bytes / self.program.images * self.images;
        let bytes = self.gpu.read(&self.buffers[slice.buffer], bytes as u64).await?;
        let numbers: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
        let channels = self.plan.graph.tensors[tensor].shape.channels;
        let padded = channels.next_multiple_of(4);
        Ok(numbers.chunks_exact(padded).flat_map(|pixel| &pixel[..channels]).copied().collect())
    }

    /// Runs a list.
    fn launch<'a>(&self, list: impl IntoIterator<Item = &'a Dispatch>) {
        for dispatch in list {
            let buffers = dispatch.slices.iter().map(|slice| {
                let whole = &self.buffers[slice.buffer];
                let end = whole.size_in_used() - (slice.start + slice.bytes) as u64;
                whole.clone().offset_start(slice.start as u64).offset_end(end).binding()
            });
            let arguments = buffers.fold(KernelArguments::new(), KernelArguments::with_buffer);
            let [row, rows] = dispatch.grid();
            let count = CubeCount::Static(row, rows, 1);
            let kernel = SourceKernel::new(dispatch.kernel, CubeDim::new_1d(WORKGROUP as u32));
            self.gpu.client().launch(Box::new(kernel), count, arguments);
        }
    }

    fn write<T: bytemuck::NoUninit>(&self, buffer: BufferId, numbers: &[T]) {
        self.gpu.write(&self.buffers[buffer], bytemuck::cast_slice(numbers));
    }

    /// What stays the same: rows of weights, blocks of the optimizer, and zeros where kernels leave gaps.
    fn write_constants(&self) {
        let Program { network, places, buffers, .. } = &self.program;
        for buffer in [network.quantized, network.steps, network.running, places.gradients, places.tally] {
            self.write(buffer, &vec![0_u8; buffers[buffer].bytes]);
        }
        self.write(self.program.network.rows, &self.layout.rows);
        self.write(self.program.places.blocks, &self.program.blocks);
        if !self.program.scales.is_empty() {
            self.write(self.program.places.scales, &self.program.scales);
        }
    }

    fn write_network(&self, places: &NetworkPlaces, layout: &Layout, state: &State) {
        self.write(places.parameters, &layout.scatter(&state.parameters));
        if layout.running > 0 {
            self.write(places.running, &layout.scatter_running(&state.running));
        }
    }

    /// Tells the kernels of a number of images.
    fn write_records(&mut self, images: usize) {
        self.images = images;
        self.write(self.program.places.records, &self.program.records(images));
    }

    fn write_batch(&mut self, batch: &Batch) -> Result<(), TrainError> {
        self.gpu.check()?;
        batch.check(&self.plan)?;
        if batch.len() > self.program.images {
            let (expected, found) = (self.program.images, batch.len());
            return Err(TrainError::Batch { what: "images", expected, found });
        }
        if batch.len() != self.images {
            self.write_records(batch.len());
        }
        let places = self.program.places.clone();
        self.make_room(batch.pixels.len().next_multiple_of(4));
        let mut pixels = batch.pixels.clone();
        pixels.resize(pixels.len().next_multiple_of(4), 0);
        self.write(places.pixels, &pixels);
        self.write(places.image, &image_words(&self.plan.image, batch));
        if let Some(image) = &self.teacher_image {
            self.write(places.teacher_image, &image_words(image, batch));
        }
        let augments: Vec<u32> = batch.augments.iter().flat_map(augment_words).collect();
        self.write(places.augments, &augments);
        let targets: Vec<u32> = batch.targets.iter().map(|&target| target.into()).collect();
        self.write(places.targets, &targets);
        Ok(())
    }

    /// Images may be stored larger than the network takes them.
    fn make_room(&mut self, bytes: usize) {
        let pixels = self.program.places.pixels;
        if bytes <= self.program.buffers[pixels].bytes {
            return;
        }
        self.program.buffers[pixels].bytes = bytes;
        self.buffers[pixels] = self.gpu.client().empty(bytes);
        let program = &mut self.program;
        let lists = [&mut program.forward, &mut program.backward, &mut program.infer];
        for dispatch in lists.into_iter().flatten() {
            for slice in dispatch.slices.iter_mut().filter(|slice| slice.buffer == pixels) {
                (slice.bytes, slice.moved) = (bytes, bytes);
            }
        }
    }

    fn write_settings(&self, rate: f32, norm: Norm) {
        let recipe = &self.recipe;
        let (momentum, second) = match recipe.optimizer {
            Optimizer::Adam { beta1, beta2 } => (beta1, beta2),
            Optimizer::Sgd { momentum } => (momentum, 0.0),
        };
        let correction = |decay: f32| (1.0 / (1.0 - f64::from(decay).powf(self.steps as f64))) as f32;
        let (norm_momentum, frozen) = match norm {
            Norm::Batch { momentum } => (momentum, 0),
            Norm::Frozen => (0.0, 1),
        };
        let (teacher, temperature) = recipe
            .distillation
            .filter(|_| self.program.teacher.is_some())
            .map_or((0.0, 1.0), |distillation| (distillation.weight, distillation.temperature));
        let settings: [u32; SETTINGS_WORDS] = [
            rate.to_bits(),
            recipe.scale_rate.to_bits(),
            recipe.decay.to_bits(),
            momentum.to_bits(),
            second.to_bits(),
            correction(momentum).to_bits(),
            correction(second).to_bits(),
            recipe.clip.to_bits(),
            norm_momentum.to_bits(),
            frozen,
            recipe.label_smoothing.to_bits(),
            teacher.to_bits(),
            temperature.to_bits(),
            0,
            0,
            0,
        ];
        self.write(self.program.places.settings, &settings);
    }

    async fn numbers(&self, buffer: BufferId) -> Result<Vec<f32>, TrainError> {
        let bytes = self.gpu.read(&self.buffers[buffer], self.program.buffers[buffer].bytes as u64).await?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }
}

impl Stepper for WebGpuStepper {
    fn step(&mut self, batch: &Batch, control: Control) -> Result<(), TrainError> {
        self.write_batch(batch)?;
        self.steps += 1;
        self.write_settings(control.rate, control.norm);
        self.launch(self.program.step());
        self.stale = true;
        Ok(())
    }

    fn observe(&mut self, batch: &Batch, momentum: f32) -> Result<(), TrainError> {
        self.write_batch(batch)?;
        self.write_settings(0.0, Norm::Batch { momentum });
        self.launch(&self.program.forward);
        self.stale = true;
        Ok(())
    }

    async fn metrics(&mut self) -> Result<Metrics, TrainError> {
        let tally = self.program.places.tally;
        let found = self.numbers(tally).await?;
        self.write(tally, &[0_u32; 4]);
        Ok(Metrics { loss: found[0].into(), correct: found[1] as u64, images: found[2] as u64 })
    }

    async fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, TrainError> {
        self.write_batch(batch)?;
        self.write_settings(0.0, Norm::Frozen);
        if std::mem::take(&mut self.stale) {
            self.launch(&self.program.refresh);
        }
        self.launch(&self.program.infer);
        let logits = self.program.logits;
        let padded = logits.bytes / 4 / self.program.images;
        let bytes = (batch.len() * padded * 4) as u64;
        let bytes = self.gpu.read(&self.buffers[logits.buffer], bytes).await?;
        let numbers: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
        let classes = self.plan.graph.classes();
        Ok(numbers.chunks_exact(padded).flat_map(|image| &image[..classes]).copied().collect())
    }

    async fn state(&mut self) -> Result<State, TrainError> {
        let (network, places) = (&self.program.network, &self.program.places);
        let adam = matches!(self.recipe.optimizer, Optimizer::Adam { .. });
        Ok(State {
            parameters: self.layout.gather(&self.numbers(network.parameters).await?),
            running: self.layout.gather_running(&self.numbers(network.running).await?),
            first: self.layout.gather(&self.numbers(places.first).await?),
            second: if adam {
                self.layout.gather(&self.numbers(places.second).await?)
            } else {
                vec![0.0; self.plan.parameters]
            },
            steps: self.steps,
        })
    }

    fn load(&mut self, state: &State) -> Result<(), TrainError> {
        self.gpu.check()?;
        state.check(&self.plan)?;
        self.write_network(&self.program.network, &self.layout, state);
        self.write(self.program.places.first, &self.layout.scatter(&state.first));
        self.write(self.program.places.second, &self.layout.scatter(&state.second));
        self.steps = state.steps;
        self.stale = true;
        Ok(())
    }
}

/// The uniform `Images` of `shaders/image.wgsl`.
fn image_words(image: &ImagePlan, batch: &Batch) -> [u32; 16] {
    let padded = image.padded();
    let [mean_a, mean_b, mean_c] = image.mean.map(f32::to_bits);
    let [outside_a, outside_b, outside_c] = image.outside.map(f32::to_bits);
    [
        batch.height as u32,
        batch.width as u32,
        image.shape.height as u32,
        image.shape.width as u32,
        padded.height as u32,
        padded.width as u32,
        image.pads.top as u32,
        image.pads.left as u32,
        mean_a,
        mean_b,
        mean_c,
        image.deviation.to_bits(),
        outside_a,
        outside_b,
        outside_c,
        batch.len() as u32,
    ]
}

/// One `Augment` of `shaders/image.wgsl`.
fn augment_words(augment: &Augment) -> [u32; AUGMENT_WORDS] {
    let [gain_a, gain_b, gain_c] = augment.gain.map(f32::to_bits);
    let [shift_a, shift_b, shift_c] = augment.shift.map(f32::to_bits);
    [
        augment.row as u32,
        augment.column as u32,
        u32::from(augment.mirrored),
        0,
        gain_a,
        gain_b,
        gain_c,
        0,
        shift_a,
        shift_b,
        shift_c,
        0,
    ]
}
