//! Who may use whom: modules only use those that stand before them in the flow of data.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the application is made of, in the order of the flow of data.
const CORE: [&str; 14] = [
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
];

/// Plain helpers that everybody may use.
const HELPERS: [&str; 7] =
    ["parallel", "random", "guarded", "printable", "proportion", "sealed", "onnx_proto"];

/// A module and the modules of ours that it may use.
const ALLOWED: [(&str, &[&str]); 26] = [
    ("net", &[]),
    ("data", &[]),
    ("parallel", &[]),
    ("random", &[]),
    ("guarded", &[]),
    ("printable", &[]),
    ("proportion", &[]),
    ("sealed", &[]),
    ("onnx_proto", &[]),
    ("quant", &["net"]),
    ("float", &["net"]),
    ("import", &["net", "quant"]),
    ("infer", &["net", "quant"]),
    ("memory", &["net", "quant"]),
    ("speed", &["net", "memory"]),
    ("search", &["net", "quant", "memory"]),
    ("score", &["net", "quant", "float", "infer", "calibrate", "search"]),
    ("link", &["net", "quant", "memory", "search"]),
    ("calibrate", &["net", "quant", "float", "infer"]),
    ("export", &["net", "quant", "memory", "speed", "infer"]),
    ("train", &["net", "quant", "infer"]),
    ("flow", &CORE),
    ("cli", &["flow"]),
    ("web", &["flow"]),
    ("ui", &["net", "data", "quant", "memory", "speed", "search", "link", "train", "flow", "web"]),
    ("bin", &["cli", "web", "ui"]),
];

/// Those that drive the application see all of it.
const DRIVERS: [&str; 2] = ["cli", "web"];

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
        let code = without_tests(&bare(&fs::read_to_string(&path).expect("a source file")));
        for used in used_modules(&code, depth(&below)) {
            let is_ours = ALLOWED.iter().any(|(name, _)| *name == used);
            let may = allowed.contains(&used.as_str())
                || HELPERS.contains(&used.as_str())
                || DRIVERS.contains(&module.as_str()) && CORE.contains(&used.as_str());
            if is_ours && used != module && !may {
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
        .filter(|path| {
            !path.components().any(|part| ["tests", "tests.rs"].iter().any(|name| part.as_os_str() == *name))
        })
        .collect()
}

/// Modules around a file below `src`, itself included: `net.rs` 1, `net/graph.rs` 2.
fn depth(below: &str) -> usize {
    below.split('/').count()
}

/// Code with nothing in its strings and characters, and without comments.
fn bare(code: &str) -> String {
    let mut bare = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let quoted = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            end_of_string(rest)
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if c == '\'' {
            end_of_character(rest)
        } else {
            0
        };
        if quoted == 0 {
            bare.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            bare.push(' ');
            rest = &rest[quoted..];
        }
    }
    bare
}

/// Bytes of the string at the beginning.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Bytes of the character at the beginning; 0 if it is a lifetime.
fn end_of_character(text: &str) -> usize {
    let mut inner = text[1..].char_indices();
    match (inner.next(), inner.next()) {
        (Some((_, '\\')), Some((_, _))) => text[3..].find('\'').map_or(0, |at| at + 4),
        (Some(_), Some((at, '\''))) => at + 2,
        _ => 0,
    }
}

/// Marks around the raw string that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.bytes().take_while(|&byte| byte == b'#').count();
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// Bare code without the items that are for tests alone.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        kept.push_str(&rest[..start]);
        let item = &rest[start + MARK.len()..];
        let mut depth = 0;
        let end = item.find(|c: char| {
            match c {
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(c, ';' | '}')
        });
        rest = end.map_or("", |end| &item[end + 1..]);
    }
    kept + rest
}

/// First components of the paths that begin with `crate::`, or with enough `super::` to be there, also in lists.
fn used_modules(code: &str, depth: usize) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let root = "super::".repeat(depth);
    let from_root = code.split("crate::").skip(1).chain(code.split(root.as_str()).skip(1));
    for rest in from_root {
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
    for (code, expected) in [
        ("use crate::net::Graph;\nlet x = crate::link::y();", &["link", "net"][..]),
        ("use crate::{memory::{Budget, Plan}, quant};", &["memory", "quant"]),
        (
            "use super::score;\nuse super::super::ui::app;\nuse super::super::{web, flow::x};",
            &["flow", "ui", "web"],
        ),
        ("#[cfg(test)]\nconst X: [u8; 2] = [crate::ui::X; 2];\nuse crate::net;", &["net"]),
        ("#[cfg(test)]\nmod sample;\nuse crate::net;", &["net"]),
        ("#[cfg(test)]\nmod tests { fn x() { crate::ui::y(); } }\nuse crate::net;", &["net"]),
        ("#[cfg(test)]\nuse crate::{ui, web};\nuse crate::net;", &["net"]),
        ("// crate::ui\n/* crate::ui */ let c = '{'; let s = \"crate::ui\"; use crate::net;", &["net"]),
        ("let s = r#\"crate::ui \"{\"#; fn f<'a>(x: &'a str) {} use crate::net;", &["net"]),
        ("let s = \"\\\"crate::ui\"; let c = '\\''; use crate::net;", &["net"]),
    ] {
        let found: Vec<_> = used_modules(&without_tests(&bare(code)), 2).into_iter().collect();
        assert_eq!(found, expected, "{code}");
    }
}
