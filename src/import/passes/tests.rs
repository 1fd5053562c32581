//! Whole graphs: what is lowered computes what the file does, everything that is in the way is named, and nothing makes
//! the passes panic.

mod broken;
mod equal;
mod files;
mod refused;
mod taken;
