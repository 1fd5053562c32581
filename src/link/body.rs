//! The fields of a link as bytes.

pub(super) mod number;

use super::{Allocator, Link, LinkError};
use crate::{
    memory::{Budget, Core, MemoryModel},
    net::{Family, Padding, Spec, Width},
    quant::{Bits, Policy, Slot},
};

const FAMILIES: Codes<Family, 3> =
    Codes("network family", [(1, Family::MobileNetV1), (2, Family::MobileNetV2), (3, Family::MNasNet)]);
const PADDINGS: Codes<Padding, 2> = Codes("padding", [(1, Padding::TensorFlow), (2, Padding::PyTorch)]);
const MODELS: Codes<MemoryModel, 8> = Codes(
    "memory model",
    [
        (1, MemoryModel::Paper),
        (2, MemoryModel::DEVICE),
        (3, MemoryModel::Device(Core::CortexM0)),
        (4, MemoryModel::Device(Core::CortexM3)),
        (5, MemoryModel::Device(Core::RiscV32)),
        (6, MemoryModel::Device(Core::RiscV64)),
        (7, MemoryModel::Device(Core::Xtensa)),
        (8, MemoryModel::Device(Core::CortexM33)),
    ],
);
const ALLOCATORS: Codes<Allocator, 9> = Codes(
    "allocator",
    [
        (1, Allocator::ByHand),
        (2, Allocator::Uniform),
        (3, Allocator::Rule),
        (4, Allocator::NotchDown),
        (5, Allocator::Random),
        (6, Allocator::Greedy),
        (7, Allocator::Exact),
        (8, Allocator::Evolution),
        (9, Allocator::Agent),
    ],
);

/// Widths in a byte.
const PER_BYTE: usize = 4;

pub(super) fn write(link: &Link) -> Vec<u8> {
    let Link { spec, policy, budget, memory, allocator, seed } = link;
    let slots = Slot::all(&spec.build());
    let mut bytes = Vec::new();
    for value in [
        FAMILIES.code(spec.family),
        spec.width.0.into(),
        spec.side.into(),
        spec.classes.into(),
        PADDINGS.code(spec.padding),
        budget.flash as u64,
        budget.ram as u64,
        MODELS.code(*memory),
        ALLOCATORS.code(*allocator),
        *seed,
        slots.len() as u64,
    ] {
        number::write(&mut bytes, value);
    }
    for slots in slots.chunks(PER_BYTE) {
        let widths = slots.iter().rev().fold(0, |byte, &slot| byte << 2 | code(policy.get(slot)));
        bytes.push(widths);
    }
    bytes
}

pub(super) fn read(bytes: &[u8]) -> Result<Link, LinkError> {
    let mut reader = Reader(bytes);
    let family = FAMILIES.value(reader.number()?)?;
    let (width, side, classes) = (reader.small()?, reader.small()?, reader.number()?);
    let padding = PADDINGS.value(reader.number()?)?;
    let spec = Spec::new(family, Width(width), side)?.with_classes(classes)?.with_padding(padding);
    let budget = Budget { flash: reader.size()?, ram: reader.size()? };
    let memory = MODELS.value(reader.number()?)?;
    let allocator = ALLOCATORS.value(reader.number()?)?;
    let seed = reader.number()?;

    let graph = spec.build();
    let slots = Slot::all(&graph);
    let found = reader.number()?;
    if found != slots.len() as u64 {
        return Err(LinkError::Tensors { spec, expected: slots.len(), found });
    }
    let widths = reader.0;
    if widths.len() != slots.len().div_ceil(PER_BYTE) {
        return Err(LinkError::Malformed("its widths are too few or too many"));
    }
    let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    for (index, &slot) in slots.iter().enumerate() {
        let code = widths[index / PER_BYTE] >> (index % PER_BYTE * 2) & 3;
        let &bits = Bits::ALL.get(usize::from(code)).ok_or(LinkError::Malformed("a width has no meaning"))?;
        policy.set(slot, bits);
    }
    let link = Link { spec, policy, budget, memory, allocator, seed };
    // One text for one policy: no number longer than needed, no bits after the last width.
    if write(&link) == bytes {
        Ok(link)
    } else {
        Err(LinkError::Malformed("a number is not in its shortest form"))
    }
}

/// Position of a width among [`Bits::ALL`].
const fn code(bits: Bits) -> u8 {
    match bits {
        Bits::B2 => 0,
        Bits::B4 => 1,
        Bits::B8 => 2,
    }
}

/// The numbers of some values, and what the values are.
struct Codes<T, const N: usize>(&'static str, [(u64, T); N]);

impl<T: Copy + PartialEq, const N: usize> Codes<T, N> {
    fn code(&self, value: T) -> u64 {
        let entry = self.1.iter().find(|(_, v)| *v == value);
        entry.expect("every value has a code").0
    }

    fn value(&self, code: u64) -> Result<T, LinkError> {
        let entry = self.1.iter().find(|(c, _)| *c == code);
        entry.map(|&(_, value)| value).ok_or(LinkError::Code { what: self.0, code })
    }
}

/// What is left of a body.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Result<u64, LinkError> {
        let (value, length) = number::read(self.0).ok_or(LinkError::Malformed("it ends in a number"))?;
        self.0 = &self.0[length..];
        Ok(value)
    }

    fn small(&mut self) -> Result<u16, LinkError> {
        u16::try_from(self.number()?).map_err(|_| LinkError::Malformed("a number is too large"))
    }

    fn size(&mut self) -> Result<usize, LinkError> {
        usize::try_from(self.number()?).map_err(|_| LinkError::Malformed("a budget is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::envelope;

    /// A body of small numbers with widths of 2 bits.
    fn body(fields: [u64; 11], widths: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        fields.into_iter().for_each(|field| number::write(&mut bytes, field));
        bytes.resize(bytes.len() + widths, 0);
        bytes
    }

    #[test]
    fn intact_links_with_unknown_contents_are_explained() {
        // mobilenet-v1-0.25-128 has 28 weight tensors and 27 activations.
        let good = [1, 25, 128, 10, 1, 1000, 500, 2, 3, 7, 55];
        assert!(read(&body(good, 14)).is_ok());
        let with = |index: usize, value: u64| {
            let mut fields = good;
            fields[index] = value;
            body(fields, 14)
        };
        let mut spare_bits = body(good, 14);
        *spare_bits.last_mut().expect("not empty") = 0xC0;
        let mut no_width = body(good, 14);
        *no_width.last_mut().expect("not empty") = 3;
        let mut overlong = vec![0x81, 0];
        overlong.extend(&body(good, 14)[1..]);
        for (bytes, part) in [
            (with(0, 4), "network family number 4"),
            (with(1, 5), "width multiplier '0.05'"),
            (with(1, 70_000), "a number is too large"),
            (with(2, 100), "image side '100'"),
            (with(3, 1), "1 classes"),
            (with(4, 0), "padding number 0"),
            (with(7, 9), "memory model number 9"),
            (with(8, 10), "allocator number 10"),
            (with(10, 54), "widths for 54 tensors, but mobilenet-v1-0.25-128 has 55"),
            (body(good, 13), "its widths are too few or too many"),
            (body(good, 15), "its widths are too few or too many"),
            (vec![], "it ends in a number"),
            (spare_bits, "not in its shortest form"),
            (no_width, "a width has no meaning"),
            (overlong, "not in its shortest form"),
        ] {
            let text = envelope::seal(&bytes);
            let error = text.parse::<Link>().expect_err(part).to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
