//! The C runtime's sources: the same in every package of a version, one operator a file, so that linkers leave out what a
//! network does not call.

/// A source of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// File name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! sources {
    ($($name:literal)*) => {
        [$(Source { name: $name, text: include_str!(concat!("../../runtime/", $name)) }),*]
    };
}

/// All sources in alphabetical order.
pub const SOURCES: [Source; 39] = sources![
    "bitsmith.h"
    "bs_add.c"
    "bs_blocks.c"
    "bs_bytes.c"
    "bs_check.c"
    "bs_code.h"
    "bs_conv.c"
    "bs_depthwise.c"
    "bs_depthwise_any.c"
    "bs_dot.c"
    "bs_dot.h"
    "bs_dot_c.h"
    "bs_dot_dsp.h"
    "bs_dsp.h"
    "bs_internal.h"
    "bs_line.c"
    "bs_line.h"
    "bs_line_7_dsp.h"
    "bs_line_c.h"
    "bs_line_dsp.h"
    "bs_linear.c"
    "bs_lookup.c"
    "bs_multiply.c"
    "bs_pixels.c"
    "bs_pixels.h"
    "bs_planes.c"
    "bs_planes.h"
    "bs_pointwise.c"
    "bs_pool.c"
    "bs_pool.h"
    "bs_pool_logits.c"
    "bs_requantize.c"
    "bs_rows.c"
    "bs_rows.h"
    "bs_widen.c"
    "bs_widen.h"
    "bs_window.h"
    "bs_window_average.c"
    "bs_window_max.c"
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_runtime_is_here() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/runtime");
        let entries = std::fs::read_dir(folder).expect("the runtime's folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<String> = names.collect();
        names.sort();
        assert_eq!(names, SOURCES.map(|source| source.name));
    }
}
