//! What decoded images take of the memory, said before any of them is decoded.

use super::{Listing, Table};
use crate::train::Augmentation;
use serde::{Deserialize, Serialize};

/// Bytes of the pixels of so many images of `side` x `side`, a byte for each of red, green and blue.
pub const fn pixel_bytes(images: usize, side: usize) -> u64 {
    3 * images as u64 * (side as u64).pow(2)
}

/// So many images of `side` x `side` fit into a number of bytes, at least one.
pub fn images_in(bytes: u64, side: usize) -> usize {
    usize::try_from(bytes / pixel_bytes(1, side).max(1)).unwrap_or(usize::MAX).max(1)
}

/// What the loaded images take once they are decoded for a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageMemory {
    /// What serves one purpose, in a row each.
    pub rows: Vec<ImageMemoryRow>,
    /// Bytes of all that may be held at the same time.
    pub limit: u64,
}

/// What the images of one purpose take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageMemoryRow {
    /// What they are called.
    pub images: String,
    /// How many there are.
    pub count: usize,
    /// Their side in pixels.
    pub side: usize,
    /// Bytes of their pixels.
    pub bytes: u64,
    /// Whether they are decoded while a network is trained alone.
    pub for_training: bool,
}

impl ImageMemory {
    /// The estimate for images whose network takes `side` x `side` pixels; `limit` is in bytes.
    pub fn new(listing: &Listing, side: usize, limit: u64) -> Self {
        let (stored, _) = Augmentation::usual(side);
        let parts = [
            ("calibration images", listing.calibration.len(), side, false),
            ("reward images", listing.reward.len(), side, false),
            ("test images", listing.test.len(), side, false),
            ("training images, while a network is trained", listing.train.len(), stored, true),
        ];
        let row = |(images, count, side, for_training): (&str, usize, usize, bool)| {
            let bytes = pixel_bytes(count, side);
            ImageMemoryRow { images: images.to_owned(), count, side, bytes, for_training }
        };
        Self { rows: parts.into_iter().map(row).filter(|row| row.count > 0).collect(), limit }
    }

    /// Bytes of all but the training images, which serve nothing else.
    pub fn held(&self) -> u64 {
        self.rows.iter().filter(|row| !row.for_training).map(|row| row.bytes).sum()
    }

    /// One row for each purpose.
    pub fn table(&self) -> Table {
        let title =
            format!("Memory of decoded images, of which {} are held at a time", mebibytes(self.limit));
        let mut table = Table::new(title, &["images", "count", "pixels", "memory"]);
        for ImageMemoryRow { images, count, side, bytes, .. } in &self.rows {
            table.push([images.clone(), count.to_string(), format!("{side}x{side}"), mebibytes(*bytes)]);
        }
        table
    }
}

/// Bytes as text, in MiB, rounded up.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// More images than the memory for them takes, found before they are decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{images} {what} of {side}x{side} pixels take {} of memory: expected at most {}, into which {fit} fit; {advice}",
    mebibytes(*bytes),
    mebibytes(*limit)
)]
pub struct TooManyImages {
    /// What they are for.
    pub what: &'static str,
    /// How many.
    pub images: usize,
    /// Their side in pixels.
    pub side: usize,
    /// Bytes of their pixels, and of others that are held beside them.
    pub bytes: u64,
    /// Bytes that they may take.
    pub limit: u64,
    /// So many may be asked for.
    pub fit: usize,
    /// What to do.
    pub advice: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_fit_are_those_whose_pixels_fit() {
        for (bytes, side, fit) in
            [(3 * 128 * 128 * 10, 128, 10), (3 * 128 * 128 * 10 - 1, 128, 9), (5, 224, 1)]
        {
            assert_eq!(images_in(bytes, side), fit);
        }
        // The validation images of ImageNet, on 32 bits as well.
        assert_eq!(pixel_bytes(50_000, 224), 7_526_400_000);
        assert_eq!(mebibytes(7_526_400_000), "7178 MiB");
    }

    #[test]
    fn too_many_images_are_told_with_what_would_do() {
        let (what, advice) = ("reward images", "choose fewer");
        let error =
            TooManyImages { what, images: 9, side: 4, bytes: 9 << 20, limit: 3 << 20, fit: 2, advice };
        assert_eq!(
            error.to_string(),
            "9 reward images of 4x4 pixels take 9 MiB of memory: expected at most 3 MiB, into which 2 fit; choose fewer"
        );
    }
}
