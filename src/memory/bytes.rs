//! Byte counts as people write and read them.

use std::{fmt, str::FromStr};

/// A number of bytes with a text form: shown in B, KiB or MiB, read with any usual unit.
///
/// ```
/// use bitsmith::memory::Bytes;
///
/// assert_eq!("512KiB".parse(), Ok(Bytes(524_288)));
/// assert_eq!("2MB".parse(), Ok(Bytes(2_000_000)));
/// assert_eq!(Bytes(2_048_000).to_string(), "1.95 MiB");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub usize);

/// Why a text is no number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BytesError {
    /// It does not begin with a number.
    #[error(
        "'{0}' is no size: expected a number of bytes such as 2048000, or one with a unit such as 512KiB"
    )]
    Number(String),
    /// The unit is unknown.
    #[error(
        "unit '{unit}' in '{text}': expected B, KiB or MiB (1024 and 1024 x 1024 bytes), or kB or MB (1000 and \
         1000 x 1000 bytes)"
    )]
    Unit {
        /// Whole text.
        text: String,
        /// The part that should be a unit.
        unit: String,
    },
    /// A decimal fraction that is no whole number of bytes.
    #[error("'{0}' is no whole number of bytes")]
    Fraction(String),
    /// More than a 32-bit machine can address.
    #[error("'{0}' is more than the 4 GiB that a microcontroller can address")]
    TooLarge(String),
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A unit of bytes, for all sizes of one sentence.
///
/// ```
/// use bitsmith::memory::ByteUnit;
///
/// let unit = ByteUnit::of(&[500_000, 1_048_576]);
/// assert_eq!([500_000, 1_048_576].map(|bytes| unit.text(bytes)), ["488.28 KiB", "1024 KiB"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteUnit {
    /// Bytes.
    One,
    /// 1024 bytes.
    Kib,
    /// 1024 x 1024 bytes.
    Mib,
}

impl ByteUnit {
    /// B if all sizes are below 1 KiB, MiB if none but 0 is below 1 MiB, else KiB.
    pub fn of(sizes: &[usize]) -> Self {
        if sizes.iter().all(|&bytes| bytes < KIB) {
            Self::One
        } else if sizes.iter().all(|&bytes| bytes == 0 || bytes >= MIB) {
            Self::Mib
        } else {
            Self::Kib
        }
    }

    /// A size in it: whole, or with two digits after the point.
    pub fn text(self, bytes: usize) -> String {
        let (unit, name) = match self {
            Self::One => (1, "B"),
            Self::Kib => (KIB, "KiB"),
            Self::Mib => (MIB, "MiB"),
        };
        if bytes.is_multiple_of(unit) {
            format!("{} {name}", bytes / unit)
        } else {
            format!("{:.2} {name}", bytes as f64 / unit as f64)
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ByteUnit::of(&[self.0]).text(self.0))
    }
}

impl FromStr for Bytes {
    type Err = BytesError;

    /// Reads `2048000`, `512KiB`, `2 MiB`, `1.5MiB`, `2MB` (2,000,000 bytes); units in any case.
    fn from_str(text: &str) -> Result<Self, BytesError> {
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !matches!(c, '0'..='9' | '.' | '_')).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(end);
        let unit = unit.trim();
        let factor: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "kb" => 1_000,
            "mb" => 1_000_000,
            _ if number.is_empty() => return Err(BytesError::Number(text.into())),
            _ => return Err(BytesError::Unit { text: text.into(), unit: unit.into() }),
        };
        let number = number.replace('_', "");
        let (whole, decimals) = number.split_once('.').unwrap_or((&number, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(decimals) {
            return Err(BytesError::Number(text.into()));
        }
        let too_large = || BytesError::TooLarge(text.into());
        // Nine decimals tell any two numbers of bytes below 4 GiB apart.
        if decimals.len() > 9 {
            return Err(BytesError::Fraction(text.into()));
        }
        let whole: u64 = whole.parse().map_err(|_| too_large())?;
        let scale = 10_u64.pow(decimals.len() as u32);
        let decimals: u64 =
            if decimals.is_empty() { 0 } else { decimals.parse().map_err(|_| too_large())? };
        let parts = decimals * factor;
        if !parts.is_multiple_of(scale) {
            return Err(BytesError::Fraction(text.into()));
        }
        let bytes =
            whole.checked_mul(factor).and_then(|w| w.checked_add(parts / scale)).ok_or_else(too_large)?;
        match u32::try_from(bytes) {
            Ok(bytes) => Ok(Self(bytes as usize)),
            Err(_) => Err(too_large()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_binary_with_an_i_and_decimal_without() {
        for (text, bytes) in [
            ("0", 0),
            ("2048000", 2_048_000),
            ("2_048_000 B", 2_048_000),
            ("512KiB", 524_288),
            ("2 MiB", 2_097_152),
            ("2mib", 2_097_152),
            ("1.5MiB", 1_572_864),
            ("2MB", 2_000_000),
            ("512 kB", 512_000),
            ("0.001kB", 1),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn errors_say_what_was_expected() {
        for (text, part) in [
            ("", "'' is no size"),
            ("lots", "'lots' is no size"),
            (".5MiB", "is no size"),
            ("1.2.3", "is no size"),
            ("-5", "is no size"),
            ("2GB", "unit 'GB' in '2GB'"),
            ("1,5MiB", "unit ',5MiB'"),
            ("0.3B", "no whole number"),
            ("1.0001KiB", "no whole number"),
            ("5000MiB", "more than the 4 GiB"),
            ("99999999999999999999999", "more than the 4 GiB"),
        ] {
            let error = text.parse::<Bytes>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn shown_in_the_largest_unit() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1500, "1.46 KiB"), (524_288, "512 KiB")]
        {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(Bytes(2_048_000).to_string(), "1.95 MiB");
        assert_eq!(Bytes(2_097_152).to_string(), "2 MiB");
    }

    proptest! {
        #[test]
        fn any_text_parses_or_errs(text in "\\PC*") {
            let _ = text.parse::<Bytes>();
        }

        #[test]
        fn plain_numbers_round_trip(bytes in any::<u32>()) {
            prop_assert_eq!(bytes.to_string().parse(), Ok(Bytes(bytes as usize)));
        }
    }
}
