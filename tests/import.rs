//! Weights of other tools become our networks: names, layouts, logits, and what is said when something is wrong.

#[path = "import/archive.rs"]
mod archive;
#[path = "import/golden.rs"]
mod golden;
#[path = "import/problems.rs"]
mod problems;
#[path = "import/settings.rs"]
mod settings;
