//! ONNX files: from bytes to a [`RawGraph`].
//!
//! Read are the operators of image classification networks as PyTorch (both exporters), tf2onnx, Keras and ONNX
//! Runtime's quantizer write them, from version 7 of ONNX's operators on. What is not among them becomes a node that
//! says why it is not supported.
//!
//! - Values may be in any encoding but that of another file: all integers, 16-, 32- and 64-bit real numbers.
//! - What follows from constants is computed here: exporters leave sums of sizes, transposed kernels, casts.
//! - Functions of the file are put in the place of their calls; subgraphs (conditions, loops) are not supported.
//! - `QuantizeLinear` followed by `DequantizeLinear` is the tensor before, with a [quantizer](RawGraph::quantizers). A
//!   quantizer whose smallest integer is zero holds a ReLU that ONNX Runtime's quantizer has dropped for it: then it is
//!   a [`RawOp::Clip`](super::raw::RawOp::Clip) from zero. The same holds for operators on integers, whose tensors are
//!   the real ones here.
//!
//! The messages are decoded by prost, which was in use for the twin already and knows no message that lies in itself:
//! subgraphs are stepped over. What they will take in memory is counted before. (`rten-onnx` has no dependencies, but
//! reads subgraphs by recursion without a limit, and neither functions nor the metadata.)

mod census;
mod constants;
mod error;
mod fold;
mod functions;
mod node;
mod ops;
mod order;
mod reader;
mod shapes;
mod tensor;
#[cfg(test)]
mod tests;

pub use error::OnnxError;

use super::raw::{Layout, RawGraph, RawInput};
use crate::onnx_proto::{GraphProto, ModelProto, NodeProto, PRODUCER, ValueInfoProto};
use constants::Constants;
use node::Node;
use prost::{Message, bytes::Bytes};
use reader::Reader;
use shapes::Shape;
use std::collections::{HashMap, HashSet};

/// The oldest version of ONNX's operators that is read: the first that matches axes as NumPy does.
pub const OLDEST_OPSET: i64 = 7;

/// Reads a network out of the bytes of an `.onnx` file.
///
/// Memory is limited to about four times the file and 64 MiB.
///
/// # Errors
/// If the bytes are another format or damaged, if weights are in another file, or if the file is one that Bitsmith
/// itself exported. What is only not supported is a node of the result.
pub fn read(bytes: &[u8]) -> Result<RawGraph, OnnxError> {
    census::check(bytes)?;
    let model = ModelProto::decode(Bytes::copy_from_slice(bytes));
    let model = model.map_err(|error| OnnxError::Format(error.to_string()))?;
    if model.producer_name == PRODUCER {
        return Err(OnnxError::Twin);
    }
    let graph = model.graph.ok_or(OnnxError::Empty("graph"))?;
    let opset = functions::opset(&model.opset_import);
    if graph.node.is_empty() || graph.output.is_empty() {
        return Err(OnnxError::Empty("nodes or no result"));
    }
    if opset < OLDEST_OPSET {
        return Err(OnnxError::Opset { found: opset });
    }
    let GraphProto { node, name, initializer, input, output, value_info } = graph;
    let (nodes, opsets): (Vec<NodeProto>, Vec<i64>) =
        functions::inlined(node, &model.functions, opset)?.into_iter().unzip();

    // Before version 4 of the format, constants are listed as inputs as well.
    let constant: HashSet<&str> = initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let inputs: Vec<(String, Shape)> = input
        .iter()
        .filter(|input| !constant.contains(input.name.as_str()))
        .map(|input| (input.name.clone(), shape(input).unwrap_or_default()))
        .collect();
    let mut given = constant;
    for (name, _) in &inputs {
        given.insert(name);
    }
    if given.len() < inputs.len() + initializer.len() {
        let names = inputs.iter().map(|(name, _)| name).chain(initializer.iter().map(|tensor| &tensor.name));
        let mut seen = HashSet::new();
        let twice = names.into_iter().find(|name| !seen.insert(name.as_str()));
        return Err(OnnxError::Duplicate { tensor: twice.cloned().unwrap_or_default() });
    }
    let order = order::sorted(&nodes, &given)?;
    let written = nodes.iter().flat_map(|node| &node.output).map(String::as_str);
    let taken: HashSet<String> = given.iter().copied().chain(written).map(str::to_owned).collect();
    let outputs: Vec<String> = output.into_iter().map(|output| output.name).collect();
    if let Some(missing) = outputs.iter().find(|name| !taken.contains(*name)) {
        return Err(OnnxError::Missing { node: "the network's result".into(), tensor: missing.clone() });
    }

    let mut uses: HashMap<String, usize> = HashMap::new();
    for name in nodes.iter().flat_map(|node| &node.input).chain(&outputs).filter(|name| !name.is_empty()) {
        *uses.entry(name.clone()).or_default() += 1;
    }
    let mut constants = Constants::new(bytes.len(), taken);
    for tensor in initializer {
        constants.add(tensor.name.clone(), tensor)?;
    }
    let stated = value_info.iter().filter_map(|value| Some((value.name.clone(), shape(value)?))).collect();
    let mut reader = Reader::new(constants, &inputs, stated, uses);

    let mut nodes: Vec<Option<(NodeProto, i64)>> = nodes.into_iter().zip(opsets).map(Some).collect();
    for at in order {
        let Some((proto, opset)) = nodes.get_mut(at).and_then(Option::take) else { continue };
        let name = order::called(&proto);
        reader.take(&Node { proto, opset, name })?;
    }
    for name in &outputs {
        if reader.operand(name).is_err() {
            return Err(OnnxError::Missing { node: "the network's result".into(), tensor: name.clone() });
        }
    }
    // A node that was refused may have left some behind.
    let mut constants = reader.constants.finish();
    let read: HashSet<&str> =
        reader.nodes.iter().flat_map(|node| &node.inputs).chain(&outputs).map(String::as_str).collect();
    constants.retain(|name, _| read.contains(name.as_str()));
    let input = |(name, dims)| RawInput { name, dims };
    Ok(RawGraph {
        name,
        producer: format!("{} {}", model.producer_name, model.producer_version).trim().to_owned(),
        layout: Layout::ChannelsFirst,
        inputs: inputs.into_iter().map(input).collect(),
        outputs,
        nodes: reader.nodes,
        constants,
        quantizers: reader.quantizers,
        labels: None,
        metadata: model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect(),
    })
}

/// The size that a file states for a tensor, open where it is a name or not positive; `None` if it states none.
fn shape(value: &ValueInfoProto) -> Option<Shape> {
    let shape = value.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref()?;
    let size = |size: Option<i64>| size.and_then(|size| usize::try_from(size).ok()).filter(|&size| size > 0);
    Some(shape.dim.iter().map(|dim| size(dim.dim_value)).collect())
}
