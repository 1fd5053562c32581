//! The container safetensors: a header in JSON, then all elements one behind the other.

use super::{Contents, foreign::foreign};
use crate::guarded::guarded;
use crate::import::{FileError, tensor::Tensor};
use ::safetensors::{SafeTensorError, SafeTensors, tensor::Metadata};
use std::borrow::Cow;

/// Bytes of the header's length at the start.
const LENGTH: usize = 8;

/// Reads a file without copying its tensors.
pub(super) fn read(bytes: &[u8]) -> Result<Contents<'_>, FileError> {
    let file = guarded(|| SafeTensors::deserialize(bytes)).map_err(FileError::Header)?;
    let file = file.map_err(|error| explain(bytes, &error))?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| explain(bytes, &error))?;
    let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let tensors = file.tensors().into_iter().map(|(name, view)| {
        let data = Cow::Borrowed(view.data());
        (name, Tensor { dtype: view.dtype(), shape: view.shape().to_vec(), data })
    });
    Ok(Contents { tensors: tensors.collect(), metadata, notes: Vec::new() })
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
