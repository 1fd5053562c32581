//! What the components need of the browser, in small functions.

mod files;

pub use files::{Picked, dropped, picked};

use crate::web::app_path;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, Document, Element, HtmlAnchorElement, HtmlElement, HtmlInputElement,
    KeyboardEvent, ScrollIntoViewOptions, ScrollLogicalPosition, Storage, Url, Window,
};
use yew::TargetCast;

/// The window; a page always has one.
pub fn window() -> Window {
    web_sys::window().expect("the page runs in a window")
}

/// The document; a page always has one.
pub fn document() -> Document {
    window().document().expect("a window of a page has a document")
}

/// Milliseconds since the page was opened.
pub fn now() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// The text after `#` in the address, as it was written.
pub fn hash() -> String {
    window().location().hash().map(|hash| hash.trim_start_matches('#').to_owned()).unwrap_or_default()
}

/// Sets the text after `#`: as a new entry of the history, to which Back returns, or in place of the present one.
pub fn set_hash(text: &str, as_new: bool) {
    if let Ok(history) = window().history() {
        let url = format!("#{text}");
        // Browsers refuse when a page does this too often; the address then lags behind by one change.
        let _ = match as_new {
            true => history.push_state_with_url(&JsValue::NULL, "", Some(&url)),
            false => history.replace_state_with_url(&JsValue::NULL, "", Some(&url)),
        };
    }
}

/// The page's address with another text after `#`.
pub fn address_with(hash: &str) -> String {
    let href = window().location().href().unwrap_or_default();
    format!("{}#{hash}", href.split('#').next().unwrap_or_default())
}

/// Reads a preference; `None` if there is none or the browser keeps none.
pub fn preference(key: &str) -> Option<String> {
    storage()?.get_item(&own(key)).ok().flatten()
}

/// Keeps a preference if the browser lets us.
pub fn keep_preference(key: &str, value: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(&own(key), value);
    }
}

/// A key of this app alone: all apps of an origin share one storage.
fn own(key: &str) -> String {
    format!("bitsmith {} {key}", app_path(&window().location().href().unwrap_or_default()))
}

/// Asks a question that is answered with OK or Cancel; whether it was OK.
pub fn confirm(question: &str) -> bool {
    window().confirm_with_message(question).unwrap_or(false)
}

/// Asks the browser to keep what this page stores even when it runs short of room. It decides, or asks the user.
pub fn keep_storage() {
    let get = |object: &JsValue, key: &str| js_sys::Reflect::get(object, &key.into()).ok();
    let storage = get(&window().navigator(), "storage").filter(|storage| !storage.is_undefined());
    let Some(storage) = storage else { return };
    let persist = get(&storage, "persist").and_then(|persist| persist.dyn_into::<js_sys::Function>().ok());
    if let Some(promise) = persist.and_then(|persist| persist.call0(&storage).ok()) {
        // Stored is all the same, only less surely.
        wasm_bindgen_futures::spawn_local(async move {
            let _ = JsFuture::from(js_sys::Promise::resolve(&promise)).await;
        });
    }
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

/// Copies text to the clipboard; whether that worked.
pub async fn copy(text: String) -> bool {
    // Absent on pages that are not served over https or from this machine.
    let navigator = window().navigator();
    let has_clipboard = js_sys::Reflect::get(&navigator, &"clipboard".into())
        .is_ok_and(|clipboard| !clipboard.is_undefined());
    has_clipboard && JsFuture::from(navigator.clipboard().write_text(&text)).await.is_ok()
}

/// What a file of this name holds.
pub fn mime(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("zip") => "application/zip",
        Some("json") => "application/json",
        Some("html") => "text/html",
        Some("csv") => "text/csv",
        _ => "application/octet-stream",
    }
}

/// An address of bytes inside this page, for a download link.
pub fn object_url(bytes: &js_sys::ArrayBuffer, mime: &str) -> Option<String> {
    let options = BlobPropertyBag::new();
    options.set_type(mime);
    let blob =
        Blob::new_with_buffer_source_sequence_and_options(&js_sys::Array::of1(bytes), &options).ok()?;
    Url::create_object_url_with_blob(&blob).ok()
}

/// Gives back the memory behind an [`object_url`].
pub fn revoke(url: &str) {
    let _ = Url::revoke_object_url(url);
}

/// Saves text as a file.
pub fn save_text(text: &str, name: &str) {
    let options = BlobPropertyBag::new();
    options.set_type(mime(name));
    let parts = js_sys::Array::of1(&text.into());
    let Ok(blob) = Blob::new_with_str_sequence_and_options(&parts, &options) else { return };
    let Ok(url) = Url::create_object_url_with_blob(&blob) else { return };
    save(&url, name);
    revoke(&url);
}

/// Saves what is behind an address as a file.
pub fn save(url: &str, name: &str) {
    let Ok(anchor) = document().create_element("a") else { return };
    let anchor: HtmlAnchorElement = anchor.unchecked_into();
    anchor.set_href(url);
    anchor.set_download(name);
    anchor.click();
}

/// Scrolls to an element and moves the focus there.
pub fn go_to(element: &Element, block: ScrollLogicalPosition) {
    let options = ScrollIntoViewOptions::new();
    options.set_block(block);
    element.scroll_into_view_with_scroll_into_view_options(&options);
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.focus();
    }
}

/// Sets the `data-theme` of the page; `None` leaves it to the system.
pub fn set_theme(theme: Option<&str>) {
    if let Some(root) = document().document_element() {
        let _ = match theme {
            Some(theme) => root.set_attribute("data-theme", theme),
            None => root.remove_attribute("data-theme"),
        };
    }
}

/// Whether a key was pressed where people type text or choose from a list, so that it is no shortcut.
pub fn is_typing(event: &KeyboardEvent) -> bool {
    let Some(target) = event.target_dyn_into::<Element>() else { return false };
    match target.tag_name().as_str() {
        "TEXTAREA" | "SELECT" => true,
        "INPUT" => target
            .dyn_ref::<HtmlInputElement>()
            .is_some_and(|input| !matches!(input.type_().as_str(), "radio" | "checkbox" | "file" | "button")),
        _ => false,
    }
}
