//! Training on the GPU against training on the processor, in a browser: the software adapter will do.
#![cfg(all(target_arch = "wasm32", feature = "webgpu"))]

#[path = "common/infer.rs"]
mod cases;
#[path = "common/quantized.rs"]
mod quantized;

use bitsmith::calibrate::{Observer, Settings};
use bitsmith::net::{Affine, Model, Normalization};
use bitsmith::quant::{Bits, Grids, Policy};
use bitsmith::train::webgpu::{Gpu, WebGpuStepper};
use bitsmith::train::{
    Augment, Batch, Control, CpuStepper, DeviceChoice, Distillation, Images, Job, Norm, Optimizer, Plan,
    Recipe, Report, Session, State, Stepper, Turn, UnitOp, WeightScales,
};
use js_sys::Reflect;
use quantized::model;
use std::sync::Arc;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const NETWORKS: [&str; 3] = ["mobilenet-v1-0.25-32", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"];
const BATCH: Norm = Norm::Batch { momentum: 0.1 };

/// A network whose activations seldom reach their bounds, where the loss has kinks.
fn smooth(name: &str) -> Model {
    let mut model = model(name);
    model.normalization = Normalization::SIGNED;
    for weights in model.weights.iter_mut().flatten() {
        if let Affine::BatchNorm(bn) = &mut weights.affine {
            bn.gamma.iter_mut().for_each(|gamma| *gamma *= 0.4);
            bn.beta.iter_mut().for_each(|beta| *beta = 2.0 + 0.5 * *beta);
        }
    }
    model
}

/// Images that differ from each other as photos do, in their large patches: the last layers see variance.
fn photos(model: &Model, count: u64) -> Vec<Vec<u8>> {
    let side = model.graph.image().shape.height;
    let photo = |seed| {
        let mut random = cases::Random(900 + seed);
        let patches: Vec<u8> = (0..4 * 4 * 3).map(|_| (random.next() % 200) as u8).collect();
        let pixel = |i: usize| {
            let (row, column, colour) = (i / 3 / side, i / 3 % side, i % 3);
            patches[(row * 4 / side * 4 + column * 4 / side) * 3 + colour]
        };
        (0..side * side * 3).map(|i| pixel(i) + (random.next() % 50) as u8).collect()
    };
    (0..count).map(photo).collect()
}

fn batch(model: &Model, count: u64) -> Batch {
    let side = model.graph.image().shape.height;
    Batch {
        height: side,
        width: side,
        pixels: photos(model, count).concat(),
        targets: (0..count).map(|i| (i * 7 % 10) as u16).collect(),
        augments: vec![Augment::crop(0, 0); count as usize],
    }
}

fn recipe() -> Recipe {
    Recipe { label_smoothing: 0.1, distillation: None, ..Recipe::finetune() }
}

fn quantizers(model: &Model, weights: Bits, activations: Bits) -> Grids {
    let mut observer = Observer::new(model, Settings::default()).expect("complete");
    observer.add(&photos(model, 8)).expect("images fit");
    let policy = Policy::uniform(&model.graph, weights, activations);
    observer.finish().expect("images").grids(model, &policy)
}

/// Difference of two lists of numbers as a part of their size.
fn distance(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut found.iter().zip(expected).map(|(&f, &e)| f64::from(f) - f64::from(e)));
    difference / norm(&mut expected.iter().map(|&e| f64::from(e))).max(1e-30)
}

/// The same network on both devices, with the statistics that its batch has.
struct Pair {
    plan: Plan,
    cpu: CpuStepper,
    gpu: WebGpuStepper,
}

impl Pair {
    async fn new(model: &Model, grids: Option<&Grids>, recipe: Recipe, teach: bool, images: &Batch) -> Self {
        let plan = Plan::new(model, grids, recipe.scales);
        let state = State::new(&plan, model, grids).expect("complete");
        let teacher = teach.then(|| {
            let plan = Plan::new(model, None, recipe.scales);
            let state = State::new(&plan, model, None).expect("complete");
            (plan, state)
        });
        let mut cpu = CpuStepper::new(plan.clone(), recipe.clone(), &state, teacher.clone()).expect("fits");
        cpu.observe(images, 1.0).expect("fits");
        let state = cpu.state().await.expect("a state");
        let device = Gpu::open().await.expect("a GPU");
        assert!(device.is_software(), "{} is taken for hardware", device.name());
        let gpu = WebGpuStepper::new(device, plan.clone(), recipe, &state, teacher, images.len()).await;
        Self { plan, cpu, gpu: gpu.expect("room") }
    }

    /// Distances of the logits, of all gradients, and of those of the worst layer.
    async fn compare(&mut self, batch: &Batch, norm: Norm) -> [f64; 3] {
        let logits = distance(
            &self.gpu.logits(batch).await.expect("logits"),
            &self.cpu.logits(batch).await.expect("logits"),
        );
        let (found, gradients) = self.gpu.differentiate(batch, norm).await.expect("gradients");
        let (expected, wanted) = self.cpu.differentiate(batch, norm).expect("gradients");
        assert!((found.loss - expected.loss).abs() < 1e-2 * expected.loss, "{found:?} {expected:?}");
        assert_eq!(found.images, expected.images);
        let layer =
            |range: &std::ops::Range<usize>| distance(&gradients[range.clone()], &wanted[range.clone()]);
        let worst = self.plan.kernels().map(|(_, kernel)| layer(&kernel.weight)).fold(0.0, f64::max);
        [logits, distance(&gradients, wanted), worst]
    }
}

#[wasm_bindgen_test]
async fn gradients_are_those_of_the_processor() {
    for name in NETWORKS {
        let model = smooth(name);
        let eight = quantizers(&model, Bits::B8, Bits::B8);
        let few = quantizers(&model, Bits::B4, Bits::B8);
        let batch = batch(&model, 8);
        for (grids, norm, scales) in [
            (None, BATCH, WeightScales::Learned),
            (Some(&eight), BATCH, WeightScales::Learned),
            (Some(&few), BATCH, WeightScales::MinMax),
            (Some(&few), Norm::Frozen, WeightScales::Learned),
        ] {
            let recipe = Recipe { scales, ..recipe() };
            let mut pair = Pair::new(&model, grids, recipe, false, &batch).await;
            let found = pair.compare(&batch, norm).await;
            console_log!("{name} {} {norm:?} {scales:?}: {found:.5?}", grids.is_some());
            // A sum that lies between two codes may be rounded either way, and what follows sees another code.
            let most = if grids.is_some() { 0.03 } else { 2e-3 };
            assert!(found.iter().all(|&distance| distance < most), "{name} {norm:?} {scales:?}: {found:?}");
        }
    }
}

/// Crops, mirrors and colours; batches smaller than the largest; label smoothing, a teacher, clipped gradients.
#[wasm_bindgen_test]
async fn what_is_done_to_images_and_loss_is_the_same() {
    let model = smooth("mobilenet-v1-0.25-32");
    let grids = quantizers(&model, Bits::B8, Bits::B8);
    let mut batch = batch(&model, 6);
    let distillation = Some(Distillation { weight: 0.4, temperature: 3.0 });
    let recipe = Recipe { distillation, label_smoothing: 0.2, clip: 0.01, ..recipe() };
    let mut pair = Pair::new(&model, Some(&grids), recipe, true, &batch).await;
    let side = batch.height as i32;
    for (i, augment) in batch.augments.iter_mut().enumerate() {
        let i = i as i32;
        *augment = Augment {
            row: i - 3,
            column: 2 - i,
            mirrored: i % 2 == 0,
            gain: [0.9, 1.0 + 0.02 * i as f32, 1.3],
            shift: [4.0, -3.5, 0.25],
        };
    }
    batch.pixels.truncate(5 * (side * side * 3) as usize);
    batch.targets.truncate(5);
    batch.augments.truncate(5);
    let found = pair.compare(&batch, BATCH).await;
    console_log!("augmented, taught: {found:?}");
    assert!(found.iter().all(|&distance| distance < 5e-3), "{found:?}");
}

/// Several steps of each optimizer leave the same parameters, running statistics and moments.
#[wasm_bindgen_test]
async fn optimizers_take_the_same_steps() {
    let model = smooth("mobilenet-v1-0.25-32");
    let batch = batch(&model, 8);
    for optimizer in [Optimizer::ADAM, Optimizer::Sgd { momentum: 0.9 }] {
        let recipe = Recipe { optimizer, clip: 1.0, decay: 0.01, ..recipe() };
        let mut pair = Pair::new(&model, None, recipe, false, &batch).await;
        let start = pair.cpu.state().await.expect("a state");
        let control = Control { rate: 1e-4, norm: BATCH };
        for _ in 0..3 {
            pair.cpu.step(&batch, control).expect("a step");
            pair.gpu.step(&batch, control).expect("a step");
        }
        let (found, expected) =
            (pair.gpu.state().await.expect("a state"), pair.cpu.state().await.expect("a state"));
        let moved = |state: &State| -> Vec<f32> {
            state.parameters.iter().zip(&start.parameters).map(|(now, before)| now - before).collect()
        };
        let distances = [
            distance(&moved(&found), &moved(&expected)),
            distance(&found.running, &expected.running),
            distance(&found.first, &expected.first),
        ];
        console_log!("{optimizer:?}: {distances:?}");
        assert_eq!(found.steps, 3);
        // Adam divides gradients by their size, so that even those next to nothing move a parameter.
        let most = if optimizer == Optimizer::ADAM { 0.1 } else { 0.01 };
        assert!(
            distances[0] < most && distances[1..].iter().all(|&d| d < 0.01),
            "{optimizer:?}: {distances:?}"
        );
    }
}

/// In every layer: the derivative of the loss along the gradient of its weights, and of what follows them, is the
/// gradient's squared length.
#[wasm_bindgen_test]
async fn gradients_are_finite_differences() {
    let model = smooth("mnasnet-0.35-32");
    let batch = batch(&model, 8);
    let mut pair = Pair::new(&model, None, recipe(), false, &batch).await;
    let Pair { plan, cpu, gpu } = &mut pair;
    let state = cpu.state().await.expect("a state");
    let norm = Norm::Batch { momentum: 0.0 };
    let (_, gradients) = gpu.differentiate(&batch, norm).await.expect("gradients");
    let size = |values: &[f32]| values.iter().map(|v| f64::from(v * v)).sum::<f64>().sqrt();
    let mut shapes = Vec::new();
    for (id, unit) in plan.units.iter().enumerate() {
        let UnitOp::Kernel(kernel) = &unit.op else { continue };
        let window = kernel.geometry.window;
        let shape = (kernel.geometry.depthwise, window.kernel, window.stride, kernel.geometry.output);
        if shapes.contains(&shape) {
            continue;
        }
        shapes.push(shape);
        let range = kernel.weight.clone();
        let length = size(&gradients[range.clone()]);
        let step = 2e-3 * (1.0 + size(&state.parameters[range.clone()])) / length;
        let mut losses = [0.0; 2];
        for (loss, factor) in losses.iter_mut().zip([step, -step]) {
            let mut moved = state.clone();
            for i in range.clone() {
                moved.parameters[i] += (factor * f64::from(gradients[i])) as f32;
            }
            gpu.load(&moved).expect("fits");
            *loss = gpu.differentiate(&batch, norm).await.expect("a loss").0.loss / batch.len() as f64;
        }
        let found = (losses[0] - losses[1]) / (2.0 * step);
        let expected = length * length;
        let name = &plan.graph.layers[id].name;
        assert!((found - expected).abs() < 0.05 * expected, "{name}: {found} {expected}");
    }
    assert!(shapes.len() > 10, "{shapes:?}");
}

/// Counts calls of `dispatchWorkgroups` from now on in a global.
fn count_dispatches() {
    js_sys::Function::new_no_args(
        "const real = GPUComputePassEncoder.prototype.dispatchWorkgroups;
         globalThis.dispatches = 0;
         GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...groups) {
           globalThis.dispatches += 1;
           return real.apply(this, groups);
         };",
    )
    .call0(&JsValue::NULL)
    .expect("WebGPU");
}

fn dispatches() -> usize {
    let counted = Reflect::get(&js_sys::global(), &"dispatches".into()).expect("counted");
    counted.as_f64().expect("a number") as usize
}

#[wasm_bindgen_test]
async fn a_step_is_at_most_500_dispatches() {
    count_dispatches();
    let model = smooth("mobilenet-v1-0.25-32");
    let batch = batch(&model, 2);
    let grids = quantizers(&model, Bits::B4, Bits::B8);
    for (grids, most) in [(None, 260), (Some(&grids), 300)] {
        let mut pair = Pair::new(&model, grids, recipe(), false, &batch).await;
        let before = dispatches();
        pair.gpu.step(&batch, Control { rate: 1e-3, norm: BATCH }).expect("a step");
        pair.gpu.metrics().await.expect("metrics");
        let step = dispatches() - before;
        assert_eq!(step, pair.gpu.dispatches());
        pair.gpu.logits(&batch).await.expect("logits");
        let before = dispatches();
        pair.gpu.logits(&batch).await.expect("logits");
        let inference = dispatches() - before;
        console_log!("{step} dispatches in a step, {} bytes, {inference} for logits", pair.gpu.bytes_moved());
        assert!(step <= most && inference <= 40, "{step} {inference}");
    }
}

/// Images of two classes that differ in brightness.
fn bright_and_dark(side: usize, count: usize) -> Images {
    let mut images = Images::new(side);
    for i in 0..count {
        let mut random = cases::Random(i as u64);
        let pixels: Vec<u8> =
            (0..side * side * 3).map(|_| (random.next() % 100) as u8 + 140 * (i % 2) as u8).collect();
        images.push(&pixels, i % 2).expect("fits");
    }
    images
}

fn seconds() -> f64 {
    js_sys::Date::now() / 1e3
}

/// Training on the GPU learns; when the GPU is taken away it goes on from the last checkpoint, on another GPU first and
/// on the processor the next time.
#[wasm_bindgen_test]
async fn a_lost_gpu_costs_at_most_an_epoch() {
    let model = smooth("mobilenet-v1-0.25-32");
    let plan = Plan::new(&model, None, WeightScales::Learned);
    let state = State::new(&plan, &model, None).expect("complete");
    let recipe = Recipe { epochs: 4, batch: 4, warm_up: 0.0, frozen: 0.0, ..recipe() };
    let job = Job { plan, recipe, teacher: None };
    let (train, measured) = (Arc::new(bright_and_dark(32, 12)), vec![bright_and_dark(32, 4)]);
    let session = Session::start(job, &state, DeviceChoice::Gpu, train, measured, None, seconds).await;
    let mut session = session.expect("a GPU");
    assert!(session.device().gpu && session.device().software && !session.device().reason.is_empty());
    let mut moves = Vec::new();
    let mut epochs = Vec::new();
    loop {
        match session.turn(2).await.expect("training goes on") {
            Turn::Moved { reason, device, epoch } => {
                assert!(reason.contains("took the GPU away"), "{reason}");
                assert_eq!(epoch as usize, epochs.len());
                moves.push(device.gpu);
            }
            Turn::Report(Report::Epoch(point)) => epochs.push(point),
            Turn::Report(Report::Progress(progress)) => {
                // In the middle of the second and the third epoch.
                let lost = moves.len();
                if lost < 2 && progress.step as usize == 3 * (lost + 1) + 2 {
                    session.trainer().stepper().lose_device();
                }
            }
            Turn::Report(Report::Finished) => break,
            Turn::Report(Report::Measuring { .. }) => {}
        }
    }
    assert_eq!(moves, [true, false]);
    assert_eq!(epochs.iter().map(|point| point.epoch).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(epochs[3].loss < epochs[0].loss, "{epochs:?}");
    assert_eq!(epochs[3].measured, [100.0]);
}

/// What the automatic choice makes of a GPU in software.
#[wasm_bindgen_test]
async fn a_gpu_in_software_is_named_and_not_chosen() {
    let model = smooth("mobilenet-v1-0.25-32");
    let plan = Plan::new(&model, None, WeightScales::Learned);
    let state = State::new(&plan, &model, None).expect("complete");
    let job = Job { plan, recipe: Recipe { batch: 2, ..recipe() }, teacher: None };
    let images = Arc::new(bright_and_dark(32, 4));
    let session =
        Session::start(job, &state, DeviceChoice::Automatic, images, Vec::new(), None, seconds).await;
    let session = session.expect("the processor");
    assert!(!session.device().gpu);
    assert!(session.device().reason.contains("GPU in software"), "{:?}", session.device());
}
