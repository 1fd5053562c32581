//! The sentence at the top: what the page is for, or what the link that was opened asks for.

use crate::{
    memory::ByteUnit,
    ui::state::{DEMOS, Design},
};
use std::rc::Rc;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct LeadProps {
    pub design: Rc<Design>,
    /// Whether a link was opened, and its policy is still on the screen.
    pub opened: bool,
    /// Whether weights of this network are loaded.
    pub has_weights: bool,
}

/// What to do first.
#[component]
pub fn Lead(props: &LeadProps) -> Html {
    let text = if props.opened { shared(&props.design, props.has_weights) } else { PURPOSE.into() };
    html! { <p class="lead">{ text }</p> }
}

const PURPOSE: &str = "Bitsmith fits a trained image classifier into a microcontroller: it gives the weights and the \
    activations of every layer 2, 4 or 8 bits, measures the result in the integers that the chip will compute, trains \
    away what was lost, and hands it over as C code. Try it with the demo: press Measure, or start a search.";

/// What a shared policy needs, and how to see how accurate it is.
fn shared(design: &Design, has_weights: bool) -> String {
    let (network, target) = (&design.network, design.target);
    let place = target.device.map_or(String::new(), |device| format!(" for {}", device.name));
    let usage = design.footprint.usage();
    let verdict = if design.fits() { "and fits" } else { "which does not fit" };
    let next = match (has_weights, network.zoo().is_some_and(|spec| DEMOS.contains(&spec))) {
        (true, _) => "Press Measure to see how accurate it is.".into(),
        (false, true) => "Its weights come with the page: press its demo button below, then Measure.".into(),
        (false, false) => {
            format!("To see how accurate it is, open weights of {network} and images of its classes below.")
        }
    };
    let budget = target.budget;
    let unit = ByteUnit::of(&[usage.flash, usage.ram, budget.flash, budget.ram]);
    let [flash, ram, of_flash, of_ram] =
        [usage.flash, usage.ram, budget.flash, budget.ram].map(|bytes| unit.text(bytes));
    format!(
        "You opened a shared policy of {network}{place}. It needs {flash} of FLASH and {ram} of RAM, {verdict} the budgets of \
         {of_flash} and {of_ram}. {next}"
    )
}
