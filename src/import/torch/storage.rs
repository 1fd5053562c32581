//! Tensors as views of storages: where their elements lie, and how they are gathered.

use super::TorchError;
use super::value::{Id, Pickle, Value};
use crate::import::tensor::Tensor;
use safetensors::Dtype;
use std::borrow::Cow;

/// Axes of a tensor; PyTorch allows 64.
const MOST_AXES: usize = 64;

/// Tensors inside one another: a parameter of a tensor, and subclasses around it.
const DEEPEST: usize = 8;

/// Bytes that gathering may take, beside as many as the file has. Most tensors lie in one piece.
pub(super) const MOST_GATHERED: usize = 4 << 20;

/// Where a pickle says that elements are: in a storage of its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// Name of the storage's class, e.g. `FloatStorage`.
    pub kind: &'a str,
    pub key: &'a str,
    /// First element of the part of it that counts, if it is one of the legacy form's views of another storage.
    pub offset: usize,
}

impl<'a> Place<'a> {
    /// Reads the words of a persistent value: 'storage', class, key, device, number of elements, and perhaps a view: key,
    /// first element, number.
    pub fn read(pickle: &Pickle<'a>, words: Id) -> Option<Self> {
        let (mark, class, key, view) = match *pickle.sequence(words)? {
            [mark, class, key, _, _] => (mark, class, key, None),
            [mark, class, key, _, _, view] => (mark, class, key, Some(view)),
            _ => return None,
        };
        let (Some("storage"), &Value::Global(_, kind)) = (pickle.text(mark), pickle.get(class)) else {
            return None;
        };
        let offset = match view.and_then(|view| pickle.sequence(view)) {
            Some(&[_, offset, _]) => pickle.size(offset)?,
            _ => 0,
        };
        Some(Self { kind, key: pickle.text(key)?, offset })
    }
}

/// Bytes of an element of a class of storages.
pub(super) fn element_size(kind: &str) -> Option<usize> {
    Some(match kind {
        "ComplexDoubleStorage" => 16,
        "QInt8Storage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage" => 1,
        "QInt32Storage" => 4,
        _ => dtype(kind)?.bitsize() / 8,
    })
}

/// The type of elements by the name of a class of storages or by PyTorch's own name.
fn dtype(name: &str) -> Option<Dtype> {
    Some(match name {
        "FloatStorage" | "float32" => Dtype::F32,
        "HalfStorage" | "float16" => Dtype::F16,
        "BFloat16Storage" | "bfloat16" => Dtype::BF16,
        "DoubleStorage" | "float64" => Dtype::F64,
        "LongStorage" | "int64" => Dtype::I64,
        "IntStorage" | "int32" => Dtype::I32,
        "ShortStorage" | "int16" => Dtype::I16,
        "CharStorage" | "int8" => Dtype::I8,
        "ByteStorage" | "UntypedStorage" | "uint8" => Dtype::U8,
        "BoolStorage" | "bool" => Dtype::BOOL,
        "ComplexFloatStorage" | "complex64" => Dtype::C64,
        "uint16" => Dtype::U16,
        "uint32" => Dtype::U32,
        "uint64" => Dtype::U64,
        "float8_e4m3fn" => Dtype::F8_E4M3,
        "float8_e5m2" => Dtype::F8_E5M2,
        _ => return None,
    })
}

/// A tensor as the pickle describes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View<'a> {
    pub place: Place<'a>,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Distance of neighbours along each axis in elements.
    strides: Vec<usize>,
    /// First element.
    offset: usize,
}

/// Whether a value is a tensor of any kind, also of one that is not read.
pub(super) fn is_tensor(pickle: &Pickle, id: Id) -> bool {
    let Some((function, _)) = pickle.call(id) else { return false };
    matches!(pickle.get(function), Value::Global(module, name)
        if module.starts_with("torch.") && name.starts_with("_rebuild_"))
}

/// What a tensor's value describes.
///
/// # Errors
/// If it is a tensor of another kind, or if its description is none.
pub(super) fn view<'a>(pickle: &Pickle<'a>, name: &str, id: Id) -> Result<View<'a>, TorchError> {
    let damaged = |reason: &str| TorchError::Tensor { name: name.to_owned(), reason: reason.to_owned() };
    let mut call = pickle.call(id).ok_or_else(|| damaged("it is no tensor"))?;
    for _ in 0..DEEPEST {
        let (function, arguments) = call;
        let Value::Global(_, function) = pickle.get(function) else {
            return Err(damaged("what makes it has no name"));
        };
        let inner = match (*function, arguments) {
            ("_rebuild_tensor" | "_rebuild_tensor_v2", &[storage, offset, shape, strides, ..]) => {
                return plain(pickle, storage, [offset, shape, strides], None)
                    .map_err(|wrong| wrong.of(name));
            }
            ("_rebuild_tensor_v3", &[storage, offset, shape, strides, _, _, dtype, ..]) => {
                let parts = [offset, shape, strides];
                return plain(pickle, storage, parts, Some(dtype)).map_err(|wrong| wrong.of(name));
            }
            ("_rebuild_parameter" | "_rebuild_parameter_with_state", &[tensor, ..]) => pickle.call(tensor),
            ("_rebuild_from_type_v2", &[function, _, arguments, ..]) => {
                pickle.sequence(arguments).map(|arguments| (function, arguments))
            }
            _ => {
                let kind = match *function {
                    "_rebuild_sparse_tensor" => "sparse".to_owned(),
                    "_rebuild_qtensor" => "quantized".to_owned(),
                    other => format!("of a kind that is not read ({other})"),
                };
                return Err(TorchError::Kind { name: name.to_owned(), found: kind });
            }
        };
        call = inner.ok_or_else(|| damaged("it holds no tensor"))?;
    }
    Err(damaged("it holds a tensor that holds a tensor, and so on"))
}

/// What is wrong with a description.
enum Wrong {
    Damaged(&'static str),
    Type(String),
}

impl Wrong {
    fn of(self, name: &str) -> TorchError {
        let name = name.to_owned();
        match self {
            Wrong::Damaged(reason) => TorchError::Tensor { name, reason: reason.into() },
            Wrong::Type(found) => TorchError::Kind { name, found: format!("of elements of type {found}") },
        }
    }
}

fn plain<'a>(
    pickle: &Pickle<'a>,
    storage: Id,
    [offset, shape, strides]: [Id; 3],
    of: Option<Id>,
) -> Result<View<'a>, Wrong> {
    let Value::Persistent(words) = pickle.get(storage) else {
        return Err(Wrong::Damaged("it has no storage"));
    };
    let place = Place::read(pickle, *words).ok_or(Wrong::Damaged("its storage is not described"))?;
    let kind = match of.map(|of| pickle.get(of)) {
        Some(&Value::Global(_, name)) => name,
        _ => place.kind,
    };
    let dtype = dtype(kind).ok_or_else(|| Wrong::Type(kind.trim_end_matches("Storage").into()))?;
    let sizes = |id| {
        let sizes = pickle.sequence(id)?;
        if sizes.len() > MOST_AXES {
            return None;
        }
        sizes.iter().map(|&size| pickle.size(size)).collect::<Option<Vec<_>>>()
    };
    let shape = sizes(shape).ok_or(Wrong::Damaged("its shape is no list of sizes"))?;
    let strides = sizes(strides).ok_or(Wrong::Damaged("its strides are no list of sizes"))?;
    if shape.len() != strides.len() {
        return Err(Wrong::Damaged("it has not one stride for each axis"));
    }
    // The stride of an axis with one element says nothing.
    let strides =
        strides.iter().zip(&shape).map(|(&stride, &axis)| if axis == 1 { 0 } else { stride }).collect();
    let offset = pickle.size(offset).and_then(|offset| offset.checked_add(place.offset));
    let offset = offset.ok_or(Wrong::Damaged("its first element has no place"))?;
    Ok(View { place, dtype, shape, strides, offset })
}

impl View<'_> {
    /// The elements in the order of the shape: part of the storage if they lie there like this, else gathered, for which
    /// `room` bytes may be taken.
    ///
    /// # Errors
    /// If they are not all in the storage, or too many.
    pub fn tensor<'a>(
        self,
        name: &str,
        storage: &Cow<'a, [u8]>,
        room: &mut usize,
    ) -> Result<Tensor<'a>, TorchError> {
        let size = self.dtype.bitsize() / 8;
        let damaged = || TorchError::Storage {
            key: self.place.key.to_owned(),
            expected: format!("elements of '{name}' of shape {:?} from element {}", self.shape, self.offset),
            found: format!("{} bytes", storage.len()),
        };
        let bytes = self.bytes(size).ok_or_else(damaged)?;
        if bytes == 0 {
            return Ok(Tensor { dtype: self.dtype, shape: self.shape, data: Cow::Borrowed(&[]) });
        }
        let range = self.offset.checked_mul(size).zip(self.end(size)).ok_or_else(damaged)?;
        let data = match storage {
            Cow::Borrowed(storage) if self.is_contiguous() => {
                Cow::Borrowed(storage.get(range.0..range.1).ok_or_else(damaged)?)
            }
            _ => {
                let storage = storage.get(range.0..range.1).ok_or_else(damaged)?;
                *room = room
                    .checked_sub(bytes)
                    .ok_or(TorchError::TooMuch { what: "bytes of views of tensors", most: MOST_GATHERED })?;
                Cow::Owned(self.gather(storage, size, bytes))
            }
        };
        Ok(Tensor { dtype: self.dtype, shape: self.shape, data })
    }

    /// Bytes of all elements.
    fn bytes(&self, size: usize) -> Option<usize> {
        // A zero anywhere makes the product zero, whatever the others are.
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape.iter().try_fold(size, |bytes, &axis| bytes.checked_mul(axis))
    }

    /// Where the last of the elements, of which there is one, ends in the storage.
    fn end(&self, size: usize) -> Option<usize> {
        let mut axes = self.shape.iter().zip(&self.strides);
        let last = axes.try_fold(self.offset, |last, (&axis, &stride)| {
            last.checked_add(axis.checked_sub(1)?.checked_mul(stride)?)
        });
        last?.checked_add(1)?.checked_mul(size)
    }

    /// Whether the elements lie one behind the other.
    fn is_contiguous(&self) -> bool {
        let mut step = 1_usize;
        self.shape.iter().zip(&self.strides).rev().all(|(&axis, &stride)| {
            let fits = axis == 1 || stride == step;
            step = step.saturating_mul(axis);
            fits
        })
    }

    /// Copies the elements, which are all within `storage`, that begins with the first.
    fn gather(&self, storage: &[u8], size: usize, bytes: usize) -> Vec<u8> {
        let mut gathered = Vec::with_capacity(bytes);
        let mut index = vec![0; self.shape.len()];
        let mut at = 0;
        for _ in 0..bytes / size {
            gathered.extend_from_slice(storage.get(at..at + size).unwrap_or_default());
            // The next index, the last axis first.
            for ((index, &axis), &stride) in index.iter_mut().zip(&self.shape).zip(&self.strides).rev() {
                *index += 1;
                at += stride * size;
                if *index < axis {
                    break;
                }
                at -= axis * stride * size;
                *index = 0;
            }
        }
        gathered
    }
}
