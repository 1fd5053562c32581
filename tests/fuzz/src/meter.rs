//! What an input costs: memory of the Rust heap, seconds of the processor.

use cpu_time::ThreadTime;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counted and held to a limit.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes allocated, the most of them since a measurement began, and the most there may be.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

impl Counting {
    fn grow(bytes: usize) {
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
        if live > LIMIT.load(Relaxed) {
            // The message needs memory too.
            let limit = LIMIT.swap(usize::MAX, Relaxed);
            eprintln!("an input takes {bytes} bytes more, above the limit of its target ({live} > {limit})");
            std::process::abort();
        }
    }
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::grow(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::grow(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::grow(size.saturating_sub(layout.size()));
        LIVE.fetch_sub(layout.size().saturating_sub(size), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What a run took.
pub struct Cost {
    /// Most bytes of memory at once.
    #[cfg_attr(fuzzing, allow(dead_code, reason = "said of files that are replayed"))]
    pub bytes: usize,
    /// Seconds of the processor.
    pub seconds: f64,
}

/// Ends the limit of what runs, whose end is near: a report of it needs memory.
pub fn unlimited() {
    LIMIT.store(usize::MAX, Relaxed);
}

/// Runs something that may take so many bytes more than there are.
pub fn measured(most: usize, run: impl FnOnce()) -> Cost {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    LIMIT.store(before.saturating_add(most), Relaxed);
    let started = ThreadTime::now();
    run();
    let seconds = started.elapsed().as_secs_f64();
    unlimited();
    Cost { bytes: PEAK.load(Relaxed) - before, seconds }
}
