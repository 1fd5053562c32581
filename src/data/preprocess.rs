//! From an image of any size to the square bytes of a network's input.

use super::decode::{Decode, RgbImage};
use super::error::DataError;
use super::resize::resize;
use serde::{Deserialize, Serialize};

/// The part of an image that a network sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Crop {
    /// The centre: the shorter side becomes 256/224 of the network's (rounded down: 146 for 128), then
    /// the middle square is cut out. This is how ImageNet networks are evaluated.
    #[default]
    Centre,
    /// The largest square in the centre.
    Square,
    /// All of it, stretched to a square.
    Whole,
}

/// Resizes and crops images to `side` x `side` pixels. An image of exactly that size stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Side of the network's input in pixels.
    pub side: usize,
    /// What is cut off.
    pub crop: Crop,
}

impl Preprocess {
    /// Centre crops of `side` pixels.
    #[must_use]
    pub fn new(side: usize) -> Self {
        Preprocess { side, crop: Crop::Centre }
    }

    /// The network's input: `3 * side * side` bytes in the order height, width, channel (red, green, blue).
    #[must_use]
    pub fn apply(&self, image: &RgbImage) -> Vec<u8> {
        let side = self.side;
        if side == 0 {
            return Vec::new();
        }
        if (image.width(), image.height()) == (side, side) {
            return image.pixels().to_vec();
        }
        let size = match self.crop {
            Crop::Centre => size_before_crop(image.width(), image.height(), side * 256 / 224),
            Crop::Square => size_before_crop(image.width(), image.height(), side),
            Crop::Whole => (side, side),
        };
        let (left, top) = (margin(size.0, side), margin(size.1, side));
        resize(image, size, left..left + side, top..top + side)
    }

    /// Decodes an image file and applies itself.
    ///
    /// # Errors
    /// Those of the decoder; one broken file need not stop a run.
    pub fn load(&self, decoder: &impl Decode, bytes: &[u8]) -> Result<Vec<u8>, DataError> {
        Ok(self.apply(&decoder.decode(bytes)?))
    }
}

/// (width, height) with the shorter side `short` and the longer in proportion, rounded down as torchvision does.
fn size_before_crop(width: usize, height: usize, short: usize) -> (usize, usize) {
    if width <= height { (short, short * height / width) } else { (short * width / height, short) }
}

/// Half of what is cut off, rounded to even where it is odd, as torchvision's centre crop does.
fn margin(size: usize, side: usize) -> usize {
    let cut = size - side;
    cut / 2 + usize::from(cut % 4 == 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> RgbImage {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y));
        RgbImage::new(width, height, pixels.collect()).expect("pixels fill the image")
    }

    #[test]
    fn sides_before_the_crop() {
        for ((width, height, side), expected) in [
            ((224, 224, 128), (146, 146)),
            ((500, 375, 224), (341, 256)),
            ((375, 500, 224), (256, 341)),
            ((640, 480, 32), (48, 36)),
            ((1, 1000, 32), (36, 36_000)),
        ] {
            assert_eq!(size_before_crop(width, height, side * 256 / 224), expected);
        }
    }

    /// Python's `int(round(cut / 2.0))`.
    #[test]
    fn margins_are_rounded_to_even() {
        let margins: Vec<usize> = (128..138).map(|size| margin(size, 128)).collect();
        assert_eq!(margins, [0, 0, 1, 2, 2, 2, 3, 4, 4, 4]);
    }

    #[test]
    fn an_image_of_the_right_size_is_untouched() {
        let image = image(32, 32, |x, y| [x as u8, y as u8, (x ^ y) as u8]);
        for crop in [Crop::Centre, Crop::Square, Crop::Whole] {
            assert_eq!(Preprocess { side: 32, crop }.apply(&image), image.pixels());
        }
    }

    #[test]
    fn the_crop_is_centred() {
        // 3 * 146 columns before the crop: the middle third of the image covers them.
        let image = image(300, 100, |x, _| if (100..200).contains(&x) { [255; 3] } else { [0; 3] });
        assert!(Preprocess::new(128).apply(&image).iter().all(|&level| level == 255));
        let whole = Preprocess { side: 96, crop: Crop::Whole }.apply(&image);
        assert_eq!((whole[0], whole[3 * 48], whole[3 * 95]), (0, 255, 0));
        let square = Preprocess { side: 64, crop: Crop::Square }.apply(&image);
        // The outermost columns take a little of what is cut off.
        assert!(square.chunks(3 * 64).all(|row| row[3..3 * 63].iter().all(|&level| level == 255)));
    }

    proptest! {
        #[test]
        fn a_plain_image_stays_plain(
            width in 1_usize..90, height in 1_usize..90, side in 0_usize..70, colour: [u8; 3], whole: bool,
        ) {
            let crop = if whole { Crop::Whole } else { Crop::Centre };
            let input = Preprocess { side, crop }.apply(&image(width, height, |_, _| colour));
            prop_assert_eq!(input.len(), 3 * side * side);
            prop_assert!(input.chunks(3).all(|pixel| pixel == colour));
        }
    }
}
