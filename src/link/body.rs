//! The fields of a link as bytes.

mod fields;
pub(super) mod number;
mod own;

use super::{Link, LinkError, envelope::Format};
use crate::{
    memory::{Budget, Core, MemoryModel},
    net::{Family, Network, Padding, Spec, Width},
    quant::{Bits, Policy, Slot, pack, unpack},
    search::{Allocator, Origin},
};
use fields::Fields;

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
/// In the place of a family: the network itself follows.
const OWN: u64 = 4;
/// The last number for a memory model and for an origin in format 1.
const LAST_OF_ONE: (u64, u64) = (2, 9);
const ORIGINS: Codes<Origin, 10> = Codes(
    "origin of the policy",
    [
        (1, Origin::ByHand),
        (2, Origin::Allocator(Allocator::Uniform)),
        (3, Origin::Allocator(Allocator::Rule)),
        (4, Origin::Allocator(Allocator::NotchDown)),
        (5, Origin::Allocator(Allocator::Random)),
        (6, Origin::Allocator(Allocator::Greedy)),
        (7, Origin::Allocator(Allocator::Exact)),
        (8, Origin::Allocator(Allocator::Evolution)),
        (9, Origin::Allocator(Allocator::Agent)),
        (10, Origin::File),
    ],
);

/// The body of format 2.
pub(super) fn write(link: &Link) -> Vec<u8> {
    let Link { network, policy, budget, memory, origin, seed, .. } = link;
    let slots = Slot::all(network.graph());
    let mut bytes = Vec::new();
    match network.zoo() {
        Some(spec) => {
            number::write(&mut bytes, FAMILIES.code(spec.family));
            for value in [spec.width.0, spec.side, spec.classes] {
                number::write(&mut bytes, value.into());
            }
            number::write(&mut bytes, PADDINGS.code(spec.padding));
        }
        None => {
            number::write(&mut bytes, OWN);
            own::write(&mut bytes, network);
        }
    }
    for value in [
        budget.flash as u64,
        budget.ram as u64,
        MODELS.code(*memory),
        ORIGINS.code(*origin),
        *seed,
        slots.len() as u64,
    ] {
        number::write(&mut bytes, value);
    }
    let codes: Vec<u8> = slots.iter().map(|&slot| code(policy.get(slot))).collect();
    pack(&codes, Bits::B2, &mut bytes);
    fields::write(&mut bytes, link);
    bytes
}

pub(super) fn read(format: Format, bytes: &[u8]) -> Result<Link, LinkError> {
    let mut reader = Reader(bytes);
    let network = match reader.number()? {
        OWN if format != Format::One => own::read(&mut reader)?,
        family => {
            let family = FAMILIES.value(family)?;
            let (width, side, classes) = (reader.small()?, reader.small()?, reader.number()?);
            let padding = PADDINGS.value(reader.number()?)?;
            Spec::new(family, Width(width), side)?.with_classes(classes)?.with_padding(padding).into()
        }
    };
    let budget = Budget { flash: reader.size()?, ram: reader.size()? };
    let (memory, origin) = (reader.number()?, reader.number()?);
    for (what, code, last) in [(MODELS.0, memory, LAST_OF_ONE.0), (ORIGINS.0, origin, LAST_OF_ONE.1)] {
        if format == Format::One && code > last {
            return Err(LinkError::Code { what, code });
        }
    }
    let (memory, origin) = (MODELS.value(memory)?, ORIGINS.value(origin)?);
    let seed = reader.number()?;
    let policy = policy(&network, &mut reader)?;
    let Fields { device, reserve, weights, images } = match format {
        Format::One if !reader.0.is_empty() => return Err(WIDTHS),
        Format::One => Fields::default(),
        Format::Two => fields::read(reader)?,
    };
    Ok(Link { network, policy, device, budget, reserve, memory, origin, seed, weights, images })
}

const NUMBER: LinkError = LinkError::Malformed("it ends in a number, or a number is longer than need be");
const WIDTHS: LinkError = LinkError::Malformed("its widths are too few or too many");

fn policy(network: &Network, reader: &mut Reader<'_>) -> Result<Policy, LinkError> {
    let graph = network.graph();
    let slots = Slot::all(graph);
    let found = reader.number()?;
    if found != slots.len() as u64 {
        return Err(LinkError::Tensors { network: network.to_string(), expected: slots.len(), found });
    }
    let packed = reader.take(Bits::B2.bytes(slots.len())).ok_or(WIDTHS)?;
    let mut codes = vec![0; packed.len() * Bits::B2.per_byte()];
    unpack(packed, Bits::B2, &mut codes);
    let (codes, spare) = codes.split_at(slots.len());
    let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
    for (slot, &code) in slots.into_iter().zip(codes) {
        let &bits = Bits::ALL.get(usize::from(code)).ok_or(LinkError::Malformed("a width has no meaning"))?;
        policy.set(slot, bits);
    }
    // One text for one policy.
    if spare.iter().any(|&code| code != 0) {
        return Err(LinkError::Malformed("there are bits after the last width"));
    }
    Ok(policy)
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

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Result<u64, LinkError> {
        let (value, length) = number::read(self.0).ok_or(NUMBER)?;
        self.0 = &self.0[length..];
        Ok(value)
    }

    fn small(&mut self) -> Result<u16, LinkError> {
        u16::try_from(self.number()?).map_err(|_| LinkError::Malformed("a number is too large"))
    }

    fn size(&mut self) -> Result<usize, LinkError> {
        usize::try_from(self.number()?).map_err(|_| LinkError::Malformed("a size is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{link::envelope, memory::Reserve};

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
            (with(0, 5), "network family number 5"),
            (with(1, 5), "width multiplier '0.05'"),
            (with(1, 70_000), "a number is too large"),
            (with(2, 100), "image side '100'"),
            (with(3, 1), "1 classes"),
            (with(4, 0), "padding number 0"),
            (with(7, 9), "memory model number 9"),
            (with(8, 11), "origin of the policy number 11"),
            (with(10, 54), "widths for 54 tensors, but mobilenet-v1-0.25-128 has 55"),
            (body(good, 13), "its widths are too few or too many"),
            (vec![], "it ends in a number"),
            (spare_bits, "bits after the last width"),
            (no_width, "a width has no meaning"),
            (overlong, "longer than need be"),
        ] {
            for format in [Format::One, Format::Two] {
                refused(format, &bytes, part);
            }
        }
        refused(Format::One, &body(good, 15), "its widths are too few or too many");
        refused(Format::One, &with(8, 10), "origin of the policy number 10");
        refused(Format::One, &with(7, 3), "memory model number 3");
        refused(Format::One, &with(0, 4), "network family number 4");
        refused(Format::Two, &with(0, 4), "its network");
    }

    fn refused(format: Format, bytes: &[u8], part: &str) {
        let error = envelope::seal(format, bytes).parse::<Link>().expect_err(part).to_string();
        assert!(error.contains(part), "{part}: {error}");
    }

    #[test]
    fn fields_of_later_versions_are_passed_over_or_refused_by_their_tag() {
        let good = body([1, 25, 128, 10, 1, 1000, 500, 2, 10, 7, 55], 14);
        let read = |fields: &[u8]| envelope::seal(Format::Two, &[&good[..], fields].concat()).parse::<Link>();
        let plain = read(&[]).expect("no fields");
        assert_eq!((plain.origin, plain.device.as_deref(), plain.weights), (Origin::File, None, None));
        assert_eq!(read(&[100, 2, 9, 9]), Ok(plain));
        assert_eq!(read(&[101, 2, 9, 9]), Err(LinkError::Field(101)));
        let known = read(&[2, 2, b'm', b'7', 4, 3, 0x80, 1, 5, 6, 8, 1, 2, 3, 4, 5, 6, 7, 8, 12, 0]);
        let known = known.expect("fields in order");
        assert_eq!(
            (known.device.as_deref(), known.reserve),
            (Some("m7"), Some(Reserve { flash: 128, ram: 5 }))
        );
        assert_eq!(known.weights.map(|hash| hash.to_string()).as_deref(), Some("0102030405060708"));
        for (fields, part) in [
            (&[4, 2, 1, 1, 2, 1, b'm'][..], "not in order"),
            (&[100, 0, 100, 0], "not in order"),
            (&[0, 0], "not in order"),
            (&[2, 2, b'm'], "it ends in a field"),
            (&[2], "it ends in a number"),
            (&[2, 0], "no name of the catalogue's form"),
            (&[2, 2, b'M', b'7'], "no name of the catalogue's form"),
            (&[4, 3, 1, 1, 1], "its reserve is too long"),
            (&[4, 1, 1], "it ends in a number"),
            (&[6, 2, 1, 1], "a hash has too few bytes or too many"),
        ] {
            let error = read(fields).expect_err(part).to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
