//! Policies that were measured since the page was opened.

use super::{Design, Hashes};
use crate::{
    flow::{Epochs, Figure, Key, Measurement},
    memory::{MemoryModel, Usage},
    net::Network,
    quant::{Bits, Policy, Slot},
    ui::format,
};
use std::rc::Rc;

/// A measured policy, with all that it was measured on.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Network.
    pub network: Network,
    /// Widths.
    pub policy: Rc<Policy>,
    /// What it takes on the device.
    pub usage: Usage,
    /// Link to the policy.
    pub link: String,
    /// Widths in few words.
    pub bits: String,
    /// Where the images came from.
    pub images: String,
    /// Result.
    pub figure: Figure,
    /// At most so many images were asked for; all if `None`.
    pub limit: Option<usize>,
    /// Training behind the weights; `None` if they are as they were loaded.
    pub trained: Option<Epochs>,
    /// The weights and the images that were loaded.
    pub loaded: (Key, Key),
    /// Whether it was measured before the page was loaded again.
    pub restored: bool,
}

/// What was asked to be measured, as it was when it was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    network: Network,
    policy: Rc<Policy>,
    usage: Usage,
    link: String,
    bits: String,
    images: String,
    limit: Option<usize>,
}

impl Asked {
    pub(super) fn new(design: &Design, hashes: Hashes, images: String, limit: Option<usize>) -> Self {
        let (graph, policy) = (design.network.graph(), design.policy());
        Self {
            network: design.network.clone(),
            policy: policy.clone(),
            usage: MemoryModel::Device(design.target.core).usage(graph, policy),
            link: design.link(hashes),
            bits: summary(design),
            images,
            limit,
        }
    }

    pub(super) fn answered(self, measurement: &Measurement) -> Trial {
        let Self { network, policy, usage, link, bits, images, limit } = self;
        let Measurement { figure, trained, weights, images: source, .. } = *measurement;
        let (loaded, restored) = ((weights, source), false);
        Trial { network, policy, usage, link, bits, images, figure, limit, trained, loaded, restored }
    }
}

/// How many weight tensors, or outputs, have each width; widest first, without widths that none has.
fn counts(design: &Design, of_weights: bool) -> Vec<(Bits, usize)> {
    let slots = Slot::all(design.network.graph());
    let slots = slots.iter().filter(|slot| matches!(slot, Slot::Weight(_)) == of_weights);
    let widths: Vec<Bits> = slots.map(|&slot| design.policy().get(slot)).collect();
    let count = |bits: Bits| widths.iter().filter(|width| **width == bits).count();
    Bits::ALL.into_iter().rev().map(|bits| (bits, count(bits))).filter(|(_, count)| *count > 0).collect()
}

/// Widths of weights and outputs with how many tensors have them: `W 8×21 4×5 2×2 / A 8×27`.
fn summary(design: &Design) -> String {
    let part = |of_weights| {
        let parts = counts(design, of_weights).into_iter().map(|(bits, count)| format!("{bits}×{count}"));
        parts.collect::<Vec<_>>().join(" ")
    };
    format!("W {} / A {}", part(true), part(false))
}

/// The same in words: `Weights: 21 tensors at 8 bits, 5 at 4, 2 at 2. Outputs: 27 tensors at 8 bits.`
pub fn in_words(design: &Design) -> String {
    let part = |of_weights| {
        let parts = counts(design, of_weights).into_iter().enumerate().map(|(i, (bits, count))| match i {
            0 => format!("{} at {bits} bits", format::count(count, "tensor", "tensors")),
            _ => format!("{count} at {bits}"),
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    format!("Weights: {}. Activations: {}.", part(true), part(false))
}
