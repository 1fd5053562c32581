//! From paths to classes and splits, as torchvision's `ImageFolder` and Keras' `image_dataset_from_directory` read them.
//!
//! A class is a folder directly below the root, or below a split such as `train/`; all images in it are of that class,
//! however deep. The root is below folders that hold nothing but one folder each (`photos/imagenette/val/...`), as
//! archives have them. Which folders are splits is decided by all folders beside each other: `train/` beside `car/` and
//! `plane/` is a class, `train/` beside `val/` is not.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::split_name::{Split, exact, loose};

/// Where a file belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a class.
    Class {
        /// Its folder.
        folder: String,
        /// The part of the data set, if folders or sources name it.
        split: Option<Split>,
    },
    /// In no class folder.
    NoClass {
        /// The part of the data set, if folders or sources name it.
        split: Option<Split>,
    },
    /// Beside the folders of the splits.
    BesideSplits,
}

/// A file: number of its source, and its path there, components separated by `/`.
pub type Located<'a> = (usize, &'a str);

/// Folders that hold images and say nothing of them.
const CONTAINERS: [&str; 11] =
    ["images", "image", "imgs", "img", "jpg", "jpeg", "jpegs", "png", "photos", "pictures", "data"];

/// A folder; children in the order of their names.
#[derive(Default)]
struct Node<'a> {
    children: BTreeMap<&'a str, Node<'a>>,
    files: Vec<usize>,
}

impl<'a> Node<'a> {
    fn add(&mut self, folders: &[&'a str], file: usize) {
        match folders.split_first() {
            Some((first, rest)) => self.children.entry(first).or_default().add(rest, file),
            None => self.files.push(file),
        }
    }

    fn has_folders(&self) -> bool {
        !self.children.is_empty()
    }

    /// The only folder, where there is nothing else.
    fn only(&self) -> Option<(&'a str, &Node<'a>)> {
        let mut children = self.children.iter();
        let only = children.next().filter(|_| self.files.is_empty() && children.next().is_none());
        only.map(|(name, child)| (*name, child))
    }

    fn each(&self, on: &mut impl FnMut(usize)) {
        self.files.iter().for_each(|&file| on(file));
        self.children.values().for_each(|child| child.each(on));
    }
}

/// A folder whose children are classes.
struct Root<'t, 'a> {
    folder: &'t Node<'a>,
    split: Option<Split>,
}

/// The places of `files`. `sources` are the names of the sources; with several, a name such as `train` is a split.
pub fn places(files: &[Located], sources: &[Cow<str>]) -> Vec<Place> {
    let mut trees: Vec<Node> = sources.iter().map(|_| Node::default()).collect();
    for (number, &(source, path)) in files.iter().enumerate() {
        let mut folders: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        folders.pop();
        if let Some(tree) = trees.get_mut(source) {
            tree.add(&folders, number);
        }
    }
    let mut places = vec![Place::NoClass { split: None }; files.len()];
    let mut roots = Vec::new();
    for (tree, name) in trees.iter().zip(sources) {
        let named = (sources.len() > 1).then(|| loose(name)).flatten();
        find_splits(tree, named, &mut roots, &mut |file| places[file] = Place::BesideSplits);
    }
    roots.retain(|root| root.folder.has_folders() || !root.folder.files.is_empty());
    descend(&mut roots);

    let classes_hold_splits = roots
        .iter()
        .all(|root| root.split.is_none() && root.folder.children.values().all(|class| only_splits(class)));
    let classes: BTreeSet<&str> = roots
        .iter()
        .filter(|root| root.folder.children.len() > 1)
        .flat_map(|root| root.folder.children.keys().copied())
        .collect();
    for Root { folder, split } in &roots {
        folder.files.iter().for_each(|&file| places[file] = Place::NoClass { split: *split });
        let lone_container = folder.children.len() == 1;
        for (name, child) in &folder.children {
            if lone_container && is_container(name) && !classes.contains(name) {
                // As val/images/ beside train/CLASS/images/, or images/ beside labels.csv.
                child.each(&mut |file| places[file] = Place::NoClass { split: *split });
            } else if classes_hold_splits {
                for (inner, part) in &child.children {
                    let place = Place::Class { folder: (*name).to_owned(), split: exact(inner) };
                    part.each(&mut |file| places[file] = place.clone());
                }
            } else {
                let place = Place::Class { folder: (*name).to_owned(), split: *split };
                child.each(&mut |file| places[file] = place.clone());
            }
        }
    }
    places
}

/// Finds the splits of a source, below folders that hold one folder each.
fn find_splits<'t, 'a>(
    tree: &'t Node<'a>,
    inherited: Option<Split>,
    roots: &mut Vec<Root<'t, 'a>>,
    beside: &mut impl FnMut(usize),
) {
    let mut at = tree;
    loop {
        if let Some(splits) = splits_of(at) {
            for (name, child) in &at.children {
                match splits.get(name) {
                    Some(&split) => find_inner(child, split, roots, beside),
                    None => child.each(beside),
                }
            }
            at.files.iter().for_each(|&file| beside(file));
            return;
        }
        match wrapped(at) {
            Some(child) => at = child,
            None => break,
        }
    }
    roots.push(Root { folder: tree, split: inherited });
}

/// Below a split: the same name once more (`seg_train/seg_train`), or a whole set of splits in a folder that happens to
/// be called like one.
fn find_inner<'t, 'a>(
    folder: &'t Node<'a>,
    split: Split,
    roots: &mut Vec<Root<'t, 'a>>,
    beside: &mut impl FnMut(usize),
) {
    if let Some(inner) = splits_of(folder) {
        let kinds: BTreeSet<Split> = inner.values().copied().collect();
        if kinds.len() > 1 {
            return find_splits(folder, Some(split), roots, beside);
        }
        if let Some((_, child)) = folder.only() {
            return find_inner(child, split, roots, beside);
        }
    }
    roots.push(Root { folder, split: Some(split) });
}

/// The children that are splits, if children are.
fn splits_of<'a>(folder: &Node<'a>) -> Option<BTreeMap<&'a str, Split>> {
    let exactly = |(name, _): (&&'a str, &Node)| exact(name).map(|split| (*name, split));
    let named: BTreeMap<&str, Split> = folder.children.iter().filter_map(exactly).collect();
    if !named.is_empty() && named.len() == folder.children.len() {
        return Some(named);
    }
    // Others stand beside them: splits are what has folders of classes.
    let loosely = |(name, child): (&&'a str, &Node)| {
        loose(name).filter(|_| child.has_folders()).map(|split| (*name, split))
    };
    let splits: BTreeMap<&str, Split> = folder.children.iter().filter_map(loosely).collect();
    let kinds: BTreeSet<Split> = splits.values().copied().collect();
    if kinds.len() > 1 || (!splits.is_empty() && splits.len() == folder.children.len()) {
        return Some(splits);
    }
    let [(name, split)] = named.into_iter().collect::<Vec<_>>()[..] else { return None };
    let others_hold_classes =
        folder.children.iter().any(|(other, child)| *other != name && child.has_folders());
    let holds_classes = folder.children.get(name).is_some_and(|child| child.children.len() > 1);
    (holds_classes && !others_hold_classes).then(|| BTreeMap::from([(name, split)]))
}

/// Goes down as long as all roots hold nothing but one folder of folders.
fn descend(roots: &mut [Root]) {
    loop {
        let below: Option<Vec<_>> = roots.iter().map(|root| wrapped(root.folder)).collect();
        match below {
            Some(below) if !below.is_empty() => {
                roots.iter_mut().zip(below).for_each(|(root, folder)| root.folder = folder);
            }
            _ => return,
        }
    }
}

fn wrapped<'t, 'a>(folder: &'t Node<'a>) -> Option<&'t Node<'a>> {
    if let Some((_, child)) = folder.only() {
        return child.has_folders().then_some(child);
    }
    // A picture or two beside the only folder are no reason to take that for the only class.
    let mut children = folder.children.values();
    children.next().filter(|child| children.next().is_none() && child.children.len() > 1)
}

fn only_splits(class: &Node) -> bool {
    let kinds: BTreeSet<_> = class.children.keys().map(|name| exact(name)).collect();
    class.files.is_empty() && kinds.len() > 1 && !kinds.contains(&None)
}

fn is_container(name: &str) -> bool {
    CONTAINERS.iter().any(|container| name.eq_ignore_ascii_case(container))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of files in sources: `class split`, `- split` in no class, `beside`.
    fn found(sources: &[(&str, Vec<&str>)]) -> Vec<String> {
        let names: Vec<Cow<str>> = sources.iter().map(|(name, _)| Cow::Borrowed(*name)).collect();
        let files: Vec<Located> = sources
            .iter()
            .enumerate()
            .flat_map(|(source, (_, paths))| paths.iter().map(move |path| (source, *path)))
            .collect();
        let said = |split: Option<Split>| split.map_or(String::new(), |split| format!(" {split}"));
        let said = |place| match place {
            Place::Class { folder, split } => format!("{folder}{}", said(split)),
            Place::NoClass { split } => format!("-{}", said(split)),
            Place::BesideSplits => "beside".to_owned(),
        };
        places(&files, &names).into_iter().map(said).collect()
    }

    /// Files of one source: the path, and what must become of it.
    type Expected<'a> = &'a [(&'a str, &'a str)];

    fn check(what: &str, sources: &[(&str, Expected)]) {
        let paths: Vec<(&str, Vec<&str>)> = sources
            .iter()
            .map(|(name, files)| (*name, files.iter().map(|(path, _)| *path).collect()))
            .collect();
        let expected: Vec<&str> =
            sources.iter().flat_map(|(_, files)| files.iter().map(|(_, place)| *place)).collect();
        assert_eq!(found(&paths), expected, "{what}");
    }

    #[test]
    fn classes_are_the_folders_below_the_root_or_the_split() {
        let cases: &[(&str, Expected)] = &[
            ("one folder a class", &[("cat/1", "cat"), ("dog/1", "dog"), ("x", "-")]),
            (
                "deeper folders",
                &[("cat/in/1", "cat"), ("cat/out/a/2", "cat"), ("dog/in/3", "dog"), ("dog/4", "dog")],
            ),
            ("a folder around all", &[("set/cat/1", "cat"), ("set/dog/1", "dog")]),
            (
                "folders around all, and a picture",
                &[("a/b/cat/1", "cat"), ("a/b/dog/1", "dog"), ("a/x", "-")],
            ),
            ("a single class", &[("photos/cat/1", "cat")]),
            ("splits", &[("train/cat/1", "cat train"), ("val/cat/2", "cat val"), ("test/dog/3", "dog test")]),
            (
                "splits, deeper",
                &[("train/cat/in/1", "cat train"), ("train/dog/2", "dog train"), ("val/cat/in/1", "cat val")],
            ),
            (
                "a folder around splits",
                &[("s/train/cat/1", "cat train"), ("s/val/cat/2", "cat val"), ("x", "-")],
            ),
            (
                "a container around splits",
                &[("images/train/cat/1", "cat train"), ("images/val/cat/2", "cat val")],
            ),
            (
                "a container in splits",
                &[
                    ("train/images/cat/1", "cat train"),
                    ("train/images/dog/1", "dog train"),
                    ("val/images/cat/2", "cat val"),
                ],
            ),
            (
                "Tiny ImageNet",
                &[
                    ("t/train/n1/images/1", "n1 train"),
                    ("t/train/n2/images/1", "n2 train"),
                    ("t/val/images/1", "- val"),
                    ("t/test/images/1", "- test"),
                ],
            ),
            ("ImageNet", &[("train/n1/1", "n1 train"), ("train/n2/1", "n2 train"), ("val/1", "- val")]),
            (
                "doubled names",
                &[
                    ("seg_train/seg_train/sea/1", "sea train"),
                    ("seg_test/seg_test/sea/2", "sea test"),
                    ("seg_pred/seg_pred/3", "beside"),
                ],
            ),
            ("doubled splits", &[("train/train/cat/1", "cat train"), ("train/test/cat/1", "cat test")]),
            (
                "other spellings",
                &[
                    ("training_set/cat/1", "cat train"),
                    ("Validation/cat/1", "cat val"),
                    ("TEST/cat/1", "cat test"),
                ],
            ),
            ("a split in a split's folder", &[("train/val/cat/1", "cat train")]),
            (
                "a folder beside splits",
                &[
                    ("train/cat/1", "cat train"),
                    ("test/cat/2", "cat test"),
                    ("docs/3", "beside"),
                    ("4", "beside"),
                ],
            ),
            (
                "a folder beside one split",
                &[("train/cat/1", "cat train"), ("train/dog/1", "dog train"), ("docs/3", "beside")],
            ),
            ("classes called like splits", &[("train/1", "train"), ("car/2", "car"), ("plane/3", "plane")]),
            (
                "classes with words of splits",
                &[("bullet_train/1", "bullet_train"), ("test_tube/2", "test_tube")],
            ),
            (
                "splits in classes",
                &[
                    ("cat/train/1", "cat train"),
                    ("cat/test/2", "cat test"),
                    ("dog/train/3", "dog train"),
                    ("dog/test/4", "dog test"),
                ],
            ),
            ("a container of all", &[("set/images/1", "-"), ("set/images/2", "-")]),
            ("no classes", &[("train/1", "- train"), ("test/2", "- test")]),
            ("nothing", &[("1", "-")]),
        ];
        for (what, files) in cases {
            check(what, &[("s", files)]);
        }
    }

    #[test]
    fn sources_can_be_splits() {
        let train: Expected = &[("cat/1", "cat train"), ("dog/1", "dog train")];
        let val: Expected = &[("cat/1", "cat val")];
        check("folders", &[("train", train), ("val", val)]);
        check("archives", &[("imagenette-train-160.tar", train), ("imagenette-val-224.tar", val)]);
        check(
            "deeper folders in the only class",
            &[("train", train), ("val", &[("cat/in/1", "cat val"), ("cat/out/1", "cat val")])],
        );
        check(
            "a folder around each",
            &[
                ("train.zip", &[("my_train/cat/1", "cat train"), ("my_train/dog/1", "dog train")]),
                ("val.zip", &[("my_val/cat/1", "cat val"), ("my_val/dog/1", "dog val")]),
            ],
        );
        check(
            "folders inside go before",
            &[
                ("test", &[("train/cat/1", "cat train"), ("val/cat/1", "cat val")]),
                ("b", &[("cat/1", "cat")]),
            ],
        );
        check(
            "parts",
            &[
                ("a", &[("p1/cat/1", "cat"), ("p1/dog/1", "dog")]),
                ("b", &[("p2/cat/1", "cat"), ("p2/dog/2", "dog")]),
            ],
        );
        check("one class each", &[("a", &[("cat/1", "cat")]), ("b", &[("dog/1", "dog")])]);
        check("one source called like a split", &[("val", &[("cat/1", "cat"), ("dog/1", "dog")])]);
    }
}
