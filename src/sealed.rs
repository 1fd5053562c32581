//! Stored states under a seal, so that a damaged, cut or foreign file is refused and never half believed.
//!
//! A state is whatever a run needs to go on: a search, a training, what the page keeps. Its bytes are the body; in front
//! stand 20 bytes, all numbers little-endian:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `BSST` |
//! | 4 | 2 | what the state is of, see [`Kind`] |
//! | 6 | 2 | version of the body |
//! | 8 | 8 | length of the body in bytes |
//! | 16 | 4 | CRC-32 (IEEE 802.3) of the 16 bytes before and of the body |
//!
//! The seal finds damage, not malice: who reads a body checks what it says as well.

use serde::{Serialize, de::DeserializeOwned};

/// First bytes of every state.
const MAGIC: [u8; 4] = *b"BSST";
/// Bytes before the checksum.
const SUMMED: usize = 16;
/// Bytes before the body.
const HEADER: usize = SUMMED + 4;

/// What a state is of. A number never gets another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A search: [`Search::checkpoint`](crate::search::Search::checkpoint).
    Search = 1,
    /// Training: [`Checkpoint`](crate::train::Checkpoint).
    Training = 2,
    /// A value of the page's store.
    Page = 3,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Search, Kind::Training, Kind::Page];

    /// As sentences name it.
    const fn name(self) -> &'static str {
        match self {
            Kind::Search => "a search",
            Kind::Training => "training",
            Kind::Page => "the page",
        }
    }
}

/// Why bytes are no state that can be gone on from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Something else.
    #[error(
        "no stored state of {expected}, or one of another version: it begins with {found}; choose another \
         file, or start again without it"
    )]
    Foreign {
        /// What it should be of.
        expected: &'static str,
        /// Its first bytes.
        found: String,
    },
    /// A state of something else.
    #[error(
        "a stored state of {found}: expected one of {expected}; choose another file, or start again without it"
    )]
    Kind {
        /// What it should be of.
        expected: &'static str,
        /// What it is of.
        found: String,
    },
    /// A state that another Bitsmith has written.
    #[error(
        "a stored state of {kind} in version {found} of its form: this Bitsmith reads version {expected}; go on with \
         the Bitsmith that wrote it, or start again without it"
    )]
    Version {
        /// What it is of.
        kind: &'static str,
        /// The version that is read.
        expected: u16,
        /// The version there is.
        found: u16,
    },
    /// Bytes are missing or too many.
    #[error(
        "a stored state of {kind} with {found} bytes: expected {expected}; it was cut off; start again without it"
    )]
    Length {
        /// What it is of.
        kind: &'static str,
        /// Bytes that its header promises.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// It was changed on its way.
    #[error(
        "a stored state of {kind} is damaged: its checksum is {found:08x}, expected {expected:08x}; start again without it"
    )]
    Damaged {
        /// What it is of.
        kind: &'static str,
        /// The checksum that it states.
        expected: u32,
        /// That of its bytes.
        found: u32,
    },
    /// The bytes are whole, but what they say has no meaning.
    #[error("a stored state of {kind} contradicts itself ({what}); start again without it")]
    Content {
        /// What it is of.
        kind: &'static str,
        /// What is wrong.
        what: String,
    },
}

impl SealError {
    /// The error of a whole state whose content is wrong.
    pub fn content(kind: Kind, what: impl ToString) -> Self {
        SealError::Content { kind: kind.name(), what: what.to_string() }
    }
}

/// A body under its seal.
#[must_use]
pub fn seal(kind: Kind, version: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend(MAGIC);
    bytes.extend((kind as u16).to_le_bytes());
    bytes.extend(version.to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(checksum(&bytes, body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The body of a whole, undamaged state of this kind and version.
///
/// # Errors
/// What is wrong with it.
pub fn open(kind: Kind, version: u16, bytes: &[u8]) -> Result<&[u8], SealError> {
    let name = kind.name();
    if !bytes.starts_with(&MAGIC) {
        return Err(SealError::Foreign { expected: name, found: shown(bytes) });
    }
    let length = |expected: u64| SealError::Length { kind: name, expected, found: bytes.len() as u64 };
    let (header, body) = bytes.split_first_chunk::<HEADER>().ok_or_else(|| length(HEADER as u64))?;
    let [.., k0, k1, v0, v1, l0, l1, l2, l3, l4, l5, l6, l7, c0, c1, c2, c3] = *header;
    let found_kind = u16::from_le_bytes([k0, k1]);
    if found_kind != kind as u16 {
        let known = Kind::ALL.into_iter().find(|known| *known as u16 == found_kind);
        let found = known.map_or_else(|| format!("kind {found_kind}"), |known| known.name().to_owned());
        return Err(SealError::Kind { expected: name, found });
    }
    let found = u16::from_le_bytes([v0, v1]);
    if found != version {
        return Err(SealError::Version { kind: name, expected: version, found });
    }
    let promised = u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
    if promised != body.len() as u64 {
        return Err(length(promised.saturating_add(HEADER as u64)));
    }
    let (expected, found) = (u32::from_le_bytes([c0, c1, c2, c3]), checksum(&header[..SUMMED], body));
    if expected != found {
        return Err(SealError::Damaged { kind: name, expected, found });
    }
    Ok(body)
}

/// A value as a state.
///
/// # Errors
/// None for plain data; the serializer's are passed on.
pub fn store(kind: Kind, version: u16, value: &impl Serialize) -> Result<Vec<u8>, SealError> {
    let body = postcard::to_stdvec(value).map_err(|error| SealError::content(kind, error))?;
    Ok(seal(kind, version, &body))
}

/// The value of a state that [`store`] wrote.
///
/// # Errors
/// As [`open`]; or if the body is no such value, or more than one.
pub fn load<T: DeserializeOwned>(kind: Kind, version: u16, bytes: &[u8]) -> Result<T, SealError> {
    let body = open(kind, version, bytes)?;
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(SealError::content(kind, format!("{} bytes behind its end", rest.len()))),
        Err(error) => Err(SealError::content(kind, error)),
    }
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(body);
    crc.finalize()
}

/// First bytes in hexadecimal.
fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing (it is empty)".to_owned();
    }
    let hex: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("the bytes {}", hex.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"anything at all";

    #[test]
    fn a_state_comes_back() {
        for kind in Kind::ALL {
            assert_eq!(open(kind, 7, &seal(kind, 7, BODY)), Ok(BODY));
            assert_eq!(open(kind, 0, &seal(kind, 0, &[])), Ok(&[][..]));
        }
        let value = (3_u8, vec![1.5_f32, f32::NAN], "text".to_owned());
        let loaded: (u8, Vec<f32>, String) =
            load(Kind::Search, 1, &store(Kind::Search, 1, &value).expect("plain data")).expect("whole");
        assert_eq!(format!("{loaded:?}"), format!("{value:?}"));
    }

    /// The fault that the seal is for: of 16 flipped bits in a checkpoint of version 0.1.0, 6 gave another log.
    #[test]
    fn no_flipped_bit_and_no_cut_is_taken() {
        let whole = seal(Kind::Search, 5, BODY);
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(Kind::Search, 5, &damaged).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(open(Kind::Search, 5, &whole[..length]).is_err(), "cut to {length}");
        }
        assert!(open(Kind::Search, 5, &[&whole[..], &[0]].concat()).is_err());
    }

    #[test]
    fn errors_name_what_is_wrong_and_what_to_do() {
        let whole = seal(Kind::Search, 5, BODY);
        let problem = |kind, version, bytes: &[u8]| match open(kind, version, bytes) {
            Ok(_) => panic!("taken"),
            Err(error) => error.to_string(),
        };
        for (text, part) in [
            (problem(Kind::Search, 5, b""), "it begins with nothing"),
            (problem(Kind::Search, 5, b"bitsmith search 4\n..."), "it begins with the bytes 62 69 74 73"),
            (problem(Kind::Training, 5, &whole), "a stored state of a search: expected one of training"),
            (problem(Kind::Search, 6, &whole), "in version 5 of its form: this Bitsmith reads version 6"),
            (problem(Kind::Search, 5, &whole[..30]), "with 30 bytes: expected 35"),
            (problem(Kind::Search, 5, &whole[..10]), "with 10 bytes: expected 20"),
        ] {
            assert!(text.contains(part), "{part}: {text}");
            assert!(text.contains("start again without it"), "{text}");
        }
        let spare = seal(Kind::Search, 5, &[1, 2]);
        let error = load::<u8>(Kind::Search, 5, &spare).expect_err("one byte too many").to_string();
        assert!(error.contains("1 bytes behind its end"), "{error}");
    }
}
