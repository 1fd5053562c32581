//! One map over a slice, on all cores where there are threads.
//!
//! Results stand in the order of the items, so what is folded from them does not depend on the number of threads.
//! In the browser a pool of workers splits the images one level above; here the items follow each other.

/// Threads that share the work.
#[cfg(feature = "cli")]
pub(crate) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Threads that share the work.
#[cfg(not(feature = "cli"))]
pub(crate) fn threads() -> usize {
    1
}

/// `f` of every item, in order.
#[cfg(feature = "cli")]
pub(crate) fn map<T: Send, R: Send>(items: &mut [T], f: impl Fn(&mut T) -> R + Send + Sync) -> Vec<R> {
    use rayon::prelude::*;
    items.par_iter_mut().map(f).collect()
}

/// `f` of every item, in order.
#[cfg(not(feature = "cli"))]
pub(crate) fn map<T: Send, R: Send>(items: &mut [T], f: impl Fn(&mut T) -> R + Send + Sync) -> Vec<R> {
    items.iter_mut().map(f).collect()
}

/// `f` of every item, in order, each time with a workspace that is its thread's own for a while.
#[cfg(feature = "cli")]
pub(crate) fn map_with<T: Sync, W, R: Send>(
    items: &[T],
    workspace: impl Fn() -> W + Send + Sync,
    f: impl Fn(&mut W, &T) -> R + Send + Sync,
) -> Vec<R> {
    use rayon::prelude::*;
    items.par_iter().map_init(workspace, f).collect()
}

/// `f` of every item, in order, each time with the same workspace.
#[cfg(not(feature = "cli"))]
pub(crate) fn map_with<T: Sync, W, R: Send>(
    items: &[T],
    workspace: impl Fn() -> W + Send + Sync,
    f: impl Fn(&mut W, &T) -> R + Send + Sync,
) -> Vec<R> {
    let mut workspace = workspace();
    items.iter().map(|item| f(&mut workspace, item)).collect()
}
