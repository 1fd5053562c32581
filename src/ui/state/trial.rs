//! Policies that were measured since the page was opened.

use super::Design;
use crate::{
    flow::{Measurement, Tally},
    memory::{MemoryModel, Usage},
    net::Spec,
    quant::{Bits, Policy, Slot},
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
    /// Counts loads of weights and images: trials with the same number are comparable.
    pub load: u32,
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
    pub(super) fn new(design: &Design, images: String, load: u32) -> Self {
        let (graph, policy) = (&design.network.graph, design.policy());
        Self {
            spec: design.network.spec,
            policy: policy.clone(),
            usage: MemoryModel::Device.usage(graph, policy),
            link: design.link(),
            bits: summary(design),
            images,
            load,
        }
    }

    pub(super) fn answered(self, measurement: &Measurement) -> Trial {
        let Self { spec, policy, usage, link, bits, images, load } = self;
        let Measurement { tally, stopped, .. } = *measurement;
        Trial { spec, policy, usage, link, bits, images, tally, stopped, load }
    }
}

/// Widths in few words: `weights 8/4/2: 3/20/5, activations 8/4/2: 27/0/0`, or `weights 8, activations 4` if all
/// are the same.
pub fn summary(design: &Design) -> String {
    let tally = |want_weights: bool| {
        let mut counts = [0; Bits::ALL.len()];
        for slot in Slot::all(&design.network.graph) {
            if matches!(slot, Slot::Weight(_)) == want_weights {
                counts[design.policy().get(slot) as usize] += 1;
            }
        }
        let used: Vec<_> = Bits::ALL.iter().rev().filter(|&&bits| counts[bits as usize] > 0).collect();
        match used[..] {
            [bits] => bits.to_string(),
            _ => {
                let part = |&&bits: &&Bits| format!("{}×{bits}", counts[bits as usize]);
                used.iter().map(part).collect::<Vec<_>>().join(" ")
            }
        }
    };
    format!("W {} / A {}", tally(true), tally(false))
}
