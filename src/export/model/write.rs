//! A network to the bytes of its file.

use super::fields::{
    CRC_BYTES, MAGIC, NO_TENSOR, SECTION_ALIGNMENT, VERSION, ZOO_VERSION, header, layer, op, tensor,
};
use super::record::Record;
use crate::{
    export::{ExportError, blob, check},
    net::{Graph, Layer, Op, Padding},
    quant::{QuantizedLayer, QuantizedNetwork},
};
use sha2::{Digest, Sha256};

/// The file of a network.
///
/// # Errors
/// If the network does not run in integers, its parts contradict each other, or the runtime has no form for a layer.
pub fn write(network: &QuantizedNetwork) -> Result<Vec<u8>, ExportError> {
    check::check(network)?;
    Ok(encode(network))
}

/// As [`write`], for a checked network.
pub(super) fn encode(network: &QuantizedNetwork) -> Vec<u8> {
    let (graph, labels) = (network.graph(), &network.labels);
    let section = blob::write(network);
    let labels_bytes = texts(labels.iter().flatten());
    let is_zoo = network.network.zoo().is_some();
    // Networks of the zoo have their names in the header and the records.
    let layers = graph.layers.iter().filter(|_| !is_zoo).map(|layer| &*layer.name);
    let names = texts(Some(network.network.name()).filter(|_| !is_zoo).into_iter().chain(layers));
    let tensors_at = header::BYTES;
    let layers_at = tensors_at + tensor::BYTES * graph.tensors.len();
    let inputs = inputs(graph);
    let labels_at = layers_at + layer::BYTES * graph.layers.len();
    let names_at = labels_at + labels_bytes.len();
    let inputs_at = names_at + names.len();
    let section_at = (inputs_at + inputs.concat().len()).next_multiple_of(SECTION_ALIGNMENT);
    let end = section_at + section.len();

    let mut bytes = vec![0; end];
    let mut record = Record::at(&mut bytes, 0);
    record.put(header::MAGIC, &MAGIC);
    record.u16(header::VERSION, usize::from(if is_zoo { ZOO_VERSION } else { VERSION }));
    record.u16(header::HEADER_BYTES, header::BYTES);
    record.u32(header::FILE_BYTES, end + CRC_BYTES);
    record.u32(header::TENSORS_AT, tensors_at);
    record.u32(header::LAYERS_AT, layers_at);
    record.u32(header::LABELS_AT, labels_at);
    if !is_zoo {
        record.u32(header::NAMES_AT, names_at);
    }
    record.u32(header::SECTION_AT, section_at);
    record.u32(header::SECTION_BYTES, section.len());
    record.put(header::SHA256, &Sha256::digest(&section));
    write_network(&mut record, network);
    for id in 0..graph.tensors.len() {
        write_tensor(&mut Record::at(&mut bytes, tensors_at + tensor::BYTES * id), network, id);
    }
    let (places, _) = blob::places(graph, &network.policy);
    let mut listed_at = inputs_at;
    for (id, place) in places.iter().enumerate() {
        let mut record = Record::at(&mut bytes, layers_at + layer::BYTES * id);
        write_layer(&mut record, network, id);
        if graph.layers[id].op == Op::Concat {
            record.u32(layer::OFFSET, listed_at);
            listed_at += inputs[id].len();
        }
        if let Some(place) = place {
            record.u32(layer::WEIGHTS_AT, place.weights);
            record.u32(layer::WEIGHTS_BYTES, place.weight_bytes);
            record.u32(layer::PARAMS_AT, place.params);
            record.u32(layer::PARAMS_BYTES, place.param_bytes);
        }
    }
    bytes[labels_at..names_at].copy_from_slice(&labels_bytes);
    bytes[names_at..inputs_at].copy_from_slice(&names);
    bytes[inputs_at..listed_at].copy_from_slice(&inputs.concat());
    bytes[section_at..].copy_from_slice(&section);
    let crc = crc32fast::hash(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}

fn write_network(record: &mut Record, network: &QuantizedNetwork) {
    let (graph, QuantizedNetwork { normalization, labels, .. }) = (network.graph(), network);
    if let Some(spec) = network.network.zoo() {
        record.put(header::NAME, spec.to_string().as_bytes());
    }
    record.u16(header::CLASSES, graph.classes());
    record.u16(header::SIDE, network.network.side());
    record.u8(
        header::PADDING,
        match network.network.zoo().map(|spec| spec.padding) {
            Some(Padding::PyTorch) => 1,
            _ => 0,
        },
    );
    record.u8(header::HAS_LABELS, u8::from(labels.is_some()));
    record.u16(header::TENSORS, graph.tensors.len());
    record.u16(header::LAYERS, graph.layers.len());
    record.put(header::MEAN, &normalization.mean.map(f32::to_le_bytes).concat());
    record.put(header::DEVIATION, &normalization.deviation.map(f32::to_le_bytes).concat());
}

fn write_tensor(record: &mut Record, network: &QuantizedNetwork, id: usize) {
    let shape = network.graph().tensors[id].shape;
    let quantizer = network.tensors[id];
    record.u16(tensor::HEIGHT, shape.height);
    record.u16(tensor::WIDTH, shape.width);
    record.u16(tensor::CHANNELS, shape.channels);
    record.u8(tensor::BITS, quantizer.bits.count() as u8);
    record.u8(tensor::ZERO_POINT, quantizer.zero_point);
    record.put(tensor::SCALE, &quantizer.scale.to_le_bytes());
}

fn write_layer(record: &mut Record, network: &QuantizedNetwork, id: usize) {
    let subject = &network.graph().layers[id];
    if network.network.zoo().is_some() {
        record.put(layer::NAME, subject.name.as_bytes());
    }
    record.u8(layer::OP, op::code(subject.op));
    record.u8(layer::ACTIVATION, op::activation_code(subject.activation));
    record.u16(layer::INPUT_A, subject.inputs[0]);
    record.u16(layer::INPUT_B, subject.inputs.get(1).map_or(usize::from(NO_TENSOR), |&input| input));
    record.u16(layer::OUTPUT, subject.output);
    if let Some(window) = subject.window() {
        let pads = window.pads;
        let sizes = [window.kernel, window.stride, pads.top, pads.left, pads.bottom, pads.right];
        let fields = [
            layer::KERNEL,
            layer::STRIDE,
            layer::PAD_TOP,
            layer::PAD_LEFT,
            layer::PAD_BOTTOM,
            layer::PAD_RIGHT,
        ];
        for (field, size) in fields.into_iter().zip(sizes) {
            record.u8(field, size as u8);
        }
    }
    match &network.layers[id] {
        QuantizedLayer::Kernel(kernel) => {
            record.u8(layer::WEIGHT_BITS, kernel.bits.count() as u8);
            record.u8(layer::PAD_CODES, kernel.pad_codes.len() as u8);
            record.put(layer::PAD_CODE, &kernel.pad_codes);
        }
        QuantizedLayer::Pool(factor) | QuantizedLayer::Multiply(factor) => {
            record.u8(layer::SHIFT, factor.shift);
            record.put(layer::OFFSET, &factor.bias.to_le_bytes());
            record.put(layer::MULTIPLIER_A, &factor.multiplier.to_le_bytes());
        }
        QuantizedLayer::Add(add) => {
            record.u8(layer::SHIFT, add.shift);
            record.put(layer::OFFSET, &add.offset.to_le_bytes());
            record.put(layer::MULTIPLIER_A, &add.multipliers[0].to_le_bytes());
            record.put(layer::MULTIPLIER_B, &add.multipliers[1].to_le_bytes());
        }
        QuantizedLayer::MaxPool
        | QuantizedLayer::AvgPool
        | QuantizedLayer::Lookup(_)
        | QuantizedLayer::Concat(_) => {}
    }
    if let Op::Lookup(function) = subject.op {
        record.put(layer::OFFSET, &i32::from(function.code()).to_le_bytes());
    }
}

/// Numbers of the tensors that each concatenation reads, behind their count, in 16 bits each; nothing for other layers.
fn inputs(graph: &Graph) -> Vec<Vec<u8>> {
    let listed = |layer: &Layer| {
        let numbers = std::iter::once(layer.inputs.len()).chain(layer.inputs.iter().copied());
        numbers.flat_map(|number| (number as u16).to_le_bytes()).collect()
    };
    let of = |layer: &Layer| if layer.op == Op::Concat { listed(layer) } else { Vec::new() };
    graph.layers.iter().map(of).collect()
}

/// Each text as its length in 16 bits, which was checked to suffice, and its UTF-8.
fn texts(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        let text = text.as_ref();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}
