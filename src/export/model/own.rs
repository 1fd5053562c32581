//! A network that is not of the zoo: its graph out of the records, its names out of a table.

use super::error::ModelError;
use super::fields::{NO_TENSOR, header, layer, op, tensor};
use super::read::{Tables, wrong};
use super::record::View;
use crate::net::{Graph, Network, Op, Pads, Shape, TensorId, Window, checked};

/// The network that the records of a file of version 2 describe.
///
/// # Errors
/// If a layer cannot be computed, or names are missing.
pub fn read(tables: &Tables) -> Result<Network, ModelError> {
    let header = &tables.header;
    let count = usize::from(header.u16(header::LAYERS));
    let names = tables.texts(header::NAMES_AT, count + 1);
    let mut names = names
        .ok_or_else(|| wrong(header, header::NAMES_AT, "names", "UTF-8 texts", "other bytes"))?
        .into_iter();
    let name = names.next().unwrap_or_default();
    let image = tables.tensor(0)?;
    let size = |field| usize::from(image.u16(field));
    let shape = Shape::new(size(tensor::HEIGHT), size(tensor::WIDTH), size(tensor::CHANNELS));
    let mut graph = checked::image(shape)
        .ok_or_else(|| wrong(&image, tensor::HEIGHT, "size of the image", "rows and columns", shape))?;
    for (id, name) in names.enumerate() {
        append(&mut graph, tables, id, name)?;
    }
    if !graph.ends_in_logits() {
        return Err(wrong(header, header::LAYERS, "last layer", "one that gives logits", "another"));
    }
    Ok(Network::own(&name, graph))
}

fn append(graph: &mut Graph, tables: &Tables, id: usize, name: String) -> Result<(), ModelError> {
    let record = tables.layer(id)?;
    let size = |field| usize::from(record.u8(field));
    let window = Window {
        kernel: size(layer::KERNEL),
        stride: size(layer::STRIDE),
        pads: Pads {
            top: size(layer::PAD_TOP),
            left: size(layer::PAD_LEFT),
            bottom: size(layer::PAD_BOTTOM),
            right: size(layer::PAD_RIGHT),
        },
    };
    let unknown = |field, what| wrong(&record, field, what, "a code of this version", record.u8(field));
    let op = op::of(record.u8(layer::OP), window, record.i32(layer::OFFSET))
        .ok_or_else(|| unknown(layer::OP, "operation"))?;
    let activation = op::activation_of(record.u8(layer::ACTIVATION))
        .ok_or_else(|| unknown(layer::ACTIVATION, "activation"))?;
    let inputs = inputs(tables, &record, op)?;
    let channels = usize::from(tables.tensor(graph.tensors.len())?.u16(tensor::CHANNELS));
    let appended = graph.append(name, op, activation, &inputs, channels);
    appended
        .map(|_| ())
        .ok_or_else(|| wrong(&record, layer::OP, "layer", "one that can be computed", "another"))
}

/// Tensors that a layer reads. Those of a concatenation stand in a list of their own.
fn inputs(tables: &Tables, record: &View, op: Op) -> Result<Vec<TensorId>, ModelError> {
    if op == Op::Concat {
        let listed = usize::try_from(record.i32(layer::OFFSET)).ok().and_then(|at| tables.numbers(at));
        return listed.ok_or_else(|| {
            wrong(record, layer::OFFSET, "place of a list of tensors", "one in the file", "another")
        });
    }
    let inputs = [layer::INPUT_A, layer::INPUT_B].map(|field| record.u16(field));
    Ok(inputs.into_iter().filter(|&input| input != NO_TENSOR).map(usize::from).collect())
}
