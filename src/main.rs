//! The page.

fn main() {
    console_error_panic_hook::set_once();
    let root =
        web_sys::window().and_then(|window| window.document()).and_then(|page| page.get_element_by_id("app"));
    if let Some(root) = root {
        yew::Renderer::<bitsmith::ui::App>::with_root(root).render();
    }
}
