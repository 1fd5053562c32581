//! Steps and inference on the GPU, for `benches/webgpu/run.mjs`, which runs them beside TensorFlow.js in one Chromium.
//!
//! Built for Wasm only, by `make bench-webgpu`.

#[cfg(target_arch = "wasm32")]
#[path = "../tests/common/infer.rs"]
mod cases;
#[cfg(target_arch = "wasm32")]
#[path = "../tests/common/oracle.rs"]
mod oracle;
#[cfg(target_arch = "wasm32")]
#[path = "../tests/common/quantized.rs"]
mod quantized;

fn main() {}

#[cfg(target_arch = "wasm32")]
mod measure {
    use super::oracle::Oracle;
    use super::quantized::{images, mixed, model};
    use bitsmith::calibrate::{Observer, Settings};
    use bitsmith::train::webgpu::{Gpu, WebGpuStepper};
    use bitsmith::train::{
        Augment, Batch, Control, CpuStepper, Metrics, Norm, Optimizer, Plan, Recipe, State, Stepper,
        WeightScales,
    };
    use std::cell::RefCell;
    use wasm_bindgen::prelude::*;

    /// What a page steps.
    enum Any {
        Gpu(Box<WebGpuStepper>),
        Cpu(Box<CpuStepper>),
        /// The same network in burn's operators: gradients without an optimizer.
        Burn(Box<Burn>),
    }

    struct Burn {
        plan: Plan,
        state: State,
        image: Vec<f32>,
    }

    struct Subject {
        stepper: Any,
        batch: Batch,
    }

    thread_local! {
        static SUBJECT: RefCell<Option<Subject>> = const { RefCell::new(None) };
    }

    /// Prepares a network for batches of `count` images of noise on "gpu", "cpu" or burn's processor backend, "burn"; says
    /// what a step is made of.
    #[wasm_bindgen]
    pub async fn prepare(
        network: String,
        count: usize,
        quantized: bool,
        device: String,
    ) -> Result<String, String> {
        let model = model(&network);
        let grids = quantized.then(|| {
            let mut observer = Observer::new(&model, Settings::default()).expect("complete");
            observer.add(&images(&model, 2)).expect("images fit");
            observer.finish().expect("images").grids(&model, &mixed(&model))
        });
        let side = model.graph().image().shape.height;
        let batch = Batch {
            height: side,
            width: side,
            pixels: images(&model, count as u64).concat(),
            targets: (0..count).map(|i| (i % 10) as u16).collect(),
            augments: vec![Augment::crop(0, 0); count],
        };
        let plan = Plan::new(&model, grids.as_ref(), WeightScales::Learned);
        let state = State::new(&plan, &model, grids.as_ref()).map_err(|e| e.to_string())?;
        let recipe = Recipe {
            optimizer: Optimizer::Sgd { momentum: 0.9 },
            label_smoothing: 0.0,
            distillation: None,
            ..Recipe::finetune()
        };
        let mut about = String::new();
        let stepper = if device == "gpu" {
            let gpu = Gpu::open().await.map_err(|e| e.to_string())?;
            let stepper = WebGpuStepper::new(gpu, plan, recipe, &state, None, count)
                .await
                .map_err(|e| e.to_string())?;
            about = format!("{} dispatches, {} bytes moved", stepper.dispatches(), stepper.bytes_moved());
            Any::Gpu(Box::new(stepper))
        } else {
            let mut stepper =
                CpuStepper::new(plan.clone(), recipe, &state, None).map_err(|e| e.to_string())?;
            if device == "burn" {
                stepper.logits(&batch).await.map_err(|e| e.to_string())?;
                let image = stepper.tensor(0).to_vec();
                Any::Burn(Box::new(Burn { plan, state, image }))
            } else {
                Any::Cpu(Box::new(stepper))
            }
        };
        SUBJECT.with(|subject| *subject.borrow_mut() = Some(Subject { stepper, batch }));
        Ok(about)
    }

    /// One optimization step, to its end; the loss.
    #[wasm_bindgen]
    pub async fn step() -> Result<f64, String> {
        let mut subject = SUBJECT.with(RefCell::take).ok_or("prepare first")?;
        let control = Control { rate: 1e-3, norm: Norm::Batch { momentum: 0.1 } };
        let metrics = match &mut subject.stepper {
            Any::Gpu(stepper) => {
                stepper.step(&subject.batch, control).map_err(|e| e.to_string())?;
                stepper.metrics().await
            }
            Any::Cpu(stepper) => {
                stepper.step(&subject.batch, control).map_err(|e| e.to_string())?;
                stepper.metrics().await
            }
            Any::Burn(burn) => {
                let images = subject.batch.len() as u64;
                let oracle = Oracle::new(&burn.plan, &burn.state, true);
                let (loss, _) = oracle.differentiate(&burn.image, &subject.batch.targets);
                Ok(Metrics { loss: f64::from(loss) * images as f64, correct: 0, images })
            }
        };
        let metrics = metrics.map_err(|e| e.to_string())?;
        SUBJECT.with(|place| *place.borrow_mut() = Some(subject));
        Ok(metrics.loss / metrics.images as f64)
    }

    /// Logits of the batch, to their end.
    #[wasm_bindgen]
    pub async fn infer() -> Result<(), String> {
        let mut subject = SUBJECT.with(RefCell::take).ok_or("prepare first")?;
        let logits = match &mut subject.stepper {
            Any::Gpu(stepper) => stepper.logits(&subject.batch).await,
            Any::Cpu(stepper) => stepper.logits(&subject.batch).await,
            Any::Burn(burn) => {
                Ok(Oracle::new(&burn.plan, &burn.state, false).infer(&burn.image, subject.batch.len()))
            }
        };
        logits.map_err(|e| e.to_string())?;
        SUBJECT.with(|place| *place.borrow_mut() = Some(subject));
        Ok(())
    }
}
