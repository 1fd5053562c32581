//! The bytes of a file to its network.

use super::error::ModelError;
use super::fields::{CRC_BYTES, Field, MAGIC, VERSION, ZOO_VERSION, header, layer, tensor};
use super::own;
use super::record::View;
use super::write::encode;
use crate::{
    export::{blob, check},
    net::{Graph, Normalization, Op, Padding, Spec},
    quant::{AddRequantizer, Bits, Kernel, QuantizedLayer, QuantizedNetwork, Quantizer, Requantizer},
};
use sha2::{Digest, Sha256};

/// The network of a file.
///
/// # Errors
/// If the bytes are something else, come from a newer version, were cut off or damaged, or contradict themselves.
pub fn read(bytes: &[u8]) -> Result<QuantizedNetwork, ModelError> {
    let header = open(bytes)?;
    let tables = Tables { bytes, header };
    let network = match header.u16(header::VERSION) {
        ZOO_VERSION => read_spec(&header)?.into(),
        _ => own::read(&tables)?,
    };
    let graph = network.graph();
    count(&header, header::TENSORS, "tensors", graph.tensors.len())?;
    count(&header, header::LAYERS, "layers", graph.layers.len())?;

    let tensors =
        (0..graph.tensors.len()).map(|id| read_tensor(&tables.tensor(id)?)).collect::<Result<Vec<_>, _>>()?;
    let records = (0..graph.layers.len()).map(|id| tables.layer(id)).collect::<Result<Vec<_>, _>>()?;
    let widths = graph.layers.iter().zip(&records).map(|(layer, record)| {
        if layer.has_weights() { bits(record, layer::WEIGHT_BITS) } else { Ok(Bits::B8) }
    });
    let widths = widths.collect::<Result<Vec<_>, _>>()?;
    let policy = check::policy_of(graph, &tensors, widths.iter().copied()).ok_or_else(|| {
        wrong(&header, header::TENSORS_AT, "widths of tensors", "8 for image, pool and logits", "another")
    })?;

    let (places, section_bytes) = blob::places(graph, &policy);
    let section = section(bytes, &header, section_bytes)?;
    let mut layers = Vec::with_capacity(records.len());
    for (id, (layer, record)) in graph.layers.iter().zip(&records).enumerate() {
        layers.push(match (layer.op, &places[id]) {
            (Op::GlobalAvgPool, _) => QuantizedLayer::Pool(requantizer(record)),
            (Op::MaxPool(..), _) => QuantizedLayer::MaxPool,
            (Op::AvgPool(..), _) => QuantizedLayer::AvgPool,
            (Op::Multiply, _) => QuantizedLayer::Multiply(requantizer(record)),
            (Op::Lookup(_), Some(place)) => {
                QuantizedLayer::Lookup(blob::read_tables(graph, &policy, layer, place, section).concat())
            }
            (Op::Concat, Some(place)) => {
                QuantizedLayer::Concat(blob::read_tables(graph, &policy, layer, place, section))
            }
            (_, Some(place)) => {
                let (weights, zero_points, requantizers) =
                    blob::read(graph, layer, widths[id], place, section);
                let pad_codes = pad_codes(record)?;
                let bits = widths[id];
                QuantizedLayer::Kernel(Kernel { weights, bits, zero_points, requantizers, pad_codes })
            }
            // All other operations but this have weights or tables.
            (_, None) => QuantizedLayer::Add(AddRequantizer {
                multipliers: [record.i32(layer::MULTIPLIER_A), record.i32(layer::MULTIPLIER_B)],
                offset: record.i32(layer::OFFSET),
                shift: record.u8(layer::SHIFT),
            }),
        });
    }
    let normalization =
        Normalization { mean: header.colours(header::MEAN), deviation: header.colours(header::DEVIATION) };
    let labels = read_labels(bytes, &header, graph)?;
    let network =
        QuantizedNetwork { network: network.clone(), policy, tensors, layers, normalization, labels };
    check::check(&network)?;
    compare(bytes, &encode(&network))?;
    Ok(network)
}

/// One requantizer for all channels.
fn requantizer(record: &View) -> Requantizer {
    Requantizer {
        bias: record.i32(layer::OFFSET),
        multiplier: record.i32(layer::MULTIPLIER_A),
        shift: record.u8(layer::SHIFT),
    }
}

/// Checks that the bytes are a whole and undamaged file of a known version.
fn open(bytes: &[u8]) -> Result<View<'_>, ModelError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(ModelError::Magic(bytes[..bytes.len().min(MAGIC.len())].to_vec()));
    }
    let short = ModelError::Length { expected: header::BYTES + CRC_BYTES, found: bytes.len() };
    // The version says what the rest of the header means, so it comes first.
    let version = bytes.get(header::VERSION.at..header::VERSION.at + 2).ok_or_else(|| short.clone())?;
    let version = u16::from_le_bytes([version[0], version[1]]);
    if ![ZOO_VERSION, VERSION].contains(&version) {
        return Err(ModelError::Version(version));
    }
    let header = View::new(bytes, 0, header::BYTES).ok_or(short)?;
    let expected = header.u32(header::FILE_BYTES) as usize;
    if bytes.len() != expected || expected < header::BYTES + CRC_BYTES {
        return Err(ModelError::Length { expected, found: bytes.len() });
    }
    let (content, crc) = bytes.split_at(expected - CRC_BYTES);
    let stated = u32::from_le_bytes([crc[0], crc[1], crc[2], crc[3]]);
    let found = crc32fast::hash(content);
    if stated != found {
        let hex = |crc: u32| format!("{crc:08x}");
        return Err(ModelError::Checksum { what: "CRC-32", expected: hex(stated), found: hex(found) });
    }
    Ok(header)
}

fn read_spec(header: &View) -> Result<Spec, ModelError> {
    let name = header
        .text(header::NAME)
        .ok_or_else(|| wrong(header, header::NAME, "name of the network", "UTF-8", "other bytes"))?;
    let spec = name.parse::<Spec>()?.with_classes(u64::from(header.u16(header::CLASSES)))?;
    let padding = match header.u8(header::PADDING) {
        0 => Padding::TensorFlow,
        1 => Padding::PyTorch,
        other => return Err(wrong(header, header::PADDING, "padding", "0 or 1", other)),
    };
    Ok(spec.with_padding(padding))
}

fn read_tensor(record: &View) -> Result<Quantizer, ModelError> {
    let scale = record.f64(tensor::SCALE);
    let zero_point = record.u8(tensor::ZERO_POINT);
    Ok(Quantizer { scale, zero_point, bits: bits(record, tensor::BITS)? })
}

fn bits(record: &View, field: Field) -> Result<Bits, ModelError> {
    let found = record.u8(field);
    Bits::try_from(u32::from(found)).map_err(|_| wrong(record, field, "width", "2, 4 or 8", found))
}

fn pad_codes(record: &View) -> Result<Vec<u8>, ModelError> {
    let number = record.u8(layer::PAD_CODES);
    match number {
        1 | 3 => Ok(record.bytes(layer::PAD_CODE)[..usize::from(number)].to_vec()),
        other => Err(wrong(record, layer::PAD_CODES, "number of pad codes", "1 or 3", other)),
    }
}

/// The weights' section, checked against its length and its checksum.
fn section<'a>(bytes: &'a [u8], header: &View, expected: usize) -> Result<&'a [u8], ModelError> {
    let start = header.u32(header::SECTION_AT) as usize;
    let found = header.u32(header::SECTION_BYTES) as usize;
    if found != expected {
        return Err(wrong(header, header::SECTION_BYTES, "bytes of the weights' section", expected, found));
    }
    let section = bytes.get(start..).and_then(|rest| rest.get(..expected)).ok_or_else(|| {
        wrong(header, header::SECTION_AT, "start of the weights' section", "a place in the file", start)
    })?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (expected, found) = (header.bytes(header::SHA256), Sha256::digest(section));
    if expected == found.as_slice() {
        Ok(section)
    } else {
        let (expected, found) = (hex(expected), hex(&found));
        Err(ModelError::Checksum { what: "SHA-256 of the weights", expected, found })
    }
}

fn read_labels(bytes: &[u8], header: &View, graph: &Graph) -> Result<Option<Vec<String>>, ModelError> {
    match header.u8(header::HAS_LABELS) {
        0 => return Ok(None),
        1 => {}
        other => return Err(wrong(header, header::HAS_LABELS, "whether there are labels", "0 or 1", other)),
    }
    match (Tables { bytes, header: *header }).texts(header::LABELS_AT, graph.classes()) {
        Some(labels) => Ok(Some(labels)),
        None => {
            Err(wrong(header, header::LABELS_AT, "labels", "one UTF-8 text for each class", "other bytes"))
        }
    }
}

/// The parts of a file.
pub(super) struct Tables<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) header: View<'a>,
}

impl<'a> Tables<'a> {
    pub(super) fn tensor(&self, id: usize) -> Result<View<'a>, ModelError> {
        self.record(header::TENSORS_AT, tensor::BYTES, id)
    }

    pub(super) fn layer(&self, id: usize) -> Result<View<'a>, ModelError> {
        self.record(header::LAYERS_AT, layer::BYTES, id)
    }

    fn record(&self, table: Field, size: usize, id: usize) -> Result<View<'a>, ModelError> {
        let start = self.header.u32(table) as usize;
        let view = start.checked_add(size * id).and_then(|start| View::new(self.bytes, start, size));
        view.ok_or_else(|| wrong(&self.header, table, "start of a table", "a place in the file", start))
    }

    /// Texts of a table of texts; `None` if there are fewer, or other bytes.
    pub(super) fn texts(&self, table: Field, count: usize) -> Option<Vec<String>> {
        let mut rest = self.bytes.get(self.header.u32(table) as usize..)?;
        let mut next = || {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            let (text, behind) = behind.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = behind;
            String::from_utf8(text.to_vec()).ok()
        };
        (0..count).map(|_| next()).collect()
    }

    /// Numbers of 16 bits at a place in the file, behind their count; `None` beyond the file's end.
    pub(super) fn numbers(&self, at: usize) -> Option<Vec<usize>> {
        let (count, rest) = self.bytes.get(at..)?.split_first_chunk::<2>()?;
        let numbers = rest.get(..2 * usize::from(u16::from_le_bytes(*count)))?;
        Some(
            numbers.chunks_exact(2).map(|pair| usize::from(u16::from_le_bytes([pair[0], pair[1]]))).collect(),
        )
    }
}

fn count(header: &View, field: Field, what: &'static str, expected: usize) -> Result<(), ModelError> {
    let found = usize::from(header.u16(field));
    if found == expected { Ok(()) } else { Err(wrong(header, field, what, expected, found)) }
}

/// The file must be the one that this network has.
fn compare(bytes: &[u8], expected: &[u8]) -> Result<(), ModelError> {
    if bytes == expected {
        return Ok(());
    }
    let at = bytes.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(bytes.len().min(expected.len()));
    let byte = |bytes: &[u8]| bytes.get(at).map_or("the end".into(), u8::to_string);
    let what = "which the rest of the file determines";
    Err(ModelError::Value { at, what, expected: byte(expected), found: byte(bytes) })
}

pub(super) fn wrong(
    record: &View,
    field: Field,
    what: &'static str,
    expected: impl ToString,
    found: impl ToString,
) -> ModelError {
    let (expected, found) = (expected.to_string(), found.to_string());
    ModelError::Value { at: record.start + field.at, what, expected, found }
}
