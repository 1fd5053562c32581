//! Codes that can be combined freely: those of a layer at a width, whatever the layers before have.
//!
//! A search scores hundreds of policies. Their layers' codes are chosen once, by what they do to the sums of the network at
//! 8 bits, whose codes stand for the float network's; the policy that wins is quantized once more, each layer by what comes
//! out of those before.

use super::coding::weights_on_codes;
use super::pass::Pass;
use super::quantize::{can_choose, chooses};
use super::{CalibrateError, Calibration};
use crate::net::Model;
use crate::quant::{Bits, Policy, WeightCodes};
use std::borrow::Cow;

/// Widths below 8 bits: at 8 the nearest codes are fine enough.
pub(super) const NARROW: [Bits; 2] = [Bits::B2, Bits::B4];

/// Codes of a layer's weights at 2 bits and at 4 bits; `None` where the nearest are taken.
pub type PreparedCodes = [Option<WeightCodes>; 2];

/// Chooses codes, layer by layer.
pub struct Preparation<'a> {
    pass: Pass<'a>,
    codes: Vec<PreparedCodes>,
}

impl<'a> Preparation<'a> {
    /// Nothing done yet; `None` if the nearest codes are wanted. `images` are some of those that were observed.
    pub fn new<I: AsRef<[u8]>>(model: &'a Model, calibration: &'a Calibration, images: &[I]) -> Option<Self> {
        let eight = Policy::uniform(model.graph(), Bits::B8, Bits::B8);
        let pass = || Pass::new(model, calibration, Cow::Owned(eight), images);
        (can_choose(&calibration.settings) && !images.is_empty())
            .then(|| Self { pass: pass(), codes: Vec::new() })
    }

    /// Layers done and layers in all.
    pub fn progress(&self) -> (usize, usize) {
        (self.codes.len(), self.pass.model.graph().layers.len())
    }

    /// Does the next layer. After the last, the codes by [`LayerId`](crate::net::LayerId).
    ///
    /// # Errors
    /// If a layer has no integer form.
    pub fn step(&mut self) -> Result<Option<Vec<PreparedCodes>>, CalibrateError> {
        let (model, id) = (self.pass.model, self.codes.len());
        if let Some(layer) = model.graph().layers.get(id) {
            let mut codes = PreparedCodes::default();
            if layer.has_weights() {
                let wanted = NARROW.map(|bits| chooses(self.pass.calibration, bits, id));
                let moments = wanted.contains(&true).then(|| self.pass.moments(id, None));
                for ((codes, bits), wanted) in codes.iter_mut().zip(NARROW).zip(wanted) {
                    let moments = moments.as_ref().filter(|_| wanted);
                    *codes = moments.map(|moments| moments.choose(&weights_on_codes(model, id), 1.0, bits));
                }
            }
            self.pass.layer(id)?;
            self.codes.push(codes);
        }
        let done = self.codes.len() >= model.graph().layers.len();
        Ok(done.then(|| std::mem::take(&mut self.codes)))
    }
}
