//! Which images serve what, for one network.

use super::fingerprint::fingerprint;
use super::{ClassSummary, ImagesSummary, Key, Origin, Provenance, Subset};
use crate::data::{ClassMap, DataError, Dataset, Files, Preprocess, Resize, Sources, Splits};
use crate::net::Model;
use crate::search::Sample;
use std::collections::HashSet;

/// Calibration images by default.
pub const CALIBRATION: usize = 256;

/// What the built-in images are called.
pub const DEMO_IMAGES: &str = "Fashion-MNIST (built in)";

/// Seed of the samples. Fixed: the same images and the same network give the same integers for everybody.
const SEED: u64 = 0;

/// Why the usual way to resize is taken.
const USUAL: &str = "as ImageNet networks are evaluated";

/// A way to resize that weights state and that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "metadata resize: {reason}; mend the metadata, or say how images are resized, in the page below Images, on the command line by --resize"
)]
pub struct ResizeError {
    reason: String,
}

/// An image to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Number of the file in the listing.
    pub file: usize,
    /// Its path, for messages.
    pub path: String,
    /// Class, as an index into [`Listing::dataset`]'s classes.
    pub class: usize,
}

/// Images of a source, split.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Where they came from, for people.
    pub source: String,
    /// SHA-256 in hexadecimal of the images' names and sizes.
    pub sha256: String,
    /// Classes and images.
    pub dataset: Dataset,
    /// Images to calibrate with, in the order in which they are used.
    pub calibration: Vec<Item>,
    /// Images to train with.
    pub train: Vec<Item>,
    /// Images by which searches and training choose, sorted by path.
    pub reward: Vec<Item>,
    /// Images that nothing but a measurement sees, sorted by path.
    pub test: Vec<Item>,
    resize: Resize,
    resize_from: (Origin, String),
}

impl Listing {
    /// Finds and splits the images in `sources`. `calibration` is the wanted number of calibration images.
    ///
    /// # Errors
    /// If there are too few images in class folders.
    pub fn new(source: String, sources: &mut Sources, calibration: usize) -> Result<Self, DataError> {
        let dataset = Dataset::open(sources).map_err(|error| error.in_file(&source))?;
        let splits = Splits::new(&dataset, calibration, SEED).map_err(|error| error.in_file(&source))?;
        let items = |indices: &[usize]| {
            let images = indices.iter().filter_map(|&index| dataset.images.get(index));
            images.map(|i| Item { file: i.file, path: i.path.clone(), class: i.class }).collect()
        };
        let parts = [&splits.calibration, &splits.train, &splits.reward, &splits.test];
        let [calibration, train, reward, test] = parts.map(|part| items(part));
        let size = |file: usize| sources.files().get(file).map_or(0, |file| file.size);
        let sha256 = fingerprint(dataset.images.iter().map(|image| (image.path.as_str(), size(image.file))));
        let resize_from = (Origin::Assumed, USUAL.to_owned());
        let resize = Resize::default();
        Ok(Self { source, sha256, dataset, calibration, train, reward, test, resize, resize_from })
    }

    /// Decides how images become squares; `source` is the option, field or entry of metadata that says so.
    pub fn set_resize(&mut self, resize: Resize, origin: Origin, source: &str) {
        (self.resize, self.resize_from) = (resize, (origin, source.to_owned()));
    }

    /// Decides it as the metadata of weights state it; without a statement as ImageNet networks are evaluated.
    ///
    /// # Errors
    /// If `stated` is no way to resize.
    pub fn adopt_resize(&mut self, stated: Option<&str>) -> Result<(), ResizeError> {
        match stated {
            Some(text) => {
                let error = |reason| ResizeError { reason };
                self.set_resize(
                    text.parse().map_err(error)?,
                    Origin::Stated,
                    "the weights file's metadata, resize",
                );
            }
            None => self.set_resize(Resize::default(), Origin::Assumed, USUAL),
        }
        Ok(())
    }

    /// How images of a network with inputs of `side` pixels are read.
    pub fn preprocess(&self, side: usize) -> Preprocess {
        Preprocess { side, resize: self.resize }
    }

    /// How training images are stored, of which training takes random crops itself: squares of `side` pixels.
    pub fn preprocess_training(&self, side: usize) -> Preprocess {
        Preprocess { side, resize: self.resize.for_training() }
    }

    pub(super) fn resize_setting(&self) -> Provenance {
        let (origin, source) = self.resize_from.clone();
        let value = format!("{}: {}; bilinear with antialiasing", self.resize, self.resize.in_words());
        Provenance { what: "resize".to_owned(), value, origin, source }
    }

    /// The images of a subset, sorted by path.
    pub fn subset(&self, subset: Subset) -> Vec<Item> {
        match subset {
            Subset::Test => self.test.clone(),
            Subset::Reward => self.reward.clone(),
            Subset::Validation => by_path([self.reward.as_slice(), &self.test].concat()),
        }
    }

    /// At most `limit` images of a subset to measure with: as many of each class as possible, sorted by path. Of a set
    /// too small for test images they are the validation images, and that is said.
    pub fn measured(&self, subset: Subset, limit: Option<usize>) -> (Subset, Vec<Item>) {
        let subset = if subset == Subset::Test && self.test.is_empty() { Subset::Validation } else { subset };
        (subset, self.balanced(&self.subset(subset), limit))
    }

    /// The reward images of a limited search, as in [`Listing::measured`].
    pub fn limited_reward(&self, limit: Option<usize>) -> Vec<Item> {
        self.balanced(&self.reward, limit)
    }

    /// Images for each round of the run-off of a search with so many reward images: training images that calibrate
    /// nothing, classes in turn. Only rounds for which there are any; see [`Sample::ROUNDS`].
    pub fn run_off(&self, reward: usize) -> Vec<Vec<Item>> {
        let calibrating: HashSet<usize> = self.calibration.iter().map(|item| item.file).collect();
        let others = self.train.iter().filter(|item| !calibrating.contains(&item.file));
        let mut in_turn = self.in_turn(others).into_iter();
        let round = |times: usize| by_path(in_turn.by_ref().take(times * reward).cloned().collect());
        Sample::ROUNDS.map(round).into_iter().filter(|round| !round.is_empty()).collect()
    }

    /// The images of a limited training, as in [`Listing::measured`].
    pub fn limited_train(&self, limit: Option<usize>) -> Vec<Item> {
        self.balanced(&self.train, limit)
    }

    fn balanced(&self, all: &[Item], limit: Option<usize>) -> Vec<Item> {
        let Some(limit) = limit.filter(|&limit| limit < all.len()) else { return all.to_vec() };
        by_path(self.in_turn(all).into_iter().take(limit).cloned().collect())
    }

    /// The first of each class, then the second, ...
    fn in_turn<'a>(&self, items: impl IntoIterator<Item = &'a Item>) -> Vec<&'a Item> {
        let mut by_class: Vec<Vec<&Item>> = vec![Vec::new(); self.dataset.classes.len()];
        for item in items {
            by_class[item.class].push(item);
        }
        let most = by_class.iter().map(Vec::len).max().unwrap_or(0);
        (0..most).flat_map(|i| by_class.iter().filter_map(move |class| class.get(i))).copied().collect()
    }

    /// Which output of a network stands for which class.
    ///
    /// # Errors
    /// If the classes do not fit the network's outputs.
    pub fn class_map(&self, model: &Model) -> Result<ClassMap, DataError> {
        ClassMap::new(&self.dataset.classes, model.graph().classes(), model.labels.as_deref())
    }

    /// What the screen shows of it in short.
    pub fn summary(&self, key: Key) -> ImagesSummary {
        let mut counts = vec![0; self.dataset.classes.len()];
        for image in &self.dataset.images {
            counts[image.class] += 1;
        }
        let classes = self.dataset.classes.iter().zip(counts);
        ImagesSummary {
            source: self.source.clone(),
            sha256: self.sha256.clone(),
            key,
            classes: classes
                .map(|(c, images)| ClassSummary { folder: c.folder.clone(), name: c.name.clone(), images })
                .collect(),
            calibration: self.calibration.len(),
            train: self.train.len(),
            reward: self.reward.len(),
            test: self.test.len(),
        }
    }
}

fn by_path(mut items: Vec<Item>) -> Vec<Item> {
    items.sort_by(|a, b| a.path.cmp(&b.path));
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{FileInfo, Files, Source};

    struct Paths(Vec<FileInfo>);

    impl Files for Paths {
        fn files(&self) -> &[FileInfo] {
            &self.0
        }

        fn read(&mut self, _: usize) -> Result<Vec<u8>, DataError> {
            Ok(Vec::new())
        }
    }

    fn listing_of(files: Vec<FileInfo>) -> Listing {
        let source = Source { name: "test".into(), files: Box::new(Paths(files)) };
        Listing::new("test".into(), &mut Sources::new(vec![source]), 2).expect("images")
    }

    #[test]
    fn limits_take_turns_among_classes() {
        let files: Vec<FileInfo> = ["a", "b"]
            .iter()
            .flat_map(|class| (0..8).map(move |i| format!("val/{class}/{i}.png")))
            .chain((0..4).map(|i| format!("train/a/{i}.png")))
            .map(|path| FileInfo { path, size: 1 })
            .collect();
        let listing = listing_of(files);
        assert_eq!((listing.calibration.len(), listing.reward.len(), listing.test.len()), (2, 4, 12));
        let paths = |limit| -> Vec<String> {
            let (subset, items) = listing.measured(Subset::Validation, Some(limit));
            assert_eq!(subset, Subset::Validation);
            items.into_iter().map(|item| item.path).collect()
        };
        assert_eq!(paths(5), ["val/a/0.png", "val/a/1.png", "val/a/2.png", "val/b/0.png", "val/b/1.png"]);
        assert_eq!(paths(99).len(), 16);
        assert_eq!(listing.measured(Subset::Validation, None).1.len(), 16);
    }

    #[test]
    fn what_is_measured_chose_nothing_unless_the_set_is_too_small() {
        let listing = |images: usize| {
            let of = |split, count| {
                (0..count).map(move |i| FileInfo { path: format!("{split}/a/{i}.png"), size: 1 })
            };
            let files: Vec<_> = of("train", 4).chain(of("val", images)).collect();
            listing_of(files)
        };
        let eight = listing(8);
        let (subset, items) = eight.measured(Subset::Test, None);
        assert_eq!((subset, items.len()), (Subset::Test, 6));
        assert!(items.iter().all(|item| !eight.reward.contains(item) && !eight.train.contains(item)));
        let (subset, items) = listing(1).measured(Subset::Test, None);
        assert_eq!((subset, items.len()), (Subset::Validation, 1));
    }
}
