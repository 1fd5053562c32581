//! Which output of a network stands for which class of a data set.

use super::error::DataError;
use super::imagenet;
use super::listing::Class;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// How classes were matched with outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchedBy {
    /// By the network's own list of labels.
    Label,
    /// By ImageNet id: a network of 1000 outputs, or of 1001 with the background first.
    ImageNetId,
    /// By ImageNet name, such as `tench`: networks as above.
    ImageNetName,
    /// By the number that a file with labels gives.
    Number,
    /// By position: as many classes as outputs, classes in the order of their folder names.
    Position,
}

impl fmt::Display for MatchedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MatchedBy::Label => "by the network's label",
            MatchedBy::ImageNetId => "by ImageNet id",
            MatchedBy::ImageNetName => "by ImageNet name",
            MatchedBy::Number => "by the number in the file with labels",
            MatchedBy::Position => "by position: order of folder names",
        })
    }
}

/// The output of each class. An image counts as right if the largest of *all* outputs is its class's, so
/// that ten classes can be scored 1000-way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassMap {
    outputs: Vec<usize>,
    matched_by: MatchedBy,
}

impl ClassMap {
    /// Matches `classes` with a network of `outputs` outputs. `labels`, if the weights carry any, names
    /// each output; a class fits a label equal to its folder or its name (case aside, `_` as a space).
    /// Tried in this order: labels, if every class has one; numbers, if classes are numbers of a file with labels;
    /// ImageNet ids; ImageNet names; position, unless a label contradicts it.
    ///
    /// # Errors
    /// [`DataError::ClassCount`] with both counts if none of these fits.
    pub fn new(classes: &[Class], outputs: usize, labels: Option<&[String]>) -> Result<Self, DataError> {
        let mut detail = String::new();
        if let Some(labels) = labels {
            match by_label(classes, outputs, labels) {
                Ok(map) => return Ok(map),
                Err(reason) => detail = reason,
            }
        }
        if let Some(map) = by_number(classes, outputs) {
            return Ok(map);
        }
        if let Some(map) = by_imagenet(classes, outputs) {
            return Ok(map);
        }
        if classes.len() == outputs {
            if let Some(class) = labels.and_then(|labels| contradicted(classes, labels)) {
                let detail = format!("{detail}, while the label {class} stands at another position");
                return Err(DataError::ClassCount { classes: classes.len(), outputs, detail });
            }
            return Ok(ClassMap { outputs: (0..outputs).collect(), matched_by: MatchedBy::Position });
        }
        if detail.is_empty()
            && let Some(background) = imagenet_background(outputs)
            && let Some(class) = classes.iter().find(|class| imagenet::wnid_of(&class.folder).is_none())
        {
            let order = if background == 0 { "" } else { " after a background" };
            detail = format!(
                ", the ImageNet classes{order}, but the folder {} is no ImageNet id such as n01440764",
                class.folder
            );
        }
        Err(DataError::ClassCount { classes: classes.len(), outputs, detail })
    }

    /// The output of class number `class`.
    #[must_use]
    pub fn output_of(&self, class: usize) -> Option<usize> {
        self.outputs.get(class).copied()
    }

    /// The outputs of all classes, in class order; no two are equal.
    #[must_use]
    pub fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    /// How they were found.
    #[must_use]
    pub fn matched_by(&self) -> MatchedBy {
        self.matched_by
    }
}

/// The map, or why there is none, as the continuation of a sentence.
fn by_label(classes: &[Class], outputs: usize, labels: &[String]) -> Result<ClassMap, String> {
    if labels.len() != outputs {
        return Err(format!(", its list of labels {}", labels.len()));
    }
    let labels: Vec<String> = labels.iter().map(|label| plain(label)).collect();
    let mut found = Vec::with_capacity(classes.len());
    for class in classes {
        match labels.iter().position(|label| is_label_of(label, class)) {
            Some(output) if !found.contains(&output) => found.push(output),
            Some(_) => {
                return Err(format!(
                    ", and the label of the folder {} is another folder's too",
                    class.folder
                ));
            }
            None => {
                return Err(format!(", none of them labelled as the folder {}", class.folder));
            }
        }
    }
    Ok(ClassMap { outputs: found, matched_by: MatchedBy::Label })
}

fn by_number(classes: &[Class], outputs: usize) -> Option<ClassMap> {
    let outputs: Option<Vec<usize>> =
        classes.iter().map(|class| class.number.filter(|&number| number < outputs)).collect();
    Some(ClassMap { outputs: outputs?, matched_by: MatchedBy::Number })
}

fn by_imagenet(classes: &[Class], outputs: usize) -> Option<ClassMap> {
    let background = imagenet_background(outputs)?;
    let each = |class_of: fn(&str) -> Option<usize>| -> Option<Vec<usize>> {
        let outputs: Vec<usize> =
            classes.iter().map(|class| Some(class_of(&class.folder)? + background)).collect::<Option<_>>()?;
        let distinct: BTreeSet<&usize> = outputs.iter().collect();
        (distinct.len() == outputs.len()).then_some(outputs)
    };
    let id = |folder: &str| imagenet::wnid_of(folder).and_then(imagenet::class_of);
    let (outputs, matched_by) = match each(id) {
        Some(outputs) => (outputs, MatchedBy::ImageNetId),
        None => (each(imagenet::class_named)?, MatchedBy::ImageNetName),
    };
    Some(ClassMap { outputs, matched_by })
}

/// A class whose label stands at another position than its folder.
fn contradicted<'a>(classes: &'a [Class], labels: &[String]) -> Option<&'a str> {
    let stands_elsewhere = |(position, class): (usize, &'a Class)| {
        let found = labels.iter().position(|label| is_label_of(&plain(label), class))?;
        (found != position).then_some(class.folder.as_str())
    };
    classes.iter().enumerate().find_map(stands_elsewhere)
}

/// Case aside, `_` as a space, in Unicode's normal form C.
fn plain(text: &str) -> String {
    text.trim().nfc().collect::<String>().to_lowercase().replace('_', " ")
}

fn is_label_of(label: &str, class: &Class) -> bool {
    let wnid = imagenet::wnid_of(&class.folder);
    plain(&class.folder) == label || plain(&class.name) == label || wnid.is_some_and(|wnid| wnid == label)
}

/// Classes that so many outputs tell apart: all but ImageNet's background.
pub fn without_background(outputs: usize) -> usize {
    outputs - imagenet_background(outputs).unwrap_or(0)
}

/// Outputs before the first ImageNet class, if a network of this many outputs has the ImageNet classes.
fn imagenet_background(outputs: usize) -> Option<usize> {
    outputs.checked_sub(imagenet::CLASSES).filter(|&background| background <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(folders: &[&str]) -> Vec<Class> {
        folders.iter().map(|folder| Class::new(folder)).collect()
    }

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_way_of_matching() {
        let pets = classes(&["cat", "dog"]);
        let fish = classes(&["n01440764", "n15075141"]);
        let named = classes(&["n01440764-tench", "n15075141_toilet_tissue"]);
        let english = classes(&["golf_ball", "tench"]);
        let numbers = [Class::numbered(7), Class::numbered(3)].to_vec();
        let accents = classes(&["bar", "cafe\u{301}"]);
        for (classes, outputs, names, expected, matched_by) in [
            (&pets, 2, None, [0, 1], MatchedBy::Position),
            (&fish, 2, None, [0, 1], MatchedBy::Position),
            (&fish, 1000, None, [0, 999], MatchedBy::ImageNetId),
            (&fish, 1001, None, [1, 1000], MatchedBy::ImageNetId),
            (&pets, 3, Some(labels(&["Dog", "cow", "CAT"])), [2, 0], MatchedBy::Label),
            (&fish, 2, Some(labels(&["toilet_tissue", "tench"])), [1, 0], MatchedBy::Label),
            (&fish, 2, Some(labels(&["n15075141", "n01440764"])), [1, 0], MatchedBy::Label),
            (&pets, 2, Some(labels(&["0", "1"])), [0, 1], MatchedBy::Position),
            (&fish, 1000, Some(labels(&["x"])), [0, 999], MatchedBy::ImageNetId),
            (&named, 1000, None, [0, 999], MatchedBy::ImageNetId),
            (&named, 2, Some(labels(&["n15075141", "n01440764"])), [1, 0], MatchedBy::Label),
            (&english, 1001, None, [575, 1], MatchedBy::ImageNetName),
            (&numbers, 20, None, [7, 3], MatchedBy::Number),
            (&accents, 2, Some(labels(&["caf\u{e9}", "bar"])), [1, 0], MatchedBy::Label),
        ] {
            let map = ClassMap::new(classes, outputs, names.as_deref()).expect("a map");
            assert_eq!((map.outputs(), map.matched_by()), (expected.as_slice(), matched_by));
            assert_eq!((map.output_of(1), map.output_of(2)), (Some(expected[1]), None));
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_both_counts() {
        let pets = classes(&["cat", "dog"]);
        for (outputs, names, expected) in [
            (10, None, "the images have 2 classes, the network has 10 outputs; choose"),
            (
                1000,
                None,
                "2 classes, the network has 1000 outputs, the ImageNet classes, but the folder cat is no",
            ),
            (1001, None, "after a background"),
            (3, Some(labels(&["cat", "cow", "ant"])), "none of them labelled as the folder dog"),
            (3, Some(labels(&["cat"])), "3 outputs, its list of labels 1;"),
            (2, Some(labels(&["dogs", "cat"])), "the label cat stands at another position;"),
        ] {
            let error = ClassMap::new(&pets, outputs, names.as_deref()).expect_err("no map").to_string();
            assert!(error.contains(expected), "{error}");
        }
        let twins = ClassMap::new(&classes(&["Cat", "cat"]), 3, Some(&labels(&["cat", "dog", "cow"])));
        assert!(twins.expect_err("no map").to_string().contains("another folder's too"));
    }
}
