//! What tells files apart in a few bytes.

use std::fmt;

/// The first bytes of a SHA-256: enough to tell that weights or images are others than those that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashPrefix([u8; Self::BYTES]);

impl HashPrefix {
    /// Bytes that are kept of 32.
    pub const BYTES: usize = 8;

    /// Of a whole SHA-256 in hexadecimal, or of its beginning; `None` if it is shorter than the prefix or not hexadecimal.
    pub fn of(sha256: &str) -> Option<Self> {
        let digits = sha256.get(..2 * Self::BYTES)?;
        // from_str_radix would take a sign.
        let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let value = u64::from_str_radix(digits, 16).ok().filter(|_| all)?;
        Some(Self(value.to_be_bytes()))
    }

    pub(super) const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for HashPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_there_and_back() {
        let sha256 = "00e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8";
        let prefix = HashPrefix::of(sha256).expect("a hash");
        assert_eq!(prefix.to_string(), sha256[..16]);
        assert_eq!(HashPrefix::of(&sha256[..16].to_uppercase()), Some(prefix));
        for wrong in ["", "00e3b0c44298fc1", "+0e3b0c44298fc1c", "00e3b0c44298fc1x", "é0e3b0c44298fc1c"] {
            assert_eq!(HashPrefix::of(wrong), None, "{wrong}");
        }
    }
}
