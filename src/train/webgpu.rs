//! Training on the GPU over WebGPU, on burn's device.
//!
//! A small network pays for every dispatch, so a step is written down once, when training starts: a [`Program`] of
//! about ten dispatches for each layer, forward and backward, on buffers that stay. There is no tape, no allocation in
//! a step and no reading back but of loss and accuracy when they are asked for. Batch normalization, activation and
//! fake quantization are one kernel each way; the optimizer works on all parameters at once.
//!
//! burn-wgpu owns device, queue, memory and pipelines. The kernels are WGSL, brought in through its extension point for
//! written kernels (`KernelSource`, `SourceKernel`) and launched by its client. Semantics are those of
//! [`CpuStepper`](super::CpuStepper), which `tests/webgpu.rs` compares with.
//!
//! MobileNetV1 0.25 takes 254 dispatches for a step in real numbers and 260 with fake quantization, where burn's own
//! operators take about 1,800 and TensorFlow.js 2,008 (`make bench-webgpu`).

mod kernel;
mod layout;
mod program;
mod record;

#[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
mod device;
#[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
mod stepper;

#[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
pub use device::Gpu;
pub use kernel::Kernel;
pub use layout::Layout;
pub use program::{BufferSpec, Dispatch, Program, Slice, moved};
#[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
pub use stepper::WebGpuStepper;
