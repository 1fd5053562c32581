//! A switch that keeps searches and rules off one tensor.

use crate::{quant::Slot, ui::state::Action};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct PinProps {
    /// Which tensor.
    pub slot: Slot,
    /// Whether its width is kept.
    pub pinned: bool,
    /// What it pins, for screen readers: `Pin the weights of pw3`.
    pub label: AttrValue,
    pub act: Callback<Action>,
}

/// A button with a needle, filled while the tensor is pinned.
#[component]
pub fn Pin(props: &PinProps) -> Html {
    let PinProps { slot, pinned, label, act } = props;
    let (slot, pinned) = (*slot, *pinned);
    let onclick = act.reform(move |_| Action::Pin(vec![slot], !pinned));
    let title = if pinned {
        "Pinned: searches and rules keep these bits"
    } else {
        "Pin: let searches and rules keep these bits"
    };
    html! {
        <button type="button" class="pin" {onclick} aria-pressed={pinned.to_string()} aria-label={label.clone()} {title}>
            <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5 1.5h6l-1 5 2.5 2.5h-9L6 6.5z" /><path d="M8 9v6" /></svg>
        </button>
    }
}
