//! Policies that were measured since the page was opened.

use super::{Design, Hashes};
use crate::{
    flow::{Measurement, Tally},
    memory::{MemoryModel, Usage},
    net::Spec,
    quant::{Bits, Policy, Slot},
    ui::format,
};
use std::rc::Rc;

/// A measured policy, with all that it was measured on.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Network.
    pub spec: Spec,
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
    pub tally: Tally,
    /// Whether it was stopped before the end.
    pub stopped: bool,
    /// Epochs of training behind the weights; `None` if they are as they were loaded.
    pub trained: Option<u32>,
    /// Counts loads of weights and images: trials with the same number are comparable.
    pub load: u32,
    /// Whether it was measured before the page was loaded again.
    pub restored: bool,
}

/// What was asked to be measured, as it was when it was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    spec: Spec,
    policy: Rc<Policy>,
    usage: Usage,
    link: String,
    bits: String,
    images: String,
    load: u32,
}

impl Asked {
    pub(super) fn new(design: &Design, hashes: Hashes, images: String, load: u32) -> Self {
        let (graph, policy) = (&design.network.graph, design.policy());
        Self {
            spec: design.network.spec,
            policy: policy.clone(),
            usage: MemoryModel::Device(design.target.core).usage(graph, policy),
            link: design.link(hashes),
            bits: summary(design),
            images,
            load,
        }
    }

    pub(super) fn answered(self, measurement: &Measurement) -> Trial {
        let Self { spec, policy, usage, link, bits, images, load } = self;
        let Measurement { tally, stopped, trained, .. } = *measurement;
        let restored = false;
        Trial { spec, policy, usage, link, bits, images, tally, stopped, trained, load, restored }
    }
}

/// How many weight tensors, or outputs, have each width; widest first, without widths that none has.
fn counts(design: &Design, of_weights: bool) -> Vec<(Bits, usize)> {
    let slots = Slot::all(&design.network.graph);
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
