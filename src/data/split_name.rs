//! Folders and archives that are named after the part of a data set they hold.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The part of a data set that a folder such as `train/` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For training and calibration.
    Train,
    /// For validation.
    Val,
    /// For the last measurement.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Test => "test",
        })
    }
}

/// Words that name nothing themselves: `training_set`, `val_images`, `train-160`.
const FILLERS: [&str; 14] = [
    "set", "images", "image", "imgs", "img", "data", "dataset", "split", "folder", "dir", "jpg", "jpeg",
    "png", "photos",
];

fn of_word(word: &str) -> Option<Split> {
    match word {
        "train" | "training" | "trainset" | "trn" => Some(Split::Train),
        "val" | "valid" | "validation" | "validate" | "valset" | "dev" | "eval" | "evaluation" => {
            Some(Split::Val)
        }
        "test" | "testing" | "testset" | "tst" => Some(Split::Test),
        _ => None,
    }
}

/// The split that a name says and nothing else: one of its words, all others being fillers or numbers.
pub fn exact(name: &str) -> Option<Split> {
    let (split, others) = read(name)?;
    let fillers = others.iter().all(|word| FILLERS.contains(&word.as_str()) || is_number(word));
    fillers.then_some(split)
}

/// The split that a name mentions among other words: `imagenette-val-224`, `seg_train`.
pub fn loose(name: &str) -> Option<Split> {
    read(name).map(|(split, _)| split)
}

/// The one split that a name mentions, and its other words.
fn read(name: &str) -> Option<(Split, Vec<String>)> {
    let (mut splits, mut others) = (Vec::new(), Vec::new());
    for word in words(name) {
        match of_word(&word) {
            Some(split) => splits.push(split),
            None => others.push(word),
        }
    }
    splits.dedup();
    match splits[..] {
        [split] => Some((split, others)),
        _ => None,
    }
}

/// Words in lower case: separated by what is no letter or digit, by a capital after a small letter (`TrainSet`), and by
/// digits after letters (`train2017`, `test1`).
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_alphanumeric() {
            let begins = !before.is_alphanumeric()
                || (before.is_lowercase() && c.is_uppercase())
                || (before.is_numeric() != c.is_numeric());
            if begins {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    words
}

fn is_number(word: &str) -> bool {
    word.chars().all(char::is_numeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spellings_are_splits() {
        for (split, names) in [
            (
                Split::Train,
                "train training training_set train_images TrainSet Train trainset train2017 TRAINING-DATA train-160 train_set trn",
            ),
            (
                Split::Val,
                "val valid validation Validation_set val_images valset dev val-224 evaluation images_val",
            ),
            (Split::Test, "test testing test_set Test test1 testset TestImages tst"),
        ] {
            for name in names.split(' ') {
                assert_eq!(exact(name), Some(split), "{name}");
            }
        }
        for name in ["training set", "Test Images", "val.zip.images"] {
            assert!(loose(name).is_some(), "{name}");
        }
    }

    #[test]
    fn other_names_are_none() {
        for name in
            ["bullet_train", "test tube", "trainer", "contest", "value", "imagenette-val-224", "cat", ""]
        {
            assert_eq!(exact(name), None, "{name}");
        }
        for (name, split) in [
            ("imagenette-val-224", Some(Split::Val)),
            ("seg_train", Some(Split::Train)),
            ("train_val", None),
            ("trainer", None),
            ("latest", None),
        ] {
            assert_eq!(loose(name), split, "{name}");
        }
    }
}
