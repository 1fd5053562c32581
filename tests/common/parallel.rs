//! Work on all cores.

use std::sync::Mutex;

/// Runs a function for each item, on as many threads as there are cores. Panics if one call panics.
pub fn in_parallel<T: Send>(items: impl IntoIterator<Item = T, IntoIter: Send>, run: impl Fn(T) + Sync) {
    let queue = Mutex::new(items.into_iter());
    let next = || queue.lock().expect("no worker panics with the lock").next();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(item) = next() {
                    run(item);
                }
            });
        }
    });
}
