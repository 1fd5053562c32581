//! Ctrl-C: the running step ends and keeps what it has; a second one ends the program at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

/// Exit code of a program that was interrupted, as shells have it.
pub const INTERRUPTED: u8 = 130;

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on Ctrl-C ends the running step alone, and so does what else asks the program to end.
pub fn listen() {
    for signal in [SIGINT, SIGTERM] {
        // The first of these does nothing before the second has been called once.
        let listens = flag::register_conditional_shutdown(signal, INTERRUPTED.into(), ASKED.clone())
            .and_then(|_| flag::register(signal, ASKED.clone()));
        if let Err(error) = listens {
            eprintln!("note: Ctrl-C ends the program at once: {error}");
        }
    }
}

/// Whether the running step shall end.
pub fn stops() -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);
    let stops = ASKED.load(Relaxed);
    if stops && !SAID.swap(true, Relaxed) {
        eprintln!("\nstopping; press Ctrl-C again to end at once");
    }
    stops
}
