//! What a file says about itself in words. All of it may be missing, and none of it is trusted over the tensors.

use crate::net::{Normalization, Padding, Spec, Width};
use std::{collections::BTreeMap, fmt};

/// Something the caller should see, although the import went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Neither caller nor file gave a setting.
    Assumed {
        /// Which setting.
        setting: &'static str,
        /// The value that was taken.
        value: String,
    },
    /// An entry of the metadata was not used.
    Ignored {
        /// Its key.
        key: &'static str,
        /// Its value.
        value: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Assumed { setting, value } => {
                write!(
                    f,
                    "{setting}: {value} assumed, as the file does not say; check that it was trained so"
                )
            }
            Note::Ignored { key, value, reason } => {
                write!(f, "metadata {key} = '{value}' is ignored: {reason}")
            }
        }
    }
}

/// Reads entries and keeps notes.
pub(super) struct Metadata<'a> {
    entries: &'a BTreeMap<String, String>,
    pub notes: Vec<Note>,
}

impl<'a> Metadata<'a> {
    pub fn new(entries: &'a BTreeMap<String, String>) -> Self {
        Self { entries, notes: Vec::new() }
    }

    /// Width multiplier; only breaks ties between widths with the same shapes.
    pub fn width(&self) -> Option<Width> {
        let factor: f64 = self.get("width")?.parse().ok()?;
        (0.0..=10.0).contains(&factor).then(|| Width((factor * 100.0).round() as u16))
    }

    /// Side of the image: `resolution`, or the end of a `model` that is a name of ours.
    pub fn side(&mut self) -> Option<u16> {
        let Some(text) = self.get("resolution") else {
            let named = self.get("model")?.parse::<Spec>();
            return named.ok().map(|spec| spec.side);
        };
        match text.parse::<u16>() {
            Ok(side) if Spec::SIDES.contains(&side) && side.is_multiple_of(32) => Some(side),
            _ => self.ignore("resolution", "expected a multiple of 32 from 32 to 320"),
        }
    }

    pub fn padding(&mut self) -> Option<Padding> {
        let text = self.get("padding")?.to_lowercase();
        if text.contains("same") || text.contains("tensorflow") {
            Some(Padding::TensorFlow)
        } else if text.contains("symmetric") || text.contains("torch") {
            Some(Padding::PyTorch)
        } else {
            self.ignore("padding", "expected 'TensorFlow SAME' or 'PyTorch symmetric'")
        }
    }

    pub fn epsilon(&mut self) -> Option<f32> {
        match self.get("bn_eps")?.parse::<f32>() {
            Ok(epsilon) if epsilon > 0.0 && epsilon < 1.0 => Some(epsilon),
            _ => self.ignore("bn_eps", "expected a number between 0 and 1"),
        }
    }

    pub fn normalization(&mut self) -> Option<Normalization> {
        let text: String = self.get("preprocessing")?.split_whitespace().collect();
        let text = text.to_lowercase();
        if text.contains("/127.5-1") {
            Some(Normalization::SIGNED)
        } else if text.contains("imagenet") || text.contains("0.485") {
            Some(Normalization::IMAGENET)
        } else if text.contains("/255") && !text.contains("/255-") && !text.contains("mean") {
            Some(Normalization::UNIT)
        } else {
            self.ignore("preprocessing", "expected 'x/127.5 - 1', 'x/255' or 'ImageNet mean and deviation'")
        }
    }

    /// Names of the classes: a JSON array, lines, or words between commas.
    pub fn labels(&mut self, classes: usize) -> Option<Vec<String>> {
        let key = if self.get("labels").is_some() { "labels" } else { "classes" };
        let text = self.get(key)?;
        if let Ok(count) = text.parse::<usize>() {
            return if count == classes { None } else { self.ignore(key, "the classifier has another size") };
        }
        let split = |by: char| text.split(by).map(|label| label.trim().to_owned()).collect();
        let labels: Vec<String> = match serde_json::from_str(text) {
            Ok(labels) => labels,
            Err(_) if text.trim_end().contains('\n') => {
                text.trim_end().lines().map(|line| line.trim().to_owned()).collect()
            }
            Err(_) => split(','),
        };
        if labels.len() == classes {
            return Some(labels);
        }
        self.ignore(key, format!("expected {classes} labels, found {}", labels.len()))
    }

    /// Notes entries that contradict the network which the tensors make up.
    pub fn compare(&mut self, spec: &Spec) {
        let plain = |text: &str| text.to_lowercase().replace(['-', '_', '.'], "");
        let is = |model: &str| plain(model).contains(&plain(spec.family.prefix()));
        if self.get("model").is_some_and(|model| !is(model)) {
            self.ignore::<()>("model", format!("the tensors are those of {}", spec.family.title()));
        }
        if self.get("width").is_some() && self.width() != Some(spec.width) {
            self.ignore::<()>("width", format!("the tensors have width {}", spec.width));
        }
    }

    /// Takes a value that nobody gave.
    pub fn assume<T: fmt::Debug>(&mut self, setting: &'static str, value: T) -> T {
        self.notes.push(Note::Assumed { setting, value: format!("{value:?}") });
        value
    }

    /// Takes a normalization that nobody gave.
    pub fn assume_normalization(&mut self, value: Normalization) -> Normalization {
        let formula =
            if value == Normalization::SIGNED { "x / 127.5 - 1" } else { "ImageNet's mean and deviation" };
        self.notes.push(Note::Assumed { setting: "normalization of the image", value: formula.into() });
        value
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.entries.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn ignore<T>(&mut self, key: &'static str, reason: impl Into<String>) -> Option<T> {
        let value = self.get(key).unwrap_or_default().to_owned();
        self.notes.push(Note::Ignored { key, value, reason: reason.into() });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(k, v)| (k.into(), v.into())).collect()
    }

    #[test]
    fn words_become_settings() {
        for (text, normalization) in [
            ("RGB uint8 x -> x/127.5 - 1, float32", Some(Normalization::SIGNED)),
            ("x / 255", Some(Normalization::UNIT)),
            ("(x/255 - mean) / std, ImageNet", Some(Normalization::IMAGENET)),
            ("(x/255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]", Some(Normalization::IMAGENET)),
            ("(x/255 - 0.5) / 0.25", None),
            ("as usual", None),
        ] {
            let entries = entries(&[("preprocessing", text)]);
            let mut metadata = Metadata::new(&entries);
            assert_eq!(metadata.normalization(), normalization, "{text}");
            assert_eq!(metadata.notes.is_empty(), normalization.is_some(), "{text}");
        }
        for (text, padding) in [
            ("TF SAME (stride 2: pads top 0, left 0, bottom 1, right 1)", Some(Padding::TensorFlow)),
            ("torch symmetric (k//2 on all sides, also at stride 2)", Some(Padding::PyTorch)),
            ("some", None),
        ] {
            assert_eq!(Metadata::new(&entries(&[("padding", text)])).padding(), padding, "{text}");
        }
        for (text, epsilon) in [("1e-05", Some(1e-5)), ("0.001", Some(1e-3)), ("0", None), ("nan", None)] {
            assert_eq!(Metadata::new(&entries(&[("bn_eps", text)])).epsilon(), epsilon, "{text}");
        }
        for (text, side) in [("128", Some(128)), ("100", None), ("-1", None), ("99999", None)] {
            assert_eq!(Metadata::new(&entries(&[("resolution", text)])).side(), side, "{text}");
        }
    }

    #[test]
    fn labels_must_be_as_many_as_the_classes() {
        for (key, text, found) in [
            ("classes", "cat, dog", Some(["cat", "dog"])),
            ("labels", "tench, Tinca tinca\ngoldfish\n", Some(["tench, Tinca tinca", "goldfish"])),
            ("labels", r#"["a, b", "c"]"#, Some(["a, b", "c"])),
            ("classes", "2", None),
            ("classes", "3", None),
            ("classes", "a,b,c", None),
        ] {
            let entries = entries(&[(key, text)]);
            let mut metadata = Metadata::new(&entries);
            assert_eq!(metadata.labels(2), found.map(|l| l.map(String::from).to_vec()), "{text}");
            assert_eq!(metadata.notes.is_empty(), found.is_some() || text == "2", "{text}");
        }
    }
}
