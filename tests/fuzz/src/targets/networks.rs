//! Networks that targets share.

use crate::input::Input;
use bitsmith::net::{Family, Graph, Network, Spec, Width};
use bitsmith::quant::{Bits, Policy, Slot};

/// Small networks of all families: family, width in hundredths.
pub const NETWORKS: [(Family, u16); 3] =
    [(Family::MobileNetV1, 10), (Family::MobileNetV2, 10), (Family::MNasNet, 10)];

/// One of them, with two classes.
pub fn network(number: usize) -> Network {
    let (family, width) = NETWORKS[number];
    let spec = Spec::new(family, Width(width), 32).and_then(|spec| spec.with_classes(2)).expect("in range");
    spec.into()
}

/// Bits of all tensors as the input says.
pub fn policy(graph: &Graph, input: &mut Input) -> Policy {
    let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
    for slot in Slot::all(graph) {
        policy.set(slot, input.pick(&[Bits::B8, Bits::B4, Bits::B2]));
    }
    policy
}
