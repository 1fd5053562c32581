//! What a file is, told by its first bytes and never by its name.

use super::error::first_bytes;

/// Bytes that tell a file apart: a tar has its mark at the end of its first block.
pub const START: usize = 512;

/// A file that can be read or that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A JPEG image.
    Jpeg,
    /// A PNG image.
    Png,
    /// An image of another format, by name.
    OtherImage(&'static str),
    /// An archive, by name.
    Archive(&'static str),
    /// Text in UTF-8.
    Text,
    /// Nothing of these.
    Unknown,
}

impl Kind {
    /// The kind of a file that begins with `start`, [`START`] bytes or the whole file.
    #[must_use]
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0xff, 0xd8, 0xff, ..] => Kind::Jpeg,
            [0x89, b'P', b'N', b'G', ..] => Kind::Png,
            [b'G', b'I', b'F', b'8', ..] => Kind::OtherImage("GIF"),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Kind::OtherImage("WebP"),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Kind::OtherImage("TIFF"),
            [0, 0, 0, 12, b'j', b'P', ..] => Kind::OtherImage("JPEG 2000"),
            [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', ..] => Kind::OtherImage("JPEG XL"),
            [b'P', b'5' | b'6', b' ' | b'\n' | b'\r' | b'\t', ..] => Kind::OtherImage("PNM"),
            // A bitmap's two letters, and four reserved bytes that are zero.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Kind::OtherImage("BMP"),
            [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => Kind::OtherImage("AVIF"),
            [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', ..] => Kind::OtherImage("HEIC"),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Kind::Archive("zip"),
            [0x1f, 0x8b, ..] => Kind::Archive("gzip"),
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Kind::Archive("7z"),
            [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => Kind::Archive("RAR"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Kind::Archive("xz"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Archive("Zstandard"),
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] => Kind::Archive("bzip2"),
            [4, 0x22, 0x4d, 0x18, ..] => Kind::Archive("LZ4"),
            [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => Kind::Archive("cabinet"),
            [b'P', b'K', 7, 8, ..] => Kind::Archive("split zip"),
            _ if is_tar(start) => Kind::Archive("tar"),
            _ if is_text(start) => Kind::Text,
            _ => Kind::Unknown,
        }
    }

    /// Whether images of this kind are decoded.
    #[must_use]
    pub fn is_image(self) -> bool {
        matches!(self, Kind::Jpeg | Kind::Png)
    }
}

/// What a file is that is none of those expected, as the end of "found ...".
pub(super) fn describe(start: &[u8]) -> String {
    match Kind::of(start) {
        Kind::Jpeg => "a JPEG image".to_owned(),
        Kind::Png => "a PNG image".to_owned(),
        Kind::OtherImage(name) => format!("{} {name} image", article(name)),
        Kind::Archive(name) => format!("{} {name} archive", article(name)),
        Kind::Text if !start.is_empty() => "text".to_owned(),
        Kind::Text | Kind::Unknown => first_bytes(start),
    }
}

fn article(name: &str) -> &'static str {
    // As they are spoken: an AVIF, an xz, an LZ4, a RAR.
    if name.starts_with(['A', 'x', 'L']) { "an" } else { "a" }
}

/// Whether `start` is a tar header. Archives older than POSIX have no mark, but all have a checksum.
pub(super) fn is_tar(start: &[u8]) -> bool {
    let Some(block) = start.get(..START) else {
        return false;
    };
    let header = tar::Header::from_byte_slice(block);
    // The checksum is the sum of all bytes with its own eight taken as spaces.
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    let own: u32 = block[148..156].iter().map(|&byte| u32::from(byte)).sum();
    header.cksum().is_ok_and(|stored| stored == sum - own + 8 * u32::from(b' '))
}

/// UTF-8 without control characters; the last character may be cut off.
fn is_text(start: &[u8]) -> bool {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_bytes() {
        let mut tar = tar::Header::new_ustar();
        tar.set_cksum();
        for (start, kind, described) in [
            (&b"\xff\xd8\xff\xe0"[..], Kind::Jpeg, "a JPEG image"),
            (b"\x89PNG\r\n", Kind::Png, "a PNG image"),
            (b"GIF89a", Kind::OtherImage("GIF"), "a GIF image"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Kind::OtherImage("WebP"), "a WebP image"),
            (b"BM6\0\0\0\0\0\0\0", Kind::OtherImage("BMP"), "a BMP image"),
            (b"BMW cars", Kind::Text, "text"),
            (b"\0\0\0\x20ftypavif", Kind::OtherImage("AVIF"), "an AVIF image"),
            (b"\0\0\0\x20ftypheic", Kind::OtherImage("HEIC"), "a HEIC image"),
            (b"PK\x03\x04", Kind::Archive("zip"), "a zip archive"),
            (b"7z\xbc\xaf\x27\x1c", Kind::Archive("7z"), "a 7z archive"),
            (b"Rar!\x1a\x07\x01", Kind::Archive("RAR"), "a RAR archive"),
            (b"\xfd7zXZ\0", Kind::Archive("xz"), "an xz archive"),
            (b"\x28\xb5\x2f\xfd", Kind::Archive("Zstandard"), "a Zstandard archive"),
            (b"BZh91AY&SY", Kind::Archive("bzip2"), "a bzip2 archive"),
            (tar.as_bytes(), Kind::Archive("tar"), "a tar archive"),
            ("1.jpg,Käse\n".as_bytes(), Kind::Text, "text"),
            (&"Käse".as_bytes()[..2], Kind::Text, "text"),
            (b"", Kind::Text, "nothing (it is empty)"),
            (b"\0\x01", Kind::Unknown, "the bytes 00 01"),
        ] {
            assert_eq!(Kind::of(start), kind, "{described}");
            assert_eq!(describe(start), described);
        }
    }
}
