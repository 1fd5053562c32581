//! Networks out of TensorFlow Lite files: what they hold, and what is said when something is wrong.

#[path = "tflite/about.rs"]
mod about;
#[path = "tflite/files.rs"]
mod files;
#[path = "tflite/hostile.rs"]
mod hostile;
#[path = "tflite/logits.rs"]
mod logits;
#[path = "tflite/operators.rs"]
mod operators;
#[path = "tflite/quantized.rs"]
mod quantized;
#[path = "tflite/shapes.rs"]
mod shapes;
#[path = "tflite/tiny.rs"]
mod tiny;
#[path = "tflite/writer.rs"]
mod writer;

use bitsmith::import::raw::{Constant, RawGraph, RawNode, Values};
use bitsmith::import::tflite::{self, TfliteError};
use peak_alloc::PeakAlloc;
use std::sync::{Mutex, PoisonError};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Reads a file, which may take four times its size and 64 MiB. Other tests take some memory meanwhile.
fn read(bytes: &[u8]) -> Result<RawGraph, TfliteError> {
    const OTHERS: usize = 32 << 20;
    static TURN: Mutex<()> = Mutex::new(());
    let _alone = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let result = tflite::read(bytes);
    let taken = ALLOCATED.peak_usage().saturating_sub(before);
    let most = 4 * bytes.len() + (64 << 20) + OTHERS;
    assert!(taken < most, "{} bytes of a file took {taken} bytes of memory", bytes.len());
    result
}

fn constant<'a>(graph: &'a RawGraph, name: &str) -> &'a Constant {
    graph.constants.get(name).unwrap_or_else(|| panic!("a constant '{name}'"))
}

fn floats(constant: &Constant) -> &[f32] {
    match &constant.values {
        Values::Floats(floats) => floats,
        Values::Integers(_) => panic!("weights are real numbers"),
    }
}

fn operators(graph: &RawGraph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.operator.as_str()).collect()
}

/// The first node of a kind.
fn node<'a>(graph: &'a RawGraph, operator: &str) -> &'a RawNode {
    graph.nodes.iter().find(|node| node.operator == operator).expect(operator)
}
