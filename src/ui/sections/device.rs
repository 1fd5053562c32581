//! Where the network shall run: a microcontroller or budgets of one's own, and how memory is counted.

use super::{Controls, Section};
use crate::{
    memory::{
        Budget, Bytes, BytesError, Mcu, Memory, Reserve,
        catalogue::{MCUS, RamUse},
    },
    ui::{
        components::{Choice, Combobox, TextField},
        state::{Action, Design, Target},
    },
};
use std::rc::Rc;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct DeviceSectionProps {
    pub design: Rc<Design>,
    pub controls: Controls,
}

/// Catalogue, budgets, memory model.
#[component]
pub fn DeviceSection(props: &DeviceSectionProps) -> Html {
    let DeviceSectionProps { design, controls } = props;
    let target = design.target;
    let choices = use_memo((), |()| MCUS.iter().map(choice).collect::<Rc<[Choice]>>());
    let on_choose = controls.act.reform(move |i: usize| Action::SelectTarget(target.on(&MCUS[i])));
    let chosen = target.device.and_then(|device| MCUS.iter().position(|mcu| mcu == device));
    html! {
        <Section id="device" number={2} title="Device">
            <Combobox id="mcu" label="Microcontroller" choices={(*choices).clone()} {chosen}
                placeholder="own budgets; type to search" {on_choose} />
            if let Some(mcu) = target.device {
                { facts(mcu, target.reserve) }
                <div class="fields" role="group" aria-label="Reserve for start-up and drivers">
                    <ReserveField memory={Memory::Flash} {target} act={controls.act.clone()} />
                    <ReserveField memory={Memory::Ram} {target} act={controls.act.clone()} />
                </div>
                <p class="hint">{ "The reserve is for what the firmware has beside the network: vector table, start-up \
                    code, C library, drivers and their buffers. The stack of a run is counted by itself. What is left \
                    is the network's budget." }</p>
            }
            <div class="fields">
                <BudgetField memory={Memory::Flash} {target} act={controls.act.clone()} />
                <BudgetField memory={Memory::Ram} {target} act={controls.act.clone()} />
            </div>
            <ModelChoice design={design.clone()} act={controls.act.clone()} />
        </Section>
    }
}

/// A microcontroller as an entry of the list.
fn choice(mcu: &Mcu) -> Choice {
    let clock = mcu.mhz.map_or(String::new(), |mhz| format!(" {mhz} MHz"));
    let flash = mcu.flash.map_or("FLASH of choice".into(), |flash| format!("{} FLASH", Bytes(flash.bytes)));
    let detail = format!("{}{clock} · {flash} · {} RAM", mcu.core, Bytes(mcu.arena_block().bytes));
    Choice { title: mcu.name.into(), detail }
}

/// What the catalogue knows of a microcontroller.
fn facts(mcu: &'static Mcu, reserve: Reserve) -> Html {
    let placement = mcu.placement(reserve);
    let blocks = mcu.ram.iter().map(|block| {
        let holds = match block.holds {
            RamUse::Data => "",
            RamUse::TightlyCoupled => ", tightly coupled",
            RamUse::Other => ", not used",
        };
        let used: Vec<_> = placement.iter().flat_map(|placement| placement.names_in(block)).collect();
        let used = if used.is_empty() { String::new() } else { format!(", for {}", used.join(" and ")) };
        html! { <li><b>{ Bytes(block.bytes).to_string() }</b>{ format!(" {}{holds}{used}", block.name) }</li> }
    });
    let place = match mcu.flash {
        Some(flash) if flash.on_chip => "on the chip",
        Some(_) => "outside the chip",
        None => "of the board maker's choice; set its budget below",
    };
    html! {
        <div class="mcu">
            <p>{ choice(mcu).detail }{ format!("; FLASH {place}.") }
                { if mcu.dsp { "" } else { " No DSP extension: the portable kernels run." } }</p>
            <ul class="blocks" aria-label="Blocks of RAM">{ for blocks }</ul>
            if let Some(note) = mcu.note { <p class="hint">{ note }</p> }
            <details><summary>{ "Source" }</summary><p class="hint source">{ mcu.source }</p></details>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct BudgetFieldProps {
    memory: Memory,
    target: Target,
    act: Callback<Action>,
}

#[derive(Properties, PartialEq)]
struct ReserveFieldProps {
    memory: Memory,
    target: Target,
    act: Callback<Action>,
}

/// What of one memory is not for the network, as text.
#[component]
fn ReserveField(props: &ReserveFieldProps) -> Html {
    let ReserveFieldProps { memory, target, act } = props;
    let (memory, target) = (*memory, *target);
    let (id, bytes) = match memory {
        Memory::Flash => ("flash-reserve", target.reserve.flash),
        Memory::Ram => ("ram-reserve", target.reserve.ram),
    };
    let take = {
        let act = act.clone();
        move |text: String| {
            let Bytes(bytes) = text.parse().map_err(|error: BytesError| error.to_string())?;
            let reserve = match memory {
                Memory::Flash => Reserve { flash: bytes, ..target.reserve },
                Memory::Ram => Reserve { ram: bytes, ..target.reserve },
            };
            act.emit(Action::SelectTarget(target.with_reserve(reserve)));
            Ok(())
        }
    };
    html! { <TextField {id} label={format!("{memory} reserve")} value={text(bytes)} {take} /> }
}

/// One budget as text: `2MiB`, `512KiB`, `2048000`.
#[component]
fn BudgetField(props: &BudgetFieldProps) -> Html {
    let BudgetFieldProps { memory, target, act } = props;
    let (memory, target) = (*memory, *target);
    let (id, bytes) = match memory {
        Memory::Flash => ("flash-budget", target.budget.flash),
        Memory::Ram => ("ram-budget", target.budget.ram),
    };
    let take = {
        let act = act.clone();
        move |text: String| {
            let Bytes(bytes) = text.parse().map_err(|error: BytesError| error.to_string())?;
            let budget = match memory {
                Memory::Flash => Budget { flash: bytes, ..target.budget },
                Memory::Ram => Budget { ram: bytes, ..target.budget },
            };
            act.emit(Action::SelectTarget(Target { device: None, budget, ..target }));
            Ok(())
        }
    };
    html! { <TextField {id} label={format!("{memory} budget")} value={text(bytes)} {take} /> }
}

/// A budget so that nothing is rounded away: with a unit if that is exact, else in bytes.
fn text(bytes: usize) -> String {
    let shown = Bytes(bytes).to_string();
    if shown.parse() == Ok(Bytes(bytes)) { shown } else { bytes.to_string() }
}

#[derive(Properties, PartialEq)]
struct ModelChoiceProps {
    design: Rc<Design>,
    act: Callback<Action>,
}

/// Which of the two memory models counts; the other's totals are told as well.
#[component]
fn ModelChoice(props: &ModelChoiceProps) -> Html {
    let ModelChoiceProps { design, act } = props;
    let target = design.target;
    let models = [
        (
            true,
            "Device",
            "What the exported firmware takes, to the byte: RAM is one arena for all live tensors and scratch; FLASH \
             is packed weights, parameters and layer descriptors, plus an allowance for code.",
        ),
        (
            false,
            "Paper",
            "As publications count: RAM is the largest input plus output of a layer, without scratch and residual \
             branches; FLASH is weights and parameters, without code.",
        ),
    ];
    let options = models.map(|(device, title, what)| {
        let onchange = act.reform(move |_| Action::SelectTarget(target.counted(device)));
        let chosen = device == target.model.core().is_some();
        let usage = if chosen { design.footprint.usage() } else { design.other };
        html! {
            <label class="model">
                <input type="radio" name="model" checked={chosen} {onchange} />
                <span><b>{ format!("{title} model") }</b>
                    { format!(": {} FLASH, {} RAM. ", Bytes(usage.flash), Bytes(usage.ram)) }
                    <span class="hint">{ what }</span></span>
            </label>
        }
    });
    html! { <fieldset><legend>{ "Memory is counted by the" }</legend>{ for options }</fieldset> }
}
