//! What a link says, in words.

use super::{Allocator, Link};
use crate::{
    memory::{Core, MemoryModel},
    net::Padding,
};
use std::fmt;

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, policy, budget, memory, allocator, seed } = self;
        let padding = match spec.padding {
            Padding::TensorFlow => "TensorFlow",
            Padding::PyTorch => "PyTorch",
        };
        let memory = match memory {
            MemoryModel::Paper => "papers'".to_owned(),
            MemoryModel::Device(Core::CortexM4) => "device's".to_owned(),
            MemoryModel::Device(core) => format!("device's ({core})"),
        };
        let graph = spec.build();
        writeln!(f, "network: {spec}, {} classes, {padding} padding", spec.classes)?;
        writeln!(
            f,
            "budget: {} bytes of FLASH, {} bytes of RAM, by the {memory} memory model",
            budget.flash, budget.ram
        )?;
        writeln!(f, "policy: {allocator}, seed {seed}")?;
        writeln!(f, "bits of weights: {}", Bits(&policy.weight_bits(&graph)))?;
        write!(f, "bits of activations: {}", Bits(&policy.activation_bits(&graph)))
    }
}

impl fmt::Display for Allocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Allocator::ByHand => "by hand",
            Allocator::Uniform => "uniform",
            Allocator::Rule => "rule",
            Allocator::NotchDown => "last layers first",
            Allocator::Random => "random search",
            Allocator::Greedy => "greedy by sensitivity",
            Allocator::Exact => "least added sensitivity",
            Allocator::Evolution => "evolution",
            Allocator::Agent => "agent",
        })
    }
}

/// Widths with spaces between.
struct Bits<'a>(&'a [usize]);

impl fmt::Display for Bits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, bits) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{bits}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{memory::Budget, net::Spec, quant};

    #[test]
    fn a_link_says_all_it_holds() {
        let spec: Spec = "mobilenet-v1-0.25-128".parse().expect("a name");
        let policy = quant::Policy::uniform(&spec.build(), quant::Bits::B4, quant::Bits::B2);
        let (memory, allocator) = (MemoryModel::Paper, Allocator::Rule);
        let link = Link { spec, policy, budget: Budget::PAPER, memory, allocator, seed: 7 };
        let expected = format!(
            "network: mobilenet-v1-0.25-128, 1000 classes, TensorFlow padding\n\
             budget: 2048000 bytes of FLASH, 512000 bytes of RAM, by the papers' memory model\n\
             policy: rule, seed 7\n\
             bits of weights: 4{}\n\
             bits of activations: 8{}",
            " 4".repeat(27),
            " 2".repeat(27)
        );
        assert_eq!(link.to_string(), expected);
    }
}
