//! Operators that the file defines by others are put in their place.

use super::OnnxError;
use crate::onnx_proto::{AttributeProto, FunctionProto, NodeProto, OperatorSetIdProto};
use prost::Message;
use std::collections::{HashMap, HashSet};

/// Functions that call one another.
const DEEPEST: usize = 16;

/// Bytes of all nodes that come out of functions.
const MOST_BYTES: usize = 16 << 20;

/// A node with the version of ONNX's operators that it means.
pub type Versioned = (NodeProto, i64);

/// The nodes of a graph without calls of functions.
///
/// # Errors
/// If a function calls itself, is too deep, or what comes out is too large.
pub fn inlined(
    nodes: Vec<NodeProto>,
    functions: &[FunctionProto],
    opset: i64,
) -> Result<Vec<Versioned>, OnnxError> {
    if functions.is_empty() {
        return Ok(nodes.into_iter().map(|node| (node, opset)).collect());
    }
    let key = |function: &'_ FunctionProto| {
        (function.domain.clone(), function.name.clone(), function.overload.clone())
    };
    let functions = functions.iter().map(|function| (key(function), function)).collect();
    let taken = nodes.iter().flat_map(|node| node.output.iter().chain(&node.input)).cloned().collect();
    let mut inliner = Inliner { functions, taken, calls: 0, bytes: 0, done: Vec::new() };
    for node in nodes {
        inliner.node(node, opset, 0)?;
    }
    Ok(inliner.done)
}

/// The version of ONNX's own operators; 0 if it is not stated.
pub fn opset(imports: &[OperatorSetIdProto]) -> i64 {
    let own = |set: &&OperatorSetIdProto| matches!(set.domain.as_deref(), None | Some("" | "ai.onnx"));
    imports.iter().find(own).map_or(0, |set| set.version)
}

struct Inliner<'a> {
    functions: HashMap<(String, String, String), &'a FunctionProto>,
    /// Names of tensors that must not be made up.
    taken: HashSet<String>,
    calls: usize,
    bytes: usize,
    done: Vec<Versioned>,
}

impl Inliner<'_> {
    fn node(&mut self, node: NodeProto, opset: i64, depth: usize) -> Result<(), OnnxError> {
        let key = (node.domain.clone(), node.op_type.clone(), node.overload.clone());
        let Some(&function) = self.functions.get(&key) else {
            self.done.push((node, opset));
            return Ok(());
        };
        let failed =
            |problem: &str| OnnxError::Function { function: key.1.clone(), problem: problem.to_owned() };
        if depth == DEEPEST {
            return Err(failed("calls itself, or functions lie too deep in one another"));
        }
        self.calls += 1;
        let call = self.calls;
        let version = match self::opset(&function.opset_import) {
            0 => opset,
            stated => stated,
        };
        let mut names: HashMap<&str, String> = HashMap::new();
        let outside = |names: &[String], at: usize| names.get(at).cloned().unwrap_or_default();
        for (at, name) in function.input.iter().enumerate() {
            names.insert(name, outside(&node.input, at));
        }
        for (at, name) in function.output.iter().enumerate() {
            let outside = outside(&node.output, at);
            // What nobody asks for has a name inside all the same.
            if !outside.is_empty() {
                names.insert(name, outside);
            }
        }
        for body in &function.node {
            let mut body = body.clone();
            for name in body.input.iter_mut().chain(&mut body.output).filter(|name| !name.is_empty()) {
                *name = match names.get(name.as_str()) {
                    Some(outside) => outside.clone(),
                    None => self.made_up(name, call),
                };
            }
            body.name =
                if node.name.is_empty() { String::new() } else { format!("{}/{}", node.name, body.name) };
            body.attribute =
                body.attribute.into_iter().filter_map(|own| bound(own, &node, function)).collect();
            self.bytes = self.bytes.saturating_add(body.encoded_len() + 256);
            if self.bytes > MOST_BYTES {
                return Err(failed("makes the network larger than 16 MiB without its weights"));
            }
            self.node(body, version, depth + 1)?;
        }
        Ok(())
    }

    /// A name for a tensor inside a function: the same for the same name in the same call.
    fn made_up(&self, name: &str, call: usize) -> String {
        let mut made_up = format!("{name}/call{call}");
        while self.taken.contains(&made_up) {
            made_up.push('_');
        }
        made_up
    }
}

/// An attribute in a function's body as the call means it; `None` if the call leaves it out.
fn bound(own: AttributeProto, call: &NodeProto, function: &FunctionProto) -> Option<AttributeProto> {
    if own.ref_attr_name.is_empty() {
        return Some(own);
    }
    let named = |list: &[AttributeProto]| list.iter().find(|given| given.name == own.ref_attr_name).cloned();
    let given = named(&call.attribute).or_else(|| named(&function.attribute_proto))?;
    Some(AttributeProto { name: own.name, ..given })
}
