//! How the codes of an image become a network's input.

mod formula;
mod words;

use serde::{Deserialize, Serialize};
use std::fmt;

/// How the codes of an RGB image (0 to 255) become the network's input: (code - mean) / deviation per channel.
///
/// As text it is a formula of the code `x`: see [`Normalization::KNOWN`] for what is read. What is written is read
/// as the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// In units of a code, each from 0 to 255.
    pub mean: [f32; 3],
    /// In units of a code, each above 0.
    pub deviation: [f32; 3],
}

impl Normalization {
    /// x / 127.5 - 1: TensorFlow's MobileNets.
    pub const SIGNED: Self = Self { mean: [127.5; 3], deviation: [127.5; 3] };

    /// x / 255.
    pub const UNIT: Self = Self { mean: [0.0; 3], deviation: [255.0; 3] };

    /// Mean and deviation of ImageNet's colours: torchvision and timm.
    pub const IMAGENET: Self = Self { mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375] };

    /// x: the codes themselves.
    pub const RAW: Self = Self { mean: [0.0; 3], deviation: [1.0; 3] };

    /// Those that networks are usually trained with.
    pub const USUAL: [Self; 4] = [Self::SIGNED, Self::UNIT, Self::IMAGENET, Self::RAW];

    /// What texts are read, for messages.
    pub const KNOWN: &str = "x/127.5 - 1, x/255, x (0 to 255 as it is), any formula with + - * / of x and numbers, or \
         lists of one number per channel, e.g. (x/255 - [0.485, 0.456, 0.406])/[0.229, 0.224, 0.225], or 'ImageNet \
         mean and deviation'";

    /// A normalization in numbers: `mean` and `deviation` are of colours from 0 to `range`.
    ///
    /// # Errors
    /// Unless all means are from 0 to `range` and all deviations above 0 and at most `range`.
    pub fn new(mean: [f64; 3], deviation: [f64; 3], range: ColourRange) -> Result<Self, NormalizationError> {
        let most = range.most();
        let mean_fits = mean.iter().all(|m| (0.0..=most).contains(m));
        if !mean_fits || !deviation.iter().all(|&d| d > 0.0 && d <= most) {
            return Err(NormalizationError::Numbers { mean, deviation, range });
        }
        let to_codes = |values: [f64; 3]| values.map(|value| (value * 255.0 / most) as f32);
        let normalization = Self { mean: to_codes(mean), deviation: to_codes(deviation) };
        // Numbers that f32 rounds to zero.
        let normal = normalization.deviation.iter().all(|d| d.is_normal());
        if normal { Ok(normalization) } else { Err(NormalizationError::Numbers { mean, deviation, range }) }
    }

    /// As a network with one input channel has it: the first channel's for all.
    #[must_use]
    pub fn is_gray(&self) -> bool {
        let equal = |values: [f32; 3]| values.iter().all(|value| *value == values[0]);
        equal(self.mean) && equal(self.deviation)
    }
}

/// What numbers of colours go up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColourRange {
    /// 0 to 1, as torchvision, timm and transformers write mean and deviation.
    #[default]
    One,
    /// 0 to 255, as the bytes of an image are.
    Codes,
}

impl ColourRange {
    /// The largest colour.
    pub const fn most(self) -> f64 {
        match self {
            ColourRange::One => 1.0,
            ColourRange::Codes => 255.0,
        }
    }
}

/// Why a text or numbers are no normalization.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NormalizationError {
    /// A text that cannot be read, or not in one way only.
    #[error("'{text}' is no preprocessing that is known: {reason}; expected {}", Normalization::KNOWN)]
    Text {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Numbers out of range.
    #[error(
        "mean {mean:?} and deviation {deviation:?} of colours from 0 to {most}: expected means from 0 to {most} and \
         deviations above 0 and at most {most}{}",
        match range {
            ColourRange::One => "; for numbers of colours from 0 to 255 say that they are (a range of 255)",
            ColourRange::Codes => "",
        },
        most = range.most()
    )]
    Numbers {
        /// Per channel.
        mean: [f64; 3],
        /// Per channel.
        deviation: [f64; 3],
        /// What the numbers are of.
        range: ColourRange,
    },
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            (Self::SIGNED, "x/127.5 - 1"),
            (Self::UNIT, "x/255"),
            (Self::RAW, "x"),
            (Self::IMAGENET, "(x/255 - [0.485, 0.456, 0.406])/[0.229, 0.224, 0.225]"),
        ];
        if let Some((_, text)) = named.iter().find(|(normalization, _)| normalization == self) {
            return f.write_str(text);
        }
        let Self { mean, deviation } = self;
        if self.is_gray() {
            return write!(f, "(x - {})/{}", mean[0], deviation[0]);
        }
        write!(f, "(x - {mean:?})/{deviation:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Normalization, NormalizationError> {
        text.parse()
    }

    #[test]
    fn equal_formulas_are_one_normalization() {
        let half_quarter =
            Normalization::new([0.5; 3], [0.25; 3], ColourRange::One).expect("numbers in range");
        for (expected, texts) in [
            (
                Normalization::SIGNED,
                &[
                    "x/127.5 - 1",
                    "(x/255 - 0.5)/0.5",
                    "(x / 255.0 - 0.5) / 0.5",
                    "x/127.5-1.0",
                    "2*x/255 - 1",
                    "x * (2/255) - 1",
                    "(x - 127.5)/127.5",
                    "(x - 127.5) * 0.00784313725490196",
                    "x / 255 * 2 - 1",
                    "-1 + x/127.5",
                    "X/127.5 \u{2212} 1",
                    "(img/255 - [0.5, 0.5, 0.5]) / [0.5, 0.5, 0.5]",
                    "RGB uint8 x -> x/127.5 - 1, float32; val image: 224x224 JPEG decoded (PIL), resized to 146x146 \
                     with PIL BILINEAR (antialiased), centre crop 128x128 at offset 9",
                    "x -> x/255 -> (x - 0.5)/0.5",
                    "mean=0.5, std=0.5",
                    "mean = [0.5, 0.5, 0.5]; std = [0.5, 0.5, 0.5]",
                    "ToTensor(), Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])",
                    "transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))",
                    "y = x/127.5 - 1",
                    "preprocessing: x / 127.5 - 1",
                    "[-1, 1]",
                    "-1..1",
                ][..],
            ),
            (
                Normalization::UNIT,
                &["x/255", "x / 255.", "1/255 * x", "x*1/255", "(x - 0)/255", "[0, 1]", "ToTensor()", "0..1"],
            ),
            (
                Normalization::RAW,
                &["x", "raw", "none", "0..255", "raw 0..255", "[0, 255]", "raw pixels", "x/1"],
            ),
            (
                Normalization::IMAGENET,
                &[
                    "ImageNet mean and deviation",
                    "ImageNet's mean and std",
                    "imagenet",
                    "(x/255 - mean) / std, ImageNet",
                    "(x/255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]",
                    "(x - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]",
                    "Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])",
                    "mean=[0.485, 0.456, 0.406] std=[0.229, 0.224, 0.225]",
                    "x/255, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]",
                    "(x/255 - mean)/std with mean=[0.485,0.456,0.406] and std=[0.229,0.224,0.225]",
                ],
            ),
            (half_quarter, &["(x/255 - 0.5) / 0.25", "x/63.75 - 2"]),
        ] {
            for text in texts {
                assert_eq!(read(text), Ok(expected), "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_surely_understood_is_refused() {
        for (text, reason) in [
            ("as usual", "no formula"),
            ("", "no formula"),
            ("(x/255 - mean) / std", "mean"),
            ("x/255, then ImageNet", "imagenet"),
            ("x/255, normalized per image", "normalized"),
            ("x/255; subtract the mean", "subtract"),
            ("x/255, x/127.5 - 1", "two formulas"),
            ("BGR x/255", "bgr"),
            ("x/255, channels BGR", "bgr"),
            ("caffe", "caffe"),
            ("1 - x/255", "factor"),
            ("255/x", "divided by x"),
            ("x*x", "x times x"),
            ("x/0", "divided by zero"),
            ("(x/255", "bracket"),
            ("x/255 - 1e999", "number"),
            ("x/[1, 2]", "2 numbers"),
            ("mean=[0.485, 0.456, 0.406]", "deviation"),
            ("mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]", "255"),
            ("x/255 + 3", "mean"),
            ("x/127.5 - 1, mean=0.5, std=0.5", "two"),
            ("tf.cast(x)/255", "tf"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.to_lowercase().contains(reason), "{text}: {error}");
            assert!(error.contains("x/127.5 - 1") || error.contains("colours"), "{text}: {error}");
        }
    }

    /// A letter of two bytes before a word was cut in two.
    #[test]
    fn letters_of_other_alphabets_are_letters() {
        for text in ["\u{e9}mean=0.5", "\u{4e2d}std = 1", "x/255, \u{e9}mean: 0.5"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_as_long_as_a_file_is_refused() {
        let error = read(&"mean=0.5 std=0.5 ".repeat(1000)).expect_err("17,000 bytes").to_string();
        assert!(error.contains("17000 bytes, where at most 4096"), "{error}");
    }

    #[test]
    fn numbers_out_of_their_range_are_refused() {
        for (mean, deviation, range) in [
            (123.7, 58.4, ColourRange::One),
            (0.5, 0.0, ColourRange::One),
            (-0.1, 0.5, ColourRange::One),
            (0.5, f64::NAN, ColourRange::One),
            (f64::NAN, 0.5, ColourRange::One),
            (256.0, 1.0, ColourRange::Codes),
            (0.5, 1e-300, ColourRange::One),
        ] {
            let error = Normalization::new([mean; 3], [deviation; 3], range);
            assert!(error.is_err(), "{mean} {deviation} {range:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(
            mean in prop::array::uniform3(0.0..=255.0_f32),
            deviation in prop::array::uniform3(1e-3..=1e3_f32),
            gray: bool,
        ) {
            let same = |values: [f32; 3]| if gray { [values[0]; 3] } else { values };
            let normalization = Normalization { mean: same(mean), deviation: same(deviation) };
            prop_assert_eq!(read(&normalization.to_string()), Ok(normalization));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[x0-9a-z\u{e9}\u{4e2d}.,;:=\\[\\]()+*/ -]{0,60}") {
            let _ = read(&text);
        }
    }
}
