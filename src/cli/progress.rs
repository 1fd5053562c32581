//! How far something is, on standard error: a bar on a terminal, elsewhere a line every ten seconds.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time between two lines.
const PERIOD: Duration = Duration::from_secs(10);

/// Whether progress is not shown at all.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on no progress is shown.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// A bar with rate and remaining time, or lines with the same for log files.
pub struct Progress {
    bar: ProgressBar,
    lines: Option<Lines>,
}

impl Progress {
    /// `done` of `total` was done before.
    pub fn from(what: &'static str, done: usize, total: usize) -> Self {
        if QUIET.load(Ordering::Relaxed) {
            return Self { bar: ProgressBar::hidden(), lines: None };
        }
        let bar = ProgressBar::new(total as u64).with_message(what).with_position(done as u64);
        // The time that is left is known from what is done from now on.
        bar.reset_eta();
        let style = ProgressStyle::with_template("{msg:20} {wide_bar} {pos}/{len} {per_sec} {eta} left");
        let bar = if let Ok(style) = style { bar.with_style(style) } else { bar };
        let lines = (!stderr().is_terminal()).then(|| Lines::new(what, done as u64, total as u64));
        Self { bar, lines }
    }

    /// So many are done.
    pub fn set_position(&self, done: u64) {
        self.bar.set_position(done);
        self.line();
    }

    /// Says something else beside the bar.
    pub fn set_message(&self, message: String) {
        self.bar.set_message(message);
    }

    /// Prints a line that stays.
    pub fn print(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// All is done.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self) {
        if let Some(lines) = &self.lines
            && let Some(line) = lines.due(lines.start.elapsed(), self.bar.position(), &self.bar.message())
        {
            eprintln!("{line}");
        }
    }
}

/// Lines about the same work, each at least [`PERIOD`] after the one before.
struct Lines {
    what: &'static str,
    start: Instant,
    /// What was done before `start`.
    before: u64,
    total: u64,
    /// Milliseconds after `start` when the next line is due.
    next: AtomicU64,
}

impl Lines {
    fn new(what: &'static str, before: u64, total: u64) -> Self {
        let next = AtomicU64::new(PERIOD.as_millis() as u64);
        Self { what, start: Instant::now(), before, total, next }
    }

    /// The line if it is due after so much time; one thread gets it.
    fn due(&self, elapsed: Duration, done: u64, message: &str) -> Option<String> {
        let (now, next) = (elapsed.as_millis() as u64, self.next.load(Ordering::Relaxed));
        let after = now + PERIOD.as_millis() as u64;
        if now < next
            || self.next.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return None;
        }
        let Self { what, before, total, .. } = self;
        let news = if message == *what { String::new() } else { format!(", {message}") };
        let left = match done.saturating_sub(*before) {
            0 => String::new(),
            new => {
                let seconds = elapsed.as_secs_f64() * total.saturating_sub(done) as f64 / new as f64;
                format!(", about {seconds:.0} s left")
            }
        };
        Some(format!("{what}: {done} of {total}{news}, {:.0} s so far{left}", elapsed.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_every_ten_seconds() {
        let lines = Lines::new("searching", 20, 100);
        let at = |seconds, done, message| lines.due(Duration::from_secs(seconds), done, message);
        assert_eq!(at(9, 30, "searching"), None);
        let line = "searching: 40 of 100, 10 s so far, about 30 s left";
        assert_eq!(at(10, 40, "searching").as_deref(), Some(line));
        assert_eq!(at(19, 50, "searching"), None);
        let line = "searching: 60 of 100, agent 91.20 %, 40 s so far, about 40 s left";
        assert_eq!(at(40, 60, "agent 91.20 %").as_deref(), Some(line));
        assert_eq!(at(50, 20, "searching").as_deref(), Some("searching: 20 of 100, 50 s so far"));
    }
}
