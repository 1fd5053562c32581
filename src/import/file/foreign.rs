//! Formats that are not read, by their first bytes.

use crate::import::FileError;

const SAVE_KERAS: &str = "load it in Keras and save it with \
     safetensors.numpy.save_file({w.path: w.numpy() for w in model.weights}, 'weights.safetensors')";
const SAVE_ORIGINAL: &str = "save the float network it was made from with safetensors' save_file";

/// Recognizes other formats of weights by their first bytes.
pub(super) fn foreign(bytes: &[u8]) -> Option<FileError> {
    let holds = |text: &[u8]| bytes[..bytes.len().min(512)].windows(text.len()).any(|w| w == text);
    let (format, advice) = match bytes {
        [0x89, b'H', b'D', b'F', ..] => ("a Keras HDF5 file (.h5)", SAVE_KERAS),
        [b'P', b'K', 3, 4, ..] if holds(b".npy") => {
            ("a NumPy archive (.npz)", "save the arrays with safetensors.numpy.save_file")
        }
        [b'P', b'K', 3, 4, ..] if holds(b"metadata.json") => ("a Keras archive (.keras)", SAVE_KERAS),
        [b'P', b'K', 3, 4, ..] => ("a zip archive", "unpack it and choose the weights in it"),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => ("a TensorFlow Lite model", SAVE_ORIGINAL),
        [8, 1..=32, 0x12, ..] => ("an ONNX model", SAVE_ORIGINAL),
        [0x1f, 0x8b, ..] => ("gzip-compressed", "unpack it and choose the weights in it"),
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
    use crate::import::file::Contents;

    #[test]
    fn other_formats_are_recognized() {
        let padded = |start: &[u8]| [start, &[0; 64]].concat();
        for (bytes, part) in [
            (padded(b"\x89HDF\r\n\x1a\n"), "a Keras HDF5 file"),
            (padded(b"PK\x03\x04....metadata.json"), "a Keras archive"),
            (padded(b"PK\x03\x04....arr_0.npy"), "a NumPy archive"),
            (padded(b"PK\x03\x04....photos/1.jpg"), "a zip archive"),
            (padded(b"\x20\0\0\0TFL3"), "a TensorFlow Lite model"),
            (padded(b"\x08\x08\x12\x0cimagenette"), "an ONNX model"),
            (padded(b"\x1f\x8b\x08"), "gzip-compressed"),
            (padded(b"version https://git-lfs.github.com/spec/v1"), "a Git LFS pointer"),
            (padded(b"<!DOCTYPE html><html>"), "a web page"),
            (padded(b"some words that mean nothing"), "neither a .safetensors file"),
            (vec![], "is empty"),
            (vec![1, 2, 3], "neither a .safetensors file"),
            (padded(b"\xff\xff\xff\xff\xff\xff\xff\xff{"), "cut off"),
        ] {
            let error = Contents::read(&bytes).expect_err("no weights").to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
