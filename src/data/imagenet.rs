//! The 1000 classes of ImageNet (ILSVRC 2012): WordNet ids and names, in class order.

use std::sync::LazyLock;

/// Classes of the challenge.
pub const CLASSES: usize = 1000;

/// Lines `wnid<TAB>name` in class order below a header of `#` lines; the header is WordNet's licence.
static TABLE: &str = include_str!("imagenet.tsv");

static ENTRIES: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t')).collect()
});

/// The class number, 0 to 999, of a WordNet id such as `n01440764`; the class order is the sorted order
/// of the ids.
#[must_use]
pub fn class_of(wnid: &str) -> Option<usize> {
    ENTRIES.binary_search_by(|(id, _)| (*id).cmp(wnid)).ok()
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
    }

    #[test]
    fn the_licence_is_in_the_table() {
        assert!(licence().contains("WordNet 3.0 Copyright 2006 by Princeton University"));
    }
}
