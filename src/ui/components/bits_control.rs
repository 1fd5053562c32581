//! The width of one tensor as three radio buttons.

use crate::{
    quant::{Bits, Slot},
    ui::state::Action,
};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct BitsControlProps {
    /// Which tensor.
    pub slot: Slot,
    /// Its width.
    pub bits: Bits,
    /// What it is, for screen readers: `weights of pw3`.
    pub label: AttrValue,
    pub act: Callback<Action>,
}

/// Three radio buttons: 2, 4, 8.
#[component]
pub fn BitsControl(props: &BitsControlProps) -> Html {
    let BitsControlProps { slot, bits, label, act } = props;
    let (name, lane) = match slot {
        Slot::Weight(layer) => (format!("w{layer}"), "weights"),
        Slot::Activation(tensor) => (format!("a{tensor}"), "activations"),
    };
    let option = |choice: Bits| {
        let slot = *slot;
        let onchange = act.reform(move |_| Action::Set(vec![slot], choice));
        html! {
            <label>
                <input type="radio" name={name.clone()} value={choice.to_string()} checked={*bits == choice} {onchange}
                    aria-label={format!("{choice} bits")} />
                <span aria-hidden="true">{ choice.count() }</span>
            </label>
        }
    };
    html! {
        <span class="bits" role="radiogroup" aria-label={label.clone()} data-lane={lane}>
            { for Bits::ALL.map(option) }
        </span>
    }
}
