//! How a file with a network was read: what was recognized in it, what was assumed, what was not used.

use super::network_in_words;
use crate::flow::{Format, NetworkSummary, Remark};

/// How a file was read, in clauses; the page makes sentences of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What the file itself says, or the user.
    pub recognized: Vec<String>,
    /// What nobody says.
    pub assumed: Vec<String>,
    /// Metadata that were not used.
    pub unused: Vec<String>,
}

impl Reading {
    /// How the loaded network was read.
    pub fn of(loaded: &NetworkSummary) -> Self {
        let mut reading = Self { unused: loaded.notes.clone(), ..Self::default() };
        for remark in &loaded.remarks {
            match remark {
                Remark::Recognised(text) => reading.recognized.push(text.clone()),
                Remark::Assumed(text) => reading.assumed.push(text.clone()),
            }
        }
        for setting in &loaded.settings {
            let list = if setting.is_assumed() { &mut reading.assumed } else { &mut reading.recognized };
            list.push(setting.to_string());
        }
        reading
    }

    /// How it was read, in few words: `How it was read · 4 recognized · 1 assumed`.
    pub fn title(&self) -> String {
        let parts =
            [(&self.recognized, "recognized"), (&self.assumed, "assumed"), (&self.unused, "not used")];
        let parts = parts.iter().filter(|(list, _)| !list.is_empty());
        let parts: String = parts.map(|(list, what)| format!(" · {} {what}", list.len())).collect();
        format!("How it was read{parts}")
    }
}

/// What the file is and what network it holds: `a file of ONNX, read as MobileNetV1 0.25 at 128x128`; what the network is
/// if it came from no file of the user's.
pub fn recognized_as(loaded: &NetworkSummary) -> String {
    let network = network_in_words(&loaded.network);
    if loaded.source == loaded.network.name() {
        return format!("a demo that comes with the page: {network}");
    }
    match (loaded.format, loaded.naming) {
        (Some(Format::Tensors | Format::Hdf5), Some(naming)) => {
            format!("a file of weights named as in {naming}, read as {network}")
        }
        (Some(Format::Tensors), None) => format!("a file that Bitsmith saved, read as {network}"),
        (Some(format), _) => format!("a file of {format}, read as {network}"),
        (None, _) => network,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::summary;
    use super::*;
    use crate::flow::{Naming, Setting, SettingKind, SettingOrigin};
    use crate::net::Spec;

    fn loaded(source: &str, format: Option<Format>, naming: Option<Naming>) -> NetworkSummary {
        let network = "mobilenet-v1-0.25-128".parse::<Spec>().expect("a name").into();
        NetworkSummary { format, naming, ..summary(network, source) }
    }

    #[test]
    fn a_file_is_told_by_its_format_and_its_network() {
        let file = |format, naming| recognized_as(&loaded("own", Some(format), naming));
        for (found, expected) in [
            (file(Format::Onnx, None), "a file of ONNX, read as MobileNetV1 0.25 at 128x128"),
            (file(Format::Hdf5, None), "a file of Keras in HDF5, read as MobileNetV1 0.25 at 128x128"),
            (
                file(Format::Hdf5, Some(Naming::Keras)),
                "a file of weights named as in Keras, read as MobileNetV1 0.25 at 128x128",
            ),
            (
                file(Format::Tensors, Some(Naming::Timm)),
                "a file of weights named as in timm, read as MobileNetV1 0.25 at 128x128",
            ),
            (file(Format::Tensors, None), "a file that Bitsmith saved, read as MobileNetV1 0.25 at 128x128"),
            (
                recognized_as(&loaded("mobilenet-v1-0.25-128", Some(Format::Tensors), Some(Naming::Timm))),
                "a demo that comes with the page: MobileNetV1 0.25 at 128x128",
            ),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_the_file_says_and_what_nobody_says_are_apart() {
        let setting = |kind, value: &str, origin| Setting { kind, value: value.into(), origin };
        let summary = NetworkSummary {
            settings: vec![
                setting(SettingKind::Side, "128x128", SettingOrigin::Stated),
                setting(
                    SettingKind::Normalization,
                    "x/255",
                    SettingOrigin::Assumed("the file does not say".into()),
                ),
                setting(SettingKind::Epsilon, "0.001", SettingOrigin::Given),
            ],
            remarks: vec![
                Remark::Recognised("a softmax at the end, which changes no answer".into()),
                Remark::Assumed("the file's image has colours from 0 to 1".into()),
            ],
            notes: vec!["metadata author = 'me' is not used: it says nothing of the network".into()],
            ..loaded("own.onnx", Some(Format::Onnx), None)
        };
        let reading = Reading::of(&summary);
        let [side, normalization, epsilon] =
            [0, 1, 2].map(|place: usize| summary.settings[place].to_string());
        let remarks =
            ["a softmax at the end, which changes no answer", "the file's image has colours from 0 to 1"];
        assert_eq!(reading.recognized, [remarks[0], &side, &epsilon]);
        assert_eq!(reading.assumed, [remarks[1], &normalization]);
        assert_eq!(reading.unused.len(), 1);
        assert_eq!(reading.title(), "How it was read · 3 recognized · 2 assumed · 1 not used");
        assert_eq!(Reading::default().title(), "How it was read");
    }
}
