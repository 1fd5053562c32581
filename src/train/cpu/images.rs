//! Images to the first layer's input.

use super::super::batch::{Augment, Batch};
use super::super::plan::ImagePlan;
use crate::net::Shape;
use crate::parallel;

/// `x = (code - mean) / deviation` of each crop within its padding, `[n, h, w, 3]`.
pub(super) fn prepare(plan: &ImagePlan, batch: &Batch, out: &mut [f32]) {
    let images = batch.pixels.chunks_exact(batch.height * batch.width * 3).zip(&batch.augments);
    let mut images: Vec<_> = images.zip(out.chunks_exact_mut(plan.padded().elements())).collect();
    parallel::map(&mut images, |((pixels, augment), out)| one(plan, batch, pixels, augment, out));
}

fn one(plan: &ImagePlan, batch: &Batch, pixels: &[u8], augment: &Augment, out: &mut [f32]) {
    let Shape { height, width, .. } = plan.shape;
    let padded = plan.padded();
    for pixel in out.chunks_exact_mut(3) {
        pixel.copy_from_slice(&plan.outside);
    }
    for y in 0..height {
        let Some(row) = offset(augment.row, y, batch.height) else { continue };
        let line = &pixels[row * batch.width * 3..][..batch.width * 3];
        let start = ((y + plan.pads.top) * padded.width + plan.pads.left) * 3;
        for (x, out) in out[start..][..width * 3].chunks_exact_mut(3).enumerate() {
            let x = if augment.mirrored { width - 1 - x } else { x };
            let Some(column) = offset(augment.column, x, batch.width) else { continue };
            for (c, out) in out.iter_mut().enumerate() {
                let code = augment.gain[c] * f32::from(line[column * 3 + c]) + augment.shift[c];
                *out = (code.clamp(0.0, 255.0) - plan.mean[c]) / plan.deviation;
            }
        }
    }
}

/// Where a pixel of the crop lies in the stored image, unless outside.
fn offset(start: i32, position: usize, size: usize) -> Option<usize> {
    let place = i64::from(start) + position as i64;
    usize::try_from(place).ok().filter(|&place| place < size)
}
