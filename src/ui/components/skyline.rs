//! The two drawings over the layers: bits of every tensor, and RAM of every step.

use super::pattern::bits_class;
use crate::{
    memory::{Bytes, Footprint},
    net::LayerId,
    quant::Bits,
    ui::{
        chart::{Scale, Use, column},
        state::Widths,
    },
};
use std::rc::Rc;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct BitsBarsProps {
    /// Width of each layer's weights and of its output.
    pub widths: Rc<[Widths]>,
}

/// Two lanes of bars as high as the tensors are wide: weights above, activations below.
#[component]
pub fn BitsBars(props: &BitsBarsProps) -> Html {
    let count = props.widths.len();
    let lane = |bits: &dyn Fn(&Widths) -> Option<Bits>| -> Html {
        let bars = props.widths.iter().enumerate();
        bars.filter_map(|(i, widths)| Some(bar(i, count, bits(widths)?))).collect()
    };
    html! {
        <>
            <p class="lane-title">{ "Bits of weights" }</p>
            <svg class="lane" aria-hidden="true">{ lane(&|widths| widths.weights) }</svg>
            <p class="lane-title">{ "Bits of activations" }</p>
            <svg class="lane" aria-hidden="true">{ lane(&|widths| widths.output) }</svg>
        </>
    }
}

fn bar(index: usize, count: usize, bits: Bits) -> Html {
    let (x, width) = column(index, count);
    // Two thirds of the lane for 8 bits: the rest is for the number on top.
    let height = 70.0 * bits.count() as f64 / 8.0;
    html! {
        <>
            <rect class={bits_class(bits)} x={format!("{x:.3}%")} width={format!("{width:.3}%")}
                y={format!("{:.2}%", 100.0 - height)} height={format!("{height:.2}%")} />
            <text x={format!("{:.3}%", x + width / 2.0)} y={format!("{:.2}%", 100.0 - height)} dy="-2">{ bits.count() }</text>
        </>
    }
}

#[derive(Properties, PartialEq)]
pub struct SkylineProps {
    pub footprint: Rc<Footprint>,
    /// Layers of the network; steps of the footprint may be fewer.
    pub layers: usize,
    /// Bytes of RAM that may be taken.
    pub budget: usize,
}

/// A column per step, stacked by use, against the budget.
#[component]
pub fn Skyline(props: &SkylineProps) -> Html {
    let SkylineProps { footprint, layers, budget } = props;
    let scale = Scale::new(footprint.ram, *budget);
    let y = |bytes: usize| format!("{:.3}%", 100.0 - scale.percent(bytes));
    let height = |bytes: usize| format!("{:.3}%", scale.percent(bytes));
    let columns = footprint.steps.iter().map(|step| {
        let (x, width) = place(step.layer, *layers);
        let mut top = 0;
        let parts = Use::ALL.iter().filter(|part| part.bytes(step) > 0).map(|part| {
            top += part.bytes(step);
            html! { <rect class={part.class()} x={x.clone()} width={width.clone()} y={y(top)} height={height(part.bytes(step))} /> }
        });
        let parts: Html = parts.collect();
        let excess = step.live().saturating_sub(*budget);
        html! {
            <>
                { parts }
                if excess > 0 {
                    <rect class="excess" x={x.clone()} {width} y={y(step.live())} height={height(excess)} />
                }
            </>
        }
    });
    let columns: Html = columns.collect();
    let ticks = scale.ticks().map(|bytes| {
        html! {
            <>
                <line class="tick" x1="0" x2="100%" y1={y(bytes)} y2={y(bytes)} />
                if bytes > 0 { <text class="tick" x="-6" y={y(bytes)} dy="4">{ Bytes(bytes).to_string() }</text> }
            </>
        }
    });
    html! {
        <svg class="skyline" aria-hidden="true">
            { columns }
            { for ticks }
            if scale.shows(*budget) {
                <line class="limit" x1="0" x2="100%" y1={y(*budget)} y2={y(*budget)} />
                <text class="limit" x="100%" y={y(*budget)} dx="-4" dy="-4">{ format!("budget {}", Bytes(*budget)) }</text>
            }
        </svg>
    }
}

fn place(layer: LayerId, layers: usize) -> (String, String) {
    let (x, width) = column(layer, layers);
    (format!("{x:.3}%"), format!("{width:.3}%"))
}
