//! One network on both devices.

use crate::cases::Random;
use bitsmith::calibrate::{Observer, Settings};
use bitsmith::net::Model;
use bitsmith::quant::{Grids, Policy};
use bitsmith::train::webgpu::{Gpu, WebGpuStepper};
use bitsmith::train::{
    AffinePlan, Augment, Batch, CpuStepper, Metrics, Norm, Plan, Recipe, State, Stepper, UnitOp, WeightScales,
};
use std::cell::RefCell;
use std::ops::Range;

pub const BATCH: Norm = Norm::Batch { momentum: 0.1 };

/// The GPU that all tests share but for those that lose it: its kernels are compiled once.
pub async fn gpu() -> Gpu {
    thread_local! {
        static GPU: RefCell<Option<Gpu>> = const { RefCell::new(None) };
    }
    if let Some(gpu) = GPU.with_borrow(Clone::clone) {
        return gpu;
    }
    let gpu = Gpu::open().await.expect("a GPU");
    assert!(gpu.is_software(), "{} is taken for hardware", gpu.name());
    GPU.set(Some(gpu.clone()));
    gpu
}

/// Images that differ from each other as photos do, in their large patches: the last layers see variance.
fn photos(model: &Model, count: u64) -> Vec<Vec<u8>> {
    let shape = model.graph().image().shape;
    let photo = |seed| {
        let mut random = Random(900 + seed);
        let patches: Vec<u8> = (0..4 * 4 * 3).map(|_| (random.next() % 200) as u8).collect();
        let pixel = |i: usize| {
            let (row, column, colour) = (i / 3 / shape.width, i / 3 % shape.width, i % 3);
            patches[(row * 4 / shape.height * 4 + column * 4 / shape.width) * 3 + colour]
        };
        (0..shape.elements()).map(|i| pixel(i) + (random.next() % 50) as u8).collect()
    };
    (0..count).map(photo).collect()
}

pub fn batch(model: &Model, count: u64) -> Batch {
    let shape = model.graph().image().shape;
    Batch {
        height: shape.height,
        width: shape.width,
        pixels: photos(model, count).concat(),
        targets: (0..count).map(|i| (i * 7 % 10) as u16).collect(),
        augments: vec![Augment::crop(0, 0); count as usize],
    }
}

/// With a network's statistics of batch normalization as they are with its weights, so that values stay in range.
pub async fn settled(mut model: Model) -> Model {
    let plan = Plan::new(&model, None, WeightScales::Learned);
    let state = State::new(&plan, &model, None).expect("complete");
    let mut cpu = CpuStepper::new(plan.clone(), recipe(), &state, None).expect("fits");
    cpu.observe(&batch(&model, 8), 1.0).expect("fits");
    cpu.state().await.expect("a state").store(&plan, &mut model);
    model
}

pub fn recipe() -> Recipe {
    Recipe { label_smoothing: 0.1, distillation: None, ..Recipe::finetune() }
}

/// Quantizers that are calibrated on a batch.
pub fn quantizers(model: &Model, batch: &Batch, policy: &Policy) -> Grids {
    let mut observer = Observer::new(model, Settings::default()).expect("complete");
    let images = batch.pixels.chunks_exact(batch.height * batch.width * 3).map(<[u8]>::to_vec);
    observer.add(&images.collect::<Vec<_>>()).expect("images fit");
    observer.finish().expect("images").grids(model, policy)
}

pub fn size(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt()
}

/// Difference of two lists of numbers as a part of their size.
pub fn distance(found: &[f32], expected: &[f32]) -> f64 {
    let difference: Vec<f32> = found.iter().zip(expected).map(|(f, e)| f - e).collect();
    assert_eq!(found.len(), expected.len());
    size(&difference) / size(expected).max(1e-30)
}

/// What a device makes of a batch.
pub struct Outcome {
    loss: f64,
    logits: Vec<f32>,
    gradients: Vec<f32>,
    tensors: Vec<Vec<f32>>,
}

/// How far two outcomes are from each other.
#[derive(Clone, Debug)]
pub struct Distances {
    /// Of the loss, as a part of it.
    pub loss: f64,
    /// Of the logits with the running statistics.
    pub logits: f64,
    /// Of all gradients together.
    pub gradients: f64,
    /// Of each tensor in the pass with gradients.
    pub tensors: Vec<(String, f64)>,
    /// Of the gradients of each group of parameters; those next to nothing beside the others count as larger.
    pub layers: Vec<(String, f64)>,
}

impl Distances {
    pub fn new(plan: &Plan, found: &Outcome, expected: &Outcome) -> Self {
        let of_tensor = |(id, values): (usize, &Vec<f32>)| {
            (plan.graph.tensors[id].name.clone(), distance(values, &expected.tensors[id]))
        };
        let all = size(&expected.gradients);
        let of_layer = |(name, range): (String, Range<usize>)| {
            let (found, wanted) = (&found.gradients[range.clone()], &expected.gradients[range]);
            (name, distance(found, wanted) * size(wanted) / size(wanted).max(1e-3 * all))
        };
        Self {
            loss: (found.loss - expected.loss).abs() / expected.loss,
            logits: distance(&found.logits, &expected.logits),
            gradients: distance(&found.gradients, &expected.gradients),
            tensors: found.tensors.iter().enumerate().map(of_tensor).collect(),
            layers: groups(plan).into_iter().map(of_layer).collect(),
        }
    }

    fn parts(&self) -> impl Iterator<Item = f64> {
        let tensors = self.tensors.iter().map(|(_, distance)| *distance);
        tensors.chain([self.loss, self.logits, self.gradients])
    }

    /// The largest of all.
    pub fn largest(&self) -> f64 {
        self.parts().chain(self.layers.iter().map(|(_, distance)| *distance)).fold(0.0, f64::max)
    }

    /// The largest of each of two.
    pub fn max(self, other: &Self) -> Self {
        let each = |own: Vec<(String, f64)>, other: &[(String, f64)]| {
            own.into_iter().zip(other).map(|((name, a), (_, b))| (name, a.max(*b))).collect()
        };
        Self {
            loss: self.loss.max(other.loss),
            logits: self.logits.max(other.logits),
            gradients: self.gradients.max(other.gradients),
            tensors: each(self.tensors, &other.tensors),
            layers: each(self.layers, &other.layers),
        }
    }

    /// Whether tensors, logits, loss and all gradients together are not much further off than by noise. The loss, a single
    /// number, may by chance hardly change, so that its noise is that of the logits.
    pub fn are_noise(&self, noise: &Self) -> bool {
        let noise = Self { loss: noise.loss.max(noise.logits), ..noise.clone() };
        self.parts().zip(noise.parts()).all(|(own, noise)| own <= 3.0 * noise + 2e-3)
    }
}

/// The same network on both devices, with the statistics that its batch has.
pub struct Pair {
    pub plan: Plan,
    pub cpu: CpuStepper,
    pub gpu: WebGpuStepper,
}

impl Pair {
    pub async fn new(
        model: &Model,
        grids: Option<&Grids>,
        recipe: Recipe,
        teacher: Option<&Model>,
        images: &Batch,
    ) -> Self {
        let plan = Plan::new(model, grids, recipe.scales);
        let state = State::new(&plan, model, grids).expect("complete");
        let teacher = teacher.map(|teacher| {
            let plan = Plan::new(teacher, None, recipe.scales);
            let state = State::new(&plan, teacher, None).expect("complete");
            (plan, state)
        });
        let mut cpu = CpuStepper::new(plan.clone(), recipe.clone(), &state, teacher.clone()).expect("fits");
        cpu.observe(images, 1.0).expect("fits");
        let state = cpu.state().await.expect("a state");
        let gpu = WebGpuStepper::new(gpu().await, plan.clone(), recipe, &state, teacher, images.len()).await;
        Self { plan, cpu, gpu: gpu.expect("room") }
    }

    pub async fn compare(&mut self, batch: &Batch, norm: Norm) -> Distances {
        let expected = self.on_processor(batch, norm).await;
        let (Metrics { loss, images, .. }, gradients) =
            self.gpu.differentiate(batch, norm).await.expect("gradients");
        assert_eq!(images, batch.len() as u64);
        let mut tensors = Vec::new();
        for id in 0..self.plan.graph.logits() {
            tensors.push(self.gpu.tensor(id).await.expect("a tensor"));
        }
        let logits = self.gpu.logits(batch).await.expect("logits");
        Distances::new(&self.plan, &Outcome { loss, logits, gradients, tensors }, &expected)
    }

    async fn on_processor(&mut self, batch: &Batch, norm: Norm) -> Outcome {
        let (Metrics { loss, .. }, gradients) = self.cpu.differentiate(batch, norm).expect("gradients");
        let gradients = gradients.to_vec();
        let tensors = (0..self.plan.graph.logits()).map(|id| self.cpu.tensor(id).to_vec()).collect();
        let logits = self.cpu.logits(batch).await.expect("logits");
        Outcome { loss, logits, gradients, tensors }
    }

    /// How far the processor is from itself if all parameters are off by a few units in the last place, as much as WGSL
    /// grants `exp`: a sum that lies between two codes is rounded either way, and all that follows sees another code. The
    /// largest of some trials.
    pub async fn noise(&mut self, batch: &Batch, norm: Norm) -> Distances {
        let state = self.cpu.state().await.expect("a state");
        let exact = self.on_processor(batch, norm).await;
        let mut largest: Option<Distances> = None;
        for seed in 0..6 {
            let mut random = Random(seed);
            let mut noisy = state.clone();
            for parameter in &mut noisy.parameters {
                *parameter *= 1.0 + (random.within(-4, 4) as f32) * f32::EPSILON;
            }
            self.cpu.load(&noisy).expect("fits");
            let outcome = self.on_processor(batch, norm).await;
            let found = Distances::new(&self.plan, &outcome, &exact);
            largest = Some(match largest {
                Some(largest) => largest.max(&found),
                None => found,
            });
        }
        self.cpu.load(&state).expect("fits");
        largest.expect("trials")
    }
}

/// The parameters of each layer by kind: weights, what follows them, scales of weights, scale of the output.
pub fn groups(plan: &Plan) -> Vec<(String, Range<usize>)> {
    let mut groups = Vec::new();
    for (layer, unit) in plan.graph.layers.iter().zip(&plan.units) {
        let mut add = |what: &str, range| groups.push((format!("{} {what}", layer.name), range));
        if let UnitOp::Kernel(kernel) = &unit.op {
            add("weights", kernel.weight.clone());
            match &kernel.affine {
                AffinePlan::Norm { gamma, beta, .. } => add("factors", gamma.start..beta.end),
                AffinePlan::Bias(bias) => add("factors", bias.clone()),
            }
            if let Some(scales) = kernel.grid.as_ref().and_then(|grid| grid.scales.clone()) {
                add("scales", scales);
            }
        }
        if let Some(grid) = unit.grid {
            add("scale", grid.scale..grid.scale + 1);
        }
    }
    groups
}
