//! Compiles the C runtime with its checks; for fuzzing with AddressSanitizer, UndefinedBehaviorSanitizer and coverage.

use std::path::Path;

fn main() {
    let runtime = Path::new("../../runtime");
    println!("cargo:rerun-if-changed={}", runtime.display());
    let entries = std::fs::read_dir(runtime).expect("the folder of the runtime");
    let mut sources: Vec<_> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    sources.retain(|path| path.extension().is_some_and(|ending| ending == "c"));
    sources.sort();
    let mut build = cc::Build::new();
    build.std("c11").define("BS_CHECK", "1").files(sources);
    if std::env::var_os("CARGO_CFG_FUZZING").is_some() {
        // What UndefinedBehaviorSanitizer finds is a trap, so that only one sanitizer's library is linked: Rust's.
        build
            .flag("-fsanitize=address,undefined,fuzzer-no-link")
            .flag("-fsanitize-trap=undefined")
            .flag("-g");
    }
    build.compile("bitsmith_runtime");
}
