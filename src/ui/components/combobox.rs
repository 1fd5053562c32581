//! A select that is searched by typing (ARIA's combobox with a list).

use std::rc::Rc;
use web_sys::{HtmlElement, HtmlInputElement};
use yew::prelude::*;

/// One thing to choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Shown in the field once it is chosen.
    pub title: String,
    /// Shown beside the title in the list; searched too.
    pub detail: String,
}

impl Choice {
    /// Whether all words occur somewhere in the choice; a number as a number of its own.
    fn matches(&self, words: &str) -> bool {
        let text = format!("{} {}", self.title, self.detail).to_lowercase();
        words.to_lowercase().split_whitespace().all(|word| match word.parse::<u32>() {
            Ok(_) => text.split_whitespace().any(|part| part == word),
            Err(_) => text.contains(word),
        })
    }
}

#[derive(Properties, PartialEq)]
pub struct ComboboxProps {
    /// Id of the field; others are derived from it.
    pub id: AttrValue,
    pub label: AttrValue,
    pub choices: Rc<[Choice]>,
    /// Position of the present choice.
    pub chosen: Option<usize>,
    /// Shown when there is no choice.
    pub placeholder: AttrValue,
    pub on_choose: Callback<usize>,
}

/// A text field over a list. Arrows move, Enter chooses, Escape leaves things as they are.
#[component]
pub fn Combobox(props: &ComboboxProps) -> Html {
    let ComboboxProps { id, label, choices, chosen, placeholder, on_choose } = props;
    // What was typed, and the place in the list; `None` while the list is closed.
    let search = use_state(|| None::<(String, usize)>);
    let list = format!("{id}-list");
    let option = |index: usize| format!("{id}-{index}");

    let matching: Vec<usize> = match &*search {
        Some((words, _)) => (0..choices.len()).filter(|&i| choices[i].matches(words)).collect(),
        None => Vec::new(),
    };
    let active = search.as_ref().and_then(|(_, place)| matching.get(*place).copied());
    use_effect_with(active.map(option), |active| {
        let element = active.as_ref().and_then(|id| crate::ui::browser::document().get_element_by_id(id));
        if let Some(element) = element {
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Nearest);
            element.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });

    let choose = {
        let (search, on_choose) = (search.clone(), on_choose.clone());
        move |index: usize| {
            search.set(None);
            on_choose.emit(index);
        }
    };
    let open = {
        let (search, chosen) = (search.clone(), *chosen);
        move || search.set(Some((String::new(), chosen.unwrap_or(0))))
    };
    let oninput = {
        let search = search.clone();
        move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                search.set(Some((input.value(), 0)));
            }
        }
    };
    let onkeydown = {
        let (search, open, choose, count) = (search.clone(), open.clone(), choose.clone(), matching.len());
        move |event: KeyboardEvent| {
            let key = event.key();
            let Some((words, place)) = &*search else {
                if matches!(key.as_str(), "ArrowDown" | "ArrowUp" | "Enter") {
                    event.prevent_default();
                    open();
                }
                return;
            };
            let go = |place: usize| search.set(Some((words.clone(), place)));
            match key.as_str() {
                "ArrowDown" if count > 0 => go((place + 1) % count),
                "ArrowUp" if count > 0 => go((place + count - 1) % count),
                "Enter" => active.into_iter().for_each(&choose),
                "Escape" => search.set(None),
                _ => return,
            }
            event.prevent_default();
        }
    };
    let onclick = {
        let (search, open) = (search.clone(), open.clone());
        move |event: MouseEvent| {
            if let Some(field) = event.target_dyn_into::<HtmlElement>() {
                let _ = field.focus();
            }
            if search.is_none() {
                open();
            }
        }
    };
    let onblur = {
        let search = search.clone();
        move |_| search.set(None)
    };
    let value = match &*search {
        Some((words, _)) => words.clone(),
        None => chosen.map(|i| choices[i].title.clone()).unwrap_or_default(),
    };
    let shown_placeholder = match (search.is_some(), chosen) {
        (true, Some(i)) => AttrValue::from(choices[*i].title.clone()),
        _ => placeholder.clone(),
    };
    html! {
        <div class="combobox">
            <label for={id.clone()}>{ label.clone() }</label>
            <input id={id.clone()} type="text" role="combobox" autocomplete="off" spellcheck="false"
                aria-autocomplete="list" aria-expanded={search.is_some().to_string()} aria-controls={list.clone()}
                aria-activedescendant={active.map(option)} placeholder={shown_placeholder} {value}
                {oninput} {onkeydown} {onclick} {onblur} />
            <ul id={list} role="listbox" aria-label={label.clone()} hidden={search.is_none()}>
                { for matching.iter().map(|&index| {
                    let choose = choose.clone();
                    // On mousedown: by the time of a click the field has lost the focus and the list is closed.
                    let onmousedown = move |event: MouseEvent| {
                        event.prevent_default();
                        choose(index);
                    };
                    let Choice { title, detail } = &choices[index];
                    html! {
                        <li key={index} id={option(index)} role="option" {onmousedown}
                            aria-selected={(active == Some(index)).to_string()}>
                            <b>{ title }</b>{ " " }<span>{ detail }</span>
                        </li>
                    }
                }) }
                if search.is_some() && matching.is_empty() {
                    <li role="option" aria-disabled="true" aria-selected="false">{ "Nothing matches." }</li>
                }
            </ul>
        </div>
    }
}
