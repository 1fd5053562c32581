//! What a link says, in words.

use super::Link;
use crate::{
    memory::{Core, MemoryModel, Reserve},
    net::Padding,
};
use std::fmt;

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, policy, budget, memory, origin, seed, .. } = self;
        let padding = network.zoo().map_or("", |spec| match spec.padding {
            Padding::TensorFlow => ", TensorFlow padding",
            Padding::PyTorch => ", PyTorch padding",
        });
        let memory = match memory {
            MemoryModel::Paper => "papers'".to_owned(),
            MemoryModel::Device(Core::CortexM4) => "device's".to_owned(),
            MemoryModel::Device(core) => format!("device's ({core})"),
        };
        writeln!(f, "network: {network}, {} classes{padding}", network.classes())?;
        if let Some(device) = &self.device {
            match self.mcu() {
                Some(mcu) => writeln!(f, "device: {}", mcu.name)?,
                None => writeln!(f, "device: {device}, which this version does not know")?,
            }
        }
        writeln!(
            f,
            "budget: {} bytes of FLASH, {} bytes of RAM, by the {memory} memory model",
            budget.flash, budget.ram
        )?;
        if let Some(Reserve { flash, ram }) = self.reserve {
            writeln!(f, "reserve: {flash} bytes of FLASH, {ram} bytes of RAM beside the budget")?;
        }
        writeln!(f, "policy: {origin}, seed {seed}")?;
        for (what, hash) in [("weights", self.weights), ("images", self.images)] {
            if let Some(hash) = hash {
                writeln!(f, "{what}: SHA-256 {hash}...")?;
            }
        }
        writeln!(f, "bits of weights: {}", Bits(&policy.weight_bits(network.graph())))?;
        write!(f, "bits of activations: {}", Bits(&policy.activation_bits(network.graph())))
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
    use crate::link::HashPrefix;
    use crate::{memory::Budget, net::Spec, quant, search::Allocator};

    #[test]
    fn a_link_says_all_it_holds() {
        let spec: Spec = "mobilenet-v1-0.25-128".parse().expect("a name");
        let policy = quant::Policy::uniform(&spec.build(), quant::Bits::B4, quant::Bits::B2);
        let link = Link {
            origin: Allocator::Rule.into(),
            seed: 7,
            ..Link::new(spec, policy, Budget::PAPER, MemoryModel::Paper)
        };
        let head = "network: mobilenet-v1-0.25-128, 1000 classes, TensorFlow padding\n";
        let budget = "budget: 2048000 bytes of FLASH, 512000 bytes of RAM, by the papers' memory model\n";
        let how = "policy: rule: largest tensors first, seed 7\n";
        let bits =
            format!("bits of weights: 4{}\nbits of activations: 8{}", " 4".repeat(27), " 2".repeat(27));
        assert_eq!(link.to_string(), format!("{head}{budget}{how}{bits}"));

        let full = Link {
            device: Some("nrf52840".into()),
            reserve: Some(Reserve { flash: 4096, ram: 2048 }),
            weights: HashPrefix::of("0123456789abcdef"),
            images: HashPrefix::of("fedcba9876543210"),
            ..link
        };
        let device = "device: nRF52840\n";
        let reserve = "reserve: 4096 bytes of FLASH, 2048 bytes of RAM beside the budget\n";
        let hashes = "weights: SHA-256 0123456789abcdef...\nimages: SHA-256 fedcba9876543210...\n";
        assert_eq!(full.to_string(), format!("{head}{device}{budget}{reserve}{how}{hashes}{bits}"));
        let unknown = Link { device: Some("m99".into()), ..full };
        assert!(unknown.to_string().contains("device: m99, which this version does not know\n"));
    }
}
