//! From a list of files to classes and labelled images.
//!
//! Which folder is a class and which a split is said in [`layout`](super::layout). A file is an image if its name ends in
//! jpg, jpeg or png, or if its first bytes say so; what is passed over is kept with the reason.

use std::borrow::Cow;
use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::error::DataError;
use super::files::{FileInfo, Files};
use super::imagenet;
use super::kind::{self, Kind};
use super::layout::{Located, Place, places};
use super::passed_over::{PassedOver, Reason, is_system};
use super::sources::Sources;
pub use super::split_name::Split;

/// A class of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name of its folder.
    pub folder: String,
    /// Name to show: of an ImageNet id the English name, else the folder's.
    pub name: String,
}

impl Class {
    /// The class of a folder.
    #[must_use]
    pub fn new(folder: &str) -> Self {
        let name = imagenet::class_of(folder).and_then(imagenet::name_of).unwrap_or(folder);
        Class { folder: folder.to_owned(), name: name.to_owned() }
    }
}

/// A labelled image; its bytes are still in the folder or archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef {
    /// Path inside the folder or archive, in Unicode's normal form C.
    pub path: String,
    /// Number of the file in the listing the data set was made from.
    pub file: usize,
    /// Number of the source it lies in.
    pub source: usize,
    /// Index into [`Dataset::classes`].
    pub class: usize,
    /// The split its folders or its source name, if any.
    pub split: Option<Split>,
}

/// The labelled images of folders and archives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Classes sorted by folder name; the same folder name in `train/` and `val/` is one class.
    pub classes: Vec<Class>,
    /// Images sorted by path, then by source.
    pub images: Vec<ImageRef>,
    /// Files that are not used, and why.
    pub passed_over: Vec<PassedOver>,
}

/// A file that may be used: number, source, path in normal form C.
struct Candidate {
    file: usize,
    source: usize,
    path: String,
}

impl Dataset {
    /// Finds the images in all sources, by name and else by their first bytes.
    ///
    /// # Errors
    /// [`DataError::NoImages`] if no image lies in a class folder.
    pub fn open(sources: &mut Sources) -> Result<Self, DataError> {
        let names: Vec<String> = sources.names().into_iter().map(Cow::into_owned).collect();
        let names: Vec<Cow<str>> = names.iter().map(|name| Cow::Borrowed(name.as_str())).collect();
        let mut passed_over: Vec<PassedOver> =
            sources.each().iter().flat_map(|source| source.files.passed_over()).cloned().collect();
        let mut candidates = Vec::new();
        let infos = sources.files().to_vec();
        for (file, info) in infos.iter().enumerate() {
            let path = normal(&info.path);
            match reason_to_pass_over(&path, || sources.start(file, kind::START)) {
                Some(reason) => passed_over.push(PassedOver { path, reason }),
                None => candidates.push(Candidate { file, source: sources.source_of(file), path }),
            }
        }
        Self::assemble(candidates, &names, passed_over, infos.len())
    }

    /// Finds the images among `files` of one source by their names alone.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn from_files(files: &[FileInfo]) -> Result<Self, DataError> {
        let (mut candidates, mut passed_over) = (Vec::new(), Vec::new());
        for (file, info) in files.iter().enumerate() {
            let path = normal(&info.path);
            match reason_to_pass_over(&path, || Ok(Vec::new())) {
                Some(reason) => passed_over.push(PassedOver { path, reason }),
                None => candidates.push(Candidate { file, source: 0, path }),
            }
        }
        Self::assemble(candidates, &[Cow::Borrowed("")], passed_over, files.len())
    }

    fn assemble(
        candidates: Vec<Candidate>,
        sources: &[Cow<str>],
        mut passed_over: Vec<PassedOver>,
        files: usize,
    ) -> Result<Self, DataError> {
        let located: Vec<Located> = candidates.iter().map(|c| (c.source, c.path.as_str())).collect();
        let places = places(&located, sources);
        let found = candidates.len();
        let mut labelled: Vec<(String, ImageRef)> = Vec::new();
        for (Candidate { file, source, path }, place) in candidates.into_iter().zip(places) {
            match place {
                Place::Class { folder, split } => {
                    labelled.push((folder, ImageRef { path, file, source, class: 0, split }));
                }
                Place::NoClass { .. } => passed_over.push(PassedOver { path, reason: Reason::NoClass }),
                Place::BesideSplits => passed_over.push(PassedOver { path, reason: Reason::BesideSplits }),
            }
        }
        if labelled.is_empty() {
            return Err(DataError::NoImages { files, images: found });
        }
        let folders: BTreeSet<&str> = labelled.iter().map(|(folder, _)| folder.as_str()).collect();
        let classes: Vec<Class> = folders.into_iter().map(Class::new).collect();
        let class_of = |folder: &str| classes.partition_point(|class| class.folder.as_str() < folder);
        let mut images: Vec<ImageRef> = labelled
            .into_iter()
            .map(|(folder, image)| ImageRef { class: class_of(&folder), ..image })
            .collect();
        images.sort_by(|a, b| a.path.cmp(&b.path).then(a.source.cmp(&b.source)));
        Ok(Dataset { classes, images, passed_over })
    }

    /// Images of a class, of those in a split, or of those in none.
    #[must_use]
    pub fn count(&self, class: usize, split: Option<Split>) -> usize {
        self.images.iter().filter(|image| (image.class, image.split) == (class, split)).count()
    }
}

/// A path in Unicode's normal form C: file systems and archives write one name in two ways.
fn normal(path: &str) -> String {
    if is_nfc(path) { path.to_owned() } else { path.nfc().collect() }
}

/// Why a file is no image that is read; `start` reads its first bytes.
fn reason_to_pass_over(path: &str, start: impl FnOnce() -> Result<Vec<u8>, DataError>) -> Option<Reason> {
    if is_system(path) {
        return Some(Reason::System);
    }
    let extension = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, e)| e);
    if ["jpg", "jpeg", "png"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
        // Read later; if it is something else, that is when it is found out.
        return None;
    }
    match start().map(|start| Kind::of(&start)) {
        Ok(Kind::Jpeg | Kind::Png) => None,
        Ok(Kind::OtherImage(name)) => Some(Reason::Format(name)),
        Ok(Kind::Archive(name)) => Some(Reason::Archive(name)),
        Ok(Kind::Text | Kind::Unknown) => Some(Reason::NoImage),
        Err(error) => Some(Reason::Unreadable(error.reason())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `é` as one character, and as `e` with an accent.
    #[test]
    fn two_ways_to_write_a_name_are_one_class() {
        let set = list(&["train/caf\u{e9}/1.jpg", "val/cafe\u{301}/1.jpg"]).expect("images");
        assert_eq!(set.classes, [Class::new("caf\u{e9}")]);
        assert!(set.images.iter().all(|image| image.path.contains("caf\u{e9}")));
    }

    fn list(paths: &[&str]) -> Result<Dataset, DataError> {
        let files: Vec<FileInfo> =
            paths.iter().map(|path| FileInfo { path: (*path).to_owned(), size: 1 }).collect();
        Dataset::from_files(&files)
    }

    #[test]
    fn folders_name_class_and_split() {
        for (path, class, split) in [
            ("cat/1.jpg", "cat", None),
            ("val/cat/1.JPEG", "cat", Some(Split::Val)),
            ("imagenette/train/n01440764/1.JPEG", "n01440764", Some(Split::Train)),
            ("a/b/Validation/cat/1.PNG", "cat", Some(Split::Val)),
            ("test/cat/1.2.Jpg", "cat", Some(Split::Test)),
            ("train/val/cat/1.jpg", "cat", Some(Split::Train)),
            ("photos/cat/1.jpg", "cat", None),
        ] {
            let set = list(&[path]).expect(path);
            assert_eq!(set.classes[0].folder, class, "{path}");
            assert_eq!(set.images[0].split, split, "{path}");
        }
    }

    #[test]
    fn what_is_no_image_hidden_or_unlabelled_is_left_out() {
        let set = list(&[
            "cat/1.jpg",
            "cat/.2.jpg",
            "cat/._1.jpg",
            ".git/cat/3.jpg",
            "__MACOSX/cat/1.jpg",
            "LICENSE.txt",
            "cat/notes",
            "cat/jpg",
            "root.png",
            "@eaDir/cat/1.jpg",
            "cat/Thumbs.db",
        ])
        .expect("one image");
        assert_eq!(set.images.len(), 1);
        assert_eq!(set.images[0].path, "cat/1.jpg");
        let mut passed_over: Vec<(&str, &Reason)> =
            set.passed_over.iter().map(|file| (file.path.as_str(), &file.reason)).collect();
        passed_over.sort();
        let (system, other) = (&Reason::System, &Reason::NoImage);
        let expected = [
            (".git/cat/3.jpg", system),
            ("LICENSE.txt", other),
            ("__MACOSX/cat/1.jpg", system),
            ("@eaDir/cat/1.jpg", system),
            ("cat/._1.jpg", system),
            ("cat/.2.jpg", system),
            ("cat/Thumbs.db", system),
            ("cat/jpg", other),
            ("cat/notes", other),
            ("root.png", &Reason::NoClass),
        ];
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(passed_over, expected);
    }

    #[test]
    fn classes_and_images_are_sorted_and_point_back_to_the_files() {
        let paths = ["val/dog/2.jpg", "train/cat/9.jpg", "readme.md", "train/dog/1.jpg", "val/cat/3.jpg"];
        let set = list(&paths).expect("images");
        assert_eq!(set.classes, [Class::new("cat"), Class::new("dog")]);
        let found: Vec<(&str, usize)> =
            set.images.iter().map(|image| (image.path.as_str(), image.class)).collect();
        assert_eq!(
            found,
            [("train/cat/9.jpg", 0), ("train/dog/1.jpg", 1), ("val/cat/3.jpg", 0), ("val/dog/2.jpg", 1)]
        );
        assert!(set.images.iter().all(|image| paths[image.file] == image.path));
    }

    #[test]
    fn imagenet_ids_are_shown_by_name() {
        assert_eq!(Class::new("n03445777").name, "golf ball");
        assert_eq!(Class::new("n99999999").name, "n99999999");
    }

    #[test]
    fn a_listing_without_labelled_images_says_what_it_has() {
        let error = list(&["a.txt", "1.jpg", "train/2.jpg"]).expect_err("no class");
        assert!(matches!(error, DataError::NoImages { files: 3, images: 2 }), "{error}");
    }
}
