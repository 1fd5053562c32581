//! A node of the file, and its attributes.

use super::error::Trouble;
use crate::onnx_proto::{AttributeProto, AttributeType, NodeProto, TensorProto};

/// An operation with the version of the operators that it means.
pub struct Node {
    /// As it stands in the file.
    pub proto: NodeProto,
    /// Version of ONNX's operators.
    pub opset: i64,
    /// Its name, or that of its output.
    pub name: String,
}

impl Node {
    /// The name of an input, if it is there.
    pub fn input(&self, index: usize) -> Option<&str> {
        self.proto.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The name of an input that must be there.
    ///
    /// # Errors
    /// If it is not.
    pub fn needs(&self, index: usize) -> Result<&str, Trouble> {
        self.input(index).ok_or_else(|| format!("without its input {index}").into())
    }

    /// The name of its first output; empty if it has none.
    pub fn output(&self) -> &str {
        self.proto.output.first().map_or("", String::as_str)
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// An integer.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|attribute| attribute.i).unwrap_or(default)
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// A real number.
    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).and_then(|attribute| attribute.f).unwrap_or(default)
    }

    /// A text; empty if it is not there.
    pub fn text(&self, name: &str) -> &str {
        let bytes = self.attribute(name).and_then(|attribute| attribute.s.as_deref()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or("?")
    }

    /// A tensor.
    pub fn tensor(&self, name: &str) -> Option<&TensorProto> {
        self.attribute(name).and_then(|attribute| attribute.t.as_deref())
    }

    /// Two sizes of at least one, for rows and columns; `default` if they are not there.
    ///
    /// # Errors
    /// If there are more or fewer, or one is below one.
    pub fn pair(&self, name: &str, default: usize) -> Result<[usize; 2], Trouble> {
        match self.ints(name) {
            None | Some([]) => Ok([default; 2]),
            Some(&[rows, columns]) => {
                let size =
                    |value: i64| usize::try_from(value).ok().filter(|&value| value > 0 && value < 1 << 31);
                size(rows).zip(size(columns)).map(|(rows, columns)| [rows, columns]).ok_or_else(|| {
                    format!("with {name} [{rows}, {columns}], where sizes of at least 1 are expected").into()
                })
            }
            Some(other) => {
                Err(format!("over {} axes; only two, rows and columns, are supported", other.len()).into())
            }
        }
    }

    /// Whether it runs other graphs: conditions and loops.
    pub fn has_subgraph(&self) -> bool {
        let graphs = [AttributeType::Graph as i32, AttributeType::Graphs as i32];
        self.proto.attribute.iter().any(|attribute| graphs.contains(&attribute.r#type))
    }
}
