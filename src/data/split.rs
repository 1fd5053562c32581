//! Which images calibrate and train, and which measure.
//!
//! Design: the search is rewarded on some of the validation images and tested on the others, which it never
//! sees. Of the validation images sorted by path, every fourth (index 0, 4, 8, ...) is a reward image, the
//! rest are test images. Membership depends on the list of validation images alone, not on any seed.

use super::error::DataError;
use super::listing::{Dataset, Split};
use crate::random::SplitMix64;

/// One image in this many, from the first, is a reward image.
const REWARD_EVERY: usize = 4;

/// At most one image in this many calibrates where no training images are.
const CALIBRATION_SHARE: usize = 4;

/// The parts of a data set as indices into [`Dataset::images`], ascending but for `calibration`;
/// `evaluation` shares no image with `train`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// Images that training may see.
    pub train: Vec<usize>,
    /// The part of `train` that calibrates ranges: as many of each class as possible, in an order of which
    /// every beginning is balanced too.
    pub calibration: Vec<usize>,
    /// Images that accuracy is measured on: all of `reward` and `test`.
    pub evaluation: Vec<usize>,
    /// The part of `evaluation` that may steer a search.
    pub reward: Vec<usize>,
    /// The part of `evaluation` that nothing but the last measurement sees.
    pub test: Vec<usize>,
}

impl Splits {
    /// Splits a data set; `calibration` is the wanted number of calibration images.
    ///
    /// - With folders for training and for validation, these are kept. Images in no split folder train.
    /// - With `test/` and no `val/`, the test images take the place of the validation images. With both,
    ///   `val/` is the reward part and `test/` the test part.
    /// - Otherwise a sample of all images, at most a quarter of them, calibrates and the rest evaluates.
    ///
    /// # Errors
    /// [`DataError::TooFewImages`] if there are not two images to split.
    pub fn new(dataset: &Dataset, calibration: usize, seed: u64) -> Result<Self, DataError> {
        let images = &dataset.images;
        let of = |wanted: Option<Split>| -> Vec<usize> {
            (0..images.len()).filter(|&index| images[index].split == wanted).collect()
        };
        let (val, held_out) = (of(Some(Split::Val)), of(Some(Split::Test)));
        let mut train = of(Some(Split::Train));
        train.extend(of(None));
        train.sort_unstable();

        if train.is_empty() || (val.is_empty() && held_out.is_empty()) {
            return Self::without_training_images(dataset, calibration, seed);
        }
        let (reward, test) = match (val.is_empty(), held_out.is_empty()) {
            (false, false) => (val, held_out),
            (false, true) => every_fourth(&val),
            (true, _) => every_fourth(&held_out),
        };
        let calibration = dataset.sample(&train, calibration, seed);
        Ok(Self::assemble(train, calibration, reward, test))
    }

    fn without_training_images(dataset: &Dataset, calibration: usize, seed: u64) -> Result<Self, DataError> {
        let all: Vec<usize> = (0..dataset.images.len()).collect();
        if all.len() < 2 {
            return Err(DataError::TooFewImages { found: all.len() });
        }
        let most = (all.len() / CALIBRATION_SHARE).max(1);
        let calibration = dataset.sample(&all, calibration.min(most), seed);
        let mut train = calibration.clone();
        train.sort_unstable();
        let (mut reward, mut test) = every_fourth(&all);
        reward.retain(|index| train.binary_search(index).is_err());
        test.retain(|index| train.binary_search(index).is_err());
        Ok(Self::assemble(train, calibration, reward, test))
    }

    fn assemble(train: Vec<usize>, calibration: Vec<usize>, reward: Vec<usize>, test: Vec<usize>) -> Self {
        let mut evaluation = [reward.as_slice(), test.as_slice()].concat();
        evaluation.sort_unstable();
        Splits { train, calibration, evaluation, reward, test }
    }
}

impl Dataset {
    /// Picks `count` of the images `pool` (indices into [`Dataset::images`]), or all if there are fewer.
    /// Each class is shuffled by the seed, then the classes take turns, so that the classes of the pick,
    /// and of every beginning of it, differ by at most one image while they last. The same on every
    /// machine.
    #[must_use]
    pub fn sample(&self, pool: &[usize], count: usize, seed: u64) -> Vec<usize> {
        let mut by_class: Vec<Vec<usize>> = vec![Vec::new(); self.classes.len()];
        for &index in pool {
            let class = self.images.get(index).and_then(|image| by_class.get_mut(image.class));
            class.into_iter().for_each(|members| members.push(index));
        }
        for (class, members) in by_class.iter_mut().enumerate() {
            // Mixed, so that the classes' generators do not run in step.
            let class_seed = SplitMix64(seed).next() ^ SplitMix64(class as u64).next();
            SplitMix64(class_seed).shuffle(members);
        }
        let rounds = by_class.iter().map(Vec::len).max().unwrap_or(0);
        (0..rounds)
            .flat_map(|round| by_class.iter().filter_map(move |members| members.get(round).copied()))
            .take(count)
            .collect()
    }
}

/// (every fourth from the first, the others)
fn every_fourth(indices: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut parts = (Vec::new(), Vec::new());
    for (position, &index) in indices.iter().enumerate() {
        let part = if position % REWARD_EVERY == 0 { &mut parts.0 } else { &mut parts.1 };
        part.push(index);
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::files::FileInfo;

    /// A data set of `counts` images per class under each prefix.
    fn dataset(prefixes: &[&str], counts: &[usize]) -> Dataset {
        let mut files = Vec::new();
        for prefix in prefixes {
            for (class, &count) in counts.iter().enumerate() {
                files.extend(
                    (0..count)
                        .map(|image| FileInfo { path: format!("{prefix}c{class}/{image:03}.png"), size: 1 }),
                );
            }
        }
        Dataset::from_files(&files).expect("images")
    }

    #[test]
    fn train_and_val_folders_are_kept() {
        let set = dataset(&["x/train/", "x/val/"], &[5, 5]);
        let splits = Splits::new(&set, 4, 1).expect("splits");
        assert_eq!(splits.train, (0..10).collect::<Vec<_>>());
        assert_eq!(splits.evaluation, (10..20).collect::<Vec<_>>());
        assert_eq!(splits.reward, [10, 14, 18]);
        assert_eq!(splits.test, [11, 12, 13, 15, 16, 17, 19]);
        assert_eq!(splits.calibration.len(), 4);
        assert!(splits.calibration.iter().all(|index| splits.train.contains(index)));
    }

    #[test]
    fn a_test_folder_is_the_test_part_or_stands_in_for_val() {
        let both = Splits::new(&dataset(&["test/", "train/", "val/"], &[4]), 2, 1).expect("splits");
        assert_eq!(
            (both.test, both.train, both.reward),
            (vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9, 10, 11])
        );
        let alone = Splits::new(&dataset(&["test/", "train/"], &[4]), 2, 1).expect("splits");
        assert_eq!((alone.reward, alone.test), (vec![0], vec![1, 2, 3]));
    }

    #[test]
    fn without_training_images_a_sample_calibrates_and_the_rest_evaluates() {
        for prefix in ["", "val/", "train/"] {
            let set = dataset(&[prefix], &[10, 10]);
            let splits = Splits::new(&set, 100, 7).expect("splits");
            assert_eq!(splits.calibration.len(), 5, "a quarter of the images");
            assert_eq!(splits.evaluation.len(), 15);
            assert!(splits.reward.iter().all(|index| index % 4 == 0));
            assert!(splits.test.iter().all(|index| index % 4 != 0));
        }
        assert!(matches!(
            Splits::new(&dataset(&[""], &[1]), 1, 0),
            Err(DataError::TooFewImages { found: 1 })
        ));
    }

    #[test]
    fn a_sample_is_the_same_on_every_machine() {
        let set = dataset(&[""], &[50, 50, 50]);
        let all: Vec<usize> = (0..150).collect();
        assert_eq!(set.sample(&all, 6, 42), SAMPLE_42);
        assert_ne!(set.sample(&all, 6, 43), SAMPLE_42);
    }

    /// Printed by `tests/golden/sample.py`.
    const SAMPLE_42: [usize; 6] = [2, 80, 110, 49, 63, 125];

    proptest! {
        #[test]
        fn splits_are_disjoint_and_complete(
            counts in prop::collection::vec(1_usize..20, 2..5),
            prefixes in prop::sample::subsequence(vec!["", "train/", "val/", "test/"], 1..=4),
            wanted in 0_usize..60,
            seed: u64,
        ) {
            let set = dataset(&prefixes, &counts);
            let splits = Splits::new(&set, wanted, seed).expect("at least two images");
            let mut together = [splits.train.as_slice(), &splits.evaluation].concat();
            together.sort_unstable();
            prop_assert_eq!(together, (0..set.images.len()).collect::<Vec<_>>());
            let mut measured = [splits.reward.as_slice(), &splits.test].concat();
            measured.sort_unstable();
            prop_assert_eq!(measured, splits.evaluation);
            prop_assert!(splits.calibration.iter().all(|index| splits.train.contains(index)));
        }

        #[test]
        fn every_beginning_of_a_sample_is_balanced(
            counts in prop::collection::vec(1_usize..20, 1..6),
            wanted in 0_usize..80,
            seed: u64,
        ) {
            let set = dataset(&[""], &counts);
            let all: Vec<usize> = (0..set.images.len()).collect();
            let picked = set.sample(&all, wanted, seed);
            prop_assert_eq!(picked.len(), wanted.min(all.len()));
            let distinct: std::collections::BTreeSet<_> = picked.iter().collect();
            prop_assert_eq!(distinct.len(), picked.len());
            for end in 0..=picked.len() {
                let mut taken = vec![0; counts.len()];
                picked[..end].iter().for_each(|&index| taken[set.images[index].class] += 1);
                let most = taken.iter().max().copied().unwrap_or(0);
                prop_assert!(taken.iter().zip(&counts).all(|(&taken, &there)| taken + 1 >= most || taken == there));
            }
        }
    }
}
