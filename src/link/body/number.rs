//! Unsigned LEB128 as postcard writes it: seven bits a byte, lowest first; the high bit says that more follow.

pub(in crate::link) fn write(bytes: &mut Vec<u8>, value: u64) {
    bytes.extend(shortest(value));
}

/// The number at the beginning and the bytes it takes; `None` if it does not end, exceeds 64 bits or is longer than need
/// be.
pub(in crate::link) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    let length = bytes.len() - rest.len();
    (shortest(value).len() == length).then_some((value, length))
}

fn shortest(value: u64) -> Vec<u8> {
    postcard::to_stdvec(&value).expect("a vector has room for a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_standard() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7F]),
            (128, &[0x80, 1]),
            (624_485, &[0xE5, 0x8E, 0x26]),
            (u64::MAX, &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
        ] {
            let mut written = Vec::new();
            write(&mut written, value);
            assert_eq!(written, bytes);
            assert_eq!(read(bytes), Some((value, bytes.len())));
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0x80]), None);
        assert_eq!(read(&[0x81, 0]), None, "one byte would do");
        assert_eq!(read(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2]), None);
        assert_eq!(read(&[0x80; 20]), None);
    }
}
