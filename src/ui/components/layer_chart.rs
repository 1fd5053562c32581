//! Bits and RAM of all layers over one axis, with a cursor that tells the figures of one.

use super::{
    pattern::{Mark, bits_class},
    skyline::{BitsBars, Skyline},
};
use crate::{
    memory::{ByteUnit, Bytes, Footprint, Step},
    net::LayerId,
    quant::Bits,
    ui::{
        chart::{Scale, Use, column_at},
        format,
        state::{Output, Row},
    },
};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Element, ScrollLogicalPosition};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct LayerChartProps {
    pub rows: Rc<[Row]>,
    pub footprint: Rc<Footprint>,
    /// Bytes of RAM that may be taken.
    pub budget: usize,
    /// The layer under the cursor.
    pub shown: Option<LayerId>,
    /// Why its tensors have their bits, a sentence for each.
    pub why: Vec<String>,
    /// Called with the layer that the cursor has come to.
    pub on_look: Callback<LayerId>,
    /// Called with the layer that was clicked, or chosen with Enter.
    pub on_pick: Callback<LayerId>,
}

/// The charts. One tab stop: arrows, Home and End move the cursor, Enter goes to the layer's row.
#[component]
pub fn LayerChart(props: &LayerChartProps) -> Html {
    let LayerChartProps { rows, footprint, budget, why, on_look, on_pick, .. } = props;
    let count = rows.len();
    let shown = props.shown.filter(|&layer| layer < count);

    let move_to = {
        let on_look = on_look.clone();
        move |layer: usize| {
            if shown != Some(layer) {
                on_look.emit(layer);
            }
        }
    };
    let onpointermove = {
        let move_to = move_to.clone();
        move |event: PointerEvent| {
            if let Some(layer) = layer_under(&event, count) {
                move_to(layer);
            }
        }
    };
    let onclick = {
        let (move_to, on_pick) = (move_to.clone(), on_pick.clone());
        move |event: MouseEvent| {
            if let Some(layer) = layer_under(&event, count) {
                move_to(layer);
                on_pick.emit(layer);
            }
        }
    };
    let onfocus = {
        let (move_to, peak) = (move_to.clone(), peak(footprint));
        move |_| {
            if shown.is_none() {
                move_to(peak);
            }
        }
    };
    let onkeydown = {
        let on_pick = on_pick.clone();
        move |event: KeyboardEvent| {
            let at = shown.unwrap_or(0);
            match event.key().as_str() {
                "ArrowLeft" => move_to(at.saturating_sub(1)),
                "ArrowRight" => move_to((at + 1).min(count - 1)),
                "Home" => move_to(0),
                "End" => move_to(count - 1),
                "Enter" => on_pick.emit(at),
                _ => return,
            }
            event.prevent_default();
            if let Some(area) = event.current_target().and_then(|t| t.dyn_into::<Element>().ok()) {
                keep_cursor_in_view(&area);
            }
        }
    };
    let step = shown.and_then(|layer| footprint.steps.iter().find(|step| step.layer == layer));
    let scale = Scale::new(footprint.ram, *budget);
    html! {
        <figure class="charts">
            <figcaption>
                <ul class="legend" aria-label="Bits">
                    { for Bits::ALL.map(|bits| html! { <li><Mark class={bits_class(bits)} />{ format!("{bits} bits") }</li> }) }
                </ul>
                <ul class="legend" aria-label="Uses of RAM">
                    { for Use::ALL.map(|part| html! { <li><Mark class={part.class()} />{ part.title() }</li> }) }
                    <li><Mark class="excess" />{ "above the budget" }</li>
                </ul>
            </figcaption>
            <div class="plot" role="slider" tabindex="0" aria-label="Layer under the cursor of the charts"
                aria-valuemin="1" aria-valuemax={count.to_string()}
                aria-valuenow={(shown.unwrap_or(0) + 1).to_string()}
                aria-valuetext={shown.map_or("none".into(), |layer| readout(&rows[layer], step))}
                {onkeydown} {onfocus}>
                <div class="canvas" style={format!("--layers: {count}")} {onpointermove} {onclick}>
                    <BitsBars widths={rows.iter().map(Row::widths).collect::<Rc<[_]>>()} />
                    <p class="lane-title">{ "RAM while each layer runs" }</p>
                    <Skyline footprint={footprint.clone()} layers={count} {budget} />
                    if let Some(layer) = shown {
                        <div class="cursor" style={format!("--at: {layer}")}></div>
                    }
                </div>
            </div>
            <div class="readout">
                <p>{ shown.map_or("Point at a column, use the arrow keys on the chart, or go to a row of the table, to read a \
                    layer's figures and why it has its bits.".into(), |layer| readout(&rows[layer], step)) }</p>
                { for why.iter().map(|sentence| html! { <p class="hint">{ sentence }</p> }) }
            </div>
            if !scale.shows(*budget) {
                <p class="hint">{ format!("The budget of {} lies above the chart.", Bytes(*budget)) }</p>
            }
        </figure>
    }
}

/// The layer with the highest column.
fn peak(footprint: &Footprint) -> LayerId {
    footprint.steps.iter().max_by_key(|step| step.live()).map_or(0, |step| step.layer)
}

fn layer_under(event: &MouseEvent, count: usize) -> Option<LayerId> {
    let canvas = event.current_target()?.dyn_into::<Element>().ok()?;
    let bounds = canvas.get_bounding_client_rect();
    let fraction = (f64::from(event.client_x()) - bounds.left()) / bounds.width();
    Some(column_at(fraction, count))
}

fn keep_cursor_in_view(area: &Element) {
    if let Ok(Some(cursor)) = area.query_selector(".cursor") {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(ScrollLogicalPosition::Nearest);
        options.set_inline(ScrollLogicalPosition::Nearest);
        cursor.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// A layer's figures in a line.
fn readout(row: &Row, step: Option<&Step>) -> String {
    let mut parts = vec![row.name.to_string(), row.title.to_string(), format!("output {}", row.shape)];
    if row.macs > 0 {
        parts.push(format!("{} MACs", format::macs(row.macs)));
    }
    if let Some((bits, bytes)) = row.weights {
        parts.push(format!("weights {bits} bits, {}", Bytes(bytes)));
    }
    parts.push(match row.output {
        Output::Choice(_, bits) => format!("activations {bits} bits"),
        Output::Eight => "activations 8 bits (fixed)".into(),
        Output::AsInput(bits) => format!("activations {bits} bits (as its input)"),
        Output::Logits => "logits 32 bits".into(),
    });
    let Some(step) = step else {
        parts.push("not counted by the paper model".into());
        return parts.join(" · ");
    };
    let unit = ByteUnit::of(&[step.live(), step.inputs, step.output, step.shared, step.kept, step.scratch]);
    let [live, inputs, output] = [step.live(), step.inputs, step.output].map(|bytes| unit.text(bytes));
    let mut ram = format!("RAM {live} = input {inputs} + output {output}");
    if step.shared > 0 {
        ram += &format!(" − {} in the input's place", unit.text(step.shared));
    }
    for (bytes, what) in [(step.kept, "kept for later"), (step.scratch, "scratch")] {
        if bytes > 0 {
            ram += &format!(" + {} {what}", unit.text(bytes));
        }
    }
    parts.push(ram);
    if row.excess > 0 {
        parts.push(format!("{} above the budget", Bytes(row.excess)));
    }
    parts.join(" · ")
}
