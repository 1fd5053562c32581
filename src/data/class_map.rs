//! Which output of a network stands for which class of a data set.

use super::error::DataError;
use super::imagenet;
use super::listing::Class;

/// How classes were matched with outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchedBy {
    /// By the network's own list of labels.
    Label,
    /// By ImageNet id: a network of 1000 outputs, or of 1001 with the background first.
    ImageNetId,
    /// By position: as many classes as outputs, classes in the order of their folder names.
    Position,
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
    /// Tried in this order: labels, if every class has one; ImageNet ids; position.
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
        if let Some(map) = by_imagenet_id(classes, outputs) {
            return Ok(map);
        }
        if classes.len() == outputs {
            return Ok(ClassMap { outputs: (0..outputs).collect(), matched_by: MatchedBy::Position });
        }
        if detail.is_empty()
            && let Some(background) = imagenet_background(outputs)
            && let Some(class) = classes.iter().find(|class| imagenet::class_of(&class.folder).is_none())
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
    let plain = |text: &str| text.to_lowercase().replace('_', " ");
    let labels: Vec<String> = labels.iter().map(|label| plain(label)).collect();
    let mut found = Vec::with_capacity(classes.len());
    for class in classes {
        let wanted = [plain(&class.folder), plain(&class.name)];
        match labels.iter().position(|label| wanted.contains(label)) {
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

fn by_imagenet_id(classes: &[Class], outputs: usize) -> Option<ClassMap> {
    let background = imagenet_background(outputs)?;
    let outputs: Option<Vec<usize>> = classes
        .iter()
        .map(|class| imagenet::class_of(&class.folder).map(|index| index + background))
        .collect();
    Some(ClassMap { outputs: outputs?, matched_by: MatchedBy::ImageNetId })
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
        ] {
            let error = ClassMap::new(&pets, outputs, names.as_deref()).expect_err("no map").to_string();
            assert!(error.contains(expected), "{error}");
        }
        let twins = ClassMap::new(&classes(&["Cat", "cat"]), 3, Some(&labels(&["cat", "dog", "cow"])));
        assert!(twins.expect_err("no map").to_string().contains("another folder's too"));
    }
}
