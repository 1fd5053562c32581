//! The name of a network: family, width multiplier, image side, and what its weights were trained with.

use super::{Graph, Shape, Window, code, shape::Pads, zoo};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Architecture families of the zoo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// MobileNetV1 (arXiv 1704.04861): depthwise separable convolutions.
    MobileNetV1,
    /// MobileNetV2 (arXiv 1801.04381): inverted residuals with linear bottlenecks.
    MobileNetV2,
    /// MNasNet-B1 (arXiv 1807.11626): as V2, with 5x5 kernels and without squeeze-and-excite.
    MNasNet,
}

impl Family {
    /// All families.
    pub const ALL: [Family; 3] = [Family::MobileNetV1, Family::MobileNetV2, Family::MNasNet];

    /// The name as people write it.
    pub const fn title(self) -> &'static str {
        match self {
            Family::MobileNetV1 => "MobileNetV1",
            Family::MobileNetV2 => "MobileNetV2",
            Family::MNasNet => "MNasNet",
        }
    }

    /// The beginning of a network's name.
    pub const fn prefix(self) -> &'static str {
        match self {
            Family::MobileNetV1 => "mobilenet-v1",
            Family::MobileNetV2 => "mobilenet-v2",
            Family::MNasNet => "mnasnet",
        }
    }

    /// Width multipliers in hundredths for which weights are published.
    pub const fn named_widths(self) -> &'static [u16] {
        match self {
            Family::MobileNetV1 => &[25, 50, 75, 100],
            Family::MobileNetV2 => &[35, 50, 75, 100, 130, 140],
            Family::MNasNet => &[35, 50, 75, 100, 130],
        }
    }

    /// The padding with which the family's best known weights were trained.
    pub const fn usual_padding(self) -> Padding {
        match self {
            Family::MobileNetV1 | Family::MobileNetV2 => Padding::TensorFlow,
            Family::MNasNet => Padding::PyTorch,
        }
    }
}

/// Width multiplier in hundredths: 0.25 is `Width(25)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Width(pub u16);

impl Width {
    /// The multiplier itself.
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        if rest.is_multiple_of(10) {
            write!(f, "{whole}.{}", rest / 10)
        } else {
            write!(f, "{whole}.{rest:02}")
        }
    }
}

/// Where the zeros go around a map at stride 2. Weights work only with the padding they were trained with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Padding {
    /// SAME: an odd pad goes to the bottom and the right.
    TensorFlow,
    /// kernel / 2 on every side.
    PyTorch,
}

impl Padding {
    /// Its name, as the metadata of a weights file have it.
    pub const fn title(self) -> &'static str {
        match self {
            Padding::TensorFlow => "TensorFlow SAME",
            Padding::PyTorch => "PyTorch symmetric",
        }
    }

    /// The one that it is not.
    #[must_use]
    pub const fn other(self) -> Padding {
        match self {
            Padding::TensorFlow => Padding::PyTorch,
            Padding::PyTorch => Padding::TensorFlow,
        }
    }

    /// The window of a layer on a square map of `side` pixels.
    pub const fn window(self, side: usize, kernel: usize, stride: usize) -> Window {
        let pads = match self {
            Padding::TensorFlow => Pads::same(side, kernel, stride),
            Padding::PyTorch => Pads::symmetric(kernel / 2),
        };
        Window { kernel, stride, pads }
    }
}

/// Numbers of classes that are supported.
pub(super) const CLASSES: std::ops::RangeInclusive<usize> = 2..=10_000;

/// A network of the zoo. Its text form is `family-width-side`, e.g. `mobilenet-v2-0.35-128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spec {
    /// Architecture.
    pub family: Family,
    /// Width multiplier.
    pub width: Width,
    /// Side of the square input image in pixels, a multiple of 32.
    pub side: u16,
    /// Number of classes.
    pub classes: u16,
    /// Padding convention.
    pub padding: Padding,
}

/// Why a text names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No family begins like this.
    #[error(
        "'{0}' names no network: expected mobilenet-v1, mobilenet-v2 or mnasnet, then width and side, \
         e.g. mobilenet-v1-0.25-128"
    )]
    Family(String),
    /// The width is not a number in range.
    #[error(
        "width multiplier '{found}' in '{name}': expected a number from {min} to {max} with at most two decimals"
    )]
    Width {
        /// Whole text.
        name: String,
        /// The part that should be a width.
        found: String,
        /// Smallest width.
        min: Width,
        /// Largest width.
        max: Width,
    },
    /// The side is not a multiple of 32 in range.
    #[error("image side '{found}' in '{name}': expected a multiple of 32 from 32 to 320")]
    Side {
        /// Whole text.
        name: String,
        /// The part that should be a side.
        found: String,
    },
    /// The class count is out of range.
    #[error("{0} classes: expected 2 to 10,000")]
    Classes(u64),
}

impl Spec {
    /// Image sides that are supported: 32 to 320 in steps of 32.
    pub const SIDES: std::ops::RangeInclusive<u16> = 32..=320;

    /// Whether networks of the zoo have images of this side.
    pub fn has_side(side: u16) -> bool {
        Self::SIDES.contains(&side) && side.is_multiple_of(32)
    }

    /// A network with 1000 classes and its family's usual padding.
    ///
    /// # Errors
    /// If width or side are out of range; see [`SpecError`].
    pub fn new(family: Family, width: Width, side: u16) -> Result<Self, SpecError> {
        let spec = Self { family, width, side, classes: 1000, padding: family.usual_padding() };
        let (min, max) = (Width(10), Width(200));
        if !(min..=max).contains(&width) {
            return Err(SpecError::Width { name: spec.to_string(), found: width.to_string(), min, max });
        }
        if !Self::has_side(side) {
            return Err(SpecError::Side { name: spec.to_string(), found: side.to_string() });
        }
        Ok(spec)
    }

    /// The same network with another number of classes.
    ///
    /// # Errors
    /// [`SpecError::Classes`] unless there are 2 to 10,000.
    pub fn with_classes(self, classes: u64) -> Result<Self, SpecError> {
        match u16::try_from(classes) {
            Ok(number) if CLASSES.contains(&usize::from(number)) => Ok(Self { classes: number, ..self }),
            _ => Err(SpecError::Classes(classes)),
        }
    }

    /// The same, if all of it is in range.
    ///
    /// # Errors
    /// As [`Spec::new`] and [`Spec::with_classes`].
    pub fn checked(self) -> Result<Self, SpecError> {
        let spec = Self::new(self.family, self.width, self.side)?;
        Ok(spec.with_classes(self.classes.into())?.with_padding(self.padding))
    }

    /// The same network with another padding convention.
    pub fn with_padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// The network of the zoo that computes what a graph does, if there is one.
    pub fn of(graph: &Graph) -> Option<Self> {
        let Shape { height, width, channels: 3 } = graph.image().shape else { return None };
        let side = u16::try_from(height).ok().filter(|_| height == width)?;
        let first = graph.layers.first().map(|layer| graph.output_shape(layer).channels)?;
        let layers = graph.layers.len();
        let wanted = code::write(graph);
        for family in Family::ALL {
            // Of multipliers that give the same channels a published one.
            for width in family.named_widths().iter().copied().chain(10..=200) {
                let Ok(spec) = Self::new(family, Width(width), side) else { continue };
                let Ok(spec) = spec.with_classes(graph.classes() as u64) else { continue };
                let built = spec.build();
                let stem = built.output_shape(&built.layers[0]).channels;
                if (stem, built.layers.len()) != (first, layers) {
                    continue;
                }
                for padding in [Padding::TensorFlow, Padding::PyTorch] {
                    let spec = spec.with_padding(padding);
                    if code::write(&spec.build()) == wanted {
                        return Some(spec);
                    }
                }
            }
        }
        None
    }

    /// Builds the graph for RGB images.
    pub fn build(&self) -> Graph {
        let side = usize::from(self.side);
        let graph = Graph::new(Shape::new(side, side, 3));
        match self.family {
            Family::MobileNetV1 => zoo::mobilenet_v1(graph, self),
            Family::MobileNetV2 => zoo::mobilenet_v2(graph, self),
            Family::MNasNet => zoo::mnasnet(graph, self),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.family.prefix(), self.width, self.side)
    }
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(name: &str) -> Result<Self, SpecError> {
        let unknown = || SpecError::Family(name.into());
        let (family, rest) = Family::ALL
            .iter()
            .find_map(|f| Some((*f, name.strip_prefix(f.prefix())?.strip_prefix('-')?)))
            .ok_or_else(unknown)?;
        let (width, side) = rest.split_once('-').ok_or_else(unknown)?;
        let hundredths = parse_hundredths(width).ok_or_else(|| SpecError::Width {
            name: name.into(),
            found: width.into(),
            min: Width(10),
            max: Width(200),
        })?;
        let side = side.parse().map_err(|_| SpecError::Side { name: name.into(), found: side.into() })?;
        Self::new(family, Width(hundredths), side)
    }
}

/// Reads a decimal number with at most two decimals as hundredths.
fn parse_hundredths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || decimals.len() > 2 || !digits(whole) || !digits(decimals) {
        return None;
    }
    let whole: u16 = whole.parse().ok()?;
    let decimals: u16 = format!("{decimals:0<2}").parse().ok()?;
    whole.checked_mul(100)?.checked_add(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for family in Family::ALL {
            for &width in family.named_widths() {
                for side in (32..=320).step_by(32) {
                    let spec = Spec::new(family, Width(width), side).expect("in range");
                    assert_eq!(spec.to_string().parse(), Ok(spec));
                }
            }
        }
    }

    #[test]
    fn one_spelling_for_each_width() {
        for (text, width) in [("1.0", 100), ("1", 100), ("0.35", 35), ("0.5", 50), ("0.50", 50), ("1.4", 140)]
        {
            let spec: Spec = format!("mobilenet-v2-{text}-128").parse().expect(text);
            assert_eq!(spec.width, Width(width), "{text}");
        }
    }

    #[test]
    fn bad_names_say_what_was_expected() {
        for (name, part) in [
            ("resnet-50", "names no network"),
            ("mobilenet-v1", "names no network"),
            ("mobilenet-v1-0.25", "names no network"),
            ("mobilenet-v1-x-128", "width multiplier 'x'"),
            ("mobilenet-v1-0.255-128", "width multiplier '0.255'"),
            ("mobilenet-v1-99999-128", "width multiplier"),
            ("mobilenet-v1--128", "width multiplier ''"),
            ("mobilenet-v1-0.01-128", "width multiplier '0.01'"),
            ("mobilenet-v1-0.25-100", "image side '100'"),
            ("mobilenet-v1-0.25-352", "image side '352'"),
            ("mobilenet-v1-0.25-1x", "image side '1x'"),
        ] {
            let error = name.parse::<Spec>().expect_err(name).to_string();
            assert!(error.contains(part), "{name}: {error}");
        }
    }
}
