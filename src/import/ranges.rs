//! Ranges of activations that a file's integers have.

use crate::net::{Activation, Graph, TensorId};
use serde::{Deserialize, Serialize};

/// Where the ranges of activations at 8 bits come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RangesFrom {
    /// The calibration images.
    #[default]
    Images,
    /// The file, where its integers have them; else the calibration images.
    File,
}

/// Ranges that a file has, and whether they shall be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    /// Where ranges come from.
    pub from: RangesFrom,
    /// Smallest and largest real number of each activation in the file, by [`TensorId`]; `None` where it says none.
    values: Vec<Option<(f64, f64)>>,
}

impl Ranges {
    /// Those of a network, of which `values` were found in its file by tensor; `None` if none is of an activation whose
    /// range is chosen: that of the image is its normalization's, pools take their input's, and logits have 32 bits.
    pub(super) fn new(graph: &Graph, mut values: Vec<Option<(f64, f64)>>, from: RangesFrom) -> Option<Self> {
        let mut of_own = vec![None; values.len()];
        for layer in &graph.layers {
            if layer.output != graph.logits() && !layer.keeps_quantizer() {
                let value = values.get_mut(layer.output).and_then(Option::take);
                of_own[layer.output] = value.and_then(|range| bounded(range, layer.activation));
            }
        }
        of_own.iter().any(Option::is_some).then_some(Self { from, values: of_own })
    }

    /// Ranges to quantize with, by [`TensorId`]; empty if the calibration images say all of them.
    pub fn used(&self) -> &[Option<(f64, f64)>] {
        match self.from {
            RangesFrom::Images => &[],
            RangesFrom::File => &self.values,
        }
    }

    /// Activations with a range in the file.
    pub fn tensors(&self) -> impl Iterator<Item = TensorId> {
        self.values.iter().enumerate().filter_map(|(tensor, range)| range.map(|_| tensor))
    }
}

/// A range as far as an activation lets numbers come: the integers' ends are what bounds them. A high end within a step of
/// 8 bits of that of ReLU6 stays as the file has it.
fn bounded((low, high): (f64, f64), activation: Activation) -> Option<(f64, f64)> {
    let (low, high) = match activation {
        Activation::Linear => (low, high),
        Activation::Relu => (low.max(0.0), high),
        Activation::Relu6 if high - 6.0 > (high - low) / 255.0 => (low.max(0.0), 6.0),
        Activation::Relu6 => (low.max(0.0), high),
    };
    (low < high).then_some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_bound_ranges() {
        use Activation::{Linear, Relu, Relu6};
        for (range, activation, expected) in [
            ((-1.0, 2.0), Linear, Some((-1.0, 2.0))),
            ((-1.0, 2.0), Relu, Some((0.0, 2.0))),
            ((0.0, 9.0), Relu, Some((0.0, 9.0))),
            ((0.0, 9.0), Relu6, Some((0.0, 6.0))),
            ((-6.0, 9.0), Relu6, Some((0.0, 6.0))),
            // 255 steps of 0.0236 in single precision.
            ((0.0, 6.018), Relu6, Some((0.0, 6.018))),
            ((0.0, 3.0), Relu6, Some((0.0, 3.0))),
            ((-2.0, 0.0), Relu, None),
        ] {
            assert_eq!(bounded(range, activation), expected, "{range:?} {activation:?}");
        }
    }
}
