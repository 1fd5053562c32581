//! What a network takes, and where: the figures behind a FLASH bar and a RAM skyline.

use super::{Budget, Core, Excess, Flash, Memory, Plan, Usage, layout, paper};
use crate::{
    net::{Graph, Layer, LayerId, TensorId},
    quant::{Bits, Policy},
};
use serde::{Deserialize, Serialize};

/// Which of the two memory models counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub enum MemoryModel {
    /// The papers' model, for comparison with published figures; see [`paper`].
    Paper,
    /// What the exported firmware takes on a core.
    Device(Core),
}

/// [`MemoryModel`] as checkpoints have it: a number for each, which stay what they are.
#[derive(Serialize, Deserialize)]
enum Stored {
    Paper,
    /// On a Cortex-M4.
    Device,
    CortexM0,
    CortexM3,
    RiscV32,
    RiscV64,
    Xtensa,
    CortexM33,
}

impl From<Stored> for MemoryModel {
    fn from(stored: Stored) -> Self {
        Self::Device(match stored {
            Stored::Paper => return Self::Paper,
            Stored::Device => Core::CortexM4,
            Stored::CortexM0 => Core::CortexM0,
            Stored::CortexM3 => Core::CortexM3,
            Stored::RiscV32 => Core::RiscV32,
            Stored::RiscV64 => Core::RiscV64,
            Stored::Xtensa => Core::Xtensa,
            Stored::CortexM33 => Core::CortexM33,
        })
    }
}

impl From<MemoryModel> for Stored {
    fn from(model: MemoryModel) -> Self {
        match model {
            MemoryModel::Paper => Self::Paper,
            MemoryModel::Device(core) => match core {
                Core::CortexM0 => Self::CortexM0,
                Core::CortexM3 => Self::CortexM3,
                Core::CortexM4 => Self::Device,
                Core::RiscV32 => Self::RiscV32,
                Core::RiscV64 => Self::RiscV64,
                Core::Xtensa => Self::Xtensa,
                Core::CortexM33 => Self::CortexM33,
            },
        }
    }
}

impl Default for MemoryModel {
    fn default() -> Self {
        Self::DEVICE
    }
}

/// RAM while one layer runs, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The layer.
    pub layer: LayerId,
    /// What it reads.
    pub inputs: usize,
    /// What it writes.
    pub output: usize,
    /// How much of the output lies on top of an input.
    pub shared: usize,
    /// Tensors that later layers read: the other branch of a residual block.
    pub kept: usize,
    /// Scratch.
    pub scratch: usize,
}

impl Step {
    /// All bytes in use.
    pub const fn live(&self) -> usize {
        self.inputs + self.output - self.shared + self.kept + self.scratch
    }
}

/// What a network takes with a policy, in all detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// FLASH by purpose.
    pub flash: Flash,
    /// Bytes of RAM: for the device the arena, which no step's bytes exceed.
    pub ram: usize,
    /// RAM step by step: all layers for the device, those with weights for the paper.
    pub steps: Vec<Step>,
}

impl MemoryModel {
    /// What the exported firmware takes on a Cortex-M4 or -M7: where no microcontroller is named, and in all links
    /// of version 1.
    pub const DEVICE: Self = Self::Device(Core::CortexM4);

    /// The core whose code counts; the paper counts none.
    pub const fn core(self) -> Option<Core> {
        match self {
            Self::Paper => None,
            Self::Device(core) => Some(core),
        }
    }

    /// The two totals.
    pub fn usage(self, graph: &Graph, policy: &Policy) -> Usage {
        Usage { flash: self.flash(graph, policy), ram: self.ram(graph, policy) }
    }

    /// Bytes of FLASH.
    pub fn flash(self, graph: &Graph, policy: &Policy) -> usize {
        match self {
            Self::Paper => paper::flash_bytes(graph, policy, paper::Scheme::default()),
            Self::Device(core) => Flash::of(graph, policy, core).total(),
        }
    }

    /// Bytes of RAM.
    pub fn ram(self, graph: &Graph, policy: &Policy) -> usize {
        match self {
            Self::Paper => paper::ram_bytes(graph, policy),
            Self::Device(_) => Plan::new(graph, policy).arena,
        }
    }

    /// Bytes of a layer's weights; 0 if it has none.
    pub fn weight_bytes(self, graph: &Graph, layer: &Layer, bits: Bits) -> usize {
        match self {
            Self::Paper => paper::weight_bytes(graph, layer, bits),
            Self::Device(_) => layout::weight_bytes(graph, layer, bits),
        }
    }

    /// Bytes of an activation tensor.
    pub fn tensor_bytes(self, graph: &Graph, policy: &Policy, tensor: TensorId) -> usize {
        match self {
            Self::Paper => paper::tensor_bytes(graph, policy, tensor),
            Self::Device(_) => layout::tensor_bytes(graph, policy, tensor),
        }
    }

    /// Least bytes of RAM that each layer needs while it runs, by [`LayerId`]; 0 for layers that do not count.
    pub fn least_ram(self, graph: &Graph, policy: &Policy) -> Vec<usize> {
        match self {
            Self::Paper => {
                let mut least = vec![0; graph.layers.len()];
                paper::steps(graph, policy).for_each(|step| least[step.layer] = step.live());
                least
            }
            Self::Device(_) => Plan::least(graph, policy),
        }
    }

    /// The layer that stands in the way of so many bytes of RAM; `None` if they are enough.
    pub fn obstacle(self, graph: &Graph, policy: &Policy, ram: usize) -> Option<LayerId> {
        match self {
            Self::Paper => paper::steps(graph, policy).find(|step| step.live() > ram).map(|step| step.layer),
            Self::Device(_) => Plan::obstacle(graph, policy, ram),
        }
    }

    /// The totals with all that is behind them.
    pub fn footprint(self, graph: &Graph, policy: &Policy) -> Footprint {
        match self {
            Self::Paper => {
                let parameters = paper::parameter_bytes(graph, paper::Scheme::default());
                let total = paper::flash_bytes(graph, policy, paper::Scheme::default());
                let flash = Flash { weights: total - parameters, parameters, ..Flash::default() };
                let steps = paper::steps(graph, policy).collect();
                Footprint { flash, ram: paper::ram_bytes(graph, policy), steps }
            }
            Self::Device(core) => {
                let plan = Plan::new(graph, policy);
                let steps = plan.steps(graph, policy);
                Footprint { flash: Flash::of(graph, policy, core), ram: plan.arena, steps }
            }
        }
    }
}

impl Footprint {
    /// The two totals.
    pub const fn usage(&self) -> Usage {
        Usage { flash: self.flash.total(), ram: self.ram }
    }

    /// Which of the two budgets are exceeded, and because of which layers of `graph`.
    pub fn excesses(&self, graph: &Graph, policy: &Policy, budget: Budget) -> Vec<Excess> {
        let Usage { flash, ram } = self.usage();
        let mut excesses = Vec::new();
        if flash > budget.flash {
            let layers = largest_weights(graph, policy);
            excesses.push(Excess { memory: Memory::Flash, needed: flash, budget: budget.flash, layers });
        }
        if ram > budget.ram {
            let layers = self.peaks(graph, budget.ram);
            excesses.push(Excess { memory: Memory::Ram, needed: ram, budget: budget.ram, layers });
        }
        excesses
    }

    /// Names of the layers that take more than `ram` bytes while they run, or of the one that takes most.
    fn peaks(&self, graph: &Graph, ram: usize) -> Vec<String> {
        let mut steps = self.steps.clone();
        steps.sort_by_key(|step| std::cmp::Reverse(step.live()));
        let above = steps.iter().take_while(|step| step.live() > ram).count();
        steps.iter().take(above.max(1)).map(|step| graph.layers[step.layer].name.clone()).collect()
    }
}

/// Names of the layers whose weights take most FLASH, largest first: those that make up half of all weights.
fn largest_weights(graph: &Graph, policy: &Policy) -> Vec<String> {
    let mut layers: Vec<_> = graph
        .weighted_layers()
        .map(|(id, layer)| (layout::weight_bytes(graph, layer, policy.weight(id)), layer))
        .collect();
    layers.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let half = layers.iter().map(|(bytes, _)| bytes).sum::<usize>() / 2;
    let mut sum = 0;
    let needed = layers.iter().take_while(|(bytes, _)| {
        let short = sum < half;
        sum += bytes;
        short
    });
    needed.map(|(_, layer)| layer.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_models_keep_their_numbers() {
        // Checkpoints of version 0.1.0 have 0 and 1.
        let stored = |model: MemoryModel| postcard::to_stdvec(&model).expect("a number");
        assert_eq!(stored(MemoryModel::Paper), [0]);
        assert_eq!(stored(MemoryModel::DEVICE), [1]);
        for core in Core::ALL {
            let model = MemoryModel::Device(core);
            assert_eq!(postcard::from_bytes(&stored(model)), Ok(model));
        }
    }
}
