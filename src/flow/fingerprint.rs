//! What tells sets of images apart without reading them.

use sha2::{Digest, Sha256};

/// SHA-256 in hexadecimal of the paths and sizes of images, in the order of their paths: for each the
/// path, a zero byte, and the size in bytes as eight bytes, lowest first. Folders around all of them are left out, so that
/// a folder and its archive are the same.
pub(super) fn fingerprint<'a>(images: impl Iterator<Item = (&'a str, u64)>) -> String {
    let mut images: Vec<_> = images.collect();
    images.sort_unstable();
    let around = folders_around(images.iter().map(|(path, _)| *path));
    let mut digest = Sha256::new();
    for (path, size) in images {
        digest.update(path.get(around..).unwrap_or(path).as_bytes());
        digest.update([0]);
        digest.update(size.to_le_bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of the longest folder that all sorted paths are in, with its slash.
fn folders_around<'a>(mut sorted: impl DoubleEndedIterator<Item = &'a str>) -> usize {
    let (Some(first), Some(last)) = (sorted.next(), sorted.next_back()) else { return 0 };
    let common = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    first.as_bytes()[..common].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(images: &[(&str, u64)]) -> String {
        fingerprint(images.iter().copied())
    }

    #[test]
    fn names_and_sizes_count_and_the_place_of_the_whole_does_not() {
        let plain = of(&[("a/1.png", 5), ("a/2.png", 6), ("b/1.png", 7)]);
        assert_eq!(plain.len(), 64);
        assert_eq!(of(&[("photos/b/1.png", 7), ("photos/a/2.png", 6), ("photos/a/1.png", 5)]), plain);
        for other in [
            [("a/1.png", 5), ("a/2.png", 6), ("b/1.png", 8)],
            [("a/1.png", 5), ("a/3.png", 6), ("b/1.png", 7)],
            [("a/1.png", 5), ("b/2.png", 6), ("b/1.png", 7)],
        ] {
            assert_ne!(of(&other), plain, "{other:?}");
        }
    }
}
