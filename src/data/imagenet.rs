//! The 1000 classes of ImageNet (ILSVRC 2012): WordNet ids and names, in class order.

use std::sync::LazyLock;

/// Classes of the challenge.
pub const CLASSES: usize = 1000;

/// Lines `wnid<TAB>name` in class order below a header of `#` lines; the header is WordNet's licence.
static TABLE: &str = include_str!("imagenet.tsv");

static ENTRIES: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t')).collect()
});

/// Class numbers in the order of the development kit's ids.
static DEVKIT: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let numbers = include_str!("imagenet_devkit.txt").lines().filter(|line| !line.starts_with('#'));
    numbers.flat_map(str::split_whitespace).filter_map(|number| number.parse().ok()).collect()
});

/// The WordNet id of an id, 1 to 1000, of ILSVRC 2012's development kit, which has an order of its own.
#[must_use]
pub fn wnid_of_devkit(id: usize) -> Option<&'static str> {
    let class = *DEVKIT.get(id.checked_sub(1)?)?;
    ENTRIES.get(class).map(|(wnid, _)| *wnid)
}

/// The number in the name of an ImageNet validation or test image: 1 of `ILSVRC2012_val_00000001.JPEG`.
#[must_use]
pub fn number_in(path: &str) -> Option<usize> {
    let name = path.rsplit('/').next()?;
    let digits = name.strip_prefix("ILSVRC2012_")?.split('_').nth(1)?.split('.').next()?;
    digits.parse().ok()
}

/// The class number, 0 to 999, of a WordNet id such as `n01440764`; the class order is the sorted order
/// of the ids.
#[must_use]
pub fn class_of(wnid: &str) -> Option<usize> {
    ENTRIES.binary_search_by(|(id, _)| (*id).cmp(wnid)).ok()
}

/// The WordNet id that a folder's name begins with, alone or before another word: `n01440764-tench`.
#[must_use]
pub fn wnid_of(folder: &str) -> Option<&str> {
    let wnid = folder.get(..9)?;
    let ends = folder.get(9..)?.chars().next().is_none_or(|next| !next.is_alphanumeric());
    class_of(wnid).filter(|_| ends).map(|_| wnid)
}

/// The class number of an English name such as `tench`, case aside, `_` or `-` as a space.
#[must_use]
pub fn class_named(name: &str) -> Option<usize> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], " ");
    let name = plain(name);
    ENTRIES.iter().position(|(_, known)| plain(known) == name)
}

/// The short English name of class `index`, such as `tench` for 0.
#[must_use]
pub fn name_of(index: usize) -> Option<&'static str> {
    ENTRIES.get(index).map(|(_, name)| *name)
}

/// The licence of the names, which must accompany them.
#[must_use]
pub fn licence() -> String {
    let lines: Vec<&str> = TABLE.lines().filter_map(|line| line.strip_prefix('#')).map(str::trim).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_sorted_and_without_equal_names() {
        assert_eq!(ENTRIES.len(), CLASSES);
        assert!(ENTRIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let names: std::collections::BTreeSet<_> =
            ENTRIES.iter().map(|(_, name)| name.to_lowercase()).collect();
        assert_eq!(names.len(), CLASSES);
        assert!(ENTRIES.iter().all(|(id, name)| id.len() == 9 && id.starts_with('n') && !name.is_empty()));
    }

    /// Class numbers that every list of the ImageNet classes agrees on.
    #[test]
    fn known_classes_have_their_numbers() {
        for (wnid, index, name) in [
            ("n01440764", 0, "tench"),
            ("n02102040", 217, "English springer"),
            ("n02979186", 482, "cassette player"),
            ("n03000684", 491, "chain saw"),
            ("n03028079", 497, "church"),
            ("n03394916", 566, "French horn"),
            ("n03417042", 569, "garbage truck"),
            ("n03425413", 571, "gas pump"),
            ("n03445777", 574, "golf ball"),
            ("n03888257", 701, "parachute"),
            ("n15075141", 999, "toilet tissue"),
        ] {
            assert_eq!(class_of(wnid), Some(index));
            assert_eq!(name_of(index), Some(name));
        }
        assert_eq!(class_of("n00000000"), None);
        assert_eq!(class_of("cat"), None);
        assert_eq!(name_of(CLASSES), None);
        for (folder, wnid) in [
            ("n01440764", Some("n01440764")),
            ("n01440764-tench", Some("n01440764")),
            ("n01440764_Tinca tinca", Some("n01440764")),
            ("n014407640", None),
            ("n00000000-x", None),
            ("tench", None),
            ("日本語のなまえ", None),
        ] {
            assert_eq!(wnid_of(folder), wnid, "{folder}");
        }
        assert_eq!((class_named("Golf_ball"), class_named("golf")), (Some(574), None));
    }

    /// Pairs that public descriptions of the development kit show.
    #[test]
    fn the_development_kit_has_an_order_of_its_own() {
        let all: std::collections::BTreeSet<_> = (1..=CLASSES).filter_map(wnid_of_devkit).collect();
        assert_eq!(all.len(), CLASSES);
        for (id, wnid) in [(1, "n02119789"), (2, "n02100735"), (3, "n02110185"), (1000, "n03255030")] {
            assert_eq!(wnid_of_devkit(id), Some(wnid));
        }
        assert_eq!((wnid_of_devkit(0), wnid_of_devkit(1001)), (None, None));
        assert_eq!(number_in("val/ILSVRC2012_val_00000293.JPEG"), Some(293));
        assert_eq!((number_in("1.jpg"), number_in("ILSVRC2012_val.JPEG")), (None, None));
    }

    #[test]
    fn the_licence_is_in_the_table() {
        assert!(licence().contains("WordNet 3.0 Copyright 2006 by Princeton University"));
    }
}
