//! Weights of other tools become our networks: names, layouts, logits, and what is said when something is wrong.

#[path = "import/archive.rs"]
mod archive;
#[path = "common/built_in.rs"]
mod built_in;
#[path = "common/infer.rs"]
mod cases;
#[path = "import/golden.rs"]
mod golden;
#[path = "import/heads.rs"]
mod heads;
#[path = "import/preprocessing.rs"]
mod preprocessing;
#[path = "import/problems.rs"]
mod problems;
#[path = "common/quantized.rs"]
mod quantized;
#[path = "common/raw_graph.rs"]
mod raw_graph;
#[path = "import/settings.rs"]
mod settings;
#[path = "import/sides.rs"]
mod sides;
#[path = "import/torch.rs"]
mod torch;
