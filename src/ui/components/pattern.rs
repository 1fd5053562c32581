//! Patterns of the charts, and their samples for legends: nothing is told by colour alone.

use crate::quant::Bits;
use yew::prelude::*;

/// CSS class with the pattern of a width.
pub const fn bits_class(bits: Bits) -> &'static str {
    match bits {
        Bits::B2 => "bits-2",
        Bits::B4 => "bits-4",
        Bits::B8 => "bits-8",
    }
}

/// The patterns that the style sheet fills shapes with; once on the page. Its colours are those of the style sheet.
#[component]
pub fn Patterns() -> Html {
    let pattern = |id: &'static str, side: u8, back: Option<&'static str>, shapes: Html| {
        let side = side.to_string();
        html! {
            <pattern {id} width={side.clone()} height={side.clone()} patternUnits="userSpaceOnUse">
                if let Some(class) = back { <rect {class} width={side.clone()} height={side} /> }
                { shapes }
            </pattern>
        }
    };
    let stripes = |class: &'static str| html! { <path {class} d="M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2" /> };
    let dot = |class: &'static str| html! { <circle {class} cx="2.5" cy="2.5" r="1.1" /> };
    html! {
        <svg class="patterns" aria-hidden="true">
            <defs>
                { pattern("bits-4", 6, Some("p-bits-4"), stripes("p-line")) }
                { pattern("bits-2", 5, Some("p-bits-2"), dot("p-dot")) }
                { pattern("level", 4, Some("p-output"), html! { <path class="p-line" d="M0,2 h4" /> }) }
                { pattern("hatch", 6, Some("p-kept"), stripes("p-line")) }
                { pattern("dots", 5, Some("p-scratch"), dot("p-hole")) }
                { pattern("grid", 5, Some("p-code"), html! { <path class="p-line" d="M0,2.5 h5 M2.5,0 v5" /> }) }
                { pattern("upright", 4, Some("p-scratch"), html! { <path class="p-line" d="M2,0 v4" /> }) }
                { pattern("excess", 6, None, html! {
                    <>{ stripes("p-excess") }<path class="p-excess" d="M-1,5 l2,2 M0,0 l6,6 M5,-1 l2,2" /></>
                }) }
            </defs>
        </svg>
    }
}

#[derive(Properties, PartialEq)]
pub struct MarkProps {
    /// CSS class of the pattern.
    pub class: &'static str,
}

/// A sample of a pattern.
#[component]
pub fn Mark(props: &MarkProps) -> Html {
    html! { <svg class="mark" aria-hidden="true"><rect class={props.class} width="100%" height="100%" /></svg> }
}
