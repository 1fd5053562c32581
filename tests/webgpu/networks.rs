//! Whole networks, what is done to images and loss.

use crate::FULL;
use crate::built_in::{NETWORKS, SIDE, images, network};
use crate::pair::{BATCH, Distances, Pair, quantizers, recipe};
use crate::quantized::mixed;
use bitsmith::quant::{Bits, Policy};
use bitsmith::train::{Augment, Control, Distillation, Norm, Recipe, Stepper};
use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

#[wasm_bindgen_test]
async fn networks_are_those_of_the_processor() {
    let batch = images(16, true).batch(0..16, SIDE);
    for (n, (name, _)) in NETWORKS.into_iter().enumerate() {
        let model = network(name);
        let eight = quantizers(&model, &batch, &Policy::uniform(model.graph(), Bits::B8, Bits::B8));
        let few = quantizers(&model, &batch, &mixed(&model));
        // In the short form each network has two of the four.
        for (i, (widths, grids, norm)) in [
            ("float", None, BATCH),
            ("8/8", Some(&eight), BATCH),
            ("mixed", Some(&few), Norm::Frozen),
            ("float", None, Norm::Frozen),
        ]
        .into_iter()
        .enumerate()
        {
            if !FULL && (i + n) % 4 > 1 {
                continue;
            }
            let mut pair = Pair::new(&model, grids, recipe(), None, &batch).await;
            let found = pair.compare(&batch, norm).await;
            let noise = pair.noise(&batch, norm).await;
            let numbers = |d: &Distances| [d.loss, d.logits, d.gradients, d.largest()].map(|d| d as f32);
            console_log!(
                "{name} {widths} {norm:?}: loss, logits, gradients, largest {:?}, the processor by itself {:?}",
                numbers(&found),
                numbers(&noise)
            );
            let agrees = match grids {
                None => found.largest() < 1e-4,
                Some(_) => found.are_noise(&noise),
            };
            assert!(agrees, "{name} {widths} {norm:?}: {found:#?} {noise:#?}");
        }
    }
}

/// Crops, mirrors and colours; batches smaller than the largest; label smoothing, a teacher, clipped gradients.
#[wasm_bindgen_test]
async fn what_is_done_to_images_and_loss_is_the_same() {
    let model = network("mobilenet-v1-0.25-32");
    let mut batch = images(16, true).batch(0..16, SIDE);
    let distillation = Some(Distillation { weight: 0.4, temperature: 3.0 });
    let recipe = Recipe { distillation, label_smoothing: 0.2, clip: 0.01, ..recipe() };
    let mut pair = Pair::new(&model, None, recipe, Some(&network("mnasnet-0.35-32")), &batch).await;
    for (i, augment) in batch.augments.iter_mut().enumerate() {
        let i = i as i32;
        *augment = Augment {
            row: i % 7 - 3,
            column: 2 - i % 5,
            mirrored: i % 2 == 0,
            gain: [0.9, 1.0 + 0.02 * i as f32, 1.3],
            shift: [4.0, -3.5, 0.25],
        };
    }
    batch.pixels.truncate(15 * SIDE * SIDE * 3);
    batch.targets.truncate(15);
    batch.augments.truncate(15);
    let found = pair.compare(&batch, BATCH).await;
    console_log!("augmented, taught: {:.1e}", found.largest());
    assert!(found.largest() < 1e-4, "{found:#?}");
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
    let model = network("mobilenet-v1-0.25-32");
    let batch = images(2, true).batch(0..2, SIDE);
    let grids = quantizers(&model, &batch, &Policy::uniform(model.graph(), Bits::B4, Bits::B8));
    for (grids, most) in [(None, 260), (Some(&grids), 300)] {
        let mut pair = Pair::new(&model, grids, recipe(), None, &batch).await;
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
