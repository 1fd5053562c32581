//! What must hold in a browser as on every other machine; run by wasm-bindgen's test runner in a worker.
#![cfg(target_arch = "wasm32")]

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
