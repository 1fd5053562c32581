//! Characters around bytes: format, alphabet, length, checksum.

use super::{LinkError, body::number};
use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::general_purpose::{GeneralPurpose, NO_PAD},
};

/// The first character, which says what the bytes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    One,
    Two,
}

impl Format {
    const fn character(self) -> char {
        match self {
            Self::One => '1',
            Self::Two => '2',
        }
    }
}

/// Bytes of the checksum.
const CHECKSUM: usize = 4;

/// Bodies are far shorter; a larger length at the beginning is damage.
const LONGEST_BODY: u64 = 8000;

/// Leftover bits of the last character are looked at by comparing the text with what it should be.
const BASE64: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// The text of a body.
pub(super) fn seal(format: Format, body: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(body.len() + 2 + CHECKSUM);
    number::write(&mut bytes, body.len() as u64);
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&checksum(format, &bytes).to_le_bytes());
    format!("{}{}", format.character(), BASE64.encode(bytes))
}

/// The intact body of a text, and its format.
pub(super) fn open(text: &str) -> Result<(Format, Vec<u8>), LinkError> {
    let mut characters = text.chars();
    let format = match characters.next() {
        None => return Err(LinkError::Empty),
        Some('1') => Format::One,
        Some('2') => Format::Two,
        Some(newer @ '3'..='9') => return Err(LinkError::Newer(newer)),
        Some(other) => return Err(LinkError::Foreign(other)),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if let Some((index, found)) = text.chars().enumerate().find(|(_, c)| !allowed(*c)) {
        return Err(LinkError::Character { position: index + 1, found });
    }

    // A single character in the last group of four is less than a byte.
    let encoded = characters.as_str();
    let whole = if encoded.len() % 4 == 1 { &encoded[..encoded.len() - 1] } else { encoded };
    let bytes = BASE64.decode(whole).map_err(|_| LinkError::Damaged)?;
    let found = text.len();
    let shortest = characters_of(1 + CHECKSUM);
    let (body_length, start) = match number::read(&bytes) {
        Some((length, start)) if length <= LONGEST_BODY => (length, start),
        None if found < shortest => return Err(LinkError::Truncated { expected: shortest, found }),
        _ => return Err(LinkError::Damaged),
    };
    let end = start + body_length as usize;
    let expected = characters_of(end + CHECKSUM);
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => return Err(LinkError::Truncated { expected, found }),
        std::cmp::Ordering::Greater => return Err(LinkError::TooLong { expected, found }),
        std::cmp::Ordering::Equal => {}
    }
    let body = bytes[start..end].to_vec();
    if seal(format, &body) == text { Ok((format, body)) } else { Err(LinkError::Damaged) }
}

/// Length of a text of so many bytes.
fn characters_of(bytes: usize) -> usize {
    1 + (bytes * 4).div_ceil(3)
}

fn checksum(format: Format, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(format.character().to_string().as_bytes());
    crc.update(bytes);
    crc.finalize()
}
