//! Decoded images, and the batches that are made of them.

use super::batch::{Augment, Batch};
use super::error::TrainError;
use super::random::Random;
use super::recipe::Augmentation;
use std::sync::Arc;

/// Images of one size in memory, one byte a colour. Pixels are shared with whoever gives them as `Arc<[u8]>`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Images {
    side: usize,
    pixels: Vec<Arc<[u8]>>,
    targets: Vec<u16>,
}

impl Images {
    /// No images of `side` x `side` pixels yet.
    pub fn new(side: usize) -> Self {
        Self { side, ..Self::default() }
    }

    /// Adds an image, `[side, side, 3]`, and the right output for it.
    ///
    /// # Errors
    /// If it has another size.
    pub fn push(&mut self, pixels: impl Into<Arc<[u8]>>, target: usize) -> Result<(), TrainError> {
        let pixels = pixels.into();
        let expected = self.side * self.side * 3;
        if pixels.len() != expected {
            return Err(TrainError::Batch { what: "bytes", expected, found: pixels.len() });
        }
        let most = usize::from(u16::MAX);
        let target = u16::try_from(target);
        let target = target.map_err(|_| TrainError::Batch {
            what: "classes or more",
            expected: most,
            found: most + 1,
        })?;
        self.pixels.push(pixels);
        self.targets.push(target);
        Ok(())
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The images at some indices in the middle of which the network looks, unchanged.
    pub fn batch(&self, indices: impl IntoIterator<Item = usize>, side: usize) -> Batch {
        let middle = (self.side as i32 - side as i32) / 2;
        self.collect(indices, |_| Augment::crop(middle, middle))
    }

    /// The images at some indices with random changes for one epoch.
    pub fn augmented(
        &self,
        indices: impl IntoIterator<Item = usize>,
        side: usize,
        augmentation: &Augmentation,
        seed: u64,
        epoch: u64,
    ) -> Batch {
        self.collect(indices, |index| {
            let mut random = Random::at([seed, epoch, 1 + index as u64]);
            let overhang = i32::from(augmentation.overhang);
            let room = self.side as i32 - side as i32 + 2 * overhang;
            let mut place =
                || if room > 0 { random.below(room as usize + 1) as i32 - overhang } else { room / 2 };
            let (row, column) = (place(), place());
            let mirrored = augmentation.mirror && random.next() >> 63 == 1;
            let mut augment = Augment { mirrored, ..Augment::crop(row, column) };
            let strength = augmentation.colour;
            if strength > 0.0 {
                let brightness = 1.0 + strength * random.symmetric();
                let contrast = 1.0 + strength * random.symmetric();
                augment.gain =
                    [0; 3].map(|_| contrast * brightness * (1.0 + 0.5 * strength * random.symmetric()));
                augment.shift = [128.0 * (1.0 - contrast); 3];
            }
            augment
        })
    }

    fn collect(&self, indices: impl IntoIterator<Item = usize>, augment: impl Fn(usize) -> Augment) -> Batch {
        let mut batch = Batch { height: self.side, width: self.side, ..Batch::default() };
        for index in indices {
            batch.pixels.extend_from_slice(&self.pixels[index]);
            batch.targets.push(self.targets[index]);
            batch.augments.push(augment(index));
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_stay_within_the_overhang_and_repeat() {
        let mut images = Images::new(10);
        for target in 0..50 {
            images.push([7; 300], target).expect("fits");
        }
        assert!(images.push([7; 299], 0).is_err());
        let augmentation = Augmentation { overhang: 2, mirror: true, colour: 0.3 };
        let batch = |epoch| images.augmented(0..50, 8, &augmentation, 5, epoch);
        assert_eq!(batch(3), batch(3));
        assert_ne!(batch(3).augments, batch(4).augments);
        let rows: Vec<i32> = batch(3).augments.iter().map(|augment| augment.row).collect();
        assert_eq!((rows.iter().min(), rows.iter().max()), (Some(&-2), Some(&4)));
        let mirrored = batch(3).augments.iter().filter(|augment| augment.mirrored).count();
        assert!((10..40).contains(&mirrored), "{mirrored}");
        assert_eq!(images.batch([4], 8).augments, [Augment::crop(1, 1)]);
    }
}
