//! What is taken of one memory, as a bar against its budget and as a sentence.

use super::pattern::Mark;
use crate::memory::{ByteUnit, Bytes, Excess, Memory};
use yew::prelude::*;

/// One stretch of the bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it holds.
    pub title: &'static str,
    /// CSS class of its pattern.
    pub class: &'static str,
    /// Its bytes.
    pub bytes: usize,
}

#[derive(Properties, PartialEq)]
pub struct BudgetBarProps {
    pub memory: Memory,
    pub parts: Vec<Part>,
    /// Bytes taken in all.
    pub used: usize,
    /// Bytes that may be taken.
    pub budget: usize,
    /// By how much it is too much, if it is.
    pub excess: Option<Excess>,
    /// What there is to say besides.
    #[prop_or_default]
    pub note: AttrValue,
}

/// A bar with a mark at the budget, its parts in figures, and whether it fits.
#[component]
pub fn BudgetBar(props: &BudgetBarProps) -> Html {
    let BudgetBarProps { memory, parts, used, budget, excess, note } = props;
    let top = (*used).max(*budget).max(1);
    let percent = |bytes: usize| 100.0 * bytes as f64 / top as f64;
    let mut start = 0;
    let bars = parts.iter().filter(|part| part.bytes > 0).map(|part| {
        let x = percent(start);
        start += part.bytes;
        html! { <rect class={part.class} x={format!("{x:.3}%")} width={format!("{:.3}%", percent(part.bytes))} height="100%" /> }
    });
    let bars: Html = bars.collect();
    let legend = parts.iter().filter(|part| part.bytes > 0).map(|part| {
        html! {
            <li><Mark class={part.class} />{ part.title }{ " " }
                <b>{ Bytes(part.bytes).to_string() }</b></li>
        }
    });
    html! {
        <div class={classes!("budget", excess.is_some().then_some("over"))} data-memory={memory.to_string()}>
            <p class="verdict">{ sentence(*memory, *used, *budget, excess.as_ref()) }{ " " }{ note.clone() }</p>
            <svg class="bar" aria-hidden="true">
                { bars }
                if excess.is_some() {
                    <rect class="excess" x={format!("{:.3}%", percent(*budget))}
                        width={format!("{:.3}%", percent(*used - *budget))} height="100%" />
                }
                <line class="limit" x1={format!("{:.3}%", percent(*budget))} x2={format!("{:.3}%", percent(*budget))}
                    y1="0" y2="100%" />
            </svg>
            <ul class="legend">{ for legend }</ul>
        </div>
    }
}

/// Whether it fits, in words.
fn sentence(memory: Memory, used: usize, budget: usize, excess: Option<&Excess>) -> Html {
    match excess {
        None => {
            let unit = ByteUnit::of(&[used, budget, budget - used]);
            let [used, budget, free] = [used, budget, budget - used].map(|bytes| unit.text(bytes));
            html! {
                <><strong class="fits">{ format!("✓ {memory} fits:") }</strong>
                    { format!(" {used} of {budget}, {free} free.") }</>
            }
        }
        Some(excess) => html! {
            <><strong class="over">{ format!("✗ {memory} does not fit:") }</strong>{ format!(" {excess}.") }</>
        },
    }
}
