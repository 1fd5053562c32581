//! The app's own part of its origin.
//!
//! A host may serve other apps, or a second copy of this one, beside it: what the browser keeps by name for a whole
//! origin carries the path of the app.

use web_sys::Url;

/// The folder below which the app lies, e.g. `/tools/bitsmith/`; `address` is that of the page.
pub fn app_path(address: &str) -> String {
    let path = Url::new(address).map(|url| url.pathname()).unwrap_or_default();
    path.rfind('/').map_or_else(|| "/".into(), |end| path[..=end].to_owned())
}

/// What the app is called where names are shared by the whole origin. `www/sw.js` makes the same of its caches.
pub(super) fn app_name(address: &str) -> String {
    format!("bitsmith {}", app_path(address))
}
