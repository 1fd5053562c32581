//! The container: named tensors and metadata in a safetensors file.

use super::{FileError, naming::mcunet, quantizers, weights::is_float};
use crate::guarded::guarded;
use safetensors::{
    SafeTensorError, SafeTensors,
    tensor::{Metadata, TensorView},
};
use std::collections::BTreeMap;

/// Bytes of the header's length at the start.
const LENGTH: usize = 8;

/// First parts of names that are the networks' own and no wrapper's. A file without a classifier has nothing else.
const OWN: [&str; 6] = ["features", "layers", "layer", "blocks", "conv_stem", "classifier"];

/// Wrappers inside one another: each is taken off all names, which must not cost more than the file is worth.
const MOST_WRAPPERS: usize = 32;

/// The tensors of a file by name, with the names as the network itself gives them.
pub(super) struct File<'a> {
    pub tensors: BTreeMap<String, TensorView<'a>>,
    /// Quantizers that were trained with the network.
    pub quantizers: BTreeMap<String, TensorView<'a>>,
    pub metadata: BTreeMap<String, String>,
    /// A few names as they stand in the file, for messages.
    pub sample: String,
}

impl<'a> File<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FileError> {
        let tensors = guarded(|| SafeTensors::deserialize(bytes)).map_err(FileError::Header)?;
        let tensors = tensors.map_err(|error| explain(bytes, &error))?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| explain(bytes, &error))?;
        if tensors.is_empty() {
            return Err(FileError::NoTensors);
        }
        let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        let (quantizers, tensors): (BTreeMap<_, _>, BTreeMap<_, _>) =
            tensors.tensors().into_iter().partition(|(name, _)| name.starts_with(quantizers::PREFIX));
        let sample = tensors.keys().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let is_weight = |tensor: &TensorView| is_float(tensor.dtype());
        Ok(Self { tensors: mcunet::plain(unwrap_names(tensors, is_weight)), quantizers, metadata, sample })
    }

    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}

/// Takes off what wrappers and savers put before the names of all weights: `DataParallel`, `torch.compile`, averages of
/// weights, modules and checkpoints with the network as a member, Keras' HDF5 tree. Counters beside the network, such
/// as `n_averaged`, need not have it. Different weights keep different names.
fn unwrap_names<T>(mut tensors: BTreeMap<String, T>, is_weight: impl Fn(&T) -> bool) -> BTreeMap<String, T> {
    for by in ['.', '/'] {
        let split = |name: &str| {
            let (first, rest) = name.split_once(by)?;
            (!OWN.contains(&first) && !rest.is_empty()).then(|| (first.to_owned(), rest.to_owned()))
        };
        for _ in 0..MOST_WRAPPERS {
            let first = tensors.iter().find(|(_, tensor)| is_weight(tensor));
            let Some((shared, _)) = first.and_then(|(name, _)| split(name)) else { break };
            let strip = |name: &str| split(name).filter(|(first, _)| *first == shared).map(|(_, rest)| rest);
            if !rename_all(&mut tensors, &is_weight, strip) {
                break;
            }
        }
    }
    // Keras 2 numbers its variables, and its HDF5 groups repeat the layer: conv1/conv1/kernel:0.
    rename_all(&mut tensors, &is_weight, |name| name.strip_suffix(":0").map(String::from));
    rename_all(&mut tensors, &is_weight, |name| {
        let (layer, rest) = name.split_once('/')?;
        rest.strip_prefix(layer)?.starts_with('/').then(|| rest.into())
    });
    tensors
}

/// Renames all weights, and the counters that can be, unless there is a weight that cannot be renamed.
fn rename_all<T>(
    tensors: &mut BTreeMap<String, T>,
    is_weight: impl Fn(&T) -> bool,
    rename: impl Fn(&str) -> Option<String>,
) -> bool {
    let mut weights = tensors.iter().filter(|(_, tensor)| is_weight(tensor)).peekable();
    if weights.peek().is_none() || !weights.all(|(name, _)| rename(name).is_some()) {
        return false;
    }
    let (weights, counters): (Vec<_>, Vec<_>) =
        std::mem::take(tensors).into_iter().partition(|(_, tensor)| is_weight(tensor));
    for (name, tensor) in weights.into_iter().chain(counters) {
        let renamed = rename(&name).unwrap_or(name);
        tensors.entry(renamed).or_insert(tensor);
    }
    true
}

/// Says why bytes are no safetensors file: another format, cut off, or damaged.
fn explain(bytes: &[u8], error: &SafeTensorError) -> FileError {
    if bytes.is_empty() {
        return FileError::Empty;
    }
    let found = bytes.len() as u64;
    let announced =
        bytes.first_chunk::<LENGTH>().map(|&length| u64::from_le_bytes(length).saturating_add(LENGTH as u64));
    match (announced, bytes.get(LENGTH)) {
        (Some(end), Some(b'{')) if end > found => return FileError::Truncated { expected: end, found },
        (Some(end), Some(b'{')) => {
            let header = usize::try_from(end).ok().and_then(|end| bytes.get(LENGTH..end));
            let header = header.and_then(|json| serde_json::from_slice::<Metadata>(json).ok());
            if let Some(header) = header {
                let expected = end.saturating_add(header.data_len() as u64);
                if expected > found {
                    return FileError::Truncated { expected, found };
                } else if expected < found {
                    return FileError::TooLong { expected, found };
                }
            }
            return FileError::Header(error.to_string());
        }
        _ => {}
    }
    foreign(bytes).unwrap_or_else(|| FileError::Unknown(error.to_string()))
}

const SAVE_PYTORCH: &str = "load it in PyTorch and save it with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')";
const SAVE_KERAS: &str = "load it in Keras and save it with \
     safetensors.numpy.save_file({w.path: w.numpy() for w in model.weights}, 'weights.safetensors')";
const SAVE_ORIGINAL: &str = "save the float network it was made from with safetensors' save_file";

/// Recognizes other formats of weights by their first bytes.
fn foreign(bytes: &[u8]) -> Option<FileError> {
    let holds = |text: &[u8]| bytes[..bytes.len().min(512)].windows(text.len()).any(|w| w == text);
    let (format, advice) = match bytes {
        [0x89, b'H', b'D', b'F', ..] => ("a Keras HDF5 file (.h5)", SAVE_KERAS),
        [b'P', b'K', 3, 4, ..] if holds(b"data.pkl") => {
            ("a PyTorch checkpoint (zipped pickle)", SAVE_PYTORCH)
        }
        [b'P', b'K', 3, 4, ..] if holds(b".npy") => {
            ("a NumPy archive (.npz)", "save the arrays with safetensors.numpy.save_file")
        }
        [b'P', b'K', 3, 4, ..] if holds(b"metadata.json") => ("a Keras archive (.keras)", SAVE_KERAS),
        [b'P', b'K', 3, 4, ..] => ("a zip archive", "unpack it and choose the .safetensors file in it"),
        [0x80, 2..=5, ..] => ("a PyTorch pickle", SAVE_PYTORCH),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => ("a TensorFlow Lite model", SAVE_ORIGINAL),
        [8, 1..=32, 0x12, ..] => ("an ONNX model", SAVE_ORIGINAL),
        [0x1f, 0x8b, ..] => ("gzip-compressed", "unpack it and choose the .safetensors file in it"),
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', ..] if holds(b"git-lfs") => {
            ("a Git LFS pointer and not the weights themselves", "fetch them with git lfs pull")
        }
        [b'<', ..] if holds(b"<html") || holds(b"<!DOCTYPE") => {
            ("a web page", "download the weights themselves")
        }
        _ => return None,
    };
    Some(FileError::Foreign { format, advice })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of weights, and of counters after a bar.
    fn unwrapped(names: &str) -> String {
        let (weights, counters) = names.split_once('|').unwrap_or((names, ""));
        let of = |names: &str, weight: bool| -> Vec<_> {
            names.split_whitespace().map(|name| (name.to_owned(), weight)).collect()
        };
        let tensors = of(weights, true).into_iter().chain(of(counters, false)).collect();
        unwrap_names(tensors, |weight| *weight).into_keys().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_lose_what_all_weights_share() {
        for (names, expected) in [
            ("module.a.weight module.b.weight", "a.weight b.weight"),
            ("model._orig_mod.a.weight model._orig_mod.b.bias", "a.weight b.bias"),
            ("ema.module.a.weight ema.module.b.bias", "a.weight b.bias"),
            ("student.a.weight student.b.bias", "a.weight b.bias"),
            ("module.a.weight b.weight", "b.weight module.a.weight"),
            (
                "module.a.weight module.b.bias | n_averaged module.a.num_batches_tracked",
                "a.num_batches_tracked a.weight b.bias n_averaged",
            ),
            // A counter never takes a weight's name.
            ("module.a.weight module.b.bias | a.weight", "a.weight b.bias"),
            ("features.0.weight features.1.weight", "features.0.weight features.1.weight"),
            (
                "model_weights/conv1/conv1/kernel:0 model_weights/conv1_bn/conv1_bn/beta:0",
                "conv1/kernel conv1_bn/beta",
            ),
            ("conv1/kernel conv1_bn/beta", "conv1/kernel conv1_bn/beta"),
            ("", ""),
            (" | n_averaged", "n_averaged"),
        ] {
            assert_eq!(unwrapped(names), expected, "{names}");
        }
    }

    #[test]
    fn a_name_of_wrappers_alone_loses_some() {
        let name = format!("{}weight", "a.".repeat(200_000));
        assert_eq!(unwrapped(&name).len(), name.len() - 2 * MOST_WRAPPERS);
    }

    #[test]
    fn other_formats_are_recognized() {
        let padded = |start: &[u8]| [start, &[0; 64]].concat();
        for (bytes, part) in [
            (padded(b"\x89HDF\r\n\x1a\n"), "a Keras HDF5 file"),
            (padded(b"PK\x03\x04....net/data.pkl"), "a PyTorch checkpoint"),
            (padded(b"PK\x03\x04....metadata.json"), "a Keras archive"),
            (padded(b"PK\x03\x04....arr_0.npy"), "a NumPy archive"),
            (padded(b"PK\x03\x04....photos/1.jpg"), "a zip archive"),
            (padded(b"\x80\x02\x8a\x0al\xfc\x9cF"), "a PyTorch pickle"),
            (padded(b"\x20\0\0\0TFL3"), "a TensorFlow Lite model"),
            (padded(b"\x08\x08\x12\x0cimagenette"), "an ONNX model"),
            (padded(b"\x1f\x8b\x08"), "gzip-compressed"),
            (padded(b"version https://git-lfs.github.com/spec/v1"), "a Git LFS pointer"),
            (padded(b"<!DOCTYPE html><html>"), "a web page"),
            (padded(b"some words that mean nothing"), "not in the safetensors format"),
            (vec![], "is empty"),
            (vec![1, 2, 3], "not in the safetensors format"),
            (padded(b"\xff\xff\xff\xff\xff\xff\xff\xff{"), "cut off"),
        ] {
            let error = File::parse(&bytes).err().expect("no safetensors").to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
