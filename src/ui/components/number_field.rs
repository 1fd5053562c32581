//! A whole number as text, within bounds.

use super::TextField;
use crate::ui::format;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct NumberFieldProps {
    pub id: &'static str,
    pub label: &'static str,
    pub value: u64,
    pub least: u64,
    pub most: u64,
    pub on_change: Callback<u64>,
}

/// A whole number as text; what is none is explained.
#[component]
pub fn NumberField(props: &NumberFieldProps) -> Html {
    let NumberFieldProps { id, label, value, least, most, on_change } = props;
    let take = {
        let (on_change, range) = (on_change.clone(), *least..=*most);
        move |text: String| match text.trim().replace(',', "").parse() {
            Ok(number) if range.contains(&number) => {
                on_change.emit(number);
                Ok(())
            }
            _ => Err(format!(
                "'{text}': expected a whole number from {} to {}",
                format::grouped(*range.start()),
                format::grouped(*range.end())
            )),
        }
    };
    html! { <TextField id={*id} label={*label} value={value.to_string()} numeric={true} {take} /> }
}
