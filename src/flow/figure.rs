//! Accuracy with the images that it is of.

use super::{Key, Tally};
use crate::export::grouped;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of the images that accuracy is measured on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subset {
    /// Those that nothing but a measurement sees.
    #[default]
    Test,
    /// Those by which searches and training choose.
    Reward,
    /// Both.
    Validation,
}

impl Subset {
    /// Its name in text, options and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Reward => "reward",
            Self::Validation => "validation",
        }
    }
}

/// The images behind a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesUsed {
    /// Which part of the images they belong to.
    pub subset: Subset,
    /// How many were to be classified.
    pub count: usize,
    /// How many there are in the part.
    pub of: usize,
    /// How many of them are reward images, by which searches and training choose.
    pub chosen_by: usize,
    /// How many classes the part has images of, and how many the network tells apart. An answer is right only if it is
    /// the right one of all that the network tells apart.
    pub classes: (usize, usize),
    /// Of their pixels and right outputs.
    pub key: Key,
}

impl fmt::Display for ImagesUsed {
    /// `2,943 test images, seen by no search and no training`; of some of the classes, `2,943 test images of 10 of the
    /// network's 1,000 classes, seen by no search and no training`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { subset, count, of, chosen_by, classes: (seen, told_apart), .. } = *self;
        if count < of {
            write!(f, "{} of ", grouped(count as u64))?;
        }
        let images = if of == 1 { "image" } else { "images" };
        write!(f, "{} {} {images}", grouped(of as u64), subset.name())?;
        if seen < told_apart {
            write!(
                f,
                " of {} of the network's {} classes",
                grouped(seen as u64),
                grouped(told_apart as u64)
            )?;
        }
        f.write_str(", ")?;
        match subset {
            Subset::Test => write!(f, "seen by no search and no training"),
            _ if chosen_by == count => write!(f, "by which searches and training choose"),
            _ => write!(f, "by {} of which searches and training choose", grouped(chosen_by as u64)),
        }
    }
}

/// Top-1 accuracy, and the images that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Right answers.
    pub tally: Tally,
    /// On these images.
    pub images: ImagesUsed,
    /// Whether it was stopped before all of them were classified.
    pub stopped: bool,
}

impl Figure {
    /// How many percentage points it is above another figure; `None` unless both are of the same images, all of them.
    pub fn above(&self, other: &Self) -> Option<f64> {
        self.is_comparable(other).then(|| self.tally.percent() - other.tally.percent())
    }

    /// Whether both are of the same images, all of them.
    pub fn is_comparable(&self, other: &Self) -> bool {
        self.images.key == other.images.key && !self.stopped && !other.stopped
    }
}

impl fmt::Display for Figure {
    /// The images: `100 of 2,943 test images, seen by no search and no training; stopped after 48`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.images)?;
        if self.stopped {
            write!(f, "; stopped after {}", grouped(self.tally.images as u64))?;
        }
        Ok(())
    }
}

/// How long the weights that are kept were trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epochs {
    /// Epochs behind the kept weights: those of the best epoch. 0 if none made them better.
    pub kept: u32,
    /// Epochs that were run.
    pub run: u32,
}

impl fmt::Display for Epochs {
    /// `3 epochs, the best of 10`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { kept, run } = *self;
        write!(f, "{kept} {}", if kept == 1 { "epoch" } else { "epochs" })?;
        if kept < run { write!(f, ", the best of {run}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(subset: Subset, count: usize, of: usize, chosen_by: usize) -> ImagesUsed {
        ImagesUsed { subset, count, of, chosen_by, classes: (10, 10), key: Key::of(&(count, of)) }
    }

    #[test]
    fn images_are_named_with_what_chose_by_them() {
        for (images, text) in [
            (used(Subset::Test, 2943, 2943, 0), "2,943 test images, seen by no search and no training"),
            (used(Subset::Test, 100, 2943, 0), "100 of 2,943 test images, seen by no search and no training"),
            (used(Subset::Reward, 982, 982, 982), "982 reward images, by which searches and training choose"),
            (
                used(Subset::Validation, 3925, 3925, 982),
                "3,925 validation images, by 982 of which searches and training choose",
            ),
            (used(Subset::Reward, 1, 1, 1), "1 reward image, by which searches and training choose"),
            (
                ImagesUsed { classes: (10, 1000), ..used(Subset::Test, 2943, 2943, 0) },
                "2,943 test images of 10 of the network's 1,000 classes, seen by no search and no training",
            ),
        ] {
            assert_eq!(images.to_string(), text);
        }
    }

    #[test]
    fn only_figures_of_the_same_images_are_compared() {
        let figure = |correct, images, stopped| {
            let tally = Tally { correct, images: 100 };
            Figure { tally, images, stopped }
        };
        let (some, others) = (used(Subset::Test, 100, 300, 0), used(Subset::Test, 100, 400, 0));
        assert_eq!(figure(90, some, false).above(&figure(92, some, false)), Some(-2.0));
        assert_eq!(figure(90, some, false).above(&figure(92, others, false)), None, "as many, but others");
        assert_eq!(figure(90, some, true).above(&figure(92, some, false)), None);
        assert_eq!(figure(90, some, false).above(&figure(92, some, true)), None);
        assert_eq!(
            figure(90, some, true).to_string(),
            "100 of 300 test images, seen by no search and no training; stopped after 100"
        );
    }

    #[test]
    fn epochs_are_those_that_are_kept() {
        for (kept, run, text) in [
            (3, 3, "3 epochs"),
            (1, 1, "1 epoch"),
            (2, 5, "2 epochs, the best of 5"),
            (0, 4, "0 epochs, the best of 4"),
        ] {
            assert_eq!(Epochs { kept, run }.to_string(), text);
        }
    }
}
