//! A stepper on the device that suits: the choice, and what happens when a device fails.

use super::batch::Batch;
use super::cpu::CpuStepper;
use super::device::{DeviceChoice, DeviceReport};
use super::error::TrainError;
use super::job::Job;
use super::state::State;
use super::stepper::{Control, Metrics, Norm, Stepper};
#[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
use super::webgpu::{Gpu, WebGpuStepper};

/// Steps that a device takes before its speed is measured: kernels are compiled in them.
const WARM_UP: usize = 1;

/// Steps over which speed is measured.
const MEASURED: usize = 2;

/// A stepper on either device.
#[derive(Debug)]
pub enum AnyStepper {
    /// On the processor.
    Cpu(Box<CpuStepper>),
    /// On the GPU.
    #[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
    Gpu(Box<WebGpuStepper>),
}

impl AnyStepper {
    /// On the processor.
    fn cpu(job: &Job, state: &State) -> Result<Self, TrainError> {
        Ok(Self::Cpu(Box::new(job.on_cpu(state)?)))
    }

    /// On a GPU.
    #[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
    async fn gpu(gpu: Gpu, job: &Job, state: &State) -> Result<Self, TrainError> {
        let Job { plan, recipe, teacher } = job.clone();
        let images = recipe.batch;
        Ok(Self::Gpu(Box::new(WebGpuStepper::new(gpu, plan, recipe, state, teacher, images).await?)))
    }

    /// The device that was asked for, or the fastest; `batch` is what speed is measured with. `clock` tells seconds.
    ///
    /// # Errors
    /// If the state does not fit the plan, or if the device asked for fails.
    pub async fn choose(
        choice: DeviceChoice,
        job: &Job,
        state: &State,
        batch: &Batch,
        clock: fn() -> f64,
    ) -> Result<(Self, DeviceReport), TrainError> {
        let automatic = match choice {
            DeviceChoice::Cpu => return Ok((Self::cpu(job, state)?, DeviceReport::cpu(None, String::new()))),
            DeviceChoice::Gpu => false,
            DeviceChoice::Automatic => true,
        };
        match Self::open(job, state, automatic).await {
            Err(TrainError::Device(reason)) if automatic => Self::fall_back(job, state, &reason),
            Err(error) => Err(error),
            Ok(found) if !automatic => Ok(found),
            Ok(found) => Self::faster(found, job, state, batch, clock).await,
        }
    }

    /// The processor, in place of another device.
    ///
    /// # Errors
    /// If the state does not fit the plan.
    pub fn fall_back(job: &Job, state: &State, reason: &str) -> Result<(Self, DeviceReport), TrainError> {
        Ok((Self::cpu(job, state)?, DeviceReport::cpu(None, reason.to_owned())))
    }

    /// A GPU after another was lost.
    ///
    /// # Errors
    /// If there is none.
    pub async fn reopen(job: &Job, state: &State) -> Result<(Self, DeviceReport), TrainError> {
        Self::open(job, state, false).await
    }

    /// A GPU; `hardware` refuses one in software.
    #[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
    async fn open(job: &Job, state: &State, hardware: bool) -> Result<(Self, DeviceReport), TrainError> {
        let gpu = Gpu::open().await?;
        let name = gpu.name().to_owned();
        let software = gpu.is_software();
        if software && hardware {
            gpu.close();
            return Err(TrainError::Device(format!(
                "{name} is a GPU in software, far slower than the processor"
            )));
        }
        let reason = if software { "a GPU in software is far slower than the processor" } else { "" };
        let stepper = Self::gpu(gpu, job, state).await?;
        Ok((stepper, DeviceReport { name, gpu: true, software, seconds: None, reason: reason.into() }))
    }

    /// A GPU, which this build does not know.
    #[cfg(not(all(feature = "webgpu", target_arch = "wasm32")))]
    async fn open(_: &Job, _: &State, _: bool) -> Result<(Self, DeviceReport), TrainError> {
        Err(TrainError::Device("this program trains on the processor only".into()))
    }

    /// The faster one of a GPU and the processor.
    async fn faster(
        (mut gpu, mut report): (Self, DeviceReport),
        job: &Job,
        state: &State,
        batch: &Batch,
        clock: fn() -> f64,
    ) -> Result<(Self, DeviceReport), TrainError> {
        let mut cpu = Self::cpu(job, state)?;
        let slow = cpu.measure(state, batch, clock).await?;
        match gpu.measure(state, batch, clock).await {
            Ok(seconds) if seconds < slow => {
                report.seconds = Some(seconds);
                Ok((gpu, report))
            }
            Ok(seconds) => Ok((
                cpu,
                DeviceReport::cpu(Some(slow), format!("{} needs {seconds:.3} s for a step", report.name)),
            )),
            Err(TrainError::Device(reason)) => Ok((cpu, DeviceReport::cpu(Some(slow), reason))),
            Err(error) => Err(error),
        }
    }

    /// Gives the GPU back, as a browser may do at any time; nothing on the processor.
    pub fn lose_device(&self) {
        match self {
            Self::Cpu(_) => {}
            #[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
            Self::Gpu(stepper) => stepper.gpu().close(),
        }
    }

    /// Seconds for a step; the state is as before afterwards.
    async fn measure(&mut self, state: &State, batch: &Batch, clock: fn() -> f64) -> Result<f64, TrainError> {
        let control = Control { rate: 0.0, norm: Norm::Batch { momentum: 0.0 } };
        for _ in 0..WARM_UP {
            self.step(batch, control)?;
        }
        self.metrics().await?;
        let start = clock();
        for _ in 0..MEASURED {
            self.step(batch, control)?;
        }
        // Waits for the last of them.
        self.metrics().await?;
        let seconds = (clock() - start) / MEASURED as f64;
        self.load(state)?;
        Ok(seconds)
    }
}

/// Calls the stepper of either device.
macro_rules! on {
    ($stepper:expr, $inner:ident => $call:expr) => {
        match $stepper {
            AnyStepper::Cpu($inner) => $call,
            #[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
            AnyStepper::Gpu($inner) => $call,
        }
    };
}

impl Stepper for AnyStepper {
    fn step(&mut self, batch: &Batch, control: Control) -> Result<(), TrainError> {
        on!(self, stepper => stepper.step(batch, control))
    }

    fn observe(&mut self, batch: &Batch, momentum: f32) -> Result<(), TrainError> {
        on!(self, stepper => stepper.observe(batch, momentum))
    }

    async fn metrics(&mut self) -> Result<Metrics, TrainError> {
        on!(self, stepper => stepper.metrics().await)
    }

    async fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, TrainError> {
        on!(self, stepper => stepper.logits(batch).await)
    }

    async fn state(&mut self) -> Result<State, TrainError> {
        on!(self, stepper => stepper.state().await)
    }

    fn load(&mut self, state: &State) -> Result<(), TrainError> {
        on!(self, stepper => stepper.load(state))
    }
}
