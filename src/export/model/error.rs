//! Why a file is no network.

use super::fields::VERSION;
use crate::{export::ExportError, net::SpecError};

/// Why bytes cannot be read as `model.bin`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The file begins with something else.
    #[error("no model.bin: it begins with {}, expected 'BSMD'; choose the model.bin of a Bitsmith package", shown(.0))]
    Magic(Vec<u8>),
    /// A later Bitsmith has written it.
    #[error("version {0} of the format: this Bitsmith reads up to version {VERSION}; get a newer Bitsmith")]
    Version(u16),
    /// Bytes are missing or too many.
    #[error("{found} bytes: expected {expected}, as its header says; copy or download the file again")]
    Length {
        /// Bytes that the header promises.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// It was changed on its way.
    #[error("damaged: its {what} is {found}, expected {expected}; copy or download the file again")]
    Checksum {
        /// Name of the checksum.
        what: &'static str,
        /// The checksum that the file states.
        expected: String,
        /// That of the bytes.
        found: String,
    },
    /// The network it names does not exist.
    #[error("names an unknown network: {0}")]
    Spec(#[from] SpecError),
    /// A value has no meaning.
    #[error("byte {at} ({what}) is wrong: found {found}, expected {expected}; export the network again")]
    Value {
        /// Where it stands.
        at: usize,
        /// What it is.
        what: &'static str,
        /// What could stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The network would not be exported.
    #[error(transparent)]
    Network(#[from] ExportError),
}

/// First bytes as text if they are, else in hexadecimal.
fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".into();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(|c| c.is_ascii_graphic()) => format!("'{text}'"),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
    }
}
