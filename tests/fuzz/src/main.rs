//! Fuzzing of every parser, of the arena planner and of the C runtime's checks. docs/fuzzing.md says how to run it.
//!
//! One program for all targets, so that the crate is compiled once: `BITSMITH_FUZZ` says what it does.
//!
//! | value | |
//! |---|---|
//! | `list` | a line for each target: its name and the bytes of its longest input |
//! | `seeds FOLDER` | writes inputs to begin with, and dictionaries, into `FOLDER/TARGET` and `FOLDER/TARGET.dict` |
//! | a target's name | fuzzes it; compiled without `--cfg fuzzing` it runs the files that it is given, and says what they take |

#![cfg_attr(fuzzing, no_main)]

mod input;
mod meter;
mod panics;
mod targets;

use std::path::Path;
use std::sync::OnceLock;
use targets::{TARGETS, Target};

static TARGET: OnceLock<&Target> = OnceLock::new();

/// Does what `BITSMITH_FUZZ` says.
fn begin() {
    let task = std::env::var("BITSMITH_FUZZ").unwrap_or_default();
    if task == "list" {
        TARGETS.iter().for_each(|target| println!("{} {}", target.name, target.longest));
        std::process::exit(0);
    }
    if let Some(folder) = task.strip_prefix("seeds ") {
        TARGETS.iter().for_each(|target| write_seeds(target, Path::new(folder)));
        std::process::exit(0);
    }
    let Some(target) = TARGETS.iter().find(|target| target.name == task) else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("BITSMITH_FUZZ={task}: expected list, seeds FOLDER or one of {}", names.join(", "));
        std::process::exit(2);
    };
    // What a target needs once is of no input.
    (target.prepare)();
    TARGET.get_or_init(|| target);
    panics::tell_apart();
}

fn write_seeds(target: &Target, folder: &Path) {
    let own = folder.join(target.name);
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    };
    std::fs::create_dir_all(&own).unwrap_or_else(|error| panic!("{}: {error}", own.display()));
    for (number, seed) in (target.seeds)().into_iter().enumerate() {
        assert!(seed.len() <= target.longest, "seed {number} of {}: {} bytes", target.name, seed.len());
        write(&own.join(format!("seed-{number:02}")), &seed);
    }
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    let quoted = |word: &str| format!("\"{}\"\n", word.bytes().map(escaped).collect::<String>());
    let words: String = target.words.split_terminator('|').map(quoted).collect();
    write(&folder.join(format!("{}.dict", target.name)), words.as_bytes());
}

/// Runs the target, held to its limits.
fn run(data: &[u8]) -> Option<meter::Cost> {
    let target = TARGET.get().filter(|target| data.len() <= target.longest)?;
    let cost = meter::measured((target.memory)(data.len()), || (target.run)(data));
    let seconds = targets::SECONDS;
    assert!(cost.seconds <= seconds, "an input takes {:.2} s, above the limit of {seconds} s", cost.seconds);
    Some(cost)
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(init: begin(), |data: &[u8]| -> libfuzzer_sys::Corpus {
    match run(data) {
        Some(_) => libfuzzer_sys::Corpus::Keep,
        None => libfuzzer_sys::Corpus::Reject,
    }
});

#[cfg(not(fuzzing))]
fn main() {
    begin();
    for path in std::env::args().skip(1) {
        let data = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        match run(&data) {
            Some(cost) => println!("{path}: {:.3} s, {} bytes", cost.seconds, cost.bytes),
            None => println!("{path}: {} bytes are too many", data.len()),
        }
    }
}
