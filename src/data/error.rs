//! What can go wrong between a dropped file and a tensor of pixels.

use crate::printable::printable;

/// Why a file, an archive or a data set cannot be used. Each message says what was expected, what was
/// found and what to do next; [`DataError::in_file`] adds the name of the file.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The error of one named file or archive.
    // The message has the reason in it, which is therefore no `source`: a chain of errors would say it twice.
    #[error("{}: {error}", printable(.file))]
    InFile {
        /// Name or path as the user knows it.
        file: String,
        /// What is wrong with it.
        error: Box<DataError>,
    },
    /// The operating system or the browser could not read.
    #[error("cannot be read ({0}); check that it exists and may be read")]
    Io(std::io::Error),
    /// The first bytes are those of no known archive.
    #[error("expected a zip, tar or tar.gz archive, found {found}; pack the class folders as zip or tar.gz")]
    UnknownArchive {
        /// The format if it is known, else the first bytes.
        found: String,
    },
    /// The archive contradicts its own format.
    #[error(
        "expected {expected}, found {found}: the {kind} archive is damaged or cut short; download or pack it again"
    )]
    DamagedArchive {
        /// `zip`, `tar` or `tar.gz`.
        kind: &'static str,
        /// What the format asks for at this place.
        expected: String,
        /// What is there instead.
        found: String,
    },
    /// The archive is sound, but uses a feature that is not read here.
    #[error("expected a plain {kind} archive, found {found}; pack it again without that")]
    UnsupportedArchive {
        /// `zip`, `tar` or `tar.gz`.
        kind: &'static str,
        /// The feature.
        found: String,
    },
    /// More bytes, files or pixels than the stated limit.
    #[error("expected at most {limit} {unit}, found {found}; split the data into smaller parts")]
    TooLarge {
        /// The limit.
        limit: u64,
        /// What was found, or how far reading went.
        found: u64,
        /// `bytes`, `files`, `pixels`, or what the bytes are of.
        unit: &'static str,
    },
    /// An image of a format that is not read here.
    #[error("expected a JPEG or PNG image, found {found}; convert it to JPEG or PNG")]
    UnknownImage {
        /// The format if it is known, else the first bytes.
        found: String,
    },
    /// An image that cannot be decoded.
    #[error("expected a whole {format} image, found: {found}; remove it or save it again")]
    DamagedImage {
        /// `JPEG` or `PNG`.
        format: &'static str,
        /// What the decoder says.
        found: String,
    },
    /// An image without a pixel, or bytes that do not fill it.
    #[error(
        "expected an image of at least 1x1 pixels with 3 bytes each, found {width}x{height} with {bytes} bytes"
    )]
    BadDimensions {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Length of the pixel buffer.
        bytes: usize,
    },
    /// A listing without a single image in a class folder.
    #[error(
        "expected JPEG or PNG images in one folder per class, such as val/cat/1.jpg, found none (images elsewhere: {images}, other files: {}); put the images of each class into a folder, and choose the folder around these or pack it as zip or tar.gz",
        .files - .images
    )]
    NoImages {
        /// Files in the listing.
        files: usize,
        /// Images among them.
        images: usize,
    },
    /// Too few images to calibrate on some and to measure on others.
    #[error(
        "expected at least 2 images, found {found}: some are for calibration, others for measuring; add images"
    )]
    TooFewImages {
        /// Images in the data set.
        found: usize,
    },
    /// Class folders that do not fit the network's outputs.
    #[error(
        "the images have {classes} classes, the network has {outputs} outputs{detail}; choose images or a network with the same classes"
    )]
    ClassCount {
        /// Class folders.
        classes: usize,
        /// Outputs of the network.
        outputs: usize,
        /// Why names did not help either, beginning with a comma, or nothing.
        detail: String,
    },
}

impl From<std::io::Error> for DataError {
    fn from(error: std::io::Error) -> Self {
        DataError::Io(error)
    }
}

impl DataError {
    /// The reason without the name of the file.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            DataError::InFile { error, .. } => error.reason(),
            other => other.to_string(),
        }
    }

    /// The same error with the name of the file in front.
    #[must_use]
    pub fn in_file(self, file: &str) -> Self {
        DataError::InFile { file: file.to_owned(), error: Box::new(self) }
    }
}

/// The first bytes as they are shown in a message: `50 4b 03 04`, or `nothing` for an empty file.
pub(super) fn first_bytes(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing (it is empty)".to_owned();
    }
    let hex: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("the bytes {}", hex.join(" "))
}
