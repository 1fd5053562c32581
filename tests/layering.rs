//! Who may use whom: modules only use those that stand before them in the flow of data.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the application is made of.
const CORE: [&str; 15] = [
    "net",
    "data",
    "quant",
    "float",
    "import",
    "infer",
    "memory",
    "speed",
    "search",
    "link",
    "calibrate",
    "score",
    "export",
    "train",
    "sealed",
];

/// The same with the application itself, for those who drive it.
const APPLICATION: [&str; 17] = [
    "net",
    "data",
    "quant",
    "float",
    "import",
    "infer",
    "memory",
    "speed",
    "search",
    "link",
    "calibrate",
    "score",
    "export",
    "train",
    "sealed",
    "printable",
    "flow",
];

/// A module and the modules of ours that it may use.
const ALLOWED: [(&str, &[&str]); 23] = [
    ("net", &[]),
    ("data", &["guarded", "printable"]),
    ("parallel", &[]),
    ("guarded", &[]),
    ("printable", &[]),
    ("sealed", &[]),
    ("quant", &["net"]),
    ("float", &["net"]),
    ("import", &["net", "quant", "guarded"]),
    ("infer", &["net", "quant"]),
    ("memory", &["net", "quant"]),
    ("speed", &["net", "memory"]),
    ("search", &["net", "quant", "memory", "parallel", "sealed"]),
    ("score", &["net", "quant", "infer", "calibrate", "search", "parallel"]),
    ("link", &["net", "quant", "memory"]),
    ("calibrate", &["net", "quant", "float", "infer", "parallel"]),
    ("export", &["net", "quant", "memory", "speed", "infer"]),
    ("train", &["net", "quant", "infer", "parallel", "sealed"]),
    ("flow", &CORE),
    ("cli", &APPLICATION),
    ("web", &APPLICATION),
    ("ui", &["net", "data", "quant", "memory", "speed", "search", "link", "train", "flow", "web"]),
    ("bin", &["cli", "web", "ui"]),
];

/// Crates that only some modules may see.
const CONFINED: [(&str, &[&str]); 6] = [
    ("web_sys", &["web", "ui", "bin"]),
    ("yew", &["web", "ui", "bin"]),
    ("clap", &["cli"]),
    ("burn", &["train"]),
    ("burn_wgpu", &["train"]),
    ("cubecl", &["train"]),
];

#[test]
fn modules_use_only_what_stands_before_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for path in sources(&root) {
        let below = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
        let module = below.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        if module == "lib" || module == "main" {
            continue;
        }
        let allowed = ALLOWED.iter().find(|(name, _)| *name == module);
        let Some((_, allowed)) = allowed else {
            wrong.push(format!("{below}: the module {module} has no row in this test"));
            continue;
        };
        seen.insert(module.clone());
        let code = without_tests(&fs::read_to_string(&path).expect("a source file"));
        for used in used_modules(&code) {
            if used != module
                && !allowed.contains(&used.as_str())
                && ALLOWED.iter().any(|(name, _)| *name == used)
            {
                wrong.push(format!("{below} uses {used}"));
            }
        }
        for (confined, users) in CONFINED {
            if code.contains(&format!("{confined}::")) && !users.contains(&module.as_str()) {
                wrong.push(format!("{below} uses {confined}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() > 10, "only {seen:?} was found below {}", root.display());
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(ending) if ending == "rs" => vec![path],
            _ => Vec::new(),
        })
        // Tests may compare with whatever they like.
        .filter(|path| !path.ends_with("tests.rs"))
        .collect()
}

fn without_tests(code: &str) -> String {
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    code.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// First components of the paths that begin with `crate::`, also in lists.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        used.insert(first_word(&std::mem::take(&mut item)));
                    }
                    _ if depth == 0 => item.push(c),
                    _ => {}
                }
            }
            used.insert(first_word(&item));
        } else {
            used.insert(first_word(rest));
        }
    }
    used
}

fn first_word(path: &str) -> String {
    path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn paths_are_found_in_every_form() {
    let code =
        "use crate::net::Graph;\nuse crate::{memory::{Budget, Plan}, quant};\nlet x = crate::link::y();";
    let found: Vec<_> = used_modules(code).into_iter().collect();
    assert_eq!(found, ["link", "memory", "net", "quant"]);
}
