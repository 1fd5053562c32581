//! The C runtime's sources, and which of them a network needs.

use crate::{memory::Routine, net::Graph};

/// A source of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// File name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The header that applications include.
pub const PUBLIC_HEADER: &str = "bitsmith.h";

macro_rules! sources {
    ($($name:literal)*) => {
        [$(Source { name: $name, text: include_str!(concat!("../../runtime/", $name)) }),*]
    };
}

/// All sources in alphabetical order.
const SOURCES: [Source; 29] = sources![
    "bitsmith.h"
    "bs_add.c"
    "bs_bytes.c"
    "bs_check.c"
    "bs_code.h"
    "bs_conv.c"
    "bs_depthwise.c"
    "bs_dot.c"
    "bs_dot.h"
    "bs_dot_c.h"
    "bs_dot_dsp.h"
    "bs_dsp.h"
    "bs_internal.h"
    "bs_line.c"
    "bs_line.h"
    "bs_line_c.h"
    "bs_line_dsp.h"
    "bs_linear.c"
    "bs_pixels.c"
    "bs_pixels.h"
    "bs_planes.c"
    "bs_planes.h"
    "bs_pointwise.c"
    "bs_pool.c"
    "bs_requantize.c"
    "bs_rows.c"
    "bs_rows.h"
    "bs_widen.c"
    "bs_widen.h"
];

/// Sources behind `bs_internal.h`, which every kernel includes.
const COMMON: [&str; 3] = ["bs_bytes.c", "bs_check.c", "bs_requantize.c"];

/// The source of a routine's function.
fn source_of(routine: Routine) -> &'static str {
    match routine {
        Routine::Pointwise => "bs_pointwise.c",
        Routine::Conv => "bs_conv.c",
        Routine::Depthwise => "bs_depthwise.c",
        Routine::Linear => "bs_linear.c",
        Routine::Pool => "bs_pool.c",
        Routine::Add => "bs_add.c",
    }
}

/// The sources that a network's routines need, in alphabetical order: theirs, and with every header that one
/// includes the source of the same name.
pub fn sources(graph: &Graph) -> Vec<Source> {
    let mut needed: Vec<String> = COMMON.map(String::from).to_vec();
    needed.extend(graph.layers.iter().map(|layer| source_of(Routine::of(layer)).to_owned()));
    let mut next = 0;
    while let Some(name) = needed.get(next) {
        let text = SOURCES.iter().find(|source| source.name == name).map_or("", |source| source.text);
        for header in includes(text) {
            for name in [header.to_owned(), header.replace(".h", ".c")] {
                if !needed.contains(&name) {
                    needed.push(name);
                }
            }
        }
        next += 1;
    }
    SOURCES.into_iter().filter(|source| needed.iter().any(|name| name == source.name)).collect()
}

/// Headers that a source includes by `#include "..."`.
fn includes(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("#include \"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Spec;

    fn names(network: &str) -> Vec<&'static str> {
        let graph = network.parse::<Spec>().expect(network).build();
        sources(&graph).iter().map(|source| source.name).collect()
    }

    #[test]
    fn every_file_of_the_runtime_is_here() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/runtime");
        let entries = std::fs::read_dir(folder).expect("the runtime's folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<String> = names.collect();
        names.sort();
        assert_eq!(names, SOURCES.map(|source| source.name));
    }

    #[test]
    fn a_network_gets_what_it_runs() {
        let all = SOURCES.map(|source| source.name);
        assert_eq!(names("mobilenet-v2-0.35-32"), all);
        let without_add: Vec<_> = all.into_iter().filter(|&name| name != "bs_add.c").collect();
        assert_eq!(names("mobilenet-v1-0.25-32"), without_add);
    }
}
