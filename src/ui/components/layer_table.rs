//! The table of layers: figures, and a width for every tensor, one by one or many at once.

use super::{Button, layer_row::LayerRow};
use crate::{
    net::LayerId,
    quant::{Bits, Slot},
    ui::{
        browser, format,
        state::{Action, Kind, Row},
    },
};
use std::{collections::BTreeSet, rc::Rc};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, ScrollLogicalPosition};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct LayerTableProps {
    pub rows: Rc<[Row]>,
    /// Tensors that searches and rules leave as they are.
    pub pins: Rc<BTreeSet<Slot>>,
    pub act: Callback<Action>,
    /// Called with the layer whose row has the focus.
    pub on_look: Callback<LayerId>,
}

/// The table with its tools for many rows.
#[component]
pub fn LayerTable(props: &LayerTableProps) -> Html {
    let LayerTableProps { rows, pins, act, on_look } = props;
    let selection = use_state(BTreeSet::<LayerId>::new);
    let last = use_mut_ref(|| None::<LayerId>);
    let names: Rc<[Rc<str>]> = rows.iter().map(|row| row.name.clone()).collect();
    use_effect_with(names, {
        let selection = selection.clone();
        move |_| selection.set(BTreeSet::new())
    });

    let on_select = {
        let (selection, rows) = (selection.clone(), rows.clone());
        Callback::from(move |(layer, chosen, range): (LayerId, bool, bool)| {
            let mut next = (*selection).clone();
            let from = if range { last.borrow().unwrap_or(layer) } else { layer };
            for row in rows.iter().filter(|row| (from.min(layer)..=from.max(layer)).contains(&row.layer)) {
                if chosen {
                    next.insert(row.layer)
                } else {
                    next.remove(&row.layer)
                };
            }
            *last.borrow_mut() = Some(layer);
            selection.set(next);
        })
    };
    // Rows redraw only if their own figures change, so the callback they hold must stay the same.
    let latest = use_mut_ref(Callback::noop);
    *latest.borrow_mut() = on_select;
    let on_select = use_callback((), move |asked: (LayerId, bool, bool), ()| latest.borrow().emit(asked));

    let on_focus = {
        let on_look = on_look.clone();
        move |event: FocusEvent| {
            let row = event.target_dyn_into::<Element>().and_then(|at| at.closest("tr").ok().flatten());
            if let Some(layer) = row.and_then(|row| row.id().strip_prefix("layer-")?.parse().ok()) {
                on_look.emit(layer);
            }
        }
    };

    let body: Html = rows
        .iter()
        .map(|row| {
            let selected = selection.contains(&row.layer);
            let pinned = [row.weight_slot(), row.output_slot()].map(|slot| slot.is_some_and(|slot| pins.contains(&slot)));
            html! { <LayerRow key={row.layer} row={row.clone()} {selected} {pinned} act={act.clone()} on_select={on_select.clone()} /> }
        })
        .collect();
    html! {
        <div class="layers">
            <Bulk rows={rows.clone()} selection={(*selection).clone()} act={act.clone()}
                on_change={move |next| selection.set(next)} />
            <div class="scroll" tabindex="0" role="region" aria-label="Layers">
                <table onkeydown={on_key} onfocusin={on_focus}>
                    <thead>
                        <tr>
                            <th scope="col"><span class="unseen">{ "Selected" }</span></th>
                            <th scope="col">{ "Layer" }</th>
                            <th scope="col">{ "Weight bits" }</th>
                            <th scope="col">{ "Activation bits" }</th>
                            <th scope="col" class="number">{ "Weights" }</th>
                            <th scope="col" class="number"><abbr title="In use while the layer runs">{ "RAM" }</abbr></th>
                            <th scope="col">{ "Kind" }</th>
                            <th scope="col" class="number">{ "Output" }</th>
                            <th scope="col" class="number"><abbr title="Multiply-accumulates for one image">{ "MACs" }</abbr></th>
                        </tr>
                    </thead>
                    <tbody>{ body }</tbody>
                </table>
            </div>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct BulkProps {
    rows: Rc<[Row]>,
    selection: BTreeSet<LayerId>,
    act: Callback<Action>,
    on_change: Callback<BTreeSet<LayerId>>,
}

/// Selects layers by kind and sets the width of all that are selected.
#[component]
fn Bulk(props: &BulkProps) -> Html {
    let BulkProps { rows, selection, act, on_change } = props;
    let select = |title: &'static str, wanted: Rc<dyn Fn(&Row) -> bool>| {
        let (rows, on_change) = (rows.clone(), on_change.clone());
        let onclick = move |_| {
            let chosen = rows.iter().filter(|row| wanted(row) && has_choice(row));
            on_change.emit(chosen.map(|row| row.layer).collect());
        };
        html! { <button type="button" {onclick}>{ title }</button> }
    };
    let kinds = Kind::WITH_WEIGHTS.iter().filter(|&&kind| rows.iter().any(|row| row.kind == kind));
    let set = |title: &'static str, slot: fn(&Row) -> Option<Slot>| {
        let chosen = rows.iter().filter(|row| selection.contains(&row.layer));
        let slots: Vec<Slot> = chosen.filter_map(slot).collect();
        let number = format::count(slots.len(), "tensor", "tensors");
        let why =
            if selection.is_empty() { "Select layers first" } else { "The selected layers have none to set" };
        let buttons = Bits::ALL.map(|bits| {
            let (slots, why_not) = (slots.clone(), slots.is_empty().then_some(why));
            let onclick = act.reform(move |_| Action::Set(slots.clone(), bits));
            html! {
                <Button {onclick} {why_not} label={format!("{title} of the selected layers: {bits} bits")}
                    title={format!("Set {number} to {bits} bits")}>{ bits.count() }</Button>
            }
        });
        html! { <span class="tools">{ title }{ for buttons }</span> }
    };
    let chosen: Vec<Slot> = rows
        .iter()
        .filter(|row| selection.contains(&row.layer))
        .flat_map(|row| [row.weight_slot(), row.output_slot()].into_iter().flatten())
        .collect();
    let pin = |title: &'static str, pinned: bool, what: &'static str| {
        let (slots, why_not) = (chosen.clone(), chosen.is_empty().then_some("Select layers first"));
        let onclick = act.reform(move |_| Action::Pin(slots.clone(), pinned));
        html! { <Button {onclick} {why_not} title={what}>{ title }</Button> }
    };
    html! {
        <div class="bulk" role="group" aria-label="Set many layers at once">
            <span class="tools">
                { "Select" }
                { select("all", Rc::new(|_| true)) }
                { select("none", Rc::new(|_| false)) }
                { for kinds.map(|&kind| select(kind.title(), Rc::new(move |row| row.kind == kind))) }
            </span>
            { set("weight bits", Row::weight_slot) }
            { set("activation bits", Row::output_slot) }
            <span class="tools">
                { pin("pin", true, "Searches and rules keep the bits of the selected layers") }
                { pin("free", false, "Searches and rules may change the bits of the selected layers") }
            </span>
            <span class="hint" aria-live="polite">
                if selection.is_empty() {
                    { "Nothing selected. Shift-click selects a range." }
                } else {
                    { format!("{} selected", format::count(selection.len(), "layer", "layers")) }
                }
            </span>
        </div>
    }
}

fn has_choice(row: &Row) -> bool {
    row.weights.is_some() || row.output_slot().is_some()
}

/// Keys on a width in the table: 2, 4 and 8 set it, p pins it, up and down go to the same column of the next row.
fn on_key(event: KeyboardEvent) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let Some(target) = event.target_dyn_into::<Element>() else { return };
    let Ok(Some(group)) = target.closest("[role=radiogroup]") else { return };
    match event.key().as_str() {
        key @ ("2" | "4" | "8") => click(&group, &format!("input[value='{key}']")),
        "p" => press(group.next_element_sibling()),
        "ArrowDown" => step(&group, Element::next_element_sibling),
        "ArrowUp" => step(&group, Element::previous_element_sibling),
        _ => return,
    }
    event.prevent_default();
    event.stop_propagation();
}

fn click(group: &Element, selector: &str) {
    if let Some(input) =
        group.query_selector(selector).ok().flatten().and_then(|e| e.dyn_into::<HtmlElement>().ok())
    {
        let _ = input.focus();
        input.click();
    }
}

/// Clicks a button and leaves the focus where it is.
fn press(button: Option<Element>) {
    if let Some(button) = button.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        button.click();
    }
}

/// Moves the focus to the next row in one direction that has a width in the same column.
fn step(group: &Element, next: fn(&Element) -> Option<Element>) {
    let lane = group.get_attribute("data-lane").unwrap_or_default();
    let wanted = format!("[data-lane={lane}] input:checked");
    let mut row = group.closest("tr").ok().flatten();
    while let Some(candidate) = row.as_ref().and_then(next) {
        let input = candidate.query_selector(&wanted).ok().flatten();
        if let Some(input) = input.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
            let _ = input.focus();
            return;
        }
        row = Some(candidate);
    }
}

/// Goes to a layer's row: to the first of its bits, or to its name if it has none to choose.
pub fn go_to_row(layer: LayerId) {
    let Some(row) = browser::document().get_element_by_id(&format!("layer-{layer}")) else { return };
    let options = web_sys::ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::Center);
    row.scroll_into_view_with_scroll_into_view_options(&options);
    let find = |selector| row.query_selector(selector).ok().flatten();
    let target = find("input:checked[type=radio]").or_else(|| find("th"));
    if let Some(target) = target.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        let _ = target.focus();
    }
}
