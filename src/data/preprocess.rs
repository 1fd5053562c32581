//! From an image of any size to the square bytes of a network's input.

use super::decode::{Decode, RgbImage};
use super::error::DataError;
use super::resize::resize;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How an image of any shape becomes a square. A network must see images as in its training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resize {
    /// The shorter side is resized, then the middle square is cut out.
    Crop {
        /// Side of the square in thousandths of the resized shorter side, from 1 to 1000.
        kept: u16,
    },
    /// All of it, stretched to a square.
    Stretch,
    /// All of it in proportion, with black borders.
    Pad,
}

impl Resize {
    /// How ImageNet networks are evaluated: 224 of 256 pixels.
    pub const IMAGENET: Self = Resize::Crop { kept: 875 };
    /// The largest square in the centre.
    pub const SQUARE: Self = Resize::Crop { kept: 1000 };

    /// The same for images that training takes random crops of itself.
    #[must_use]
    pub fn for_training(self) -> Self {
        match self {
            Resize::Crop { .. } => Resize::SQUARE,
            other => other,
        }
    }

    /// What is done, in words.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Resize::Crop { kept: 1000 } => "shorter side to the input size, centre crop".to_owned(),
            Resize::Crop { kept } => {
                format!("shorter side to the input size / {}, centre crop", f64::from(kept) / 1000.0)
            }
            Resize::Stretch => "stretched to the input size".to_owned(),
            Resize::Pad => "longer side to the input size, black borders".to_owned(),
        }
    }
}

impl Default for Resize {
    fn default() -> Self {
        Resize::IMAGENET
    }
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resize::Crop { kept } => write!(f, "crop={}", f64::from(*kept) / 1000.0),
            Resize::Stretch => f.write_str("stretch"),
            Resize::Pad => f.write_str("pad"),
        }
    }
}

impl FromStr for Resize {
    type Err = String;

    /// `crop`, `crop=0.9`, `stretch` or `pad`; the number is the part of the resized shorter side that is kept.
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "expected crop, crop=PART with a part above 0 and up to 1, stretch or pad, found '{text}'"
            )
        };
        let text = text.trim().to_ascii_lowercase();
        match text.split_once('=') {
            None if text == "crop" => Ok(Resize::IMAGENET),
            None if text == "stretch" => Ok(Resize::Stretch),
            None if text == "pad" => Ok(Resize::Pad),
            Some(("crop", part)) => {
                let kept = part.parse::<f64>().map_err(|_| refused())? * 1000.0;
                if !(0.5..=1000.0).contains(&kept) {
                    return Err(refused());
                }
                Ok(Resize::Crop { kept: kept.round() as u16 })
            }
            _ => Err(refused()),
        }
    }
}

/// Resizes images to `side` x `side` pixels. An image of exactly that size stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Side of the network's input in pixels.
    pub side: usize,
    /// How other shapes become a square.
    pub resize: Resize,
}

impl Preprocess {
    /// Centre crops of `side` pixels, as ImageNet networks are evaluated.
    #[must_use]
    pub fn new(side: usize) -> Self {
        Preprocess { side, resize: Resize::IMAGENET }
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
        let size = match self.resize {
            Resize::Crop { kept } => size_before_crop(
                image.width(),
                image.height(),
                side * 1000 / usize::from(kept.clamp(1, 1000)),
            ),
            Resize::Stretch => (side, side),
            Resize::Pad => return padded(image, side),
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

/// The longer side `side`, the shorter in proportion, rounded down; the rest is black, the odd row or column at the end.
fn padded(image: &RgbImage, side: usize) -> Vec<u8> {
    let (width, height) = (image.width(), image.height());
    let longer = width.max(height);
    let size = ((side * width / longer).max(1), (side * height / longer).max(1));
    let pixels = resize(image, size, 0..size.0, 0..size.1);
    let (left, top) = ((side - size.0) / 2, (side - size.1) / 2);
    let mut input = vec![0; 3 * side * side];
    for (row, line) in pixels.chunks_exact(3 * size.0).enumerate() {
        let at = 3 * ((top + row) * side + left);
        input[at..at + line.len()].copy_from_slice(line);
    }
    input
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
            assert_eq!(size_before_crop(width, height, side * 1000 / 875), expected);
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
        for resize in [Resize::IMAGENET, Resize::SQUARE, Resize::Stretch, Resize::Pad] {
            assert_eq!(Preprocess { side: 32, resize }.apply(&image), image.pixels());
        }
    }

    #[test]
    fn the_crop_is_centred() {
        // 3 * 146 columns before the crop: the middle third of the image covers them.
        let image = image(300, 100, |x, _| if (100..200).contains(&x) { [255; 3] } else { [0; 3] });
        assert!(Preprocess::new(128).apply(&image).iter().all(|&level| level == 255));
        let whole = Preprocess { side: 96, resize: Resize::Stretch }.apply(&image);
        assert_eq!((whole[0], whole[3 * 48], whole[3 * 95]), (0, 255, 0));
        let square = Preprocess { side: 64, resize: Resize::SQUARE }.apply(&image);
        // The outermost columns take a little of what is cut off.
        assert!(square.chunks(3 * 64).all(|row| row[3..3 * 63].iter().all(|&level| level == 255)));
    }

    /// Three times as wide as high: the middle third of the rows holds the image.
    #[test]
    fn padding_keeps_the_proportions() {
        let image = image(300, 100, |_, _| [255; 3]);
        let input = Preprocess { side: 96, resize: Resize::Pad }.apply(&image);
        for (row, line) in input.chunks(3 * 96).enumerate() {
            let expected = if (32..64).contains(&row) { 255 } else { 0 };
            assert!(line.iter().all(|&level| level == expected), "row {row}");
        }
    }

    /// The part that ImageNet's evaluation keeps is 224/256 at every size.
    #[test]
    fn names_are_read_and_written() {
        assert!((1..1024).all(|side| side * 1000 / 875 == side * 256 / 224));
        for (text, resize) in [
            ("crop", Resize::IMAGENET),
            ("crop=0.875", Resize::IMAGENET),
            ("Crop=1", Resize::SQUARE),
            ("stretch", Resize::Stretch),
            (" pad", Resize::Pad),
        ] {
            assert_eq!(text.parse(), Ok(resize));
            assert_eq!(resize.to_string().parse(), Ok(resize));
        }
        for text in ["", "crop=0", "crop=1.5", "crop=nan", "fill", "pad=1"] {
            let error = text.parse::<Resize>().expect_err(text);
            assert!(error.contains("stretch or pad") && error.contains(text.trim()), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_image_stays_plain(
            width in 1_usize..90, height in 1_usize..90, side in 0_usize..70, colour: [u8; 3], whole: bool,
        ) {
            let resize = if whole { Resize::Stretch } else { Resize::IMAGENET };
            let input = Preprocess { side, resize }.apply(&image(width, height, |_, _| colour));
            prop_assert_eq!(input.len(), 3 * side * side);
            prop_assert!(input.chunks(3).all(|pixel| pixel == colour));
        }
    }
}
