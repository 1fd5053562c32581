//! Short, unique names of layers out of a file's names of nodes. They go into C comments, reports and tables.

use std::collections::{HashMap, HashSet};

/// Characters of the longest name.
pub(super) const MOST_CHARACTERS: usize = 64;

/// Parts of a path that are looked at, from its end.
const MOST_PARTS: usize = 16;

/// Ends that say again what the operation is.
const ENDS: [&str; 12] = [
    "Conv2D",
    "depthwise",
    "BiasAdd",
    "MatMul",
    "Conv",
    "Gemm",
    "convolution",
    "Relu6",
    "Relu",
    "Add",
    "add",
    "FusedBatchNormV3",
];

/// A name for each node, in their order.
pub(super) fn short(names: &[&str]) -> Vec<String> {
    // TFLite joins the names of what it fused with `;`, the operation first.
    let mut parts: Vec<Vec<&str>> = names
        .iter()
        .map(|name| {
            let first = name.split([';', '\0']).next().unwrap_or(name);
            let mut parts: Vec<&str> =
                first.rsplit('/').filter(|part| !part.is_empty()).take(MOST_PARTS).collect();
            parts.reverse();
            // A name that a tool gave twice in a row, as in `conv1/conv1/Conv2D`.
            parts.dedup();
            parts
        })
        .collect();
    // What all of them begin with says nothing.
    while let Some(first) = parts.first().and_then(|parts| parts.first().copied())
        && parts.iter().all(|parts| parts.len() > 1 && parts.first() == Some(&first))
    {
        for parts in &mut parts {
            parts.remove(0);
        }
    }
    let mut names = Unique::default();
    parts.into_iter().map(|parts| names.add(&plain(&parts))).collect()
}

/// Without the operation at the end, and in letters, digits and `_.-/` alone.
fn plain(parts: &[&str]) -> String {
    let parts = match parts {
        [before @ .., last] if !before.is_empty() && ENDS.contains(last) => before,
        parts => parts,
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    let name: String = parts.join("/").chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    // The end of a path says more than its beginning. All characters are of one byte now.
    let start = name.len().saturating_sub(MOST_CHARACTERS);
    let name = name.get(start..).unwrap_or(&name).trim_matches('/');
    if name.chars().any(|c| c.is_ascii_alphanumeric()) { name.to_owned() } else { "layer".into() }
}

/// Names that are there already.
#[derive(Default)]
struct Unique {
    taken: HashSet<String>,
    /// The number after the last that a name got.
    next: HashMap<String, usize>,
}

impl Unique {
    /// The name, or with a number that makes it unique.
    fn add(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        let next = self.next.entry(candidate.clone()).or_insert(2);
        while !self.taken.insert(candidate.clone()) {
            let end = format!("_{next}");
            let start = name.get(..name.len().min(MOST_CHARACTERS - end.len())).unwrap_or(name);
            candidate = format!("{start}{end}");
            *next += 1;
        }
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_say_what_differs() {
        for (names, expected) in [
            (&["model/conv1/Conv2D", "model/block_1/depthwise/depthwise"][..], &["conv1", "block_1"][..]),
            (&["model/conv1/Relu;model/bn/FusedBatchNormV3;x", "model/dense/MatMul"], &["conv1", "dense"]),
            (
                &["/features/features.0/features.0.0/Conv", "/features/features.1/Conv", "/features/Add"],
                &["features.0/features.0.0", "features.1", "Add"],
            ),
            (&["Conv_0", "Conv_0", "Conv_0"], &["Conv_0", "Conv_0_2", "Conv_0_3"]),
            (&["a*/b\u{1b}[2J", "\u{4e2d}\u{6587}", "", "*/"], &["a_/b__2J", "layer", "layer_2", "layer_3"]),
            (&["Conv"], &["Conv"]),
            (&["model/x"], &["x"]),
        ] {
            assert_eq!(short(names), expected);
        }
    }

    proptest! {
        #[test]
        fn any_names_become_short_plain_and_unique(names in prop::collection::vec("[a/;*\u{4e2d}_]{0,80}", 0..20)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let found = short(&names);
            prop_assert_eq!(found.len(), names.len());
            let unique: HashSet<_> = found.iter().collect();
            prop_assert_eq!(unique.len(), names.len());
            for name in found {
                prop_assert!((1..=MOST_CHARACTERS).contains(&name.len()), "{}", name);
                prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c)), "{}", name);
            }
        }
    }
}
