//! A place to drop files, with buttons to pick them instead.

use crate::ui::browser::{Picked, dropped, picked};
use web_sys::HtmlInputElement;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct DropZoneProps {
    /// Beginning of the fields' ids.
    pub id: AttrValue,
    /// What to drop: `a folder, .zip or .tar`.
    pub what: AttrValue,
    /// Endings of the files to pick, as `accept` takes them.
    pub accept: AttrValue,
    /// Title of the button that picks a file.
    pub file_title: AttrValue,
    /// Whether it picks several at once.
    #[prop_or_default]
    pub multiple: bool,
    /// Title of the button that picks a folder, if folders are taken.
    #[prop_or_default]
    pub folder_title: Option<AttrValue>,
    pub on_files: Callback<Picked>,
}

/// Takes files and, if asked to, folders.
#[component]
pub fn DropZone(props: &DropZoneProps) -> Html {
    let DropZoneProps { id, what, accept, file_title, multiple, folder_title, on_files } = props;
    let over = use_state(|| false);
    let onchange = {
        let on_files = on_files.clone();
        move |event: Event| {
            let Some(input) = event.target_dyn_into::<HtmlInputElement>() else { return };
            if let Some(list) = input.files().filter(|list| list.length() > 0) {
                on_files.emit(picked(&list));
            }
            // So that picking the same file again is a change.
            input.set_value("");
        }
    };
    let ondragover = {
        let over = over.clone();
        move |event: DragEvent| {
            event.prevent_default();
            if !*over {
                over.set(true);
            }
        }
    };
    let ondragleave = {
        let over = over.clone();
        move |_| over.set(false)
    };
    let ondrop = {
        let (over, on_files) = (over.clone(), on_files.clone());
        move |event: DragEvent| {
            event.prevent_default();
            over.set(false);
            let Some(transfer) = event.data_transfer() else { return };
            let (files, on_files) = (dropped(&transfer), on_files.clone());
            wasm_bindgen_futures::spawn_local(async move { on_files.emit(files.await) });
        }
    };
    let (file, folder) = (format!("{id}-file"), format!("{id}-folder"));
    html! {
        <div class={classes!("drop", over.then_some("over"))} {ondragover} {ondragleave} {ondrop}>
            <span>{ format!("Drop {what} here or") }</span>
            <span class="pick">
                <input id={file.clone()} type="file" accept={accept.clone()} multiple={*multiple} onchange={onchange.clone()} />
                <label for={file}>{ file_title.clone() }</label>
            </span>
            if let Some(title) = folder_title {
                <span class="pick">
                    <input id={folder.clone()} type="file" webkitdirectory={true} multiple={true} {onchange} />
                    <label for={folder}>{ title.clone() }</label>
                </span>
            }
        </div>
    }
}
