//! The browser: workers, files, messages.
//!
//! The page only draws. It talks to one worker, which owns the flow and reads the user's files; that worker starts a
//! pool of evaluation workers, one per core, each of which holds its own share of the images, and, when training starts,
//! the worker that trains, whose program is large. No memory is shared, so any static host will do; what evaluation
//! workers find out about a layer together, they tell each other without a detour over the one that started them.

mod address;
mod channel;
mod files;
mod inbox;
mod keep;
mod lock;
mod peers;
mod pool;
mod port;
mod runner;
mod store;
#[cfg(feature = "train")]
pub mod trainer;
mod trainer_port;
mod training;
mod wire;
pub mod worker;

pub use address::app_path;
pub use files::picked_name;
pub use port::{Port, trainer_module};
