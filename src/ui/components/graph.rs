//! The graph of a network: a row for each layer, with lines beside them that show who reads what.

mod lanes;

use super::go_to_row;
use crate::{
    net::{Graph, LayerId},
    quant::{Bits, Slot},
    ui::{
        chart::{Lanes, Stroke},
        format,
        state::{Design, Output, Row, operator, reads},
    },
};
use lanes::{Dot, LaneStrokes};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

/// Stands where a layer has no such figure.
const NONE: &str = "–";

#[derive(Properties, PartialEq)]
pub struct GraphDrawingProps {
    pub design: Rc<Design>,
}

/// Open by itself for a network of the user's own, else when the user opens it.
#[component]
pub fn GraphDrawing(props: &GraphDrawingProps) -> Html {
    let network = &props.design.network;
    let lanes = use_memo(network.clone(), |network| Lanes::new(network.graph()));
    let wanted = use_state_eq(|| None::<bool>);
    let open = wanted.unwrap_or(network.zoo().is_none());
    let ontoggle = {
        let wanted = wanted.clone();
        move |event: Event| {
            let is_open = event.target_dyn_into::<Element>().map(|details| details.has_attribute("open"));
            if let Some(is_open) = is_open.filter(|&is_open| is_open != open) {
                wanted.set(Some(is_open));
            }
        }
    };
    html! {
        <details class="graph" {open} {ontoggle}>
            <summary>{ title(network.graph(), &lanes) }</summary>
            if open { <Layers design={props.design.clone()} {lanes} /> }
        </details>
    }
}

/// What there is to see: `Graph: 14 layers · up to 2 side by side · bits of 24 tensors can be chosen`.
fn title(graph: &Graph, lanes: &Lanes) -> String {
    let branches = match lanes.count {
        1 => "one chain".into(),
        count => format!("branches, up to {count} side by side"),
    };
    let choices = format::count(Slot::all(graph).len(), "tensor", "tensors");
    let layers = format::count(graph.layers.len(), "layer", "layers");
    format!("Graph: {layers} · {branches} · bits of {choices} can be chosen")
}

#[derive(Properties, PartialEq)]
struct LayersProps {
    design: Rc<Design>,
    lanes: Rc<Lanes>,
}

/// The table. One tab stop: the arrow keys, Home and End go through its layers, Enter goes to the layer's bits.
#[component]
fn Layers(props: &LayersProps) -> Html {
    let LayersProps { design, lanes } = props;
    let graph = design.network.graph();
    let strokes = use_memo(lanes.clone(), |lanes| {
        let drawn = if lanes.can_be_drawn() { lanes.strokes() } else { vec![Vec::new(); lanes.dots.len()] };
        drawn.into_iter().map(Rc::from).collect::<Vec<Rc<[Stroke]>>>()
    });
    let stop = use_state_eq(|| 0);
    let stop_at = (*stop).min(graph.layers.len().saturating_sub(1));
    let onfocusin = {
        let stop = stop.setter();
        move |event: FocusEvent| {
            let row = event.target_dyn_into::<Element>().and_then(|at| at.closest("tr").ok().flatten());
            if let Some(layer) = row.and_then(|row| row.id().strip_prefix("graph-")?.parse::<LayerId>().ok())
            {
                stop.set(layer);
            }
        }
    };
    let most = graph.layers.iter().map(|layer| graph.layer_macs(layer)).max().unwrap_or(0).max(1);
    let place = |row: usize| Place {
        lane: lanes.dots[row],
        lanes: if lanes.can_be_drawn() { lanes.count } else { 0 },
        strokes: strokes[row].clone(),
    };
    let rows = Row::all(design);
    let body = graph.layers.iter().zip(&*rows).map(|(layer, row)| {
        html! {
            <LayerLine key={row.layer} row={row.clone()} operator={operator(layer)} reads={reads(graph, layer)}
                place={place(row.layer + 1)} weights={graph.weight_elements(layer)} most_macs={most}
                is_stop={row.layer == stop_at} />
        }
    });
    html! {
        <>
            <p class="hint">
                { "A row for each layer, in the order in which they run; lines are their activations. 3x3/2 is a window of 3x3 with \
                   stride 2. Bits in a box can be chosen: press the layer's name to go there." }
                if !lanes.can_be_drawn() {
                    { format!(" {} branches side by side are too many to draw: the first column says what each layer reads.", lanes.count) }
                }
            </p>
            <div class="scroll" tabindex="0" role="region" aria-label="Graph">
                <table onkeydown={on_key} {onfocusin}>
                    <thead>
                        <tr>
                            <th scope="col" class="lanes">
                                <span class={classes!(lanes.can_be_drawn().then_some("unseen"))}>{ "Reads" }</span>
                            </th>
                            <th scope="col">{ "Layer" }</th>
                            <th scope="col">{ "Operator" }</th>
                            <th scope="col" class="number">{ "Output" }</th>
                            <th scope="col" class="number"><abbr title="Multiply-accumulates for one image">{ "MACs" }</abbr></th>
                            <th scope="col" class="number"><abbr title="How many there are">{ "Weights" }</abbr></th>
                            <th scope="col"><abbr title="Bits of weights / bits of activations">{ "Bits W/A" }</abbr></th>
                        </tr>
                    </thead>
                    <tbody>
                        <tr>
                            <td class="lanes" style={place(0).style()}><LaneStrokes place={place(0)} dot={Dot::Image} /></td>
                            <th scope="row">{ &graph.image().name }</th>
                            <td>{ "input" }</td>
                            <td class="number">{ graph.image().shape.to_string() }</td>
                            <td class="number">{ NONE }</td>
                            <td class="number">{ NONE }</td>
                            <td>{ NONE }{ " / 8 fixed" }</td>
                        </tr>
                        { for body }
                    </tbody>
                </table>
            </div>
        </>
    }
}

/// Where a row's dot lies, and the lines there.
#[derive(Clone, PartialEq)]
struct Place {
    /// The lane of the dot.
    lane: usize,
    /// All lanes; 0 if they are too many to draw.
    lanes: usize,
    strokes: Rc<[Stroke]>,
}

impl Place {
    /// How broad the drawing is, in lanes of the usual width: many move together.
    fn style(&self) -> String {
        const EASY: usize = 8;
        format!("--lanes: {:.1}", self.lanes.min(EASY) as f64 + 0.4 * self.lanes.saturating_sub(EASY) as f64)
    }
}

#[derive(Properties, PartialEq)]
struct LayerLineProps {
    row: Row,
    operator: String,
    /// Names of the tensors that it reads.
    reads: String,
    place: Place,
    /// Number of its weights.
    weights: usize,
    /// MACs of the layer that has most.
    most_macs: u64,
    /// Whether the Tab key stops here.
    is_stop: bool,
}

/// One layer.
#[component]
fn LayerLine(props: &LayerLineProps) -> Html {
    let LayerLineProps { row, operator, reads, place, weights, most_macs, is_stop } = props;
    let layer = row.layer;
    let is_drawn = place.lanes > 0;
    let part = format!("--part: {:.4}", row.macs as f64 / *most_macs as f64);
    html! {
        <tr id={format!("graph-{layer}")}>
            <td class="lanes" style={place.style()} title={format!("Reads {reads}")}>
                if is_drawn { <LaneStrokes place={place.clone()} dot={Dot::Layer(row.kind)} /> }
                <span class={classes!(is_drawn.then_some("unseen"))}>{ reads }</span>
            </td>
            <th scope="row">
                <button type="button" class="plain" tabindex={if *is_stop { "0" } else { "-1" }} title={format!("{}: go to its bits", row.name)}
                    onclick={move |_| go_to_row(layer)}>{ &*row.name }</button>
            </th>
            <td>{ operator }</td>
            <td class="number">{ row.shape.to_string() }</td>
            <td class="number share" style={part}>{ if row.macs > 0 { format::macs(row.macs) } else { NONE.into() } }</td>
            <td class="number">{ if *weights > 0 { format::grouped(*weights as u64) } else { NONE.into() } }</td>
            <td>
                if let Some((bits, _)) = row.weights { { choice(bits) } } else { { NONE } }
                { " / " }
                { match row.output {
                    Output::Choice(_, bits) => choice(bits),
                    Output::AsInput(bits) => html! { { format!("{bits} as its input") } },
                    Output::Eight => html! { { "8 fixed" } },
                    Output::Logits => html! { { "32 fixed" } },
                } }
            </td>
        </tr>
    }
}

/// Bits that can be chosen.
fn choice(bits: Bits) -> Html {
    html! { <span class="choice">{ bits.count() }<span class="unseen">{ ", can be chosen" }</span></span> }
}

/// Up, down, Home and End go to another layer's name.
fn on_key(event: KeyboardEvent) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let row = event.target_dyn_into::<Element>().and_then(|at| at.closest("tbody tr").ok().flatten());
    let Some(row) = row else { return };
    let of_table =
        |selector| row.parent_element().and_then(|body| body.query_selector(selector).ok().flatten());
    let next = match event.key().as_str() {
        "ArrowDown" => row.next_element_sibling(),
        "ArrowUp" => row.previous_element_sibling(),
        "Home" => of_table("tr:nth-child(2)"),
        "End" => of_table("tr:last-child"),
        _ => return,
    };
    let button = next.and_then(|row| row.query_selector("button").ok().flatten());
    if let Some(button) = button.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        let _ = button.focus();
    }
    event.prevent_default();
    event.stop_propagation();
}
