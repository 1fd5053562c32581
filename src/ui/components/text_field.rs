//! A text field whose text is taken, or refused with the reason beside it.

use crate::ui::format;
use web_sys::HtmlInputElement;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct TextFieldProps {
    pub id: &'static str,
    pub label: AttrValue,
    /// What it holds, as it is written.
    pub value: AttrValue,
    /// Whether the keyboard of a phone shall offer digits only.
    #[prop_or_default]
    pub numeric: bool,
    /// Why it cannot be changed now; it can without.
    #[prop_or_default]
    pub why_not: Option<AttrValue>,
    /// Takes what was typed, or says why not.
    pub take: Callback<String, Result<(), String>>,
}

/// The field, and below the row of fields that it stands in, why its text was refused, or cannot be changed. Refused text
/// stays, so that it can be mended.
#[component]
pub fn TextField(props: &TextFieldProps) -> Html {
    let TextFieldProps { id, label, value, numeric, why_not, take } = props;
    let refused = use_state(|| None::<(AttrValue, String)>);
    use_effect_with(value.clone(), {
        let refused = refused.clone();
        move |_| refused.set(None)
    });
    let onchange = {
        let (refused, take) = (refused.clone(), take.clone());
        move |event: Event| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                let text = input.value();
                // Set even if nothing is refused: drawn again, the field shows the one spelling of its value.
                refused.set(take.emit(text.clone()).err().map(|reason| (text.into(), reason)));
            }
        }
    };
    let (described, explained) = (format!("{id}-error"), format!("{id}-why"));
    let shown = refused.as_ref().map_or(value, |(text, _)| text).clone();
    html! {
        <>
            <div>
                <label for={*id}>{ label.clone() }</label>
                <input id={*id} type="text" inputmode={if *numeric { "numeric" } else { "text" }} size="8"
                    autocomplete="off" spellcheck="false" value={shown} {onchange}
                    readonly={why_not.is_some()} title={why_not.clone()} aria-invalid={refused.is_some().to_string()} aria-describedby={format!("{described} {explained}")} />
            </div>
            if let Some(reason) = why_not { <p id={explained} class="hint wide">{ reason.clone() }</p> }
            <div id={described} class="wide" role="alert">
                if let Some((_, reason)) = &*refused { <p class="error">{ format::sentence(reason) }</p> }
            </div>
        </>
    }
}
