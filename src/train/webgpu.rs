//! Training on the GPU over WebGPU, on burn's device.
//!
//! A small network pays for every dispatch, so a step is written down once, when training starts: a [`Program`] of
//! four to ten dispatches for each layer, forward and backward, on buffers that stay. There is no tape, no allocation in
//! a step and no reading back but of loss and accuracy when they are asked for. Batch normalization, activation and
//! fake quantization are three kernels each way, and one where a map is small; the optimizer works on all parameters at
//! once.
//!
//! burn-wgpu owns device, queue, memory and pipelines. The kernels are WGSL, brought in through its extension point for
//! written kernels (`KernelSource`, `SourceKernel`) and launched by its client. Semantics are those of
//! [`CpuStepper`](super::CpuStepper), which `tests/webgpu.rs` compares with.
//!
//! MobileNetV1 0.25 takes at most 200 dispatches for a step of 16 images at 96x96, as tests hold, where burn's own
//! operators take about 1,800 and TensorFlow.js 2,008 (`make bench-webgpu`).

mod device;
mod kernel;
mod layout;
mod program;
mod record;
mod stepper;

pub use device::Gpu;
pub use kernel::Kernel;
pub use layout::Layout;
pub use program::{BufferSpec, Dispatch, Program, Slice, moved};
pub use stepper::WebGpuStepper;
