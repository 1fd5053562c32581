//! Whose panic it is. Parsers of others are called so that their panic is an error of the file; ours is a fault.

use crate::meter;
use std::collections::BTreeSet;
use std::panic::{set_hook, take_hook};
use std::sync::{Mutex, PoisonError};

/// Places in crates of others that have panicked, each told once.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Lets panics in crates of others unwind: where they are caught they are errors of the file, and else the fuzzer finds
/// them at the end of their way. All others go on to the hook that was there.
pub fn tell_apart() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        let others = panic.location().filter(|place| place.file().contains("/registry/src/"));
        let Some(place) = others else {
            meter::unlimited();
            return usual(panic);
        };
        if SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(place.to_string()) {
            eprintln!("panic of others: {panic}");
        }
    }));
}
