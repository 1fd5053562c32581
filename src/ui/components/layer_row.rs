//! One row of the table of layers.

use super::{bits_control::BitsControl, pin::Pin};
use crate::{
    memory::Bytes,
    net::LayerId,
    ui::{
        format,
        state::{Action, Output, Row},
    },
};
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// Stands where a layer has no such figure.
const NONE: &str = "–";

#[derive(Properties, PartialEq)]
pub struct LayerRowProps {
    pub row: Row,
    pub selected: bool,
    /// Whether its weights are pinned, and its output.
    pub pinned: [bool; 2],
    pub act: Callback<Action>,
    /// Called with the layer, whether it shall be selected, and whether all up to it shall be (Shift).
    pub on_select: Callback<(LayerId, bool, bool)>,
}

/// Name, figures, and a width for weights and output.
#[component]
pub fn LayerRow(props: &LayerRowProps) -> Html {
    let LayerRowProps { row, selected, pinned, act, on_select } = props;
    let onclick = {
        let (on_select, layer) = (on_select.clone(), row.layer);
        move |event: MouseEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                on_select.emit((layer, input.checked(), event.shift_key()));
            }
        }
    };
    html! {
        <tr id={format!("layer-{}", row.layer)} class={classes!(selected.then_some("selected"))}>
            <td>
                if row.weights.is_some() || row.output_slot().is_some() {
                    <input type="checkbox" checked={*selected} {onclick} aria-label={format!("Select {}", row.name)} />
                }
            </td>
            <th scope="row" tabindex="-1">{ &*row.name }</th>
            <td>
                if let (Some(slot), Some((bits, _))) = (row.weight_slot(), row.weights) {
                    <BitsControl {slot} {bits} label={format!("Bits of the weights of {}", row.name)} act={act.clone()} />
                    <Pin {slot} pinned={pinned[0]} label={format!("Pin the weights of {}", row.name)} act={act.clone()} />
                } else {
                    { NONE }
                }
            </td>
            <td>
                { match row.output {
                    Output::Choice(slot, bits) => html! {
                        <>
                            <BitsControl {slot} {bits} label={format!("Bits of the activations of {}", row.name)} act={act.clone()} />
                            <Pin {slot} pinned={pinned[1]} label={format!("Pin the activations of {}", row.name)} act={act.clone()} />
                        </>
                    },
                    Output::AsInput(bits) => html! { <span title="A pool keeps the bits of what it reads">{ format!("{bits}, as its input") }</span> },
                    Output::Eight => html! { <span title="The pool's output always has 8 bits">{ "8, fixed" }</span> },
                    Output::Logits => html! { <span title="Logits are not quantized">{ "32, fixed" }</span> },
                } }
            </td>
            <td class="number">{ row.weights.map_or(NONE.into(), |(_, bytes)| Bytes(bytes).to_string()) }</td>
            <td class={classes!("number", (row.excess > 0).then_some("over"))}>
                { row.ram.map_or(NONE.into(), |bytes| Bytes(bytes).to_string()) }
                if row.excess > 0 {
                    <span class="excess-note" title="Above the budget">{ format!(" +{}", Bytes(row.excess)) }</span>
                }
            </td>
            <td>{ &*row.title }</td>
            <td class="number">{ row.shape.to_string() }</td>
            <td class="number">{ if row.macs > 0 { format::macs(row.macs) } else { NONE.into() } }</td>
        </tr>
    }
}
