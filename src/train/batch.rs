//! Images on their way to the device.

use super::error::TrainError;
use super::plan::Plan;

/// What happens to one image: crop, mirror, colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augment {
    /// First row of the crop in the stored image; rows outside it have the value of [`ImagePlan::outside`].
    ///
    /// [`ImagePlan::outside`]: super::plan::ImagePlan::outside
    pub row: i32,
    /// First column of the crop.
    pub column: i32,
    /// Whether left and right are exchanged after the crop.
    pub mirrored: bool,
    /// Each colour's code becomes `gain * code + shift`, clamped to 0..=255 and not rounded.
    pub gain: [f32; 3],
    /// In codes.
    pub shift: [f32; 3],
}

impl Augment {
    /// The crop at a row and a column, else nothing.
    pub const fn crop(row: i32, column: i32) -> Self {
        Self { row, column, mirrored: false, gain: [1.0; 3], shift: [0.0; 3] }
    }
}

/// Images of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Height of the stored images in pixels.
    pub height: usize,
    /// Width of the stored images in pixels.
    pub width: usize,
    /// Codes, `[n, height, width, 3]`.
    pub pixels: Vec<u8>,
    /// The right output of each image.
    pub targets: Vec<u16>,
    /// What happens to each image.
    pub augments: Vec<Augment>,
}

impl Batch {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Checks that the batch fits a network.
    ///
    /// # Errors
    /// If numbers of pixels, of changes or of classes do not fit.
    pub fn check(&self, plan: &Plan) -> Result<(), TrainError> {
        let equal = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(TrainError::Batch { what, expected, found }) }
        };
        let images = self.len();
        if images == 0 {
            return Err(TrainError::NoImages);
        }
        equal("bytes", images * self.height * self.width * 3, self.pixels.len())?;
        equal("crops", images, self.augments.len())?;
        let classes = plan.graph.classes();
        match self.targets.iter().find(|&&target| usize::from(target) >= classes) {
            Some(&target) => Err(TrainError::Batch {
                what: "classes or more",
                expected: classes,
                found: usize::from(target) + 1,
            }),
            None => Ok(()),
        }
    }
}
