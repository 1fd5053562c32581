//! Nodes, constants and names of an ONNX graph, put together.

use crate::onnx_proto::{
    AttributeProto, AttributeType, DataType, DimensionProto, GraphProto, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// An attribute of a node.
pub enum Attribute<'a> {
    /// One number.
    Int(&'a str, i64),
    /// A list of numbers.
    Ints(&'a str, Vec<i64>),
}

/// A graph that grows in execution order.
#[derive(Default)]
pub struct Builder {
    graph: GraphProto,
}

impl Builder {
    /// Appends an operation with one output, of which it takes its name.
    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[Attribute]) {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: format!("{output}/{op}"),
            op_type: op.to_owned(),
            attribute: attributes.iter().map(attribute).collect(),
            ..NodeProto::default()
        });
    }

    /// Appends a conversion.
    pub fn cast(&mut self, input: &str, output: &str, to: DataType) {
        self.node("Cast", &[input], output, &[Attribute::Int("to", to as i64)]);
    }

    /// A constant of any type, its elements as they lie in the file; the first of a name counts.
    pub fn constant(&mut self, name: &str, data_type: DataType, dims: &[usize], raw_data: Vec<u8>) {
        if self.graph.initializer.iter().any(|known| known.name == name) {
            return;
        }
        let dims = dims.iter().map(|&size| size as i64).collect();
        let tensor = TensorProto {
            dims,
            data_type: data_type as i32,
            name: name.to_owned(),
            raw_data: Some(raw_data.into()),
            ..TensorProto::default()
        };
        self.graph.initializer.push(tensor);
    }

    /// A constant of 32-bit floating point numbers.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: impl Iterator<Item = f32>) {
        self.constant(name, DataType::Float, dims, values.flat_map(f32::to_le_bytes).collect());
    }

    /// A constant of 64-bit integers.
    pub fn ints(&mut self, name: &str, dims: &[usize], values: impl Iterator<Item = i64>) {
        self.constant(name, DataType::Int64, dims, values.flat_map(i64::to_le_bytes).collect());
    }

    /// A single 64-bit integer.
    pub fn int(&mut self, name: &str, value: i64) {
        self.ints(name, &[], std::iter::once(value));
    }

    /// An input of the graph; sizes that are `None` are the batch's.
    pub fn input(&mut self, name: &str, data_type: DataType, shape: &[Option<usize>]) {
        self.graph.input.push(value_info(name, data_type, shape));
    }

    /// An output of the graph.
    pub fn output(&mut self, name: &str, data_type: DataType, shape: &[Option<usize>]) {
        self.graph.output.push(value_info(name, data_type, shape));
    }

    /// Type and shape of a tensor on the way, for readers.
    pub fn describe(&mut self, name: &str, data_type: DataType, shape: &[Option<usize>]) {
        self.graph.value_info.push(value_info(name, data_type, shape));
    }

    /// The graph under its name.
    pub fn finish(self, name: String) -> GraphProto {
        GraphProto { name, ..self.graph }
    }
}

fn attribute(attribute: &Attribute) -> AttributeProto {
    match attribute {
        Attribute::Int(name, value) => AttributeProto {
            name: (*name).to_owned(),
            i: Some(*value),
            r#type: AttributeType::Int as i32,
            ..AttributeProto::default()
        },
        Attribute::Ints(name, values) => AttributeProto {
            name: (*name).to_owned(),
            ints: values.clone(),
            r#type: AttributeType::Ints as i32,
            ..AttributeProto::default()
        },
    }
}

fn value_info(name: &str, data_type: DataType, shape: &[Option<usize>]) -> ValueInfoProto {
    let dim = |size: &Option<usize>| DimensionProto {
        dim_value: size.map(|size| size as i64),
        dim_param: size.is_none().then(|| "N".to_owned()),
    };
    let shape = TensorShapeProto { dim: shape.iter().map(dim).collect() };
    let tensor = TensorTypeProto { elem_type: data_type as i32, shape: Some(shape) };
    let r#type = Some(TypeProto { tensor_type: Some(tensor) });
    ValueInfoProto { name: name.to_owned(), r#type, doc_string: String::new() }
}
