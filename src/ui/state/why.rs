//! Why a tensor has its bits: what forbids more, and what fewer would cost.

use super::{Design, State};
use crate::{
    memory::{Bytes, Excess, Memory},
    net::LayerId,
    quant::{Bits, Slot},
    search::Log,
};

impl State {
    /// Why the tensors of a layer have their bits, one sentence or two for each; empty for layers without a choice.
    pub fn why(&self, layer: LayerId) -> Vec<String> {
        let design = &self.design;
        let output = design.network.graph().layers[layer].output;
        let of_network = self.search.run.as_ref().filter(|run| run.network == design.network);
        let slots = [("Weights", Slot::Weight(layer)), ("Activations", Slot::Activation(output))];
        let choices = Slot::all(design.network.graph());
        slots
            .into_iter()
            .filter(|(_, slot)| choices.contains(slot))
            .map(|(title, slot)| {
                let bits = design.policy().get(slot);
                let pin = if self.search.pins.contains(&slot) { ", pinned" } else { "" };
                let more = why_not_more(design, slot);
                let fewer = of_network.map_or(String::new(), |run| cost(&run.log(), slot));
                format!("{title} {bits} bits{pin}: {more}{fewer}")
            })
            .collect()
    }
}

/// Which budget keeps a tensor from the next more bits.
fn why_not_more(design: &Design, slot: Slot) -> String {
    let Some(more) = design.policy().get(slot).wider() else { return "the most there is.".into() };
    let mut policy = (**design.policy()).clone();
    policy.set(slot, more);
    let graph = design.network.graph();
    let footprint = design.target.model.footprint(graph, &policy);
    let excesses = footprint.excesses(graph, &policy, design.target.budget);
    match &excesses[..] {
        [] => format!("a choice, {more} would fit too."),
        excesses => {
            let above = excesses.iter().map(above).collect::<Vec<_>>().join(" and ");
            format!("with {more} the network would take {above}.")
        }
    }
}

/// By how much a budget would be exceeded, and where.
fn above(excess: &Excess) -> String {
    let place = match (excess.memory, excess.layers.first()) {
        (Memory::Ram, Some(layer)) => format!(" while {layer} runs"),
        _ => String::new(),
    };
    format!("{} more {} than there is{place}", Bytes(excess.bytes()), excess.memory)
}

/// What probes of a search say of a tensor at fewer bits.
fn cost(log: &Log, slot: Slot) -> String {
    let mut probes: Vec<_> = log.sensitivities().into_iter().filter(|probe| probe.slot == slot).collect();
    probes.sort_by_key(|probe| std::cmp::Reverse(probe.bits));
    let Some(first) = probes.first() else { return String::new() };
    let at = |(bits, nats): (Bits, f64)| format!("{nats:+.3} nats at {bits} bits");
    let costs: Vec<_> = probes.iter().map(|probe| at((probe.bits, probe.nats))).collect();
    format!(
        " With fewer bits alone, it changed the divergence from the float network by {} ({} reward images, all else at 8 bits).",
        costs.join(" and "),
        first.score.images
    )
}
