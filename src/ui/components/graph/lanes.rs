//! The dot of a row and the lines of the tensors beside it. Rows of any height fit together.

use super::Place;
use crate::ui::{
    chart::Stroke,
    state::{Kind, Outline},
};
use yew::prelude::*;

/// What a row stands for.
#[derive(Clone, Copy, PartialEq)]
pub enum Dot {
    /// The image.
    Image,
    /// A layer.
    Layer(Kind),
}

#[derive(Properties, PartialEq)]
pub struct LaneStrokesProps {
    pub place: Place,
    pub dot: Dot,
}

/// Hidden from screen readers: the row says what its layer reads.
#[component]
pub fn LaneStrokes(props: &LaneStrokesProps) -> Html {
    let LaneStrokesProps { place: Place { lane, lanes, strokes }, dot } = props;
    if *lanes == 0 {
        return Html::default();
    }
    let lines: String = strokes.iter().map(|stroke| path(*stroke, *lane)).collect();
    let centre = format!("{:.3}%", 100.0 * (*lane as f64 + 0.5) / *lanes as f64);
    let mark = match dot {
        Dot::Image => html! { <circle class="image" r="5" /> },
        Dot::Layer(kind) => {
            let (outline, letter) = kind.mark();
            html! {
                <>
                    { shape(outline) }
                    <text y="4.5">{ letter }</text>
                </>
            }
        }
    };
    html! {
        <svg class="strokes" aria-hidden="true">
            <svg viewBox={format!("0 0 {lanes} 2")} preserveAspectRatio="none" width="100%" height="100%">
                <path d={lines} />
            </svg>
            <svg x={centre} y="50%" class="centre">
                <svg x="-.6em" y="-.6em" width="1.2em" height="1.2em" viewBox="-10 -10 20 20">{ mark }</svg>
            </svg>
        </svg>
    }
}

fn shape(outline: Outline) -> Html {
    match outline {
        Outline::Square => {
            html! { <rect class="square" x="-8.5" y="-8.5" width="17" height="17" rx="2.5" /> }
        }
        Outline::Disc => html! { <circle class="disc" r="9" /> },
        Outline::Funnel => html! { <polygon class="funnel" points="-9.5,-8 9.5,-8 5.5,8.5 -5.5,8.5" /> },
    }
}

/// The path of a stroke in a row 2 units high with its dot at 1, each lane 1 unit wide.
fn path(stroke: Stroke, dot: usize) -> String {
    match stroke {
        Stroke::Past(lane) => format!("M{lane}.5,0V2"),
        Stroke::In(lane) if lane == dot => format!("M{lane}.5,0V1"),
        Stroke::Out(lane) if lane == dot => format!("M{lane}.5,1V2"),
        Stroke::In(lane) => format!("M{lane}.5,0Q{lane}.5,1 {dot}.5,1"),
        Stroke::Out(lane) => format!("M{dot}.5,1Q{lane}.5,1 {lane}.5,2"),
    }
}
