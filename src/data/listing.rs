//! From a list of files to classes and labelled images.
//!
//! Which folder is a class and which a split is said in [`layout`](super::layout). A file is an image if its name ends in
//! jpg, jpeg or png, or if its first bytes say so; what is passed over is kept with the reason.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::error::DataError;
use super::files::{FileInfo, Files};
use super::imagenet;
use super::kind::{self, Kind};
use super::labels::{ImageNames, Label, Table};
use super::layout::{Located, Place, places};
use super::passed_over::{PassedOver, Reason, is_system};
use super::sources::Sources;
pub use super::split_name::Split;
use super::split_name::loose;

/// A class of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name of its folder.
    pub folder: String,
    /// Name to show: of an ImageNet id the English name, else the folder's.
    pub name: String,
    /// The class number, if a file with labels has numbers.
    pub number: Option<usize>,
}

impl Class {
    /// The class of a folder.
    #[must_use]
    pub fn new(folder: &str) -> Self {
        let name = imagenet::wnid_of(folder).and_then(imagenet::class_of).and_then(imagenet::name_of);
        let name = name.unwrap_or(folder);
        Class { folder: folder.to_owned(), name: name.to_owned(), number: None }
    }

    /// A class of which a file with labels gives the number.
    #[must_use]
    pub fn numbered(number: usize) -> Self {
        Class { number: Some(number), ..Class::new(&number.to_string()) }
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
    /// Files that label images in no class folder.
    pub labels: Vec<LabelFile>,
}

/// A file that labels images in no class folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFile {
    /// Its path.
    pub path: String,
    /// Images that it labels.
    pub images: usize,
    /// Whether its labels are numbers that stand for the class folders in the order of their names, from 0.
    pub by_folder: bool,
}

/// A file that may be an image: number, source, path in normal form C.
struct Candidate {
    file: usize,
    source: usize,
    path: String,
}

/// What the files of all sources are.
#[derive(Default)]
struct Sorted {
    images: Vec<Candidate>,
    /// Files that may have labels.
    texts: Vec<Candidate>,
    passed_over: Vec<PassedOver>,
}

/// A larger text has no labels, in bytes.
const LARGEST_TEXT: u64 = 64 << 20;

impl Dataset {
    /// Finds the images in all sources, by name and else by their first bytes, and labels of those in no class folder.
    ///
    /// # Errors
    /// [`DataError::NoImages`] if no image has a class.
    pub fn open(sources: &mut Sources) -> Result<Self, DataError> {
        let names: Vec<String> = sources.names().into_iter().map(Cow::into_owned).collect();
        let names: Vec<Cow<str>> = names.iter().map(|name| Cow::Borrowed(name.as_str())).collect();
        let mut sorted = Sorted::default();
        sorted.passed_over.extend(sources.each().iter().flat_map(|s| s.files.passed_over()).cloned());
        let infos = sources.files().to_vec();
        for (file, info) in infos.iter().enumerate() {
            let candidate = Candidate { file, source: sources.source_of(file), path: normal(&info.path) };
            sorted.add(candidate, info.size, || sources.start(file, kind::START));
        }
        Self::assemble(sorted, &names, infos.len(), |file| {
            sources.read(file).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        })
    }

    /// Finds the images among `files` of one source by their names alone.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn from_files(files: &[FileInfo]) -> Result<Self, DataError> {
        let mut sorted = Sorted::default();
        for (file, info) in files.iter().enumerate() {
            let candidate = Candidate { file, source: 0, path: normal(&info.path) };
            sorted.add(candidate, info.size, || Ok(Vec::new()));
        }
        Self::assemble(sorted, &[Cow::Borrowed("")], files.len(), |_| None)
    }

    fn assemble(
        sorted: Sorted,
        sources: &[Cow<str>],
        files: usize,
        mut read: impl FnMut(usize) -> Option<String>,
    ) -> Result<Self, DataError> {
        let Sorted { images, texts, mut passed_over } = sorted;
        let located: Vec<Located> = images.iter().map(|c| (c.source, c.path.as_str())).collect();
        let mut places = places(&located, sources);
        let found = images.len();
        let mut labels = Vec::new();
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        let is_open = |place: &Place| matches!(place, Place::NoClass { .. });
        let open = images.iter().zip(&places).filter(|(_, place)| is_open(place));
        let names = ImageNames::of(open.map(|(image, _)| image.path.as_str()));
        for text in &texts {
            let any_open = !names.is_empty() && places.iter().any(is_open);
            let table = any_open.then(|| read(text.file)).flatten().and_then(|text| Table::read(&text));
            let table = table.filter(|table| table.may_label(&names, file_name(&text.path)));
            let used = table.and_then(|table| label(&table, text, &images, &mut places, &mut numbers));
            let reason = if used.is_some() { Reason::Labels } else { Reason::NoImage };
            labels.extend(used);
            passed_over.push(PassedOver { path: text.path.clone(), reason });
        }
        let mut labelled: Vec<(String, ImageRef)> = Vec::new();
        for (Candidate { file, source, path }, place) in images.into_iter().zip(places) {
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
        let class =
            |folder: &str| numbers.get(folder).map_or_else(|| Class::new(folder), |&n| Class::numbered(n));
        let classes: Vec<Class> = folders.into_iter().map(class).collect();
        let class_of = |folder: &str| classes.partition_point(|class| class.folder.as_str() < folder);
        let mut images: Vec<ImageRef> = labelled
            .into_iter()
            .map(|(folder, image)| ImageRef { class: class_of(&folder), ..image })
            .collect();
        images.sort_by(|a, b| a.path.cmp(&b.path).then(a.source.cmp(&b.source)));
        Ok(Dataset { classes, images, passed_over, labels })
    }

    /// Images in no class folder, which are left out.
    #[must_use]
    pub fn unlabelled(&self) -> usize {
        self.passed_over.iter().filter(|file| file.reason == Reason::NoClass).count()
    }

    /// Images of a class, of those in a split, or of those in none.
    #[must_use]
    pub fn count(&self, class: usize, split: Option<Split>) -> usize {
        self.images.iter().filter(|image| (image.class, image.split) == (class, split)).count()
    }
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A path in Unicode's normal form C: file systems and archives write one name in two ways.
fn normal(path: &str) -> String {
    if is_nfc(path) { path.to_owned() } else { path.nfc().collect() }
}

impl Sorted {
    /// Adds a file of `size` bytes; `start` reads its first ones.
    fn add(&mut self, file: Candidate, size: u64, start: impl FnOnce() -> Result<Vec<u8>, DataError>) {
        let extension = file.path.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
        let extension = extension.map_or(String::new(), |(_, extension)| extension.to_ascii_lowercase());
        let reason = if is_system(&file.path) {
            Reason::System
        } else if ["jpg", "jpeg", "png"].contains(&extension.as_str()) {
            // Read later; if it is something else, that is when it is found out.
            return self.images.push(file);
        } else {
            match start().map(|start| Kind::of(&start)) {
                Ok(Kind::Jpeg | Kind::Png) => return self.images.push(file),
                Ok(Kind::Text)
                    if size <= LARGEST_TEXT
                        && ["txt", "csv", "tsv", "lst", ""].contains(&extension.as_str()) =>
                {
                    return self.texts.push(file);
                }
                Ok(Kind::OtherImage(name)) => Reason::Format(name),
                Ok(Kind::Archive(name)) => Reason::Archive(name),
                Ok(Kind::Text | Kind::Unknown) => Reason::NoImage,
                Err(error) => Reason::Unreadable(error.reason()),
            }
        };
        self.passed_over.push(PassedOver { path: file.path, reason });
    }
}

/// Labels images in no class folder, if the file has labels for any: those below its own folder, else those elsewhere; of
/// one split if its name says so. Numbers that are classes get into `numbers` under their text.
fn label(
    table: &Table,
    file: &Candidate,
    images: &[Candidate],
    places: &mut [Place],
    numbers: &mut BTreeMap<String, usize>,
) -> Option<LabelFile> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let name = file_name(&file.path);
    let named = loose(name.rsplit_once('.').map_or(name, |(stem, _)| stem));
    let is_below = |image: &Candidate| {
        image.source == file.source
            && (folder.is_empty()
                || image.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    };
    let wanted = |place: &Place| matches!(place, Place::NoClass { split } if split.is_none() || named.is_none() || *split == named);
    let chosen = |everywhere: bool| -> Vec<usize> {
        (0..images.len()).filter(|&i| wanted(&places[i]) && (everywhere || is_below(&images[i]))).collect()
    };
    let (chosen, labels) = [false, true].into_iter().find_map(|everywhere| {
        let chosen = chosen(everywhere);
        let paths: Vec<&str> = chosen.iter().map(|&image| images[image].path.as_str()).collect();
        let labels = table.labels_of(&paths, name)?;
        labels.iter().any(Option::is_some).then_some((chosen, labels))
    })?;
    let folders: BTreeSet<String> = places
        .iter()
        .filter_map(|place| match place {
            Place::Class { folder, .. } if !numbers.contains_key(folder) => Some(folder.clone()),
            _ => None,
        })
        .collect();
    let folders: Vec<String> = folders.into_iter().collect();
    let all_fit =
        labels.iter().flatten().all(|label| matches!(label, Label::Number(n) if *n < folders.len()));
    let mut count = 0;
    for (image, label) in chosen.into_iter().zip(labels) {
        let Some(label) = label else { continue };
        let Place::NoClass { split } = places[image] else { continue };
        let folder = match label {
            Label::Number(number) if all_fit => folders[number].clone(),
            Label::Number(number) => {
                numbers.insert(number.to_string(), number);
                number.to_string()
            }
            Label::Name(name) => {
                let name = normal(&name);
                // A folder may be called n01440764-tench where the label is n01440764.
                let wnid = imagenet::wnid_of(&name);
                let same = folders.iter().find(|folder| wnid.is_some() && imagenet::wnid_of(folder) == wnid);
                same.cloned().unwrap_or(name)
            }
        };
        places[image] = Place::Class { folder, split: split.or(named) };
        count += 1;
    }
    Some(LabelFile { path: file.path.clone(), images: count, by_folder: all_fit })
}

#[cfg(test)]
mod tests;
