//! What a file says of itself beside its layers: its maker, and TensorFlow Lite Metadata.
//!
//! Metadata are a FlatBuffer in a buffer of the file (schema: `metadata_schema.fbs` of tflite-support); files that belong
//! to them, such as the names of the classes, lie in a zip archive behind the FlatBuffer. None of it is needed to read
//! the network: what is damaged is not there.

use super::flat::{Damaged, Scalars, Table};
use super::model::Model;
use crate::guarded::guarded;
use crate::import::raw::RawGraph;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Numbers of kinds in the schema's unions and enumerations.
const NORMALIZATION: u8 = 1;
const AXIS_LABELS: i8 = 2;

/// Bytes of the longest list of names that is read; ImageNet's 1000 take 22 KiB.
const MOST_LABEL_BYTES: usize = 1 << 20;
/// Files in the archive behind the network; there is one for each list of names.
const MOST_FILES: u16 = 256;

/// Adds to the network what the file says of it.
pub fn read(model: &Model, bytes: &[u8], graph: &mut RawGraph) {
    graph.producer = producer(model);
    let Some(table) = model.metadata("TFLITE_METADATA").and_then(|bytes| Table::root(bytes).ok()) else {
        return;
    };
    // Its name of the network is one that somebody has chosen.
    if let Some(name) = short(table.bytes(0)) {
        graph.name = name;
    }
    if let Ok(Some([mean, deviation])) = normalization(&table) {
        let text = |numbers: Scalars<f32>| {
            numbers.iter().map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
        };
        // Of colours as images have them.
        let entries = [("mean", text(mean)), ("std", text(deviation)), ("pixel_range", "255".to_owned())];
        graph.metadata.extend(entries.map(|(key, value)| (key.to_owned(), value)));
    }
    if let Ok(Some(name)) = labels_file(&table) {
        graph.labels = guarded(|| labels(bytes, name)).ok().flatten();
    }
}

/// The converter and the runtime that it asks for.
fn producer(model: &Model) -> String {
    let version = |bytes: &[u8]| short(Ok(bytes.split(|byte| *byte == 0).next().unwrap_or_default()));
    let made = model.metadata("CONVERSION_METADATA").and_then(|bytes| {
        let environment = Table::root(bytes).ok()?.table(0).ok()??;
        short(environment.bytes(0)).map(|version| format!("TensorFlow {version}"))
    });
    let runtime = model.metadata("min_runtime_version").and_then(version);
    let description = Some(model.description.trim_end_matches('.').to_owned());
    let parts = [description, made, runtime.map(|version| format!("for runtime {version} or later"))];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Text that is no longer than a name.
fn short(bytes: Result<&[u8], Damaged>) -> Option<String> {
    let text = bytes.ok().filter(|bytes| bytes.len() <= 256)?;
    let text = String::from_utf8_lossy(text).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Mean and deviation of the first input's colours: one for all channels or one for each.
fn normalization<'a>(metadata: &Table<'a>) -> Result<Option<[Scalars<'a, f32>; 2]>, Damaged> {
    let Some(graph) = metadata.tables(3)?.get(0)? else { return Ok(None) };
    let Some(input) = graph.tables(2)?.get(0)? else { return Ok(None) };
    for unit in input.tables(4)?.iter() {
        let unit = unit?;
        let (kind, options) = (unit.scalar(0, 0_u8)?, unit.table(1)?);
        if let (NORMALIZATION, Some(options)) = (kind, options) {
            let (mean, deviation) = (options.scalars::<f32>(0)?, options.scalars::<f32>(1)?);
            let is_usual = |numbers: &Scalars<f32>| matches!(numbers.len(), 1 | 3);
            return Ok((is_usual(&mean) && is_usual(&deviation)).then_some([mean, deviation]));
        }
    }
    Ok(None)
}

/// Name of the file that names the classes, of the first output that has one.
fn labels_file<'a>(metadata: &Table<'a>) -> Result<Option<&'a [u8]>, Damaged> {
    let Some(graph) = metadata.tables(3)?.get(0)? else { return Ok(None) };
    for output in graph.tables(3)?.iter() {
        for file in output?.tables(6)?.iter() {
            let file = file?;
            if file.scalar(2, 0_i8)? == AXIS_LABELS {
                return Ok(Some(file.bytes(0)?));
            }
        }
    }
    Ok(None)
}

/// The lines of a file in the archive behind the network.
fn labels(bytes: &[u8], name: &[u8]) -> Option<Vec<String>> {
    if !is_small_archive(bytes) {
        return None;
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let file = archive.by_name(std::str::from_utf8(name).ok()?).ok()?;
    let mut text = Vec::new();
    file.take(MOST_LABEL_BYTES as u64 + 1).read_to_end(&mut text).ok()?;
    if text.len() > MOST_LABEL_BYTES {
        return None;
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<String> = text.trim_end().lines().map(|line| line.trim().to_owned()).collect();
    (!text.trim_end().is_empty()).then_some(lines)
}

/// Whether a zip archive of few files ends the file. The directory of another one would be copied before it can be
/// counted.
fn is_small_archive(bytes: &[u8]) -> bool {
    const END: &[u8] = b"PK\x05\x06";
    const END_OF_ZIP64: &[u8] = b"PK\x06\x06";
    // The end of a zip holds its number of files, and may be followed by a comment of 64 KiB.
    let tail = bytes.get(bytes.len().saturating_sub(END.len() + 18 + 0xffff)..).unwrap_or(bytes);
    let Some(end) = tail.windows(END.len()).rposition(|window| window == END) else { return false };
    let files = tail.get(end + 10..).and_then(|rest| rest.first_chunk().copied()).map(u16::from_le_bytes);
    files.is_some_and(|files| files <= MOST_FILES)
        && !bytes.windows(END_OF_ZIP64.len()).any(|window| window == END_OF_ZIP64)
}
