//! A network with a policy on a device, and what it takes.

use super::Network;
use crate::{
    link::{self, Link},
    memory::{Budget, Excess, Footprint, Mcu, MemoryModel, Usage, catalogue::MCUS},
    quant::{Bits, Policy, Slot},
    search::Problem,
};
use std::rc::Rc;

/// Where a network shall run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The microcontroller; `None` if the budgets are the user's own.
    pub device: Option<&'static Mcu>,
    /// What may be taken.
    pub budget: Budget,
    /// How it is counted.
    pub model: MemoryModel,
}

impl Target {
    /// A microcontroller with all its FLASH and its largest block of RAM. Where the size of the FLASH is open, it stays.
    pub fn on(self, device: &'static Mcu) -> Self {
        let flash = device.flash.map_or(self.budget.flash, |flash| flash.bytes);
        Self { device: Some(device), budget: Budget { flash, ram: device.arena_block().bytes }, ..self }
    }
}

impl Default for Target {
    /// A microcontroller that is fast and short of FLASH: the first demo network does not fit at 8 bits.
    fn default() -> Self {
        let own = Self { device: None, budget: Budget::PAPER, model: MemoryModel::Device };
        Mcu::by_slug("stm32h750vb").map_or(own, |device| own.on(device))
    }
}

/// A way to choose all widths at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// Cuts the largest tensors until the budgets hold.
    Rule,
    /// All weights at one width, all activations at another.
    Uniform(Bits, Bits),
}

/// A policy and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Width of every tensor.
    pub policy: Rc<Policy>,
    /// What has chosen it.
    pub allocator: link::Allocator,
    /// Seed of the run that has chosen it.
    pub seed: u64,
}

impl Version {
    /// The policy that an allocator finds, and what the user should know of it. `pins` are widths that stay as they are.
    pub fn allocate(
        network: &Network,
        target: &Target,
        allocator: Allocator,
        pins: &[(Slot, Bits)],
    ) -> (Self, Option<String>) {
        let graph = &network.graph;
        let uniform = |weights, activations| {
            let mut policy = Policy::uniform(graph, weights, activations);
            pins.iter().for_each(|&(slot, bits)| policy.set(slot, bits));
            policy
        };
        let (policy, allocator, notice) = match allocator {
            Allocator::Uniform(weights, activations) => {
                (uniform(weights, activations), link::Allocator::Uniform, None)
            }
            Allocator::Rule => {
                let (policy, notice) = match Problem::new(graph, target.budget, target.model, pins) {
                    Ok(problem) => (problem.rule(), None),
                    Err(error) => {
                        (uniform(Bits::B2, Bits::B2), Some(format!("The rule found nothing: {error}.")))
                    }
                };
                (policy, link::Allocator::Rule, notice)
            }
        };
        (Self { policy: Rc::new(policy), allocator, seed: 0 }, notice)
    }
}

/// A network with a policy on a device, and what it takes. Figures are computed once per change.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// The network.
    pub network: Network,
    /// The device.
    pub target: Target,
    /// The policy.
    pub version: Version,
    /// What it takes as [`Target::model`] counts.
    pub footprint: Rc<Footprint>,
    /// What it takes as the other memory model counts.
    pub other: Usage,
    /// Which budgets are exceeded.
    pub excesses: Rc<[Excess]>,
}

impl Design {
    /// Counts what a policy takes.
    pub fn new(network: Network, target: Target, version: Version) -> Self {
        let (graph, policy) = (&network.graph, &version.policy);
        let footprint = target.model.footprint(graph, policy);
        let excesses = footprint.excesses(graph, policy, target.budget).into();
        let other = other_model(target.model).usage(graph, policy);
        Self { network, target, version, footprint: Rc::new(footprint), other, excesses }
    }

    /// What a link says; the device is the first of the catalogue with these budgets.
    pub fn from_link(link: Link) -> Self {
        let Link { spec, policy, budget, memory: model, allocator, seed } = link;
        let device = MCUS.iter().find(|mcu| mcu.budget() == Some(budget));
        let target = Target { device, budget, model };
        Self::new(Network::new(spec), target, Version { policy: Rc::new(policy), allocator, seed })
    }

    /// The width of every tensor.
    pub fn policy(&self) -> &Rc<Policy> {
        &self.version.policy
    }

    /// The same policy but for `slots`, which get `bits`.
    pub fn edited(&self, slots: &[Slot], bits: Bits) -> Version {
        let mut policy = (**self.policy()).clone();
        for &slot in slots {
            policy.set(slot, bits);
        }
        Version { policy: Rc::new(policy), allocator: link::Allocator::ByHand, seed: 0 }
    }

    /// Whether both budgets hold.
    pub fn fits(&self) -> bool {
        self.excesses.is_empty()
    }

    /// The design as the text after `#`.
    pub fn link(&self) -> String {
        let Target { budget, model: memory, .. } = self.target;
        let Version { policy, allocator, seed } = &self.version;
        let (spec, policy) = (self.network.spec, (**policy).clone());
        Link { spec, policy, budget, memory, allocator: *allocator, seed: *seed }.encode()
    }
}

/// The model that is not selected.
pub const fn other_model(model: MemoryModel) -> MemoryModel {
    match model {
        MemoryModel::Paper => MemoryModel::Device,
        MemoryModel::Device => MemoryModel::Paper,
    }
}
