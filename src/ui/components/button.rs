//! A button that says why it does nothing now.

use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ButtonProps {
    pub onclick: Callback<MouseEvent>,
    /// What it does, where its words do not say it all.
    #[prop_or_default]
    pub title: Option<AttrValue>,
    /// Why it does nothing now; it works without.
    #[prop_or_default]
    pub why_not: Option<AttrValue>,
    #[prop_or_default]
    pub class: Classes,
    /// What screen readers say instead of its words.
    #[prop_or_default]
    pub label: Option<AttrValue>,
    pub children: Html,
}

/// A button. While it does nothing it can still have the focus: whoever has pressed it stays where they are, and whoever
/// comes by with the Tab key hears the reason.
#[component]
pub fn Button(props: &ButtonProps) -> Html {
    let ButtonProps { onclick, title, why_not, class, label, children } = props;
    let onclick = match why_not {
        None => onclick.clone(),
        Some(_) => Callback::noop(),
    };
    html! {
        <button type="button" class={class.clone()} {onclick} aria-disabled={why_not.is_some().then_some("true")}
            title={why_not.clone().or_else(|| title.clone())} aria-label={label.clone()}>{ children.clone() }</button>
    }
}
