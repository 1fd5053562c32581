//! How wide every tensor is, and what that takes.

use super::{Controls, Section};
use crate::{
    memory::{Bytes, Excess, Memory},
    net::LayerId,
    quant::{Bits, Slot},
    ui::{
        chart::Use,
        components::{BudgetBar, Button, LayerChart, LayerTable, Part, go_to_row},
        state::{Action, Design, Preset, Row, in_words},
    },
};
use std::{collections::BTreeSet, rc::Rc};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct PolicySectionProps {
    pub design: Rc<Design>,
    pub notice: Option<String>,
    pub can_undo: bool,
    pub can_redo: bool,
    /// Tensors that searches and rules leave as they are.
    pub pins: Rc<BTreeSet<Slot>>,
    /// Says why the tensors of a layer have their bits.
    pub why: Callback<LayerId, Vec<String>>,
    pub controls: Controls,
}

/// Presets, memory, charts, table.
#[component]
pub fn PolicySection(props: &PolicySectionProps) -> Html {
    let PolicySectionProps { design, notice, can_undo, can_redo, pins, why, controls } = props;
    let shown = use_state_eq(|| None::<LayerId>);
    let on_look = use_callback(shown.setter(), |layer: LayerId, shown| shown.set(Some(layer)));
    let is_layer = |layer: &LayerId| *layer < design.network.graph().layers.len();
    let reasons = shown.filter(is_layer).map_or(Vec::new(), |layer| why.emit(layer));
    let rows = use_memo(design.clone(), |design| Row::all(design));
    let act = &controls.act;
    let step = |title: &'static str, action: Action, possible: bool, why: &'static str| {
        let onclick = act.reform(move |_| action.clone());
        html! { <Button {onclick} why_not={(!possible).then_some(why)}>{ title }</Button> }
    };
    html! {
        <Section id="policy" number={4} title="Policy">
            <div class="toolbar">
                <span class="tools" role="group" aria-label="Choose all bits">
                    <button type="button" onclick={act.reform(|_| Action::Allocate(Preset::Rule))}
                        title="Cut the bits of the largest tensors until FLASH and RAM fit">{ "Rule: fit the device" }</button>
                </span>
                <Uniform act={act.clone()} />
                <span class="tools" role="group" aria-label="Undo and redo">
                    { step("Undo", Action::Undo, *can_undo, "Nothing to undo") }
                    { step("Redo", Action::Redo, *can_redo, "Nothing to redo") }
                </span>
            </div>
            <p class="facts">{ in_words(design) }
                { format!(" {:.2} bits per weight on average.", design.policy().mean_weight_bits(design.network.graph())) }</p>
            <div role="status">
                if let Some(notice) = notice { <p class="warning">{ notice }</p> }
            </div>
            <Bars design={design.clone()} />
            <LayerChart rows={(*rows).clone()} footprint={design.footprint.clone()} budget={design.target.budget.ram}
                shown={*shown} why={reasons} on_look={on_look.clone()} on_pick={Callback::from(go_to_row)} />
            <LayerTable rows={(*rows).clone()} pins={pins.clone()} act={act.clone()} {on_look} />
        </Section>
    }
}

#[derive(Properties, PartialEq)]
struct UniformProps {
    act: Callback<Action>,
}

/// The nine policies with one width for all weights and one for all activations.
#[component]
fn Uniform(props: &UniformProps) -> Html {
    let widths = || Bits::ALL.into_iter().rev();
    let buttons = widths().flat_map(|weights| widths().map(move |activations| (weights, activations)));
    let button = |(weights, activations): (Bits, Bits)| {
        let onclick = props.act.reform(move |_| Action::Allocate(Preset::Uniform(weights, activations)));
        html! {
            <button type="button" {onclick} aria-label={format!("All weights {weights} bits, all activations {activations} bits")}
                title={format!("All weights {weights} bits, all activations {activations} bits")}>
                { format!("{weights}/{activations}") }
            </button>
        }
    };
    html! {
        <span class="tools" role="group" aria-label="The same bits for all">
            { "Uniform, weights/activations:" }{ for buttons.map(button) }
        </span>
    }
}

#[derive(Properties, PartialEq)]
struct BarsProps {
    design: Rc<Design>,
}

/// FLASH and RAM against their budgets.
#[component]
fn Bars(props: &BarsProps) -> Html {
    let design = &props.design;
    let (footprint, budget) = (&design.footprint, design.target.budget);
    let taken = design.target.taken();
    // The bars show whole memories, so that what the network cannot have counts on both sides.
    let excess = |memory: Memory, taken: usize| -> Option<Excess> {
        let excess = design.excesses.iter().find(|e| e.memory == memory).cloned()?;
        Some(Excess { needed: excess.needed + taken, budget: excess.budget + taken, ..excess })
    };
    let flash = footprint.flash;
    let flash_parts = [
        ("weights", "flash-weights", flash.weights),
        ("parameters", "flash-parameters", flash.parameters),
        ("descriptors", "flash-descriptors", flash.descriptors),
        ("code", "flash-code", flash.code),
        ("reserve", "use-reserve", taken.flash),
    ];
    let flash_parts: Vec<_> =
        flash_parts.into_iter().map(|(title, class, bytes)| Part { title, class, bytes }).collect();
    let peak = footprint.steps.iter().max_by_key(|step| step.live());
    let name = |layer: LayerId| design.network.graph().layers[layer].name.as_str();
    let mut ram_parts: Vec<Part> = peak.map_or(Vec::new(), |step| {
        Use::ALL
            .iter()
            .map(|part| Part { title: part.title(), class: part.class(), bytes: part.bytes(step) })
            .collect()
    });
    let gaps = footprint.ram - peak.map_or(0, |step| step.live());
    if gaps > 0 {
        ram_parts.push(Part { title: "gaps that no live tensor fits into", class: "use-gaps", bytes: gaps });
    }
    ram_parts.push(Part { title: "stack", class: "use-stack", bytes: taken.stack });
    ram_parts.push(Part { title: "reserve", class: "use-reserve", bytes: taken.ram });
    let mut note = match peak {
        Some(step) if footprint.ram <= budget.ram => {
            format!("Highest while {} runs: {}.", name(step.layer), Bytes(step.live()))
        }
        _ => String::new(),
    };
    if let Some(elsewhere) = design.target.elsewhere() {
        note = format!("{note} {elsewhere}").trim_start().to_owned();
    }
    let (flash_taken, ram_taken) = (taken.flash, taken.stack + taken.ram);
    html! {
        <div class="bars">
            <BudgetBar memory={Memory::Flash} parts={flash_parts} used={flash.total() + flash_taken}
                budget={budget.flash + flash_taken} excess={excess(Memory::Flash, flash_taken)} />
            <BudgetBar memory={Memory::Ram} parts={ram_parts} used={footprint.ram + ram_taken}
                budget={budget.ram + ram_taken} excess={excess(Memory::Ram, ram_taken)} {note} />
        </div>
    }
}
