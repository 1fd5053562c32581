//! What the float network does on the calibration images.

use super::{CalibrateError, Moments, PreparedCodes, Settings};
use crate::float::FloatNetwork;
use crate::net::Model;
use crate::parallel;
use crate::quant::{Grids, Histogram};
use serde::{Deserialize, Serialize};

/// A float network's behaviour on the calibration images: all that quantization needs to know of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// How to quantize.
    pub settings: Settings,
    /// Values of each tensor, by [`TensorId`](crate::net::TensorId); empty for the image.
    pub values: Vec<Histogram>,
    /// Sums before batch normalization of each layer, by [`LayerId`](crate::net::LayerId); `None` without weights.
    pub sums: Vec<Option<Moments>>,
    /// Ranges of activations at 8 bits that do not follow from their values, smallest and largest number, by tensor;
    /// empty if all do.
    pub ranges: Vec<Option<(f64, f64)>>,
    /// Images seen.
    pub images: usize,
    /// Codes for scores, by [`LayerId`](crate::net::LayerId); none if the nearest are taken.
    pub codes: Vec<PreparedCodes>,
    /// Quantizers that training learned, in the place of all else.
    pub trained: Option<Grids>,
}

/// Collects a [`Calibration`], some images at a time.
pub struct Observer<'a> {
    model: &'a Model,
    network: FloatNetwork,
    seen: Calibration,
}

impl<'a> Observer<'a> {
    /// Has seen nothing yet.
    ///
    /// # Errors
    /// If the model does not fit its graph.
    pub fn new(model: &'a Model, settings: Settings) -> Result<Self, CalibrateError> {
        Ok(Self { model, network: FloatNetwork::new(model)?, seen: Calibration::nothing(model, settings) })
    }

    /// Takes ranges of activations at 8 bits as they are given, by [`TensorId`](crate::net::TensorId), and those of the
    /// others, and of fewer bits, from images.
    #[must_use]
    pub fn with_ranges(mut self, ranges: &[Option<(f64, f64)>]) -> Self {
        self.seen.ranges = ranges.to_vec();
        self
    }

    /// Runs the float network over images, each `[h, w, 3]` of the network's size. The sums of reals are taken in
    /// the order of the images, so the same images in the same order give the same calibration.
    ///
    /// # Errors
    /// If an image has another size.
    pub fn add<I: AsRef<[u8]>>(&mut self, images: &[I]) -> Result<(), CalibrateError> {
        let mut images: Vec<&[u8]> = images.iter().map(AsRef::as_ref).collect();
        for seen in parallel::map(&mut images, |image| self.one(image)) {
            self.seen.merge(&seen?);
        }
        Ok(())
    }

    /// What was seen.
    ///
    /// # Errors
    /// If no image was.
    pub fn finish(self) -> Result<Calibration, CalibrateError> {
        if self.seen.images == 0 { Err(CalibrateError::NoImages) } else { Ok(self.seen) }
    }

    fn one(&self, image: &[u8]) -> Result<Calibration, CalibrateError> {
        let mut seen = Calibration::nothing(self.model, self.seen.settings);
        seen.images = 1;
        self.network.run_observed(image, |observed| {
            seen.values[self.model.graph().layers[observed.layer].output].add(observed.output);
            if let Some(moments) = &mut seen.sums[observed.layer] {
                moments.add(observed.sums);
            }
        })?;
        Ok(seen)
    }
}

impl Calibration {
    pub(super) fn nothing(model: &Model, settings: Settings) -> Self {
        let graph = model.graph();
        let moments = |layer| Moments::new(graph.output_shape(layer).channels);
        Self {
            settings,
            values: vec![Histogram::default(); graph.tensors.len()],
            sums: graph.layers.iter().map(|l| l.has_weights().then(|| moments(l))).collect(),
            ranges: Vec::new(),
            images: 0,
            codes: Vec::new(),
            trained: None,
        }
    }

    fn merge(&mut self, other: &Self) {
        for (values, more) in self.values.iter_mut().zip(&other.values) {
            values.merge(more);
        }
        for (sums, more) in self.sums.iter_mut().zip(&other.sums) {
            if let (Some(sums), Some(more)) = (sums, more) {
                sums.merge(more);
            }
        }
        self.images += other.images;
    }
}
