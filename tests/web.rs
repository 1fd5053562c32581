//! What must hold in a browser as on every other machine; run by wasm-bindgen's test runner in a worker.
#![cfg(target_arch = "wasm32")]

#[path = "common/agree.rs"]
mod agree;
#[path = "common/infer.rs"]
mod cases;
#[path = "web/handed.rs"]
mod handed;
#[path = "common/packaged.rs"]
mod packaged;
#[path = "common/quantized.rs"]
mod quantized;
#[path = "common/searched.rs"]
mod searched;

use bitsmith::infer::{Scratch, Workspace};
use bitsmith::quant::Bits;
use cases::{LayerCase, all_widths, random_network, uniform_network};
use std::hint::black_box;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Results equal those of native code only if a product is rounded before it is added to.
#[wasm_bindgen_test]
fn products_are_not_fused_with_sums() {
    let x = black_box(1.0 + f32::EPSILON * 2048.0);
    let rounded_square = black_box(1.0 + f32::EPSILON * 4096.0);
    assert_eq!(x * x - rounded_square, 0.0);
    assert_eq!(black_box(2.0_f32).sqrt().to_bits(), 0x3fb5_04f3);
}

#[wasm_bindgen_test]
fn layers_agree_with_the_reference() {
    let mut scratch = Scratch::default();
    for seed in 0..8 {
        for (i, widths) in all_widths().enumerate() {
            agree::layer(&LayerCase::random(100 * seed + i as u64, widths), &mut scratch);
        }
    }
}

#[wasm_bindgen_test]
fn networks_agree_with_the_reference() {
    let mut workspace = Workspace::default();
    for (seed, name) in ["mobilenet-v1-0.25-64", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"].iter().enumerate()
    {
        agree::network(&random_network(name, 10, seed as u64), 2, &mut workspace);
        agree::network(&uniform_network(name, 10, Bits::B2, Bits::B8), 1, &mut workspace);
    }
}

#[wasm_bindgen_test]
async fn trained_networks_agree_with_native_code() {
    handed::networks_agree_with_native_code().await;
}

#[wasm_bindgen_test]
fn integers_are_those_of_native_code() {
    quantized::integers_are_the_recorded_ones();
}

#[wasm_bindgen_test]
fn exported_files_are_those_of_native_code() {
    packaged::models_are_the_recorded_ones();
}

#[wasm_bindgen_test]
fn a_search_is_that_of_native_code() {
    searched::the_log_is_the_recorded_one();
}
