//! Allocators that rest on measured sensitivities: greedy, and exact under the assumption that costs add up.

use super::{Problem, sensitivity::Probing};
use crate::quant::{Bits, Policy, Slot};

/// A notch: a tensor and its next width.
type Notch = (Slot, Bits);

/// From 8 bits, the notch that costs least for each byte it frees, again and again: of weights until the FLASH
/// suffices, of the activations in the way until the RAM does.
pub fn greedy(problem: &Problem, probing: &Probing) -> Policy {
    let mut policy = problem.widest();
    while !problem.fits_flash(&policy) {
        let weights = problem.slots().iter().copied().filter(|slot| matches!(slot, Slot::Weight(_)));
        let Some((slot, bits)) = cheapest(problem, probing, &policy, weights) else { break };
        policy.set(slot, bits);
    }
    while let Some(layer) = problem.obstacle(&policy) {
        let Some((slot, bits)) = cheapest(problem, probing, &policy, problem.activations_at(layer)) else {
            break;
        };
        policy.set(slot, bits);
    }
    problem.wall(policy)
}

/// The notch with the lowest cost per byte freed; of equals the one that frees most, of those the first.
fn cheapest(
    problem: &Problem,
    probing: &Probing,
    policy: &Policy,
    slots: impl Iterator<Item = Slot>,
) -> Option<Notch> {
    let notches = slots.filter_map(|slot| {
        let bits = policy.get(slot);
        let narrower = bits.narrower()?;
        let cost = probing.cost(slot, narrower) - probing.cost(slot, bits);
        let freed = problem.bytes(slot, bits) - problem.bytes(slot, narrower);
        Some(((slot, narrower), i128::from(cost), freed.max(1) as i128))
    });
    // cost / freed in whole numbers.
    let best = notches.reduce(|best, next| {
        let (left, right) = (next.1 * best.2, best.1 * next.2);
        if left < right || left == right && next.2 > best.2 { next } else { best }
    });
    best.map(|(notch, ..)| notch)
}
