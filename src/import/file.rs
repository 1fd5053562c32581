//! The container: named tensors and metadata in a safetensors file.

use super::{FileError, quantizers};
use crate::guarded::guarded;
use safetensors::{
    SafeTensorError, SafeTensors,
    tensor::{Metadata, TensorView},
};
use std::collections::BTreeMap;

/// Bytes of the header's length at the start.
const LENGTH: usize = 8;

/// Wrappers around a whole network that put their name before every tensor's: `DataParallel`, `torch.compile`, modules
/// and checkpoints with the network as a member, Keras' HDF5 tree.
const WRAPPERS: [&str; 5] = ["module.", "_orig_mod.", "model.", "state_dict.", "model_weights/"];

/// The tensors of a file by name, with the names as the network itself gives them.
pub(super) struct File<'a> {
    pub tensors: BTreeMap<String, TensorView<'a>>,
    /// Quantizers that were trained with the network.
    pub quantizers: BTreeMap<String, TensorView<'a>>,
    pub metadata: BTreeMap<String, String>,
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
        Ok(Self { tensors: unwrap_names(tensors), quantizers, metadata })
    }

    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}

/// Takes off what wrappers and savers add to all names alike. Each step keeps different names different.
fn unwrap_names<T>(mut tensors: BTreeMap<String, T>) -> BTreeMap<String, T> {
    let mut apply = |strip: &dyn Fn(&str) -> Option<String>| {
        let names: Option<Vec<_>> = tensors.keys().map(|name| strip(name)).collect();
        let Some(names) = names.filter(|n| !n.is_empty()) else { return false };
        tensors = names.into_iter().zip(std::mem::take(&mut tensors).into_values()).collect();
        true
    };
    while WRAPPERS.iter().any(|wrapper| apply(&|name| name.strip_prefix(wrapper).map(String::from))) {}
    // Keras 2 numbers its variables, and its HDF5 groups repeat the layer: conv1/conv1/kernel:0.
    apply(&|name| name.strip_suffix(":0").map(String::from));
    apply(&|name| {
        let (layer, rest) = name.split_once('/')?;
        rest.strip_prefix(layer)?.starts_with('/').then(|| rest.into())
    });
    tensors
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

    #[test]
    fn names_lose_what_all_of_them_share() {
        let unwrapped = |names: &[&str]| -> Vec<String> {
            unwrap_names(names.iter().map(|n| (n.to_string(), ())).collect()).into_keys().collect()
        };
        assert_eq!(unwrapped(&["module.a.weight", "module.b.weight"]), ["a.weight", "b.weight"]);
        assert_eq!(unwrapped(&["model._orig_mod.a.weight"]), ["a.weight"]);
        assert_eq!(unwrapped(&["module.a.weight", "b.weight"]), ["b.weight", "module.a.weight"]);
        let h5 = ["model_weights/conv1/conv1/kernel:0", "model_weights/conv1_bn/conv1_bn/beta:0"];
        assert_eq!(unwrapped(&h5), ["conv1/kernel", "conv1_bn/beta"]);
        assert_eq!(unwrapped(&["conv1/kernel", "conv1_bn/beta"]), ["conv1/kernel", "conv1_bn/beta"]);
        assert!(unwrapped(&[]).is_empty());
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
