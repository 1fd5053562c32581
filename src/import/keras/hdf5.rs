//! HDF5 files, as far as Keras uses them: groups, attributes of text, tensors of floating point numbers.
//!
//! The format itself is read by the crate `hdf5-reader`. What it would allocate without asking (texts of variable length
//! that many attributes share, tensors that are larger than the file) is asked for here first.

use super::{KerasError, budget::Budget};
use crate::guarded::guarded;
use crate::import::raw::{Constant, Values};
use half::f16;
use hdf5_reader::{
    ByteOrder, Dataset, Datatype, Hdf5File, OpenOptions, StringSize, VarLenKind, error::Error, group::Group,
};

/// Bytes of the largest chunk of a tensor. Keras does not chunk; tools that compress do, by about 1 MiB.
const MAX_CHUNK_BYTES: usize = 16 << 20;

/// Bytes of the largest object header. Those of Keras have at most 64 KiB for each attribute.
const MAX_HEADER_BYTES: usize = 4 << 20;

/// Bytes of a reference to a text of variable length besides the address: length and index.
const REFERENCE: usize = 8;

/// Most dimensions of a tensor, as in HDF5.
const MAX_RANK: usize = 32;

/// An opened file. Paths are names with `/` between them; the root is empty.
pub struct Hdf5 {
    file: Hdf5File,
}

/// Runs the crate so that its panic is an error of the file.
fn read<T>(read: impl FnOnce() -> Result<T, Error>) -> Result<T, KerasError> {
    guarded(read).map_err(KerasError::Hdf5)?.map_err(|error| KerasError::Hdf5(error.to_string()))
}

impl Hdf5 {
    /// Opens a file.
    pub fn open(bytes: Vec<u8>) -> Result<Self, KerasError> {
        let found = bytes.len() as u64;
        let options = OpenOptions::default()
            .with_chunk_cache_bytes(0)
            .with_max_chunk_bytes(MAX_CHUNK_BYTES)
            .with_max_object_header_bytes(MAX_HEADER_BYTES);
        let file = read(|| Hdf5File::from_vec_with_options(bytes, options))?;
        let expected = file.superblock().eof_address;
        if expected > found {
            return Err(KerasError::Hdf5(format!("expected {expected} bytes, found {found}")));
        }
        Ok(Self { file })
    }

    /// The one text of an attribute of a group; `None` if the group does not have it.
    pub fn text(&self, group: &str, attribute: &str, budget: &Budget) -> Result<Option<String>, KerasError> {
        Ok(self.texts(group, attribute, budget)?.and_then(|texts| texts.into_iter().next()))
    }

    /// The texts of an attribute of a group; `None` if the group does not have it. An attribute without elements has
    /// another type in Keras' files and is an empty list.
    pub fn texts(
        &self,
        group: &str,
        attribute: &str,
        budget: &Budget,
    ) -> Result<Option<Vec<String>>, KerasError> {
        let (group, found) = read(|| {
            let group = self.file.group(group)?;
            let attributes = group.raw_attributes()?;
            Ok((group, attributes.into_iter().find(|found| found.name() == attribute)))
        })?;
        let Some(found) = found else { return Ok(None) };
        let message = found.message();
        let data = message.raw_data.as_slice();
        match &message.datatype {
            Datatype::String { size: StringSize::Fixed(size), .. } => {
                budget.take(2 * data.len() as u64, attribute)?;
                Ok(Some(data.chunks(*size as usize + usize::from(*size == 0)).map(plain).collect()))
            }
            Datatype::String { size: StringSize::Variable, .. }
            | Datatype::VarLen { kind: VarLenKind::String, .. } => {
                self.variable(&group, data, attribute, budget).map(Some)
            }
            _ => Ok(Some(Vec::new())),
        }
    }

    /// Texts of variable length, behind references.
    fn variable(
        &self,
        group: &Group,
        references: &[u8],
        attribute: &str,
        budget: &Budget,
    ) -> Result<Vec<String>, KerasError> {
        let mut texts = Vec::new();
        for reference in references.chunks_exact(REFERENCE + usize::from(group.offset_size())) {
            let length = reference.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
            budget.take(2 * u64::from(length) + 64, attribute)?;
            let bytes = read(|| group.resolve_vlen_reference_bytes(reference, 1))?;
            texts.push(plain(&bytes));
        }
        Ok(texts)
    }

    /// Names of the groups and of the tensors in a group.
    pub fn members(&self, group: &str) -> Result<(Vec<String>, Vec<String>), KerasError> {
        read(|| self.file.group(group)?.member_names())
    }

    /// Whether there is such a group.
    pub fn has_group(&self, path: &str) -> bool {
        read(|| self.file.group(path)).is_ok()
    }

    /// The tensor at a path, its elements as f32.
    ///
    /// # Errors
    /// If it is not there, damaged, larger than the file may say, or not of floating point numbers.
    pub fn tensor(&self, path: &str, budget: &Budget) -> Result<Constant, KerasError> {
        let dataset = read(|| self.file.dataset(path))?;
        let Datatype::FloatingPoint { size, byte_order } = *dataset.dtype() else {
            return Err(KerasError::Type { name: path.into(), found: format!("{:?}", dataset.dtype()) });
        };
        let (dims, count) = extent(&dataset).ok_or_else(|| too_large(path, budget))?;
        if count == 0 {
            return Err(KerasError::Hdf5(format!("tensor '{path}' has no elements")));
        }
        // The elements as stored are forgotten before the next tensor is read.
        budget.take(count.saturating_mul(u64::from(size.max(4))), path)?;
        let bytes = read(|| dataset.read_raw_bytes())?;
        let little = matches!(byte_order, ByteOrder::LittleEndian);
        let values: Vec<f32> = match size {
            2 => elements(&bytes, little, |bytes| f16::from_le_bytes(bytes).to_f32()),
            4 => elements(&bytes, little, f32::from_le_bytes),
            8 => elements(&bytes, little, |bytes| f64::from_le_bytes(bytes) as f32),
            _ => {
                return Err(KerasError::Type {
                    name: path.into(),
                    found: format!("float{}", 8 * u32::from(size)),
                });
            }
        };
        if values.len() as u64 != count {
            return Err(KerasError::Hdf5(format!(
                "tensor '{path}': expected {count} elements, found {}",
                values.len()
            )));
        }
        Ok(Constant { dims, values: Values::Floats(values) })
    }

    /// Whether a tensor has floating point numbers.
    pub fn is_float(&self, path: &str) -> Result<bool, KerasError> {
        read(|| self.file.dataset(path)).map(|found| matches!(found.dtype(), Datatype::FloatingPoint { .. }))
    }
}

/// Size of a tensor and its number of elements; `None` if nothing can have that size.
fn extent(dataset: &Dataset) -> Option<(Vec<usize>, u64)> {
    let shape = dataset.shape();
    if shape.len() > MAX_RANK {
        return None;
    }
    let dims = shape.iter().map(|&size| usize::try_from(size).ok()).collect::<Option<Vec<_>>>()?;
    let count = shape.iter().try_fold(1u64, |count, &size| count.checked_mul(size))?;
    Some((dims, count))
}

fn too_large(path: &str, budget: &Budget) -> KerasError {
    // Nothing has so many bytes left.
    budget.take(u64::MAX, path).err().unwrap_or(KerasError::NotKeras)
}

/// Elements of `N` bytes each.
fn elements<const N: usize>(bytes: &[u8], little: bool, element: fn([u8; N]) -> f32) -> Vec<f32> {
    let ordered = |bytes: &[u8; N]| {
        let mut bytes = *bytes;
        if !little {
            bytes.reverse();
        }
        element(bytes)
    };
    bytes.as_chunks().0.iter().map(ordered).collect()
}

/// A text without the zeros that fill it up.
fn plain(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
