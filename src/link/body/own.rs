//! A network that is not of the zoo: its name, then its graph.

use super::{Reader, number};
use crate::{
    link::LinkError,
    net::{Network, code, supports},
};

const GRAPH: LinkError = LinkError::Malformed("its network is none that computes classes");
const NAME: LinkError = LinkError::Malformed("its network has no name of letters, digits, '-', '_' and '.'");

pub(super) fn write(bytes: &mut Vec<u8>, network: &Network) {
    number::write(bytes, network.name().len() as u64);
    bytes.extend_from_slice(network.name().as_bytes());
    bytes.extend(code::write(network.graph()));
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<Network, LinkError> {
    let length = reader.size()?;
    let name = reader.take(length).and_then(|name| str::from_utf8(name).ok()).ok_or(NAME)?;
    let (graph, rest) = code::read(reader.0).ok_or(GRAPH)?;
    if graph.layers.iter().any(|layer| supports(&graph, layer).is_err()) {
        return Err(GRAPH);
    }
    reader.0 = rest;
    let network = Network::own(name, graph);
    // One text for one network.
    if network.name() == name { Ok(network) } else { Err(NAME) }
}
