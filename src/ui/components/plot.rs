//! A frame for drawings: ticks, labels, and a canvas of 1000 by 1000 units that fills it.

use yew::prelude::*;

/// Places from 0 (low or left) to 1 with what stands there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels(pub Vec<(f64, String)>);

#[derive(Properties, PartialEq)]
pub struct PlotProps {
    pub class: &'static str,
    /// Labels of the vertical axis; each gets a line across.
    pub left: Labels,
    /// Labels of a second vertical axis.
    #[prop_or_default]
    pub right: Labels,
    /// Labels of the horizontal axis.
    pub bottom: Labels,
    /// Vertical lines with a title each, from left to right.
    #[prop_or_default]
    pub bounds: Vec<(f64, &'static str)>,
    /// Shapes in a square of 1000 units, the upper left corner at 0, 0.
    pub children: Html,
}

/// Hidden from screen readers: what it shows is told in words beside it.
#[component]
pub fn Plot(props: &PlotProps) -> Html {
    let percent = |part: f64| format!("{:.3}%", 100.0 * part);
    let across = props.left.0.iter().map(|(part, text)| {
        let y = percent(1.0 - part);
        html! {
            <>
                <line class="tick" x1="0" x2="100%" y1={y.clone()} y2={y.clone()} />
                <text class="left" x="-6" {y} dy="4">{ text }</text>
            </>
        }
    });
    let right = props.right.0.iter().map(|(part, text)| {
        html! { <text class="right" x="100%" dx="6" y={percent(1.0 - part)} dy="4">{ text }</text> }
    });
    let bottom = props.bottom.0.iter().map(|(part, text)| {
        html! { <text class="bottom" x={percent(*part)} y="100%" dy="15">{ text }</text> }
    });
    let bounds = props.bounds.iter().map(|(part, title)| {
        let x = percent(*part);
        html! {
            <>
                <line class="bound" x1={x.clone()} x2={x.clone()} y1="0" y2="100%" />
                <text class="bound" {x} y="0" dx="4" dy="-4">{ *title }</text>
            </>
        }
    });
    html! {
        <div class={classes!("chart", props.class)} aria-hidden="true">
            <svg>
                { for across }
                { for right }
                { for bottom }
                { for bounds }
                <svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">
                    { props.children.clone() }
                </svg>
            </svg>
        </div>
    }
}
