//! Values that a file holds, and how it writes them.

use super::census::varint;
use super::error::Trouble;
use crate::onnx_proto::{Bytes, DataType, TensorProto};
use half::{bf16, f16};

/// A tensor whose values are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its size; empty for a single number.
    pub dims: Vec<usize>,
    /// As many as `dims` say, the last index fastest.
    pub data: Data,
    /// What the file calls the type of the elements.
    pub element: DataType,
}

/// Values of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Real numbers of any precision.
    Floats(Vec<f32>),
    /// Integers of any width, and booleans.
    Integers(Vec<i64>),
    /// Sizes of which some are left open, such as the batch's.
    Sizes(Vec<Option<i64>>),
}

impl Data {
    /// Sizes: plain integers if all are known.
    fn from_sizes(values: Vec<Option<i64>>) -> Self {
        let known: Option<Vec<i64>> = values.iter().copied().collect();
        known.map_or(Self::Sizes(values), Self::Integers)
    }

    /// How many values.
    pub fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Sizes(values) => values.len(),
        }
    }

    /// Memory in units of four bytes for each value.
    pub fn unit(&self) -> usize {
        match self {
            Self::Floats(_) => 1,
            Self::Integers(_) => 2,
            Self::Sizes(_) => 4,
        }
    }

    /// The values at places of this one; `None` if one is outside.
    pub fn pick(&self, places: impl Iterator<Item = usize>) -> Option<Self> {
        fn pick<T: Copy>(values: &[T], places: impl Iterator<Item = usize>) -> Option<Vec<T>> {
            places.map(|place| values.get(place).copied()).collect()
        }
        Some(match self {
            Self::Floats(values) => Self::Floats(pick(values, places)?),
            Self::Integers(values) => Self::Integers(pick(values, places)?),
            Self::Sizes(values) => Self::from_sizes(pick(values, places)?),
        })
    }
}

impl Tensor {
    /// Real numbers.
    pub fn floats(dims: Vec<usize>, values: Vec<f32>) -> Self {
        Self { dims, data: Data::Floats(values), element: DataType::Float }
    }

    /// A list of sizes: plain integers if all are known.
    pub fn sizes(dims: Vec<usize>, values: Vec<Option<i64>>) -> Self {
        Self { dims, data: Data::from_sizes(values), element: DataType::Int64 }
    }

    /// The values as real numbers.
    pub fn as_floats(&self) -> Result<Vec<f32>, Trouble> {
        match &self.data {
            Data::Floats(values) => Ok(values.clone()),
            Data::Integers(values) => Ok(values.iter().map(|&value| value as f32).collect()),
            Data::Sizes(_) => Err("weights that depend on the batch size".into()),
        }
    }

    /// The values as integers.
    pub fn as_integers(&self) -> Result<&[i64], Trouble> {
        match &self.data {
            Data::Integers(values) => Ok(values),
            _ => Err("sizes that are no known integers".into()),
        }
    }

    /// The values as integers of which some may be open.
    pub fn as_sizes(&self) -> Result<Vec<Option<i64>>, Trouble> {
        match &self.data {
            Data::Integers(values) => Ok(values.iter().copied().map(Some).collect()),
            Data::Sizes(values) => Ok(values.clone()),
            Data::Floats(_) => Err("sizes that are no integers".into()),
        }
    }

    /// The only value as a real number.
    pub fn number(&self) -> Result<f32, Trouble> {
        match self.data {
            Data::Floats(ref values) if values.len() == 1 => Ok(values.first().copied().unwrap_or_default()),
            Data::Integers(ref values) if values.len() == 1 => {
                Ok(values.first().copied().unwrap_or_default() as f32)
            }
            _ => Err(format!("{} numbers where one is expected", self.data.len()).into()),
        }
    }
}

/// How many elements dims stand for; `None` if that is more than can be counted.
pub fn product(dims: &[usize]) -> Option<usize> {
    // A zero makes the others harmless, but they must be countable by themselves, as they will be multiplied apart.
    dims.iter().try_fold(1_usize, |product, &size| product.checked_mul(size.max(1)))?;
    Some(dims.iter().product())
}

/// Smallest and largest integer of a type of up to 32 bits.
pub fn range(element: DataType) -> Option<(i64, i64)> {
    Some(match element {
        DataType::Uint2 => (0, 3),
        DataType::Int2 => (-2, 1),
        DataType::Uint4 => (0, 15),
        DataType::Int4 => (-8, 7),
        DataType::Uint8 => (0, 255),
        DataType::Int8 => (-128, 127),
        DataType::Uint16 => (0, 65535),
        DataType::Int16 => (-32768, 32767),
        DataType::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => return None,
    })
}

/// Bits of an element in `raw_data`.
fn bits(element: DataType) -> Option<usize> {
    Some(match element {
        DataType::Uint2 | DataType::Int2 => 2,
        DataType::Uint4 | DataType::Int4 => 4,
        DataType::Uint8 | DataType::Int8 | DataType::Bool => 8,
        DataType::Uint16 | DataType::Int16 | DataType::Float16 | DataType::Bfloat16 => 16,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 32,
        DataType::Double | DataType::Int64 | DataType::Uint64 => 64,
        DataType::Undefined | DataType::String => return None,
    })
}

/// What is known of a tensor in a file before its values are read.
pub struct Header {
    /// Its size.
    pub dims: Vec<usize>,
    /// How many elements.
    pub count: usize,
    /// Their type.
    pub element: DataType,
    /// Whether they are real numbers.
    pub real: bool,
}

/// Checks that a tensor's values can be as many as its size says.
///
/// # Errors
/// If they cannot, or are of a type that is not read.
pub fn header(proto: &TensorProto) -> Result<Header, Trouble> {
    let damaged = |problem: String| Trouble::damaged(&proto.name, problem);
    let dims: Option<Vec<usize>> = proto.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
    let dims =
        dims.ok_or_else(|| damaged(format!("expected sizes of at least 0, found {:?}", proto.dims)))?;
    let count =
        product(&dims).ok_or_else(|| damaged(format!("sizes of {dims:?} are too large to multiply")))?;
    let element = DataType::try_from(proto.data_type).unwrap_or(DataType::Undefined);
    let Some(bits) = bits(element) else {
        return Err(
            format!("the tensor '{}' has elements of ONNX's type {}", proto.name, proto.data_type).into()
        );
    };
    let (found, exact) = stored(proto, element, bits);
    if if exact { count.checked_mul(bits).map(|bits| bits.div_ceil(8)) != Some(found) } else { count > found }
    {
        let unit = if exact { "bytes or numbers" } else { "bytes at most" };
        return Err(damaged(format!("expected {count} elements of {bits} bits, found {found} {unit}")));
    }
    let real = matches!(element, DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16);
    Ok(Header { dims, count, element, real })
}

/// Bytes of a tensor's values, and whether these tell their number exactly.
fn stored(proto: &TensorProto, element: DataType, bits: usize) -> (usize, bool) {
    let packed = |parts: &[Bytes]| parts.iter().map(Bytes::len).sum::<usize>();
    match element {
        _ if raw(proto).is_some() => (raw(proto).map_or(0, <[u8]>::len), true),
        DataType::Float => (proto.float_data.len() * 4, true),
        DataType::Double => (proto.double_data.len() * 8, true),
        DataType::Int64 => (packed(&proto.int64_data), false),
        DataType::Uint32 | DataType::Uint64 => (packed(&proto.uint64_data), false),
        // Several elements in a number.
        _ => (packed(&proto.int32_data) * (8 / bits.min(8)), false),
    }
}

fn raw(proto: &TensorProto) -> Option<&[u8]> {
    proto.raw_data.as_deref().filter(|raw| !raw.is_empty())
}

/// Reads the values of a tensor, integers as real numbers if `as_floats`. Memory must have been asked for by
/// [`header`].
///
/// # Errors
/// If there are more or fewer than its size says.
pub fn decode(proto: &TensorProto, header: Header, as_floats: bool) -> Result<Tensor, Trouble> {
    let Header { dims, count, element, real } = header;
    let data = if real {
        Data::Floats(reals(proto, element, count)?)
    } else {
        let integers = integers(proto, element)?.take(count.saturating_add(1));
        if as_floats {
            Data::Floats(integers.map(|value| value as f32).collect())
        } else {
            Data::Integers(integers.collect())
        }
    };
    let (values, least) = (data.len(), count);
    // Packed elements fill up their last byte.
    let data = match data {
        Data::Floats(mut values) => {
            values.truncate(count);
            Data::Floats(values)
        }
        Data::Integers(mut values) => {
            values.truncate(count);
            Data::Integers(values)
        }
        sizes @ Data::Sizes(_) => sizes,
    };
    let fills = bits(element).is_some_and(|bits| bits < 8);
    if values < least || values > least && !fills {
        let than = if values > least { "more" } else { "fewer" };
        return Err(Trouble::damaged(&proto.name, format!("expected {count} elements, found {than}")));
    }
    Ok(Tensor { dims, data, element })
}

fn reals(proto: &TensorProto, element: DataType, count: usize) -> Result<Vec<f32>, Trouble> {
    let halves = |to_f32: fn(u16) -> f32| -> Result<Vec<f32>, Trouble> {
        match raw(proto) {
            Some(raw) => Ok(words(raw).map(|bytes| to_f32(u16::from_le_bytes(bytes))).collect()),
            None => {
                let numbers = varints(&proto.int32_data, &proto.name)?.take(count.saturating_add(1));
                Ok(numbers.map(|bits| to_f32(bits as u16)).collect())
            }
        }
    };
    match element {
        DataType::Float16 => halves(|bits| f16::from_bits(bits).to_f32()),
        DataType::Bfloat16 => halves(|bits| bf16::from_bits(bits).to_f32()),
        DataType::Double => Ok(match raw(proto) {
            Some(raw) => words(raw).map(|bytes| f64::from_le_bytes(bytes) as f32).collect(),
            None => proto.double_data.iter().map(|&value| value as f32).collect(),
        }),
        _ => Ok(match raw(proto) {
            Some(raw) => words(raw).map(f32::from_le_bytes).collect(),
            None => proto.float_data.clone(),
        }),
    }
}

/// The integers of a tensor, from `raw_data` or from the list that belongs to their type.
fn integers<'a>(
    proto: &'a TensorProto,
    element: DataType,
) -> Result<Box<dyn Iterator<Item = i64> + 'a>, Trouble> {
    let Some(raw) = raw(proto) else {
        return Ok(match element {
            DataType::Int64 => Box::new(varints(&proto.int64_data, &proto.name)?.map(|value| value as i64)),
            DataType::Uint32 | DataType::Uint64 => {
                Box::new(varints(&proto.uint64_data, &proto.name)?.map(saturated))
            }
            _ => {
                let numbers = varints(&proto.int32_data, &proto.name)?;
                match bits(element) {
                    Some(bits @ (2 | 4)) => {
                        Box::new(numbers.flat_map(move |value| parts(value as u8, bits, element)))
                    }
                    // Negative numbers are written with all 64 bits, narrower ones sometimes without a sign.
                    _ => Box::new(numbers.map(move |value| narrowed(value as i64, element))),
                }
            }
        });
    };
    Ok(match element {
        DataType::Int64 => Box::new(words(raw).map(i64::from_le_bytes)),
        DataType::Uint64 => Box::new(words(raw).map(|bytes| saturated(u64::from_le_bytes(bytes)))),
        DataType::Uint32 => Box::new(words(raw).map(|bytes| i64::from(u32::from_le_bytes(bytes)))),
        DataType::Int32 => Box::new(words(raw).map(|bytes| i64::from(i32::from_le_bytes(bytes)))),
        DataType::Int16 | DataType::Uint16 => {
            Box::new(words(raw).map(move |bytes| narrowed(i64::from(i16::from_le_bytes(bytes)), element)))
        }
        _ => match bits(element) {
            Some(bits @ (2 | 4)) => Box::new(raw.iter().flat_map(move |&byte| parts(byte, bits, element))),
            _ => Box::new(raw.iter().map(move |&byte| narrowed(i64::from(byte), element))),
        },
    })
}

/// Little-endian words of `N` bytes.
fn words<const N: usize>(raw: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    raw.as_chunks::<N>().0.iter().copied()
}

/// Numbers of a packed list.
fn varints<'a>(parts: &'a [Bytes], tensor: &str) -> Result<impl Iterator<Item = u64> + 'a, Trouble> {
    // Checked first, so that what follows needs no errors.
    for part in parts {
        let ends = part.last().is_none_or(|last| last & 0x80 == 0);
        let longest = part.split(|byte| byte & 0x80 == 0).map(<[u8]>::len).max().unwrap_or(0);
        if !ends || longest > 9 {
            return Err(Trouble::damaged(tensor, "its list of integers is cut off".into()));
        }
    }
    Ok(parts.iter().flat_map(|part| {
        let mut rest: &[u8] = part;
        std::iter::from_fn(move || if rest.is_empty() { None } else { varint(&mut rest).ok() })
    }))
}

/// The elements of a byte, the lowest bits first.
fn parts(byte: u8, bits: usize, element: DataType) -> impl Iterator<Item = i64> {
    let mask = (1_u8 << bits) - 1;
    (0..8 / bits).map(move |place| narrowed(i64::from((byte >> (bits * place)) & mask), element))
}

/// The lowest bits of a number as an integer of a type.
fn narrowed(value: i64, element: DataType) -> i64 {
    match element {
        DataType::Bool => i64::from(value != 0),
        DataType::Uint8 => i64::from(value as u8),
        DataType::Int8 => i64::from(value as i8),
        DataType::Uint16 => i64::from(value as u16),
        DataType::Int16 => i64::from(value as i16),
        DataType::Int32 => i64::from(value as i32),
        DataType::Int4 => i64::from(((value as u8) << 4) as i8 >> 4),
        DataType::Int2 => i64::from(((value as u8) << 6) as i8 >> 6),
        _ => value,
    }
}

fn saturated(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
