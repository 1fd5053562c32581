//! The Web Locks API: of all tabs, one at a time has something.

use super::wire::describe;
use futures::channel::oneshot;
use futures::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::WorkerGlobalScope;

#[wasm_bindgen]
extern "C" {
    /// `navigator.locks`.
    type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(
        this: &LockManager,
        name: &str,
        options: &Object,
        callback: &Function,
    ) -> Result<Promise, JsValue>;
}

/// A lock that this worker has. Dropping it gives it back; so does the end of the worker, whatever ends it.
pub struct Lock {
    release: Function,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Resolving a promise cannot fail.
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}

/// The lock of a name; `None` if somebody else has it.
///
/// # Errors
/// What the browser says, for one that it has no locks.
pub async fn take(scope: &WorkerGlobalScope, name: &str) -> Result<Option<Lock>, String> {
    request(scope, name).await.map_err(|error| describe(&error))
}

async fn request(scope: &WorkerGlobalScope, name: &str) -> Result<Option<Lock>, JsValue> {
    let manager = Reflect::get(&scope.navigator(), &"locks".into())?;
    if manager.is_undefined() {
        return Err(js_sys::Error::new("this browser has no Web Locks").into());
    }
    let manager: LockManager = manager.unchecked_into();
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &true.into())?;
    // The browser holds the lock until this promise is resolved.
    let mut release = None;
    let held = Promise::new(&mut |resolve, _| release = Some(resolve));
    let (sender, granted) = oneshot::channel();
    let callback = Closure::once(move |lock: JsValue| -> JsValue {
        // Nobody waits any more if the request was refused.
        let _ = sender.send(!lock.is_null());
        if lock.is_null() { JsValue::UNDEFINED } else { held.into() }
    });
    let request = manager.request(name, &options, callback.as_ref().unchecked_ref())?;
    match select(granted, JsFuture::from(request)).await {
        Either::Left((Ok(true), _)) => Ok(release.map(|release| Lock { release })),
        // It ends at once if the lock is not granted.
        Either::Right((ended, _)) => ended.map(|_| None),
        Either::Left(_) => Ok(None),
    }
}
