//! What a file says about itself in words. All of it may be missing, and none of it is trusted over the tensors.

use super::{ImportError, SettingKind};
use crate::net::{Activation, ColourRange, Graph, MAP_SIDES, Normalization, Padding, Spec, Width};
use std::{collections::BTreeMap, fmt};

/// An entry of the file that was not used, although the import went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where it stands: `metadata`, or `checkpoint` for one of PyTorch.
    pub place: &'static str,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, value, reason } = self;
        write!(f, "{place} {key} = '{value}' is not used: {reason}")
    }
}

/// Keys under which mean and deviation of the colours stand, as numbers.
const MEANS: [&str; 3] = ["mean", "image_mean", "input_mean"];
const DEVIATIONS: [&str; 4] = ["std", "image_std", "input_std", "deviation"];
/// Keys of the epsilon of batch normalization.
const EPSILONS: [&str; 3] = ["bn_eps", "epsilon", "layer_norm_eps"];

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

    /// Side of the image of a network with a graph: `resolution`, or the end of a `model` that is a name of ours.
    pub fn side(&self) -> Result<Option<u16>, ImportError> {
        let (least, most) = (MAP_SIDES.start(), MAP_SIDES.end());
        self.side_that(|side| MAP_SIDES.contains(&side.into()), &format!("a number from {least} to {most}"))
    }

    /// Side of the image of a network of the zoo, from the same entries.
    pub fn zoo_side(&self) -> Result<Option<u16>, ImportError> {
        self.side_that(Spec::has_side, "a multiple of 32 from 32 to 320")
    }

    fn side_that(&self, is_known: fn(u16) -> bool, expected: &str) -> Result<Option<u16>, ImportError> {
        let Some(text) = self.get("resolution") else {
            let named = self.get("model").and_then(|model| model.parse::<Spec>().ok());
            return Ok(named.map(|spec| spec.side));
        };
        // 128x128 is 128.
        let text = match text.split_once('x') {
            Some((rows, columns)) if rows.trim() == columns.trim() => rows.trim(),
            _ => text,
        };
        match text.parse::<u16>() {
            Ok(side) if is_known(side) => Ok(Some(side)),
            _ => self.refuse("resolution", expected, SettingKind::Side),
        }
    }

    /// Notes a `resolution` that is not the size which the graph fixes.
    pub fn compare_side(&mut self, fixed: usize) {
        let is_other =
            |side: Result<Option<u16>, _>| side.map(|side| side.map(usize::from)) != Ok(Some(fixed));
        if self.get("resolution").is_some() && is_other(self.side()) {
            self.ignore::<()>("resolution", format!("the file's graph is for {fixed}x{fixed} pixels"));
        }
    }

    pub fn padding(&self) -> Result<Option<Padding>, ImportError> {
        let Some(text) = self.get("padding") else { return Ok(None) };
        let text = text.to_lowercase();
        let holds = |words: [&str; 2]| words.iter().any(|word| text.contains(word));
        match (holds(["same", "tensorflow"]), holds(["symmetric", "torch"])) {
            (true, false) => Ok(Some(Padding::TensorFlow)),
            (false, true) => Ok(Some(Padding::PyTorch)),
            _ => self.refuse("padding", "'TensorFlow SAME' or 'PyTorch symmetric'", SettingKind::Padding),
        }
    }

    pub fn epsilon(&self) -> Result<Option<f32>, ImportError> {
        let Some(key) = self.key_of(&EPSILONS) else { return Ok(None) };
        match self.get(key).map(str::parse::<f32>) {
            Some(Ok(epsilon)) if epsilon > 0.0 && epsilon < 1.0 => Ok(Some(epsilon)),
            _ => self.refuse(key, "a number between 0 and 1", SettingKind::Epsilon),
        }
    }

    /// `preprocessing`, or `mean` and `std`; both may be there if they say the same.
    pub fn normalization(&self) -> Result<Option<Normalization>, ImportError> {
        let numbers = self.mean_deviation()?;
        let Some(text) = self.get("preprocessing") else { return Ok(numbers) };
        let stated = match text.parse::<Normalization>() {
            Ok(stated) => stated,
            // The words mean and std, with their numbers in entries of their own.
            Err(_) if numbers.is_some() && text.to_lowercase().contains("mean") => return Ok(numbers),
            Err(error) => {
                return Err(self.setting("preprocessing", error.to_string(), SettingKind::Normalization));
            }
        };
        match numbers {
            Some(numbers) if numbers != stated => {
                let expected = format!("what mean and std say: {numbers}");
                self.refuse("preprocessing", &expected, SettingKind::Normalization)
            }
            _ => Ok(Some(stated)),
        }
    }

    /// Mean and deviation as numbers of colours from 0 to 1, or to 255 if `pixel_range` says so.
    fn mean_deviation(&self) -> Result<Option<Normalization>, ImportError> {
        let kind = SettingKind::Normalization;
        let (mean, deviation) = match (self.key_of(&MEANS), self.key_of(&DEVIATIONS)) {
            (None, None) => return Ok(None),
            (Some(mean), Some(deviation)) => (mean, deviation),
            (Some(key), None) => return self.refuse(key, "a std beside it", kind),
            (None, Some(key)) => return self.refuse(key, "a mean beside it", kind),
        };
        let range = match self.get("pixel_range") {
            None | Some("1" | "1.0") => ColourRange::One,
            Some("255" | "255.0") => ColourRange::Codes,
            Some(_) => return self.refuse("pixel_range", "1 or 255", kind),
        };
        let numbers = |key| match channels(self.get(key).unwrap_or_default()) {
            Some(numbers) => Ok(numbers),
            None => {
                self.refuse(key, "a number, or one for each of 3 channels, e.g. 0.485, 0.456, 0.406", kind)
            }
        };
        Normalization::new(numbers(mean)?, numbers(deviation)?, range).map(Some).map_err(|error| {
            let unit = "; pixel_range = 255 says that numbers are of colours from 0 to 255";
            self.setting(mean, format!("{error}{unit}"), kind)
        })
    }

    /// Refuses an activation that the network does not have.
    pub fn check_activation(&self, graph: &Graph) -> Result<(), ImportError> {
        let Some(text) = self.get("activation") else { return Ok(()) };
        let ours = match graph.layers.first().map(|layer| layer.activation) {
            Some(Activation::Relu6) => "relu6",
            _ => "relu",
        };
        if text.to_lowercase().replace(['-', '_', ' '], "") == ours {
            return Ok(());
        }
        self.refuse("activation", &format!("{ours}, which is this network's"), SettingKind::Activation)
    }

    /// How images become squares.
    pub fn resize(&self) -> Option<String> {
        self.get("resize").map(str::to_owned)
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

    fn get(&self, key: &str) -> Option<&'a str> {
        self.entries.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn key_of(&self, keys: &[&'static str]) -> Option<&'static str> {
        keys.iter().copied().find(|key| self.get(key).is_some())
    }

    fn refuse<T>(&self, key: &'static str, expected: &str, setting: SettingKind) -> Result<T, ImportError> {
        Err(self.setting(key, format!("expected {expected}"), setting))
    }

    fn setting(&self, key: &'static str, reason: String, setting: SettingKind) -> ImportError {
        let value = self.get(key).unwrap_or_default().to_owned();
        ImportError::Setting { key, value, reason, setting }
    }

    fn ignore<T>(&mut self, key: &'static str, reason: impl Into<String>) -> Option<T> {
        let value = self.get(key).unwrap_or_default().to_owned();
        self.notes.push(Note { place: "metadata", key: key.into(), value, reason: reason.into() });
        None
    }
}

/// One number for all channels, or one for each: a JSON array, or with commas or spaces between them.
pub fn channels(text: &str) -> Option<[f64; 3]> {
    let text = text.trim().trim_start_matches(['[', '(']).trim_end_matches([']', ')']);
    let numbers = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
    let numbers: Vec<f64> = numbers.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match numbers[..] {
        [one] => Some([one; 3]),
        [red, green, blue] => Some([red, green, blue]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(k, v)| (k.into(), v.into())).collect()
    }

    #[test]
    fn entries_become_settings_or_are_refused() {
        for (text, normalization) in [
            ("RGB uint8 x -> x/127.5 - 1, float32", Some(Normalization::SIGNED)),
            ("x / 255", Some(Normalization::UNIT)),
            ("(x/255 - 0.5)/0.5", Some(Normalization::SIGNED)),
            ("(x/255 - mean) / std, ImageNet", Some(Normalization::IMAGENET)),
            ("as usual", None),
        ] {
            let entries = entries(&[("preprocessing", text)]);
            let found = Metadata::new(&entries).normalization();
            match normalization {
                Some(_) => assert_eq!(found, Ok(normalization), "{text}"),
                None => assert!(found.expect_err(text).to_string().contains(text)),
            }
        }
        for (text, padding) in [
            ("TF SAME (stride 2: pads top 0, left 0, bottom 1, right 1)", Some(Padding::TensorFlow)),
            ("torch symmetric (k//2 on all sides, also at stride 2)", Some(Padding::PyTorch)),
            ("some", None),
            ("valid", None),
            ("same as in torch", None),
        ] {
            let entries = entries(&[("padding", text)]);
            assert_eq!(Metadata::new(&entries).padding().ok().flatten(), padding, "{text}");
            assert_eq!(Metadata::new(&entries).padding().is_err(), padding.is_none(), "{text}");
        }
        for (text, epsilon) in [("1e-05", Some(1e-5)), ("0.001", Some(1e-3)), ("0", None), ("nan", None)] {
            for key in EPSILONS {
                let entries = entries(&[(key, text)]);
                assert_eq!(Metadata::new(&entries).epsilon().ok().flatten(), epsilon, "{text}");
                assert_eq!(Metadata::new(&entries).epsilon().is_err(), epsilon.is_none(), "{text}");
            }
        }
        // In a network with a graph, and in one of the zoo.
        for (text, side, zoo) in [
            ("128", Some(128), Some(128)),
            ("128x128", Some(128), Some(128)),
            ("176", Some(176), None),
            ("1", Some(1), None),
            ("1024", Some(1024), None),
            ("1025", None, None),
            ("0", None, None),
            ("-1", None, None),
            ("65537", None, None),
            ("160x128", None, None),
        ] {
            let entries = entries(&[("resolution", text)]);
            let metadata = Metadata::new(&entries);
            for (found, expected) in [(metadata.side(), side), (metadata.zoo_side(), zoo)] {
                assert_eq!(found.clone().ok().flatten(), expected, "{text}");
                assert_eq!(found.is_err(), expected.is_none(), "{text}");
            }
        }
    }

    #[test]
    fn mean_and_deviation_are_read_as_numbers() {
        let imagenet = ("0.485, 0.456, 0.406", "[0.229, 0.224, 0.225]");
        for (pairs, expected) in [
            (&[("mean", imagenet.0), ("std", imagenet.1)][..], Some(Normalization::IMAGENET)),
            (&[("image_mean", imagenet.0), ("image_std", imagenet.1)], Some(Normalization::IMAGENET)),
            (&[("mean", "0.5"), ("std", "0.5 0.5 0.5")], Some(Normalization::SIGNED)),
            (
                &[("mean", "127.5"), ("deviation", "127.5"), ("pixel_range", "255")],
                Some(Normalization::SIGNED),
            ),
            (
                &[("mean", imagenet.0), ("std", imagenet.1), ("preprocessing", "(x/255 - mean)/std")],
                Some(Normalization::IMAGENET),
            ),
            (
                &[("mean", "0.5"), ("std", "0.5"), ("preprocessing", "x/127.5 - 1")],
                Some(Normalization::SIGNED),
            ),
            (&[("mean", "0.5"), ("std", "0.5"), ("preprocessing", "x/255")], None),
            (&[("mean", "0.5"), ("std", "0.5"), ("preprocessing", "as usual")], None),
            (&[("mean", "123.675"), ("std", "58.395")], None),
            (&[("mean", "0.5")], None),
            (&[("std", "0.5")], None),
            (&[("mean", "0.5, 0.5"), ("std", "0.5")], None),
            (&[("mean", "grey"), ("std", "0.5")], None),
            (&[("mean", "0.5"), ("std", "0.5"), ("pixel_range", "2")], None),
        ] {
            let entries = entries(pairs);
            let found = Metadata::new(&entries).normalization();
            match expected {
                Some(_) => assert_eq!(found, Ok(expected), "{pairs:?}"),
                None => assert!(matches!(found, Err(ImportError::Setting { .. })), "{pairs:?}: {found:?}"),
            }
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
