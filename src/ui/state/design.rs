//! A network with a policy on a device, and what it takes.

use super::Hashes;
use crate::net::Network;
use crate::{
    link::Link,
    memory::{Budget, Bytes, Core, Excess, Footprint, Mcu, MemoryModel, Reserve, Usage},
    quant::{Bits, Policy, Slot},
    search::{Allocator, Origin, Problem},
};
use std::rc::Rc;

/// Where a network shall run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The microcontroller; `None` if the budgets are the user's own.
    pub device: Option<&'static Mcu>,
    /// What a microcontroller has for everything but the network and its stack.
    pub reserve: Reserve,
    /// What the network may take.
    pub budget: Budget,
    /// The core that runs it, of which the size of the code depends.
    pub core: Core,
    /// How it is counted.
    pub model: MemoryModel,
}

impl Target {
    /// A microcontroller, less the reserve and the stack. Where the size of the FLASH is open, its budget stays.
    pub fn on(self, device: &'static Mcu) -> Self {
        let (reserve, core) = (self.reserve, device.core());
        let ram = device.arena_bytes(reserve);
        let budget = device.budget(reserve).unwrap_or(Budget { ram, ..self.budget });
        Self { device: Some(device), budget, core, ..self }.counted(self.model.core().is_some())
    }

    /// The same with another reserve.
    pub fn with_reserve(self, reserve: Reserve) -> Self {
        let target = Self { reserve, ..self };
        self.device.map_or(target, |device| target.on(device))
    }

    /// Counted as the firmware takes it, or as the papers count.
    pub fn counted(self, device: bool) -> Self {
        let model = if device { MemoryModel::Device(self.core) } else { MemoryModel::Paper };
        Self { model, ..self }
    }
}

/// Bytes of a microcontroller's FLASH and of the block of RAM with the arena that the network cannot have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// FLASH of the reserve.
    pub flash: usize,
    /// The stack, if it lies beside the arena.
    pub stack: usize,
    /// RAM of the reserve, if it lies beside the arena.
    pub ram: usize,
}

impl Target {
    /// What the network cannot have of the microcontroller's FLASH and of the arena's block of RAM; nothing of budgets
    /// of one's own.
    pub fn taken(&self) -> Taken {
        let Some(device) = self.device else { return Taken::default() };
        let flash = device.flash.map_or(0, |flash| flash.bytes - self.budget.flash);
        let Some(placement) = device.placement(self.reserve) else {
            return Taken { flash, ..Taken::default() };
        };
        let stack = if placement.stack == placement.arena { self.core.stack_bytes() } else { 0 };
        Taken { flash, stack, ram: placement.arena.bytes - placement.arena_bytes - stack }
    }

    /// Says which of stack and reserve lie in other blocks of RAM than the arena, if any do.
    pub fn elsewhere(&self) -> Option<String> {
        let placement = self.device?.placement(self.reserve)?;
        let parts = [
            ("Stack", placement.stack, self.core.stack_bytes()),
            ("Reserve", placement.reserve, self.reserve.ram),
        ];
        let parts: Vec<_> = parts
            .into_iter()
            .filter(|(_, block, bytes)| *block != placement.arena && *bytes > 0)
            .map(|(what, block, bytes)| format!("{what} ({}) in {}.", Bytes(bytes), block.name))
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// Budgets of one's own. No microcontroller is guessed from them: several leave a network as much.
    pub fn of_budget(budget: Budget, model: MemoryModel) -> Self {
        let core = model.core().unwrap_or_default();
        Self { device: None, reserve: Reserve::default(), budget, core, model }
    }

    /// What a link was made for: its microcontroller if that leaves a network these budgets, else budgets of one's own.
    pub fn of_link(link: &Link) -> Self {
        let own = Self::of_budget(link.budget, link.memory);
        let own = Self { reserve: link.reserve.unwrap_or(own.reserve), ..own };
        let on = link.mcu().map(|mcu| own.on(mcu));
        on.filter(|on| (on.budget, on.model) == (own.budget, own.model)).unwrap_or(own)
    }
}

impl Default for Target {
    /// A microcontroller that is fast and short of FLASH: the first demo network does not fit at 8 bits.
    fn default() -> Self {
        let own = Self {
            device: None,
            reserve: Reserve::default(),
            budget: Budget::PAPER,
            core: Core::default(),
            model: MemoryModel::DEVICE,
        };
        Mcu::by_slug("stm32h750vb").map_or(own, |device| own.on(device))
    }
}

/// A way to choose all widths at once, without any measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
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
    /// Where it came from.
    pub origin: Origin,
    /// Seed of the run that has chosen it.
    pub seed: u64,
}

impl Version {
    /// The policy that a preset gives, and what the user should know of it. `pins` are widths that stay as they are.
    pub fn allocate(
        network: &Network,
        target: &Target,
        preset: Preset,
        pins: &[(Slot, Bits)],
    ) -> (Self, Option<String>) {
        let graph = network.graph();
        let uniform = |weights, activations| {
            let mut policy = Policy::uniform(graph, weights, activations);
            pins.iter().for_each(|&(slot, bits)| policy.set(slot, bits));
            policy
        };
        let (policy, allocator, notice) = match preset {
            Preset::Uniform(weights, activations) => {
                (uniform(weights, activations), Allocator::Uniform, None)
            }
            Preset::Rule => {
                let (policy, notice) = match Problem::new(graph, target.budget, target.model, pins) {
                    Ok(problem) => (problem.rule(), None),
                    Err(error) => {
                        (uniform(Bits::B2, Bits::B2), Some(format!("The rule found nothing: {error}.")))
                    }
                };
                (policy, Allocator::Rule, notice)
            }
        };
        (Self { policy: Rc::new(policy), origin: allocator.into(), seed: 0 }, notice)
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
        let (graph, policy) = (network.graph(), &version.policy);
        let footprint = target.model.footprint(graph, policy);
        let excesses = footprint.excesses(graph, policy, target.budget).into();
        let other = target.counted(target.model == MemoryModel::Paper).model.usage(graph, policy);
        Self { network, target, version, footprint: Rc::new(footprint), other, excesses }
    }

    /// What a link says.
    pub fn from_link(link: Link) -> Self {
        let target = Target::of_link(&link);
        let Link { network, policy, origin, seed, .. } = link;
        Self::new(network, target, Version { policy: Rc::new(policy), origin, seed })
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
        Version { policy: Rc::new(policy), origin: Origin::ByHand, seed: 0 }
    }

    /// Whether both budgets hold.
    pub fn fits(&self) -> bool {
        self.excesses.is_empty()
    }

    /// The design, with what tells its weights and images apart, as the text after `#`.
    pub fn link(&self, hashes: Hashes) -> String {
        let Target { device, reserve, budget, model, .. } = self.target;
        let Version { policy, origin, seed } = &self.version;
        let link = Link {
            device: device.map(|mcu| mcu.slug.to_owned()),
            reserve: device.map(|_| reserve),
            origin: *origin,
            seed: *seed,
            weights: hashes.weights,
            images: hashes.images,
            ..Link::new(self.network.clone(), (**policy).clone(), budget, model)
        };
        link.encode()
    }
}
