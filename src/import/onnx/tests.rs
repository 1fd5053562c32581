//! Small networks are written by the messages here and read; whole files of other tools lie in tests/onnx_files.

mod encodings;
mod files;
mod folding;
mod hostile;
mod operators;
mod quantized;
mod shapes;

use super::{OnnxError, read};
use crate::import::raw::{Constant, RawGraph, RawNode, RawOp, Values};
use crate::onnx_proto::{
    AttributeProto, AttributeType, Bytes, DataType, DimensionProto, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use prost::Message;

/// A network of some nodes with the input `x`; the last node's output is the result.
struct Network {
    opset: i64,
    input: Vec<Option<i64>>,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Network {
    /// Reads `x` of `[batch, 4, 6, 6]`.
    fn new(nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> Self {
        Self { opset: 17, input: vec![None, Some(4), Some(6), Some(6)], nodes, constants }
    }

    /// Reads `x` of `[batch, 6]`.
    fn flat(nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> Self {
        Self { input: vec![None, Some(6)], ..Self::new(nodes, constants) }
    }

    fn opset(self, opset: i64) -> Self {
        Self { opset, ..self }
    }

    fn model(self) -> ModelProto {
        let output = self.nodes.last().map(|node| node.output[0].clone()).unwrap_or_default();
        ModelProto {
            ir_version: 8,
            producer_name: "test".into(),
            producer_version: "1".into(),
            graph: Some(GraphProto {
                node: self.nodes,
                name: "net".into(),
                initializer: self.constants,
                input: vec![value("x", &self.input)],
                output: vec![value(&output, &[])],
                ..GraphProto::default()
            }),
            opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: self.opset }],
            ..ModelProto::default()
        }
    }

    fn read(self) -> Result<RawGraph, OnnxError> {
        read(&self.model().encode_to_vec())
    }

    /// The only node and the constants.
    fn single(self) -> (RawNode, RawGraph) {
        let graph = self.read().expect("a readable network");
        assert_eq!(graph.nodes.len(), 1, "{:?}", graph.nodes);
        (graph.nodes[0].clone(), graph)
    }
}

fn value(name: &str, dims: &[Option<i64>]) -> ValueInfoProto {
    let dim = |size: &Option<i64>| DimensionProto {
        dim_value: *size,
        dim_param: size.is_none().then(|| "batch".to_owned()),
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor_type = Some(TensorTypeProto { elem_type: DataType::Float as i32, shape: Some(shape) });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }), doc_string: String::new() }
}

fn node(op: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: format!("the {op}"),
        op_type: op.to_owned(),
        attribute,
        ..NodeProto::default()
    }
}

fn attribute(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: r#type as i32, ..AttributeProto::default() }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, AttributeType::Int) }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attribute(name, AttributeType::Ints) }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, AttributeType::Float) }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: Some(Bytes::copy_from_slice(value.as_bytes())),
        ..attribute(name, AttributeType::String)
    }
}

fn tensor(name: &str, data_type: DataType, dims: &[i64], raw: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: dims.to_vec(),
        data_type: data_type as i32,
        name: name.into(),
        raw_data: Some(raw.into()),
        ..TensorProto::default()
    }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    tensor(name, DataType::Float, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Values 0, 1, 2 ...
fn counted(name: &str, dims: &[i64]) -> TensorProto {
    let values: Vec<f32> = (0..dims.iter().product()).map(|value| value as f32).collect();
    floats(name, dims, &values)
}

fn longs(name: &str, values: &[i64]) -> TensorProto {
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, DataType::Int64, &[values.len() as i64], raw)
}

fn scalar(name: &str, value: f32) -> TensorProto {
    floats(name, &[], &[value])
}

fn packed(values: &[i64]) -> Bytes {
    let mut bytes = Vec::new();
    values.iter().for_each(|&value| prost::encoding::encode_varint(value as u64, &mut bytes));
    bytes.into()
}

/// The values of a constant that the network keeps.
fn kept<'a>(graph: &'a RawGraph, name: &str) -> (&'a [usize], &'a [f32]) {
    match graph.constants.get(name) {
        Some(Constant { dims, values: Values::Floats(values) }) => (dims, values),
        other => panic!("{name}: {other:?} among {:?}", graph.constants.keys()),
    }
}

/// What the only node says why it is not supported.
fn reason(network: Network) -> String {
    match network.single().0.op {
        RawOp::Unsupported { reason } => reason,
        other => panic!("{other:?} is supported"),
    }
}
