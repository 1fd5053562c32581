//! Training on the GPU against training on the processor, in a browser: the software adapter will do.
#![cfg(all(target_arch = "wasm32", feature = "webgpu"))]

#[path = "common/built_in.rs"]
mod built_in;
#[path = "common/infer.rs"]
mod cases;
#[path = "common/curve.rs"]
mod curve;
#[path = "common/gated.rs"]
mod gated;
#[path = "webgpu/layers.rs"]
mod layers;
#[path = "webgpu/networks.rs"]
mod networks;
#[path = "webgpu/pair.rs"]
mod pair;
#[path = "webgpu/programs.rs"]
mod programs;
#[path = "common/quantized.rs"]
mod quantized;
#[path = "webgpu/sessions.rs"]
mod sessions;

/// Whether the long form of some tests was asked for, which takes a quarter of an hour.
const FULL: bool = option_env!("BITSMITH_FULL").is_some();

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
