//! The head of the page: where things are, whether the design fits, theme and help.

use super::Button;
use crate::{
    memory::{ByteUnit, Memory},
    ui::{
        browser, format,
        state::{Design, Trial},
    },
};
use std::rc::Rc;
use web_sys::{HtmlSelectElement, ScrollLogicalPosition};
use yew::prelude::*;

/// Sections with the ids of their headings.
const SECTIONS: [(&str, &str); 8] = [
    ("network", "Network"),
    ("device", "Device"),
    ("images", "Images"),
    ("policy", "Policy"),
    ("search", "Search"),
    ("finetune", "Fine-tune"),
    ("result", "Result"),
    ("share", "Download"),
];

#[derive(Properties, PartialEq)]
pub struct HeaderProps {
    pub design: Rc<Design>,
    /// Measurement of the policy on the screen.
    pub trial: Option<Trial>,
    /// Why nothing can be measured now.
    pub why_not_measure: Option<String>,
    pub on_measure: Callback<MouseEvent>,
    pub on_help: Callback<MouseEvent>,
}

/// Stays at the top while the page scrolls.
#[component]
pub fn Header(props: &HeaderProps) -> Html {
    let links = SECTIONS.map(|(id, title)| {
        let onclick = move |_| {
            if let Some(heading) = browser::document().get_element_by_id(&format!("{id}-title")) {
                browser::go_to(&heading, ScrollLogicalPosition::Start);
            }
        };
        html! { <li><button type="button" {onclick}>{ title }</button></li> }
    });
    html! {
        <header>
            <h1>{ "Bitsmith" }</h1>
            <nav aria-label="Sections"><ul>{ for links }</ul></nav>
            <Verdict design={props.design.clone()} trial={props.trial.clone()}
                why_not_measure={props.why_not_measure.clone()} on_measure={props.on_measure.clone()} />
            <ThemeSelect />
            <button type="button" class="help" onclick={props.on_help.clone()} aria-label="Help, words and keyboard shortcuts"
                title="Help, words and keyboard shortcuts">{ "?" }</button>
        </header>
    }
}

#[derive(Properties, PartialEq)]
struct VerdictProps {
    design: Rc<Design>,
    trial: Option<Trial>,
    why_not_measure: Option<String>,
    on_measure: Callback<MouseEvent>,
}

/// FLASH, RAM and accuracy in one line.
#[component]
fn Verdict(props: &VerdictProps) -> Html {
    let VerdictProps { design, trial, why_not_measure, on_measure } = props;
    let (usage, budget) = (design.footprint.usage(), design.target.budget);
    let memory = |memory: Memory, used: usize, budget: usize| {
        let fits = used <= budget;
        let unit = ByteUnit::of(&[used, budget]);
        let verdict = if fits { "fits".into() } else { format!("{} too much", unit.text(used - budget)) };
        html! {
            <li class={if fits { "fits" } else { "over" }}>
                { format!("{memory} ") }<b>{ unit.text(used) }</b><span class="of">{ format!(" of {}", unit.text(budget)) }</span>{ " " }
                <span class="word">{ if fits { "✓ " } else { "✗ " } }{ verdict }</span>
            </li>
        }
    };
    html! {
        <ul class="summary" aria-label="Summary" aria-live="polite">
            { memory(Memory::Flash, usage.flash, budget.flash) }
            { memory(Memory::Ram, usage.ram, budget.ram) }
            <li>{ "Top-1 " }
                if let Some(trial) = trial { <b title={format::accuracy(trial.figure.tally)}>{ format::share(trial.figure.tally) }</b> } else { { "not measured " } }
                if trial.is_none() {
                    <Button class="small" onclick={on_measure.clone()} why_not={why_not_measure.clone()}
                        title="Measure the policy on the screen" label="Measure this policy">{ "Measure" }</Button>
                }</li>
        </ul>
    }
}

/// Key under which the theme is kept.
const THEME: &str = "theme";

/// Light, dark, or as the system has it.
#[component]
fn ThemeSelect() -> Html {
    let theme = use_state(|| browser::preference(THEME).unwrap_or_default());
    use_effect_with((*theme).clone(), |theme| {
        browser::set_theme(Some(theme.as_str()).filter(|theme| matches!(*theme, "light" | "dark")));
    });
    let onchange = {
        let theme = theme.clone();
        move |event: Event| {
            if let Some(select) = event.target_dyn_into::<HtmlSelectElement>() {
                browser::keep_preference(THEME, &select.value());
                theme.set(select.value());
            }
        }
    };
    let options = [("", "System"), ("light", "Light"), ("dark", "Dark")].map(|(value, title)| {
        html! { <option {value} selected={*theme == value}>{ title }</option> }
    });
    html! { <select class="theme" aria-label="Colours" title="Colours" {onchange}>{ for options }</select> }
}
