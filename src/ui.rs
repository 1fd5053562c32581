//! The page: a network, a device, images, a policy and what comes of them, on one screen.
//!
//! [`state`] holds all that the page knows and how it changes, in plain Rust that is tested without a browser; the
//! components draw it. Everything slow happens in the worker behind `web::Port`.

#[cfg(feature = "web")]
mod app;
#[cfg(feature = "web")]
mod browser;
pub mod chart;
#[cfg(feature = "web")]
mod components;
pub mod format;
#[cfg(feature = "web")]
mod line;
#[cfg(feature = "web")]
mod opening;
#[cfg(feature = "web")]
mod reports;
#[cfg(feature = "web")]
mod sections;
pub mod state;

#[cfg(feature = "web")]
pub use app::App;
