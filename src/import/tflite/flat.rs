//! FlatBuffers: tables with optional fields, vectors and strings, found by offsets, every one of which is checked.
//!
//! Offsets may point anywhere in the file, also to one place twice, so nothing is copied here: what is read out of a
//! vector borrows from the file. Layout: <https://flatbuffers.dev/internals/>.

use std::marker::PhantomData;

/// What does not lie where an offset says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Position in the buffer.
    pub at: usize,
    /// What must be there.
    pub expected: &'static str,
}

type Checked<T> = Result<T, Damaged>;

/// A number as FlatBuffers write it: little-endian.
pub trait Scalar: Sized {
    /// Bytes of one.
    const BYTES: usize;
    /// The number at the start of some bytes, if they are long enough.
    fn first(bytes: &[u8]) -> Option<Self>;
}

macro_rules! scalars {
    ($($type:ty),*) => {$(
        impl Scalar for $type {
            const BYTES: usize = size_of::<$type>();
            fn first(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().map(|&bytes| Self::from_le_bytes(bytes))
            }
        }
    )*};
}

scalars!(u8, i8, u16, i32, u32, i64, u64, f32);

/// Fields by number.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Of its vtable: where each field lies from the start of the table, two bytes each.
    places: &'a [u8],
}

impl<'a> Table<'a> {
    /// The table at the root of a buffer.
    pub fn root(bytes: &'a [u8]) -> Checked<Self> {
        Self::new(bytes, follow(bytes, 0)?)
    }

    fn new(bytes: &'a [u8], at: usize) -> Checked<Self> {
        let damaged = Damaged { at, expected: "a table and the list of its fields" };
        let back: i32 = scalar(bytes, at)?;
        let start = i64::try_from(at).ok().and_then(|at| at.checked_sub(i64::from(back)));
        let start = start.and_then(|start| usize::try_from(start).ok()).ok_or(damaged)?;
        let length = usize::from(scalar::<u16>(bytes, start)?);
        // Its length and the table's size stand before the fields.
        let places = bytes.get(start..).and_then(|rest| rest.get(4..length)).ok_or(damaged)?;
        Ok(Self { bytes, at, places })
    }

    /// Where a field lies; none if it has its default.
    fn place(&self, field: usize) -> Option<usize> {
        let place = self.places.get(field * 2..).and_then(u16::first)?;
        (place != 0).then(|| self.at.saturating_add(usize::from(place)))
    }

    /// A number or its default.
    pub fn scalar<T: Scalar>(&self, field: usize, default: T) -> Checked<T> {
        self.place(field).map_or(Ok(default), |at| scalar(self.bytes, at))
    }

    /// A table inside.
    pub fn table(&self, field: usize) -> Checked<Option<Self>> {
        let Some(at) = self.place(field) else { return Ok(None) };
        Self::new(self.bytes, follow(self.bytes, at)?).map(Some)
    }

    /// Numbers; none if they are left out.
    pub fn scalars<T: Scalar>(&self, field: usize) -> Checked<Scalars<'a, T>> {
        let Some(at) = self.place(field) else { return Ok(Scalars::default()) };
        Ok(Scalars { bytes: elements(self.bytes, at, T::BYTES)?.1, of: PhantomData })
    }

    /// Bytes; empty if they are left out.
    pub fn bytes(&self, field: usize) -> Checked<&'a [u8]> {
        self.place(field).map_or(Ok(&[]), |at| elements(self.bytes, at, 1).map(|(_, bytes)| bytes))
    }

    /// Tables; none if they are left out.
    pub fn tables(&self, field: usize) -> Checked<Tables<'a>> {
        let (start, offsets) = match self.place(field) {
            Some(at) => elements(self.bytes, at, 4)?,
            None => (0, &self.bytes[..0]),
        };
        Ok(Tables { bytes: self.bytes, start, count: offsets.len() / 4 })
    }
}

/// A vector of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Scalars<'a, T> {
    bytes: &'a [u8],
    of: PhantomData<T>,
}

impl<T> Default for Scalars<'_, T> {
    fn default() -> Self {
        Self { bytes: &[], of: PhantomData }
    }
}

impl<'a, T: Scalar> Scalars<'a, T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / T::BYTES
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = T> + 'a
    where
        T: 'a,
    {
        self.bytes.chunks_exact(T::BYTES).filter_map(T::first)
    }
}

/// A vector of tables.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    bytes: &'a [u8],
    start: usize,
    count: usize,
}

impl<'a> Tables<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// One of them, if there are so many.
    pub fn get(&self, index: usize) -> Checked<Option<Table<'a>>> {
        if index >= self.count {
            return Ok(None);
        }
        Table::new(self.bytes, follow(self.bytes, self.start + index * 4)?).map(Some)
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Checked<Table<'a>>> {
        (0..self.count).filter_map(move |index| self.get(index).transpose())
    }
}

fn scalar<T: Scalar>(bytes: &[u8], at: usize) -> Checked<T> {
    bytes.get(at..).and_then(T::first).ok_or(Damaged { at, expected: "a number" })
}

/// The place to which the offset at `at` points: forward from itself.
fn follow(bytes: &[u8], at: usize) -> Checked<usize> {
    let offset = usize::try_from(scalar::<u32>(bytes, at)?).unwrap_or(usize::MAX);
    Ok(at.saturating_add(offset))
}

/// Start and bytes of the vector to which the offset at `at` points.
fn elements(bytes: &[u8], at: usize, size: usize) -> Checked<(usize, &[u8])> {
    let at = follow(bytes, at)?;
    let count = usize::try_from(scalar::<u32>(bytes, at)?).unwrap_or(usize::MAX);
    let start = at.saturating_add(4);
    let elements = count.checked_mul(size).and_then(|length| bytes.get(start..)?.get(..length));
    elements.map(|elements| (start, elements)).ok_or(Damaged { at, expected: "a list that ends in the file" })
}
