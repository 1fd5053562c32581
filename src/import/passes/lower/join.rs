//! Layers of ours that have no weights: functions of each element, products, concatenations.

use super::Lowering;
use super::emit::alone;
use crate::import::raw::RawNode;
use crate::net::checked::MOST_INPUTS;
use crate::net::{Function, Shape, TensorId};

impl Lowering {
    /// A function of each element.
    pub(super) fn lookup(
        &mut self,
        position: usize,
        node: &RawNode,
        function: Function,
    ) -> Result<(), String> {
        let Some((input, _)) = self.input(node, 0) else { return Ok(()) };
        let tensor = self.graph.lookup(self.name(position), input, function);
        self.appended(position, tensor, alone(node), None);
        Ok(())
    }

    /// A product of a map and one number for each of its channels, in either order.
    pub(super) fn multiply(&mut self, position: usize, node: &RawNode) -> Result<(), String> {
        let (Some((a, first)), Some((b, second))) = (self.input(node, 0), self.input(node, 1)) else {
            return Ok(());
        };
        if a == b {
            return Err("a map times itself: a map times one number for each channel is taken".into());
        }
        let is_gate = |gate: Shape, map: Shape| gate == Shape::new(1, 1, map.channels);
        let (map, gate) = if is_gate(second, first) {
            (a, b)
        } else if is_gate(first, second) {
            (b, a)
        } else {
            return Err(format!(
                "a product of {first} and {second}: a map times one number for each channel is taken"
            ));
        };
        let tensor = self.graph.multiply(self.name(position), map, gate);
        self.appended(position, tensor, alone(node), None);
        Ok(())
    }

    /// Channels one behind the other; more maps than a layer reads are joined in parts first.
    pub(super) fn concat(&mut self, position: usize, node: &RawNode) -> Result<(), String> {
        let inputs: Option<Vec<_>> = (0..node.inputs.len()).map(|index| self.input(node, index)).collect();
        let Some(inputs) = inputs else { return Ok(()) };
        let size = |shape: Shape| (shape.height, shape.width);
        if let [(_, first), rest @ ..] = inputs.as_slice()
            && let Some((_, other)) = rest.iter().find(|(_, other)| size(*other) != size(*first))
        {
            return Err(format!("maps of {first} and {other} are joined: expected equal rows and columns"));
        }
        let name = self.name(position);
        let mut tensors: Vec<TensorId> = inputs.into_iter().map(|(tensor, _)| tensor).collect();
        while tensors.len() > MOST_INPUTS {
            let parts: Vec<Vec<TensorId>> = tensors.chunks(MOST_INPUTS).map(<[_]>::to_vec).collect();
            tensors = parts.into_iter().map(|part| self.part(position, &name, part)).collect();
        }
        let tensor = self.graph.concat(name, tensors);
        self.appended(position, tensor, alone(node), None);
        Ok(())
    }

    /// Some maps of a concatenation as one.
    fn part(&mut self, position: usize, name: &str, tensors: Vec<TensorId>) -> TensorId {
        if let [only] = tensors.as_slice() {
            return *only;
        }
        let name = self.made_up(format!("{name}.part"));
        self.weights.push(None);
        self.origins.push(position);
        self.graph.concat(name, tensors)
    }
}
