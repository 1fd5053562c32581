//! Writing and reading the fields of a record.

use super::fields::Field;

/// A record to write, from its start to the end of the file.
pub struct Record<'a>(&'a mut [u8]);

impl<'a> Record<'a> {
    /// The record that starts at a byte of the file.
    pub fn at(file: &'a mut [u8], at: usize) -> Self {
        Self(&mut file[at..])
    }

    /// Writes bytes into a field that has room for as many.
    pub fn put(&mut self, field: Field, bytes: &[u8]) {
        debug_assert!(bytes.len() <= field.bytes, "{field:?} has no room for {} bytes", bytes.len());
        self.0[field.at..field.at + bytes.len()].copy_from_slice(bytes);
    }

    /// Writes a number of 8 bits.
    pub fn u8(&mut self, field: Field, value: u8) {
        self.put(field, &[value]);
    }

    /// Writes a number of 16 bits; sizes and counts are checked to be below 2^16.
    pub fn u16(&mut self, field: Field, value: usize) {
        self.put(field, &(value as u16).to_le_bytes());
    }

    /// Writes a number of 32 bits; files are below 4 GiB.
    pub fn u32(&mut self, field: Field, value: usize) {
        self.put(field, &(value as u32).to_le_bytes());
    }
}

/// A record to read.
#[derive(Clone, Copy)]
pub struct View<'a> {
    bytes: &'a [u8],
    /// Byte of the file at which the record starts.
    pub start: usize,
}

impl<'a> View<'a> {
    /// The record of `bytes` bytes that starts at byte `start` of a file; `None` beyond the file's end.
    pub fn new(file: &'a [u8], start: usize, bytes: usize) -> Option<Self> {
        Some(Self { bytes: file.get(start..)?.get(..bytes)?, start })
    }

    /// The bytes of a field of this record.
    pub fn bytes(&self, field: Field) -> &'a [u8] {
        &self.bytes[field.at..field.at + field.bytes]
    }

    /// A number of 8 bits.
    pub fn u8(&self, field: Field) -> u8 {
        self.array::<1>(field)[0]
    }

    /// A number of 16 bits.
    pub fn u16(&self, field: Field) -> u16 {
        u16::from_le_bytes(self.array(field))
    }

    /// A number of 32 bits.
    pub fn u32(&self, field: Field) -> u32 {
        u32::from_le_bytes(self.array(field))
    }

    /// A signed number of 32 bits.
    pub fn i32(&self, field: Field) -> i32 {
        i32::from_le_bytes(self.array(field))
    }

    /// A real number of 64 bits.
    pub fn f64(&self, field: Field) -> f64 {
        f64::from_le_bytes(self.array(field))
    }

    /// Real numbers of 32 bits, one for each colour.
    pub fn colours(&self, field: Field) -> [f32; 3] {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = self.array(field);
        [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(f32::from_le_bytes)
    }

    /// A text that is padded with zeros; `None` if it is not UTF-8.
    pub fn text(&self, field: Field) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(field)).ok().map(|text| text.trim_end_matches('\0'))
    }

    /// The first N bytes of a field.
    fn array<const N: usize>(&self, field: Field) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes(field)[..N]);
        array
    }
}
