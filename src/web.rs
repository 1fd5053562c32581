//! The browser: the line between the page and its worker.

mod port;

pub use port::Port;
