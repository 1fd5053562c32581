//! Nodes in an order in which they can be computed.

use super::OnnxError;
use crate::onnx_proto::NodeProto;
use std::collections::{HashMap, HashSet, VecDeque};

/// The places of the nodes in execution order: their own if that is one.
///
/// # Errors
/// If two nodes write one tensor, one reads what is not there, or nodes wait for one another. `given` are the names of
/// inputs and constants.
pub fn sorted(nodes: &[NodeProto], given: &HashSet<&str>) -> Result<Vec<usize>, OnnxError> {
    let mut writers: HashMap<&str, usize> = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        for name in node.output.iter().map(String::as_str).filter(|name| !name.is_empty()) {
            if given.contains(name) || writers.insert(name, at).is_some() {
                return Err(OnnxError::Duplicate { tensor: name.to_owned() });
            }
        }
    }
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut waits: Vec<usize> = vec![0; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        for name in node.input.iter().map(String::as_str).filter(|name| !name.is_empty()) {
            match writers.get(name) {
                Some(&writer) => {
                    if let Some(list) = readers.get_mut(writer) {
                        list.push(at);
                    }
                    if let Some(count) = waits.get_mut(at) {
                        *count += 1;
                    }
                }
                None if given.contains(name) => {}
                None => return Err(OnnxError::Missing { node: called(node), tensor: name.to_owned() }),
            }
        }
    }
    if nodes.iter().enumerate().all(|(at, node)| {
        node.input.iter().all(|name| writers.get(name.as_str()).is_none_or(|&writer| writer < at))
    }) {
        return Ok((0..nodes.len()).collect());
    }
    let mut ready: VecDeque<usize> =
        waits.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(at) = ready.pop_front() {
        order.push(at);
        for &reader in readers.get(at).into_iter().flatten() {
            if let Some(count) = waits.get_mut(reader) {
                *count -= 1;
                if *count == 0 {
                    ready.push_back(reader);
                }
            }
        }
    }
    match waits.iter().zip(nodes).find(|(count, _)| **count > 0) {
        Some((_, node)) => Err(OnnxError::Cycle { node: called(node) }),
        None => Ok(order),
    }
}

/// A node for messages.
pub fn called(node: &NodeProto) -> String {
    let output = node.output.first().map_or("", String::as_str);
    let name = if node.name.is_empty() { output } else { &node.name };
    if name.is_empty() { node.op_type.clone() } else { name.to_owned() }
}
