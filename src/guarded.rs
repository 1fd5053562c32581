//! Code of others that reads files, called so that its panic is an error of the file and not the end of the run.
//!
//! In Wasm a panic cannot be caught: there a worker dies. What is known to panic is therefore refused before it is
//! called, see `data::decode`. Fuzzing (tests/fuzz) tells by the place of a panic whether it is ours, which it does not
//! forgive.

/// What `read` gives, or what its panic said.
#[cfg(target_arch = "wasm32")]
pub fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    Ok(read())
}

/// What `read` gives, or what its panic said. `read` must leave nothing behind that is used after a panic.
#[cfg(not(target_arch = "wasm32"))]
pub fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    // Fuzzing has a hook of its own.
    #[cfg(not(fuzzing))]
    quiet();
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(before);
    result.map_err(|said| {
        let text = said.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| said.downcast_ref::<&str>().copied()).unwrap_or("no reason given").to_owned()
    })
}

/// The usual hook prints every panic; those that are caught here become errors and are told as such.
#[cfg(not(any(target_arch = "wasm32", fuzzing)))]
fn quiet() {
    use std::panic::{set_hook, take_hook};
    use std::sync::Once;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                usual(panic);
            }
        }));
    });
}

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    /// Whether this thread runs code of others.
    static GUARDED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_words() {
        assert_eq!(guarded(|| 7), Ok(7));
        let bytes: &[u8] = &[];
        assert_eq!(
            guarded(|| bytes[0]),
            Err("index out of bounds: the len is 0 but the index is 0".to_owned())
        );
        assert_eq!(guarded(|| panic!("a reason")), Err::<(), _>("a reason".to_owned()));
        // One inside another: the outer is still guarded afterwards.
        let outer = guarded(|| {
            assert!(guarded(|| panic!("inner")).is_err());
            panic!("outer");
        });
        assert_eq!(outer, Err::<(), _>("outer".to_owned()));
    }
}
