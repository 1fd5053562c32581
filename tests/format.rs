//! docs/format.md says what the code does: its tables and the bytes of its example.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/packaged.rs"]
mod packaged;

use bitsmith::export::model::{self, Field, VERSION, ZOO_VERSION, header, layer, tensor};
use packaged::exportable_network;

const TEXT: &str = include_str!("../docs/format.md");

/// The text below a heading, up to the next of the same or a higher level.
fn section(heading: &str) -> &'static str {
    let start = TEXT.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading '{heading}'"));
    let body = &TEXT[start + heading.len() + 2..];
    let end = body.find("\n## ").unwrap_or(body.len());
    &body[..end]
}

/// Offset, bytes and name of the rows of a section's table.
fn rows(heading: &str) -> Vec<(usize, usize, String)> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (at, bytes) = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
        Some((at, bytes, cells.next()?.trim_matches('`').to_owned()))
    };
    section(heading).lines().filter_map(row).collect()
}

#[test]
fn tables_are_those_of_the_code() {
    for (heading, fields, bytes) in [
        ("## Header", header::FIELDS, header::BYTES),
        ("## Tensor record", tensor::FIELDS, tensor::BYTES),
        ("## Layer record", layer::FIELDS, layer::BYTES),
    ] {
        let expected: Vec<_> = fields
            .iter()
            .map(|(name, Field { at, bytes })| (*at, *bytes, name.to_ascii_lowercase()))
            .collect();
        assert_eq!(rows(heading), expected, "{heading}");
        let mut end = 0;
        for (at, bytes, name) in expected {
            assert_eq!(at, end, "{heading}: {name} follows what is before it");
            end += bytes;
        }
        assert_eq!(end, bytes, "{heading}: the record has no other bytes");
        assert!(section(heading).contains(&format!("{bytes} bytes")), "{heading}: its bytes are given");
    }
    assert!(TEXT.contains(&format!("version {ZOO_VERSION}")) && TEXT.contains(&format!("version {VERSION}")));
}

#[test]
fn the_example_is_a_file() {
    let mut network = exportable_network("mobilenet-v1-0.10-32", 2, 1);
    network.labels = Some(["cat", "dog"].map(String::from).to_vec());
    let file = model::write(&network).expect("an exportable network");
    let text = section("## An example");
    let lines = lines_that_agree(text, &file);
    assert!(lines > 60, "{lines} lines of the example were found");
    assert!(text.contains(&format!("{} bytes", file.len())), "{} bytes", file.len());
}

/// How many lines of a text say what bytes of a file are, and are right.
fn lines_that_agree(text: &str, file: &[u8]) -> usize {
    let mut lines = 0;
    // Each line: where, then bytes in hexadecimal, then two spaces and what they say.
    for line in text.lines() {
        let Some((at, rest)) = line.split_once("  ") else { continue };
        let Ok(at) = usize::from_str_radix(at, 16) else { continue };
        let (bytes, _) = rest.split_once("  ").unwrap_or((rest, ""));
        let bytes: Vec<u8> = bytes
            .split(' ')
            .map(|byte| u8::from_str_radix(byte, 16).unwrap_or_else(|_| panic!("'{byte}' in '{line}'")))
            .collect();
        let found = &file[at..at + bytes.len()];
        let hexadecimal = found.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        assert_eq!(bytes, found, "{line}\nexpected {hexadecimal}");
        lines += 1;
    }
    lines
}
