//! Where the network shall run: a microcontroller or budgets of one's own, and how memory is counted.

use super::{Controls, Section};
use crate::{
    memory::{Budget, Bytes, Memory, MemoryModel},
    ui::{
        components::{Choice, Combobox},
        state::{Action, Design, Target},
    },
};
use std::rc::Rc;
use web_sys::HtmlInputElement;
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
    let choices = use_memo((), |()| -> Rc<[Choice]> { Rc::new([]) });
    let on_choose =
        controls.act.reform(move |i: usize| Action::SelectTarget(Target { device: Some(i), ..target }));
    html! {
        <Section id="device" number={2} title="Device">
            <Combobox id="mcu" label="Microcontroller" choices={(*choices).clone()} chosen={target.device}
                placeholder="own budgets; type to search" {on_choose} />
            <div class="fields">
                <BudgetField memory={Memory::Flash} {target} act={controls.act.clone()} />
                <BudgetField memory={Memory::Ram} {target} act={controls.act.clone()} />
            </div>
            <ModelChoice design={design.clone()} act={controls.act.clone()} />
        </Section>
    }
}

#[derive(Properties, PartialEq)]
struct BudgetFieldProps {
    memory: Memory,
    target: Target,
    act: Callback<Action>,
}

/// One budget as text: `2MiB`, `512KiB`, `2048000`.
#[component]
fn BudgetField(props: &BudgetFieldProps) -> Html {
    let BudgetFieldProps { memory, target, act } = props;
    let (memory, target) = (*memory, *target);
    let error = use_state(|| None::<String>);
    let (id, bytes) = match memory {
        Memory::Flash => ("flash-budget", target.budget.flash),
        Memory::Ram => ("ram-budget", target.budget.ram),
    };
    use_effect_with(bytes, {
        let error = error.clone();
        move |_| error.set(None)
    });
    let onchange = {
        let (act, error) = (act.clone(), error.clone());
        move |event: Event| {
            let Some(input) = event.target_dyn_into::<HtmlInputElement>() else { return };
            match input.value().parse::<Bytes>() {
                Ok(Bytes(bytes)) => {
                    error.set(None);
                    let budget = match memory {
                        Memory::Flash => Budget { flash: bytes, ..target.budget },
                        Memory::Ram => Budget { ram: bytes, ..target.budget },
                    };
                    // Two spellings of the same size: show the one spelling.
                    input.set_value(&text(bytes));
                    act.emit(Action::SelectTarget(Target { device: None, budget, ..target }));
                }
                Err(problem) => error.set(Some(problem.to_string())),
            }
        }
    };
    let described = format!("{id}-error");
    html! {
        <div>
            <label for={id}>{ format!("{memory} budget") }</label>
            <input {id} type="text" size="10" autocomplete="off" spellcheck="false" value={text(bytes)} {onchange}
                aria-invalid={error.is_some().to_string()} aria-describedby={described.clone()} />
            <div id={described} role="alert">
                if let Some(message) = &*error { <p class="error">{ message }</p> }
            </div>
        </div>
    }
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
            MemoryModel::Device,
            "Device",
            "What the exported firmware takes, to the byte: RAM is one arena for all live tensors and scratch; FLASH \
             is packed weights, parameters and layer descriptors, plus an allowance for code.",
        ),
        (
            MemoryModel::Paper,
            "Paper",
            "As publications count: RAM is the largest input plus output of a layer, without scratch and residual \
             branches; FLASH is weights and parameters, without code.",
        ),
    ];
    let options = models.map(|(model, title, what)| {
        let onchange = act.reform(move |_| Action::SelectTarget(Target { model, ..target }));
        let usage = if model == target.model { design.footprint.usage() } else { design.other };
        html! {
            <label class="model">
                <input type="radio" name="model" checked={model == target.model} {onchange} />
                <span><b>{ format!("{title} model") }</b>
                    { format!(": {} FLASH, {} RAM. ", Bytes(usage.flash), Bytes(usage.ram)) }
                    <span class="hint">{ what }</span></span>
            </label>
        }
    });
    html! { <fieldset><legend>{ "Memory is counted by the" }</legend>{ for options }</fieldset> }
}
